"""Journal: exact lines, torn ends, full disks and damage that no other test would notice."""

import errno
import json
import logging
import os

import pytest

from quake.errors import OutputError, QuakeError
from quake.inference.coverage import Coverage
from quake.store import journal as module
from quake.store.entries import DayEntry, FileEntry, FileState, state_of
from quake.store.journal import OUTPUT_ADVICE, Journal
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.sources import Problem

ID = ChannelSetId("XX", "STA", "", "HH")
DAY_LINE = (
    '{"kind":"station_day","id":["XX","STA","","HH"],"date":"2020-05-02","inputs":"abc",'
    '"outputs":{"parquet":123},"windows":{"ok":2},"labels":{"noise":2},"reasons":{},'
    '"input":[[0,9]],"scored":[[0,6]],"judged":[[0,7]],"failed_input":[[8,9]],'
    '"problems":[["/a","left out",false],["/b","damaged",true]],"failed":"out of memory"}\n'
)
FILE_LINE = (
    '{"kind":"file","path":"/a","size":512,"mtime_ns":7,"heads":[["XX","STA","","HH","0123"]],'
    '"spans":[["XX","STA","","HH","Z",0,9,100.0]],"problems":["cut off"]}\n'
)


def day_entry(date="2020-05-02", inputs="abc"):
    return DayEntry(
        id=ID,
        date=date,
        inputs=inputs,
        outputs={"parquet": 123},
        windows={"ok": 2},
        labels={"noise": 2},
        coverage=Coverage([(0, 9)], [(0, 6)], [(0, 7)], [(8, 9)]),
        problems=[Problem("/a", "left out", False), Problem("/b", "damaged", True)],
        failed="out of memory",
    )


def file_entry(path="/a", rate_hz=100.0):
    span = Span(ID, "Z", 0, 9, rate_hz, path)
    return FileEntry(FileState(path, 512, 7), (span,), ("cut off",), ((ID, "0123"),))


def write_journal(folder, name, *entries):
    with Journal(folder, name) as journal:
        for entry in entries:
            add = journal.add_file if isinstance(entry, FileEntry) else journal.add_day
            add(entry)
    return journal.path


