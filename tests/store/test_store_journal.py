"""The journal: what was written is read back, and a line that was cut off is none."""

import json

import pytest

from quake.inference.coverage import Coverage
from quake.store.entries import DayEntry, FileEntry, FileState
from quake.store.journal import Journal
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem

ID = ChannelSetId("XX", "STA", "", "HH")


def span(path="/a/b.mseed", code="Z", start_ns=0):
    return Span(ID, code, start_ns, start_ns + 10**9, 100.0, path)


def file_entry(path="/a/b.mseed", size=512):
    return FileEntry(FileState(path, size, 7), (span(path),), ("it is cut off",), ((ID, "0123"),))


def day_entry(date="2020-05-02", inputs="abc"):
    return DayEntry(
        id=ID,
        date=date,
        inputs=inputs,
        outputs={"parquet": 123},
        windows={"ok": 2, "no_data": 1},
        labels={"noise": 2},
        reasons={"gap": 1},
        coverage=Coverage([(0, 9)], [(0, 6)], [(0, 7)], [(8, 9)]),
        problems=[Problem("/a/b.mseed", "damaged")],
    )


def test_entries_are_read_back_as_they_were(tmp_path):
    with Journal(tmp_path) as journal:
        journal.add_file(file_entry())
        journal.add_day(day_entry())
    with Journal(tmp_path) as journal:
        assert journal.files == {"/a/b.mseed": file_entry()}
        assert journal.days == {(ID, "2020-05-02"): day_entry()}


def test_the_last_entry_of_a_key_counts(tmp_path):
    with Journal(tmp_path) as journal:
        journal.add_day(day_entry(inputs="old"))
        journal.add_day(day_entry(inputs="new"))
    with Journal(tmp_path) as journal:
        assert [entry.inputs for entry in journal.days.values()] == ["new"]


@pytest.mark.parametrize("n_bytes", range(1, 60, 7))
def test_a_line_that_was_cut_off_is_removed_and_the_others_stay(tmp_path, n_bytes):
    with Journal(tmp_path) as journal:
        journal.add_day(day_entry("2020-05-02"))
        size = journal.path.stat().st_size
        journal.add_day(day_entry("2020-05-03"))
    with journal.path.open("rb+") as file:
        file.truncate(size + n_bytes)
    with Journal(tmp_path) as journal:
        assert list(journal.days) == [(ID, "2020-05-02")]
        assert journal.path.stat().st_size == size
        journal.add_day(day_entry("2020-05-03"))
    with Journal(tmp_path) as journal:
        assert len(journal.days) == 2


@pytest.mark.parametrize(
    "line",
    ["null", "{}", "nonsense", '{"kind":"file"}', '{"kind":"station_day","id":1}', "[1]", '"a"'],
)
def test_a_line_that_makes_no_sense_is_left_out_with_a_warning(tmp_path, line, caplog):
    (tmp_path / "journal.jsonl").write_text(f"{line}\n")
    with Journal(tmp_path) as journal:
        assert (journal.files, journal.days) == ({}, {})
    assert "1 lines cannot be read" in caplog.text


def test_compacting_depends_on_the_entries_and_not_on_their_history(tmp_path):
    contents = []
    for name, dates in ("one", (3, 2, 3, 4)), ("two", (2, 3, 4)):
        folder = tmp_path / name
        folder.mkdir()
        with Journal(folder) as journal:
            for day in dates:
                journal.add_day(day_entry(f"2020-05-{day:02d}"))
                journal.add_file(file_entry(f"/{day}"))
            journal.compact(folder)
        contents.append((folder / "journal.jsonl").read_bytes())
        assert [path.name for path in folder.iterdir()] == ["journal.jsonl"]
    assert contents[0] == contents[1]
    assert contents[0].count(b"\n") == 6


def test_a_journal_that_is_in_order_is_not_untidy(tmp_path):
    with Journal(tmp_path) as journal:
        journal.add_day(day_entry("2020-05-03"))
        journal.add_day(day_entry("2020-05-02"))
        assert journal.is_untidy
    with Journal(tmp_path) as journal:
        assert journal.is_untidy
        journal.compact(tmp_path)
    with Journal(tmp_path) as journal:
        assert not journal.is_untidy


def test_shards_that_saw_different_data_do_the_day_again(tmp_path):
    for name, inputs in ("journal-1-of-2", "old"), ("journal-1-of-3", "new"):
        with Journal(tmp_path, name) as journal:
            journal.add_day(day_entry(inputs=inputs))
            journal.add_day(day_entry("2020-05-03"))
    with Journal(tmp_path) as journal:
        assert list(journal.days) == [(ID, "2020-05-03")]


def test_names_that_are_no_utf8_survive(tmp_path):
    name = b"/a/\xff\xfe.mseed".decode("utf-8", "surrogateescape")
    with Journal(tmp_path) as journal:
        journal.add_file(file_entry(name))
    assert json.loads((tmp_path / "journal.jsonl").read_text())["path"] == name
    with Journal(tmp_path) as journal:
        assert journal.files == {name: file_entry(name)}
