"""What README and examples say runs as it stands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()


def run(*arguments, **options):
    # Windows of the example, not of a model that the tester may have installed.
    environment = {**os.environ, "QUAKE_MODEL_DIR": os.devnull}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        **options,
    )


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, re.DOTALL))
def test_python_blocks_of_the_readme_run(block):
    done = run("-c", block)
    assert done.returncode == 0, done.stderr


def test_the_query_of_the_readme_runs_over_a_store(tmp_path, monkeypatch):
    duckdb = pytest.importorskip("duckdb")
    done = run(
        *("-m", "quake_cli", "predict", "examples/BK.MHC.mseed", "--output", tmp_path / "store")
    )
    assert done.returncode == 0, done.stderr
    (query,) = re.findall(r"```sql\n(.*?)```", README, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    with duckdb.connect() as connection:
        ((station, date, n_earthquakes, coverage),) = connection.execute(query).fetchall()
    assert (station, str(date), n_earthquakes, coverage) == ("MHC", "2008-02-05", 3, 1.0)


def test_the_pipeline_of_the_readme_runs(tmp_path):
    """Its words; the folder is another one."""
    if shutil.which("jq") is None:
        pytest.skip("jq is not installed")
    (line,) = [line for line in README.splitlines() if line.startswith("find ")]
    record = tmp_path / "BK.MHC..BHZ.D.2008.036"
    record.write_bytes((ROOT / "examples" / "BK.MHC.mseed").read_bytes())
    stamp = tmp_path / "stamp"
    stamp.touch()
    os.utime(stamp, (1, 1))
    program = f"{sys.executable} -m quake_cli"
    line = line.replace("/srv/archive", str(tmp_path)).replace(
        "quake predict", f"{program} predict"
    )
    done = subprocess.run(
        ["bash", "-c", line.replace(" stamp ", f" {stamp} ")],
        cwd=ROOT,
        env={**os.environ, "QUAKE_MODEL_DIR": os.devnull},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1] == "2008-02-05T06:39:00.000000Z"


def test_the_example_finds_the_earthquake():
    done = run("examples/classify_stream.py")
    assert done.returncode == 0, done.stderr
    assert " earthquake " in done.stdout


def test_the_example_of_an_archive_goes_on_where_it_was(tmp_path):
    arguments = ("examples/predict_archive.py", "examples/BK.MHC.mseed", str(tmp_path / "store"))
    first, second = run(*arguments), run(*arguments)
    assert (first.returncode, first.stderr) == (0, "")
    counts, *others = first.stdout.splitlines()
    assert counts == "1 done, 0 done before, 0 failed"
    assert others[0].startswith("BK.MHC..BH? {'earthquake': ")
    assert others[1] == "1 events"
    assert second.stdout.splitlines() == ["0 done, 1 done before, 0 failed", *others]


def test_the_commands_of_the_readme_exist():
    named = set(re.findall(r"quake (predict|train|models|info|[a-z]+) ", README))
    from quake_cli.app import app

    known = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert {"predict", "train", "models", "info"} <= known
    assert named & known


def test_files_that_the_readme_links_to_exist():
    links = re.findall(r"\]\(([^)#]+)\)", README)
    missing = [link for link in links if "://" not in link and not (ROOT / link).exists()]
    assert not missing


def test_the_changelog_begins_with_the_version():
    from quake import __version__

    headings = re.findall(r"^## \[(.*?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert headings[0] == __version__