@pytest.fixture
def full_disk(monkeypatch):
    """Nothing more can be written, or nothing be brought to the disk."""

    def fail(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    return lambda where, name: monkeypatch.setattr(where, name, fail)


# --- lines --------------------------------------------------------------------------------


def test_lines_are_those_that_the_documentation_reads(tmp_path):
    path = write_journal(tmp_path, "journal", file_entry(), day_entry())
    assert path.read_text() == FILE_LINE + DAY_LINE


def test_lines_that_were_written_by_hand_are_read_whole(tmp_path):
    (tmp_path / "journal.jsonl").write_text(FILE_LINE + DAY_LINE)
    with Journal(tmp_path) as journal:
        assert list(journal.files.values()) == [file_entry()]
        assert list(journal.days.values()) == [day_entry()]


def test_what_is_no_json_number_is_not_written(tmp_path):
    with Journal(tmp_path) as journal, pytest.raises(ValueError):
        journal.add_file(file_entry(rate_hz=float("nan")))


# --- torn ends ----------------------------------------------------------------------------


@pytest.mark.parametrize("n_torn", [1, 100, 65_535, 65_536, 65_537, 140_000])
def test_a_torn_line_of_any_length_is_removed(tmp_path, n_torn):
    path = tmp_path / "journal.jsonl"
    path.write_text(DAY_LINE + "x" * n_torn)
    with Journal(tmp_path) as journal:
        assert len(journal.days) == 1
    assert path.read_text() == DAY_LINE


@pytest.mark.parametrize("n_torn", [1, 65_536, 70_000])
def test_a_journal_of_one_torn_line_becomes_empty(tmp_path, n_torn):
    path = tmp_path / "journal.jsonl"
    path.write_text("x" * n_torn)
    with Journal(tmp_path):
        assert path.read_bytes() == b""


def test_a_torn_line_after_an_empty_one_is_removed(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text("\ntorn")
    with Journal(tmp_path):
        assert path.read_text() == "\n"


# --- damage -------------------------------------------------------------------------------


def test_bad_lines_are_counted_and_the_file_is_named(tmp_path, caplog):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"\xff\xfe\n" + DAY_LINE.encode() + b"nonsense\n\n")
    with caplog.at_level(logging.WARNING), Journal(tmp_path) as journal:
        assert list(journal.days) == [(ID, "2020-05-02")]
    assert caplog.messages == [
        f"{path}: 3 lines cannot be read; what they were about is done again"
    ]


def test_bad_lines_of_a_shard_that_is_writing_are_counted(tmp_path, caplog):
    other = tmp_path / "journal-1-of-2.jsonl"
    other.write_text("nonsense\n" + DAY_LINE + '{"kind":"sta')
    with caplog.at_level(logging.WARNING), Journal(tmp_path) as journal:
        assert list(journal.days) == [(ID, "2020-05-02")]
    assert caplog.messages == [
        f"{other}: 1 lines cannot be read; what they were about is done again"
    ]


def is_read(folder, line):
    (folder / "journal.jsonl").write_text(line)
    with Journal(folder) as journal:
        return len(journal.files) + len(journal.days) == 1


@pytest.mark.parametrize(
    ("number", "expected"),
    [(2**63 - 1, True), (2**63, False), (-(2**63), True), (-(2**63) - 1, False)],
)
def test_numbers_have_63_bits(tmp_path, number, expected):
    assert is_read(tmp_path, FILE_LINE.replace("512", str(number))) is expected


@pytest.mark.parametrize(
    ("rate", "expected"), [("0.5", True), ("0", False), ("-1", False), ("Infinity", False)]
)
def test_sampling_rates_are_positive_and_finite(tmp_path, rate, expected):
    assert is_read(tmp_path, FILE_LINE.replace("100.0", rate)) is expected


def test_a_station_day_may_have_results_in_all_formats(tmp_path):
    sizes = '{"csv":1,"jsonl":2,"mseed":3,"parquet":4}'
    assert is_read(tmp_path, DAY_LINE.replace('{"parquet":123}', sizes))
    assert not is_read(tmp_path, DAY_LINE.replace('{"parquet":123}', '{"csv":1,"../x":2}'))


# --- order --------------------------------------------------------------------------------


def test_one_pair_out_of_order_is_untidy_whatever_follows(tmp_path):
    days = [day_entry(f"2020-05-0{n}") for n in (2, 1, 3)]
    write_journal(tmp_path, "journal", *days)
    with Journal(tmp_path) as journal:
        assert journal.is_untidy


def test_a_key_that_is_there_twice_is_untidy(tmp_path):
    write_journal(tmp_path, "journal", day_entry(), day_entry())
    with Journal(tmp_path) as journal:
        assert journal.is_untidy


def test_entries_in_order_are_tidy(tmp_path):
    write_journal(tmp_path, "journal", file_entry("/a"), file_entry("/b"), day_entry())
    with Journal(tmp_path) as journal:
        assert journal.is_untidy is False


def test_a_contradiction_is_not_forgotten_over_the_next_shard(tmp_path):
    shards = [day_entry(inputs="one"), day_entry(inputs="other"), day_entry("2020-05-03")]
    for number, entry in enumerate(shards, start=1):
        (tmp_path / f"journal-{number}.jsonl").write_text(
            DAY_LINE.replace('"abc"', f'"{entry.inputs}"').replace("2020-05-02", entry.date)
        )
    with Journal(tmp_path) as journal:
        assert list(journal.days) == [(ID, "2020-05-03")]


def test_all_journals_become_one(tmp_path):
    for name in ("journal-1-of-2", "journal-2-of-2"):
        (tmp_path / f"{name}.jsonl").write_text(DAY_LINE)
    with Journal(tmp_path) as journal:
        journal.compact(tmp_path)
        assert journal.is_untidy is False
    assert [path.name for path in tmp_path.iterdir()] == ["journal.jsonl"]
    assert (tmp_path / "journal.jsonl").read_text() == DAY_LINE


# --- the disk -----------------------------------------------------------------------------


def test_a_closed_journal_takes_nothing_and_says_so(tmp_path):
    journal = Journal(tmp_path)
    journal.close()
    journal.sync()
    with pytest.raises(QuakeError) as error:
        journal.add_day(day_entry())
    assert str(error.value) == f"{tmp_path / 'journal.jsonl'}: the journal is closed"


def test_a_station_day_is_brought_to_the_disk_at_once(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(module.os, "fsync", synced.append)
    with Journal(tmp_path) as journal:
        journal.add_file(file_entry())
        assert synced == []
        journal.add_day(day_entry())
        assert len(synced) == 1


@pytest.mark.parametrize("name", ["write", "fsync"])
def test_a_full_disk_is_said_with_the_file_and_what_to_do(tmp_path, full_disk, name, monkeypatch):
    class Full(module.FileIO):
        pass

    monkeypatch.setattr(module, "FileIO", Full)
    with Journal(tmp_path) as journal:
        full_disk(Full if name == "write" else module.os, name)
        with pytest.raises(OutputError) as error:
            journal.add_day(day_entry())
    reason = os.strerror(errno.ENOSPC)
    assert str(error.value) == f"{journal.path}: {reason}; {OUTPUT_ADVICE}"


def test_an_error_without_a_text_of_the_system_is_said_as_it_is(tmp_path, monkeypatch):
    def fail(_):
        raise OSError("the network drive is gone")

    with Journal(tmp_path) as journal:
        monkeypatch.setattr(module.os, "fsync", fail)
        with pytest.raises(OutputError, match="the network drive is gone"):
            journal.add_day(day_entry())


def test_the_state_of_a_file_is_its_size_and_time(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"12345")
    os.utime(path, ns=(3, 1_600_000_000_123_456_789))
    assert state_of(str(path)) == FileState(str(path), 5, 1_600_000_000_123_456_789)
    missing = str(tmp_path / "missing")
    assert state_of(missing) == FileState(missing, 0, 0)


def test_lines_are_json_for_other_programs():
    assert json.loads(DAY_LINE)["id"] == ["XX", "STA", "", "HH"]
