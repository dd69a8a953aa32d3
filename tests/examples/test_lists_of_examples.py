"""Both lists of examples have every file, each with a sentence, and nothing else."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"


def listed(text):
    """Names in the first column of a table, with what is said of them."""
    rows = re.findall(r"^\| (`[^|]+`[^|]*) \| ([^|]+) \|$", text, re.MULTILINE)
    return {name: what for cell, what in rows for name in re.findall(r"`([^`]+)`", cell)}


def present():
    """Files and folders of examples/, and what is in the folders."""
    names = {
        path.relative_to(EXAMPLES).as_posix() + ("/" if path.is_dir() else "")
        for path in EXAMPLES.rglob("*")
        if "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    return names - {"README.md"}


def test_the_readme_of_the_folder_lists_files_and_folders():
    top = {name for name in present() if "/" not in name.rstrip("/")}
    assert listed((EXAMPLES / "README.md").read_text()).keys() == top


def test_the_page_lists_every_file():
    files = {name for name in present() if not name.endswith("/")}
    assert listed((ROOT / "docs" / "examples.md").read_text()).keys() == files


@pytest.mark.parametrize("page", ["examples/README.md", "docs/examples.md"])
def test_each_has_something_said_of_it(page):
    assert all(len(what.split()) > 3 for what in listed((ROOT / page).read_text()).values())
