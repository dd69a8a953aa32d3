"""What the pages on labelled data say runs as it stands, and their tables agree with the code."""

import re
import shutil
from pathlib import Path

import pytest

from quake.classes import ALIASES, canonical_label
from quake.datasets.labelled_archive import ArchiveOptions
from quake.datasets.seisbench_labels import LABEL_COLUMNS
from quake.datasets.tables import read_label_table

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
TABLES = (ROOT / "docs" / "label_tables.md").read_text(encoding="utf-8")


# Where a label table is needed, tests/docs/test_snippets.py has one.
BLOCKS = [b for b in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL) if "labels.csv" not in b]


@pytest.mark.parametrize("block", BLOCKS)
def test_python_blocks_run_and_print_what_they_say(block, tmp_path, monkeypatch, capsys):
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(block, "docs/data.md", "exec"), {})
    printed = capsys.readouterr().out
    for promise in re.findall(r"print\(.*#\s*(.*)", block):
        for word in re.findall(r"[a-z]+ [\d.]+", promise):
            assert word in printed


def test_spellings_of_labels_are_as_the_table_says():
    section = TABLES.split("## Labels")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*) \| `(\w+)` \|$", section, re.MULTILINE)
    assert len(rows) == 5
    for written, label in rows:
        for spelling in re.findall(r"`(.*?)`", written):
            assert canonical_label(spelling) == label
    assert {label for _, label in rows} == set(ALIASES.values())


def test_the_table_that_is_shown_is_one(tmp_path):
    (block,) = re.findall(r"```csv\n(.*?)```", TABLES, re.DOTALL)
    (tmp_path / "labels.csv").write_text(block, encoding="utf-8")
    event, noise = read_label_table(tmp_path / "labels.csv").spans
    assert (event.label, noise.label) == ("earthquake", "noise")
    assert event.group == noise.group
    assert (event.snr_db, noise.p_ns) == (14.2, None)
    columns = block.splitlines()[0].split(",")
    listed = TABLES.split("## Columns")[1].split("\n## ")[0]
    assert all(f"`{column}`" in listed for column in columns)


def test_defaults_and_columns_are_as_the_text_says():
    options = ArchiveOptions()
    assert f"from {options.before_p_s:g} s before P to {options.after_p_s:g} s after" in TEXT
    assert f"one stretch of {options.noise_length_s:g} s for each event" in TEXT
    assert f"at least {options.quiet_s:g} s away" in TEXT
    assert f"up to {options.max_distance_km:g} km away" in TEXT
    named = re.search(r"first of the columns (.*?) that has", TEXT, re.DOTALL).group(1)
    assert tuple(re.findall(r"`(\w+)`", named)) == LABEL_COLUMNS
