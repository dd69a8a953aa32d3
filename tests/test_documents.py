"""What README and examples say runs as it stands."""

import os
import re
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


def test_the_example_finds_the_earthquake():
    done = run("examples/classify_stream.py")
    assert done.returncode == 0, done.stderr
    assert " earthquake " in done.stdout


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
