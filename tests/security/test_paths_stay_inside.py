"""Outputs stay in the folder that was named: codes of channels, journals and links lead nowhere."""

import json
import shutil
from pathlib import Path

import pytest
from hostile_files import mseed, sac

from quake.store.layout import day_folder
from quake.waveforms.ids import ChannelSetId

ROOT = Path(__file__).resolve().parents[2]
FORMATS = ("parquet", "csv", "jsonl", "mseed", "quakeml")

# Up to 2, 5, 2 and 2 characters, as miniSEED has them.
CODES = [
    {"network": "..", "station": "..", "location": ".."},
    {"network": "./", "station": "../..", "location": "/.", "channel": ".."},
    {"network": "/e", "station": "/tmp/", "location": "//"},
    {"network": "a/", "station": "a/b/c", "location": "\\\\", "channel": "~/"},
    {"network": "", "station": "A\0B\0", "location": "\0/", "channel": "\0\0"},
    {"network": "CO", "station": "NUL", "location": "C:", "channel": "*?"},
    {"network": "%2", "station": "%2E%2", "location": "E."},
]


def predict(quake, *arguments):
    """Run `quake predict`; nothing unexpected happens."""
    run = quake("predict", *arguments)
    assert "please report it" not in run.err
    return run


def formats(*names):
    return [word for name in names for word in ("--format", name)]


def named(quake, command, option):
    """Skip what this version has not."""
    if option not in quake(command, "--help").out:
        pytest.skip(f"quake {command} has no {option}")


# --- codes --------------------------------------------------------------------------------


def test_codes_that_are_paths_stay_in_the_store(quake, tmp_path, around):
    place, outside = around
    for number, codes in enumerate(CODES):
        mseed(tmp_path / "in" / f"{number}.mseed", **codes)
    before = outside()
    run = predict(quake, tmp_path / "in", "--output", f"{place}/s/", "--events", *formats("csv"))
    assert run.status in (0, 1)
    assert outside() == before
    folders = list((place / "s" / "windows").glob("*/*/*/*"))
    assert len(folders) >= len(CODES) - 1
    assert all(len(list(folder.iterdir())) == 1 for folder in folders)
    assert {path.name for path in (place / "s").iterdir()} <= {
        *("windows", "onsets", "events", "_quake"),
    }


@pytest.mark.parametrize("name", FORMATS)
def test_codes_that_are_paths_stay_in_the_store_in_every_format(quake, tmp_path, around, name):
    place, outside = around
    folder = sac(tmp_path / "in", network="../../..", station="/../../x", location="../a")
    mseed(folder / "a.mseed", **CODES[1])
    before = outside()
    predict(quake, folder, "--output", f"{place}/s/", *formats(name, "parquet"))
    assert outside() == before


@pytest.mark.parametrize("name", ["csv", "jsonl", "parquet", "mseed", "quakeml", "table"])
def test_one_file_of_results_is_the_one_that_was_named(quake, tmp_path, around, name):
    place, outside = around
    record = mseed(tmp_path / "a.mseed", **CODES[0])
    before = outside()
    predict(quake, record, "--output", place / "out.x", "--format", name)
    assert outside() == before
    assert {path.name for path in place.iterdir()} <= {"out.x"}


def test_pictures_of_codes_that_are_paths_stay_in_their_folder(quake, tmp_path, around):
    named(quake, "predict", "--plot")
    place, outside = around
    for number, codes in enumerate(CODES[:2]):
        mseed(tmp_path / "in" / f"{number}.mseed", **codes)
    before = outside()
    run = predict(quake, tmp_path / "in", "--plot", place / "pictures", "--format", "jsonl")
    assert run.status in (0, 1)
    assert outside() == before
    assert list((place / "pictures").rglob("*.png"))


def test_different_codes_never_share_a_folder():
    codes = ["", ".", "..", "/", "%", "%2E", "%2e", "_", "-", "=", "\0", "é", "A", "a"]
    folders = [
        day_folder(Path("s"), ChannelSetId(*key), 0).as_posix()
        for key in [(code, "S", "", "H") for code in codes]
        + [("N", code, "", "H") for code in codes]
        + [("N", "S", code, "H") for code in codes[1:]]
        + [("N", "S", "", code) for code in codes]
    ]
    assert len(set(folders)) == len(folders)
    for folder in folders:
        parts = Path(folder).parts
        assert len(parts) == 6
        assert ".." not in parts
        assert not any(c in folder for c in "\0\\:*?")


# --- journals -----------------------------------------------------------------------------


@pytest.fixture
def store(quake, tmp_path, around):
    """A store of one record, and the record."""
    record = mseed(tmp_path / "a.mseed")
    place, _ = around
    assert predict(quake, record, "--output", f"{place}/s/", "--events").status == 0
    return place / "s", record


