"""Tables of a journal: whatever is added, in whatever order, they hold what a dictionary would."""

import tracemalloc
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from quake.store import journal_tables
from quake.store.entries import DayEntry, FileEntry, FileState, day_line
from quake.store.journal import Journal, JournalReader
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span

IDS = [ChannelSetId("XX", station, "", "HH") for station in ("ALFA", "BETA", "GAMMA")]


def file_entry(path, size=1, ids=(), problems=()):
    spans = tuple(Span(key, "Z", 0, 9, 100.0, path) for key in ids)
    return FileEntry(FileState(path, size, 7), spans, tuple(problems))


def day_entry(key, day, inputs="abc"):
    return DayEntry(key, (date(2020, 1, 1) + timedelta(days=day)).isoformat(), inputs)


@pytest.fixture
def small_tables(monkeypatch):
    """Tables that sort in what is new, and sort anew, after a few entries."""
    monkeypatch.setattr(journal_tables, "_RECENT", 3)
    monkeypatch.setattr(journal_tables, "_SORTED", 4)


FILES = st.builds(
    file_entry,
    st.sampled_from([f"/a/{n}" for n in range(12)] + ["/b", "/é\udcff"]),
    st.integers(0, 5),
    st.lists(st.sampled_from(IDS), max_size=3),
    st.sampled_from([(), ("cut off",)]),
)
STATION_DAYS = st.builds(
    day_entry, st.sampled_from(IDS), st.integers(0, 9), st.sampled_from(["abc", "def"])
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(FILES | STATION_DAYS, max_size=30), st.integers(0, 30), st.booleans())
def test_a_journal_is_what_dictionaries_of_the_entries_are(
    tmp_path_factory, small_tables, entries, n_before, is_tidied
):
    folder = tmp_path_factory.mktemp("journal")
    files, days = {}, {}
    with Journal(folder) as journal:
        for entry in entries[:n_before]:
            add(journal, entry, files, days)
        if is_tidied:
            journal.tidy(folder)
            assert not journal.is_untidy
            assert journal.path.read_bytes().count(b"\n") == len(files) + len(days)
    with Journal(folder) as journal:
        for entry in entries[n_before:]:
            add(journal, entry, files, days)
        assert_is(journal, files, days)
    with JournalReader(folder) as reader:
        assert_is(reader, files, days)


def add(journal, entry, files, days):
    if isinstance(entry, FileEntry):
        journal.add_file(entry)
        files[entry.state.path] = entry
    else:
        journal.add_day(entry)
        days[entry.key] = entry


def assert_is(journal, files, days):
    assert list(journal.files) == sorted(files)
    assert dict(journal.files) == files
    assert list(journal.files.entries()) == [files[path] for path in sorted(files)]
    assert list(journal.days) == sorted(days)
    assert dict(journal.days) == days
    assert list(journal.days.entries()) == [days[key] for key in sorted(days)]
    assert journal.days.channel_sets() == sorted({key for key, _ in days})
    for key in IDS:
        of_set = [days[other] for other in sorted(days) if other[0] == key]
        assert list(journal.days.entries_of(key)) == of_set
        assert list(journal.days.entries_of(key, backwards=True)) == of_set[::-1]
        found = map(journal.files.newest_at, journal.files.places_of(key).tolist())
        newest = {entry.state.path: entry for entry in found if entry is not None}
        expected = {p: e for p, e in files.items() if key in {span.id for span in e.spans}}
        assert {path: newest.get(path) for path in expected} == expected
        assert all(entry == files[path] for path, entry in newest.items())


def test_what_is_not_there_is_not_found(tmp_path):
    with Journal(tmp_path) as journal:
        journal.add_file(file_entry("/a"))
        assert journal.files.find("/b") is None
        assert "/b" not in journal.files
        assert (IDS[0], "2020-01-01") not in journal.days
        assert "/a" not in journal.days
        with pytest.raises(KeyError):
            journal.files["/b"]
        with pytest.raises(KeyError):
            journal.days[IDS[0], "2020-01-01"]


def test_paths_with_the_same_hash_are_told_apart(tmp_path, monkeypatch):
    monkeypatch.setattr(journal_tables, "_HASH_MASK", 0)
    monkeypatch.setattr(journal_tables, "_RECENT", 1)
    with Journal(tmp_path) as journal:
        for number in range(5):
            journal.add_file(file_entry(f"/{number}", number))
        journal.add_file(file_entry("/3", 33))
        assert [entry.state.size for entry in journal.files.values()] == [0, 1, 2, 33, 4]


def test_a_line_of_any_length_is_read(tmp_path):
    long = file_entry("/" + "x" * 300_000, 1, IDS)
    with Journal(tmp_path) as journal:
        journal.add_file(long)
        journal.add_file(file_entry("/b"))
        assert journal.files[long.state.path] == long


def test_what_is_remembered_counts_and_is_written_at_the_next_tidying(tmp_path):
    with Journal(tmp_path) as journal:
        journal.add_file(file_entry("/a", 1))
        journal.files.remembered["/a"] = file_entry("/a", 2)
        journal.files.remembered["/b"] = file_entry("/b", 3)
        sizes = {path: entry.state.size for path, entry in journal.files.items()}
        assert sizes == {"/a": 2, "/b": 3}
        assert journal.path.read_bytes().count(b"\n") == 1
        journal.tidy(tmp_path)
        assert {path: entry.state.size for path, entry in journal.files.items()} == sizes
        journal.add_day(day_entry(IDS[0], 0))
    assert journal.path.read_bytes().count(b"\n") == 3


def test_lines_of_several_journals_are_told_apart(tmp_path):
    for number, key in enumerate(IDS):
        with Journal(tmp_path, f"journal-{number}-of-3") as journal:
            journal.add_file(file_entry(f"/{number}"))
            journal.add_day(day_entry(key, number))
    with Journal(tmp_path) as journal:
        assert list(journal.files) == ["/0", "/1", "/2"]
        assert [entry.id for entry in journal.days.values()] == IDS
        journal.add_day(day_entry(IDS[0], 9))
        assert len(journal.days) == 4
        assert journal.is_untidy


def test_a_shard_that_is_writing_meanwhile_does_not_move_the_others(tmp_path):
    other = Journal(tmp_path, "journal-1-of-2").__enter__()
    other.add_day(day_entry(IDS[0], 0))
    with Journal(tmp_path, "journal-2-of-2") as journal:
        other.add_day(day_entry(IDS[0], 1))
        journal.add_day(day_entry(IDS[1], 0))
        assert [entry.key for entry in journal.days.entries()] == [
            (IDS[0], "2020-01-01"),
            (IDS[1], "2020-01-01"),
        ]
    other.__exit__()


def test_a_finished_station_day_costs_bytes_and_no_kilobytes(tmp_path):
    line = day_line(day_entry(IDS[0], 0)).replace("ALFA", "|").replace("2020-01-01", "|")
    dates = [(date(1990, 1, 1) + timedelta(days=number)).isoformat() for number in range(3000)]
    with (tmp_path / "journal.jsonl").open("w") as file:
        for station in ("ALFA", "BETA", "GAMMA", "DELTA"):
            before, between, after = line.split("|")
            file.writelines(f"{before}{station}{between}{day}{after}\n" for day in dates)
    tracemalloc.start()
    with JournalReader(tmp_path) as journal:
        used, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(journal.days) == 12_000
    assert used < 30 * 12_000
