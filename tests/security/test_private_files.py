"""Temporary files are the user's own, results follow the umask, logs hold messages and no more."""

import os
import stat
import tempfile
from pathlib import Path

import pytest
from hostile_files import mseed

from quake.files import whole_file

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def umask():
    """Set the umask for the time of a test."""
    before = os.umask(0o022)
    yield os.umask
    os.umask(before)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def seen(tmp_path, monkeypatch):
    """Temporary files and folders as they are made: their modes and names."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    made = []
    for name in ("mkdtemp", "mkstemp"):
        original = getattr(tempfile, name)

        def make(*arguments, original=original, **options):
            result = original(*arguments, **options)
            path = Path(result if isinstance(result, str) else result[1])
            made.append((mode(path), path.name))
            return result

        monkeypatch.setattr(tempfile, name, make)
    return made


@pytest.mark.parametrize("where", ["stdout", "file", "store"])
def test_temporary_folders_are_private_and_gone_afterwards(quake, tmp_path, seen, umask, where):
    umask(0)
    record = mseed(tmp_path / "a.mseed")
    output = {"stdout": [], "file": ["--output", tmp_path / "a.csv"]}
    run = quake(
        "predict", record, *output.get(where, ["--output", f"{tmp_path}/s/", "--workers", "1"])
    )
    assert run.status == 0
    assert seen
    assert {bits for bits, _ in seen} == {0o700}
    assert len({name for _, name in seen}) == len(seen)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(("bits", "file", "folder"), [(0o027, 0o640, 0o750), (0o077, 0o600, 0o700)])
def test_all_in_a_store_follows_the_umask(quake, tmp_path, umask, bits, file, folder):
    record = mseed(tmp_path / "a.mseed")
    umask(bits)
    formats = ("--format", "parquet", "--format", "csv", "--format", "quakeml")
    assert quake("predict", record, "--output", f"{tmp_path}/s/", "--events", *formats).status == 0
    store = tmp_path / "s"
    assert {mode(path) for path in store.rglob("*") if path.is_file()} == {file}
    assert {mode(path) for path in [store, *store.rglob("*")] if path.is_dir()} == {folder}


@pytest.mark.parametrize(("bits", "expected"), [(0o022, 0o644), (0o077, 0o600)])
def test_one_file_of_results_and_the_log_follow_the_umask(quake, tmp_path, umask, bits, expected):
    record = mseed(tmp_path / "a.mseed")
    umask(bits)
    out, log = tmp_path / "a.csv", tmp_path / "log"
    assert quake("predict", record, "--output", out, "--log-file", log).status == 0
    assert (mode(out), mode(log)) == (expected, expected)


def test_a_file_in_the_making_has_a_name_that_nobody_can_prepare(tmp_path):
    names = set()
    for _ in range(20):
        with whole_file(tmp_path / "a.csv") as file:
            (path,) = [path for path in tmp_path.iterdir() if path.name != "a.csv"]
            names.add(path.name)
            file.write(b"a")
    assert len(names) == 20


def test_a_file_in_the_making_is_never_one_that_is_there(tmp_path, monkeypatch):
    """Nor a link that somebody has put in its place."""
    from quake import files as module

    precious = tmp_path / "precious"
    precious.write_text("as it was")
    monkeypatch.setattr(module.secrets, "token_hex", lambda _: "guessed")
    (tmp_path / ".a.csv.guessed.part").symlink_to(precious)
    with pytest.raises(FileExistsError), whole_file(tmp_path / "a.csv"):
        pass
    assert precious.read_text() == "as it was"


def test_a_log_holds_the_messages_and_no_more(quake, tmp_path, monkeypatch):
    monkeypatch.setenv("A_PASSWORD", "swordfish-of-the-user")
    record = mseed(tmp_path / "a.mseed")
    log = tmp_path / "log"
    missing = tmp_path / "missing.mseed"
    run = quake("predict", record, missing, "--log-file", log, "--output", tmp_path / "a.csv")
    assert run.status == 1
    shown = [line.removeprefix("quake: ").removeprefix("error: ") for line in run.err.splitlines()]
    logged = [line.partition("]")[2].partition(": ")[2] for line in log.read_text().splitlines()]
    assert logged == shown
    assert "swordfish" not in log.read_text()