def station_day(store):
    lines = (store / "_quake" / "journal.jsonl").read_text().splitlines()
    (day,) = [json.loads(line) for line in lines if '"station_day"' in line]
    return day


def append(store, **values):
    with (store / "_quake" / "journal.jsonl").open("a") as file:
        file.write(json.dumps(values) + "\n")


@pytest.mark.parametrize(
    "change",
    [
        {"date": "../../../precious"},
        {"date": "2021-03-04/../../../../precious"},
        {"date": "20210304"},
        {"date": 7},
        {"outputs": {"../../../../../../precious": 9}},
        {"outputs": {"/etc/passwd": 9}},
        {"outputs": {"parquet": "9e9"}},
    ],
)
def test_a_line_of_a_journal_that_names_another_place_is_none(quake, store, around, change):
    """Edited by hand, or made by somebody else: what it was about is done again."""
    folder, record = store
    _, outside = around
    before = outside()
    append(folder, **{**station_day(folder), **change})
    run = predict(quake, record, "--output", f"{folder}/", "--events", "--no-resume")
    assert run.status == 0
    assert "1 lines cannot be read; what they were about is done again" in run.err
    assert outside() == before


def test_codes_in_a_journal_that_are_paths_lead_nowhere(quake, store, around):
    folder, record = store
    _, outside = around
    before = outside()
    append(folder, **{**station_day(folder), "id": ["../..", "../../..", "..", "/"]})
    run = predict(quake, record, "--output", f"{folder}/", "--events", *formats("csv", "parquet"))
    assert run.status == 0
    assert outside() == before


# --- links --------------------------------------------------------------------------------


def test_windows_may_be_a_link_to_another_disk(quake, store, tmp_path):
    folder, record = store
    (folder / "windows").rename(tmp_path / "disk")
    (folder / "windows").symlink_to(tmp_path / "disk")
    run = predict(quake, record, "--output", f"{folder}/", *formats("csv"))
    assert run.status == 0
    assert {path.name for path in (tmp_path / "disk").rglob("windows.*")} == {
        "windows.csv",
        "windows.parquet",
    }


def test_a_result_that_is_a_link_is_replaced_and_not_written_through(quake, store, tmp_path):
    folder, record = store
    (result,) = folder.rglob("windows.parquet")
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    result.unlink()
    result.symlink_to(precious)
    assert predict(quake, record, "--output", f"{folder}/").status == 0
    assert precious.read_text() == "as it was"
    assert not result.is_symlink()


@pytest.mark.parametrize("name", ["lock", "journal.jsonl", "run.json", "tmp", "journal-x.jsonl"])
def test_what_a_store_writes_in_place_must_be_no_link(quake, store, tmp_path, name):
    """Else whoever hands over a store chooses which of the user's files is cut short."""
    folder, record = store
    path = folder / "_quake" / name
    precious = tmp_path / "precious"
    if name == "tmp":
        precious.mkdir()
        (precious / "mine").write_text("as it was")
    else:
        precious.write_bytes(path.read_bytes() if path.exists() else b"as it was")
        path.unlink(missing_ok=True)
    path.symlink_to(precious)
    before = (precious / "mine").read_bytes() if name == "tmp" else precious.read_bytes()
    run = predict(quake, record, "--output", f"{folder}/", "--no-resume")
    assert run.status == 2
    assert f"{path}: is a link, which may lead out of the store" in run.err
    assert ((precious / "mine") if name == "tmp" else precious).read_bytes() == before


def test_the_folder_of_a_stores_journal_must_be_no_link(quake, store, tmp_path):
    folder, record = store
    shutil.move(folder / "_quake", tmp_path / "elsewhere")
    (folder / "_quake").symlink_to(tmp_path / "elsewhere")
    run = predict(quake, record, "--output", f"{folder}/")
    assert run.status == 2
    assert "is a link" in run.err


def test_a_link_of_the_users_own_is_kept(quake, tmp_path):
    """`--output latest.csv`, where that is a link: what it points to is written."""
    record = mseed(tmp_path / "a.mseed")
    target, link = tmp_path / "2021.csv", tmp_path / "latest.csv"
    target.write_text("old")
    link.symlink_to(target)
    assert predict(quake, record, "--output", link).status == 0
    assert link.is_symlink()
    assert target.read_text().startswith("id,start,")


def test_names_in_a_list_are_the_users_own(quake, tmp_path):
    """They may be anywhere; a list by somebody else is to be read before it is used."""
    record = mseed(tmp_path / "a" / "a.mseed")
    (tmp_path / "b").mkdir()
    names = tmp_path / "b" / "names"
    names.write_text(f"{record.parent}/../a/a.mseed\n")
    run = predict(quake, "--files-from", names, *formats("jsonl"))
    assert (run.status, len(run.out.splitlines())) == (0, 1)
