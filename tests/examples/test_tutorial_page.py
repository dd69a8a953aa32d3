"""The commands of docs/tutorial.md run, in their order, on a small archive of the same kind."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from quake_cli.app import main
from quake_cli.command import load

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
FAILING, *LATER = BLOCKS


@pytest.fixture(scope="module")
def place(tmp_path_factory, triggered, environment):
    """A folder like that of the tutorial, and how to run commands in it."""
    folder = tmp_path_factory.mktemp("tutorial")
    for name in ("records", "picks.csv"):
        (folder / name).symlink_to(triggered / name)
    for name in ("examples", "quake"):
        (folder / name).symlink_to(ROOT / name)
    labels = ["path,start,end,label,network,station,snr_db"]
    for i, label in enumerate(("earthquake", "noise")):
        labels.append(
            f"records/{i}.mseed,2021-03-04T0{i}:00:00Z,2021-03-04T0{i}:01:30Z,{label},XX,STA,9"
        )
    (folder / "elsewhere.csv").write_text("\n".join(labels) + "\n")

    def run(commands):
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=280,
        )

    return run


def test_the_page_uses_each_command_that_it_promises():
    used = re.findall(r"^quake (\w+)", "".join(BLOCKS), re.MULTILINE)
    assert dict.fromkeys(used).keys() == {"train", "evaluate", "predict", "inspect", "export"}


def test_short_records_alone_have_no_noise_and_the_message_is_the_one_shown(
    triggered, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(triggered)
    words = shlex.split(FAILING.replace("runs/first", str(tmp_path)))
    with pytest.raises(SystemExit) as ended:
        main(words[1:])
    assert ended.value.code == 3
    warning, error = capsys.readouterr().err.splitlines()
    assert error == (
        "quake: error: one class only, 'earthquake'; the data have earthquake (20); nothing can be "
        "told apart without rows of a second class, such as noise"
    )
    assert error.replace("(20)", "(252)") in TEXT
    assert warning == (
        "quake: warning: not used: 20 of 20 noise spans at XX.STA..HH?: not enough quiet time"
    )


def test_options_of_the_example_are_its_own():
    source = (ROOT / "examples" / "train_on_catalogue.py").read_text(encoding="utf-8")
    for line in re.findall(r"^python examples/train_on_catalogue.py (.*)$", TEXT, re.MULTILINE):
        for option in re.findall(r"--[a-z-]+", line):
            assert f'"{option}"' in source


@pytest.mark.parametrize("name", ["train", "evaluate", "predict", "export"])
def test_options_of_the_commands_exist(name):
    known = {option for parameter in load(name).params for option in parameter.opts}
    for line in re.findall(rf"^quake {name} (.*)$", "".join(BLOCKS), re.MULTILINE):
        assert set(re.findall(r"--[a-z-]+", line)) <= known


def test_figures_of_the_table_are_shares_of_the_counts_beside_them():
    found = re.findall(r"(\d+) % \((\d+) to (\d+)\) of (\d+)", TEXT)
    assert len(found) == 4
    for share, low, high, count in found:
        assert int(low) < int(share) < int(high)
        assert any(round(100 * n / int(count)) == int(share) for n in range(int(count) + 1))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_all_other_commands_run_in_order(place):
    """With one epoch each: that they run is tested here, not what comes of them."""
    for block in LATER:
        commands = re.sub(r" --epochs \d+", "", block)
        commands = re.sub(r"(train_on_catalogue.py .*)$", r"\1 --epochs 1", commands, flags=re.M)
        done = place(commands)
        assert done.returncode == 0, (commands, done.stderr)
