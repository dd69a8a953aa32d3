"""Inputs: folders, links, archives and names of all kinds."""

import os
import threading
import tracemalloc
from pathlib import Path

import pytest

from quake.inputs.selection import Selection
from quake.inputs.walk import Inputs, PathList
from quake.waveforms.sources import Problem

DAY_FILE = "ML.A..BHZ.D.2020.001"


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def walked(folder):
    found = Inputs()
    found.add_folder(folder)
    return found


def below(folder, found):
    """Names of the files that were found, as seen from a folder."""
    return [str(path.relative_to(folder)) for path in found.files]


@pytest.fixture
def listed(monkeypatch):
    """Folders that are listed, each as often as it is."""
    folders = []
    scandir = os.scandir

    def remember(folder):
        folders.append(str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", remember)
    return folders


# --- folders ------------------------------------------------------------------------------


def test_files_of_a_folder_come_before_those_of_its_folders_both_in_sorted_order(tmp_path):
    for name in ("b/c.sac", "b/a.sac", "a/z/1.sac", "a/b.ms", "z.mseed", "c.SAC"):
        touch(tmp_path / name)
    found = walked(tmp_path)
    assert below(tmp_path, found) == [
        "c.SAC", "z.mseed", "a/b.ms", "a/z/1.sac", "b/a.sac", "b/c.sac",
    ]  # fmt: skip
    assert found.problems == []


def test_hidden_files_and_folders_are_left_out(tmp_path):
    touch(tmp_path / "a.sac")
    touch(tmp_path / ".b.sac")
    touch(tmp_path / ".c" / "d.sac")
    found = walked(tmp_path)
    assert below(tmp_path, found) == ["a.sac"]
    assert found.left_out == 1


def test_a_hidden_folder_that_is_named_is_walked(tmp_path):
    touch(tmp_path / ".c" / "d.sac")
    assert below(tmp_path, walked(tmp_path / ".c")) == [".c/d.sac"]


def test_files_whose_name_says_what_they_are_are_not_opened(tmp_path, monkeypatch):
    names = [DAY_FILE, "a.mseed", "b.SAC", "ML.A..LOG.L.2020.001", "ML.A..BHZ.E.2020.001"]
    for name in names:
        touch(tmp_path / name)
    asked = []
    monkeypatch.setattr(
        "quake.inputs.walk.is_waveform_file", lambda path: asked.append(Path(path).name)
    )
    touch(tmp_path / "notes.txt")
    found = walked(tmp_path)
    assert below(tmp_path, found) == [DAY_FILE, "a.mseed", "b.SAC"]
    assert asked == ["notes.txt"]
    assert found.left_out == 3


def test_a_folder_without_waveforms_is_a_problem(tmp_path):
    touch(tmp_path / "a" / "notes.txt")
    touch(tmp_path / ".hidden")
    found = walked(tmp_path)
    (problem,) = found.problems
    assert problem == Problem(
        str(tmp_path),
        f"{tmp_path}: no miniSEED or SAC file in this folder (2 other files); check the path",
    )


def test_pipes_in_a_folder_are_left_out_and_links_to_nothing_are_problems(tmp_path):
    touch(tmp_path / "a.sac")
    os.mkfifo(tmp_path / "b.sac")
    (tmp_path / "c.sac").symlink_to(tmp_path / "nothing")
    (tmp_path / "d.sac").symlink_to("d.sac")
    found = walked(tmp_path)
    assert below(tmp_path, found) == ["a.sac"]
    assert found.left_out == 1
    assert sorted(p.source for p in found.problems) == [
        str(tmp_path / n) for n in ("c.sac", "d.sac")
    ]
    assert all("a link to nothing; mount what it leads to" in p.message for p in found.problems)


def test_a_store_of_results_in_a_folder_is_no_input(tmp_path):
    touch(tmp_path / "a.sac")
    touch(tmp_path / "results" / "_quake" / "run.json")
    touch(tmp_path / "results" / "windows" / "windows.mseed")
    touch(tmp_path / "no_results" / "_quake" / "b.sac")
    found = walked(tmp_path)
    assert below(tmp_path, found) == ["a.sac", "no_results/_quake/b.sac"]
    assert found.left_out == 0


# --- links --------------------------------------------------------------------------------


def test_a_link_to_a_folder_is_followed(tmp_path):
    touch(tmp_path / "disk" / "a.sac")
    (tmp_path / "archive").mkdir()
    (tmp_path / "archive" / "2020").symlink_to(tmp_path / "disk")
    assert below(tmp_path / "archive", walked(tmp_path / "archive")) == ["2020/a.sac"]


def test_links_that_lead_in_circles_end_and_each_folder_is_listed_once(tmp_path, listed):
    for name in ("a", "b", "c"):
        touch(tmp_path / name / f"{name}.sac")
        (tmp_path / name / "up").symlink_to(tmp_path)
        (tmp_path / name / "self").symlink_to(tmp_path / name)
        (tmp_path / name / "next").symlink_to(tmp_path / {"a": "b", "b": "c", "c": "a"}[name])
    found = walked(tmp_path)
    assert sorted(path.name for path in found.files) == ["a.sac", "b.sac", "c.sac"]
    assert len(listed) == 4
    assert found.problems == []


def test_a_chain_of_doubled_links_does_not_double_the_work(tmp_path, listed):
    for number in range(30):  # 2**30 ways to the last one
        folder = tmp_path / f"{number:02d}"
        folder.mkdir()
        for name in "ab":
            (folder / name).symlink_to(tmp_path / f"{number + 1:02d}")
    touch(tmp_path / "30" / "last.sac")
    assert len(walked(tmp_path / "00").files) == 1
    assert len(listed) == 31


def test_a_file_with_several_names_is_there_once(tmp_path):
    touch(tmp_path / "a" / "a.sac")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "c.sac").symlink_to(tmp_path / "a" / "a.sac")
    assert below(tmp_path, walked(tmp_path)) == ["c.sac"]


def test_folders_that_contain_each_other_may_both_be_named(tmp_path):
    touch(tmp_path / "a" / "a.sac")
    touch(tmp_path / "a" / "notes.txt")
    for names in (("a", "."), (".", "a"), ("a", "a")):
        found = Inputs()
        for name in names:
            found.add_argument(str(tmp_path / name))
        assert below(tmp_path, found) == ["a/a.sac"]
        assert (found.left_out, found.problems) == (1, [])


def test_a_folder_is_walked_after_its_files_were_named(tmp_path):
    first = touch(tmp_path / "b.sac")
    touch(tmp_path / "a.sac")
    found = Inputs()
    found.add(first)
    found.add_folder(tmp_path)
    assert below(tmp_path, found) == ["b.sac", "a.sac"]


# --- names --------------------------------------------------------------------------------


def test_a_name_that_leads_nowhere_is_a_problem(tmp_path):
    link = tmp_path / "link.sac"
    link.symlink_to(tmp_path / "nothing")
    found = Inputs()
    for name in (str(tmp_path / "missing.sac"), str(link), ""):
        found.add_argument(name)
    assert [problem.message for problem in found.problems] == [
        f"{tmp_path}/missing.sac: no such file or folder; check the path",
        f"{link}: a link to nothing; mend or remove it",
        "'': no such file or folder; check the path",
    ]
    assert len(found.files) == 0


def test_a_pattern_without_a_match_is_a_problem(tmp_path):
    found = Inputs()
    found.add_argument(f"{tmp_path}/*.sac")
    assert found.problems[0].message.endswith("no file matches this pattern; check it")


def test_a_pattern_that_matches_folders_too_gives_each_file_once(tmp_path):
    touch(tmp_path / "a" / "b" / "c.sac")
    touch(tmp_path / "a" / "d.sac")
    found = Inputs()
    found.add_argument(f"{tmp_path}/**")
    assert below(tmp_path, found) == ["a/d.sac", "a/b/c.sac"]
    assert found.problems == []


def test_names_in_other_encodings_survive(tmp_path):
    name = os.fsdecode(b"\xe9v\xe9nement.sac")
    touch(tmp_path / name)
    found = walked(tmp_path)
    assert below(tmp_path, found) == [name]
    assert all(path.exists() for path in found.files)


def test_relative_names_stay_relative(tmp_path, monkeypatch):
    touch(tmp_path / "a.sac")
    touch(tmp_path / "b" / "c.sac")
    monkeypatch.chdir(tmp_path)
    found = Inputs()
    for name in ("a.sac", "./b", "."):
        found.add_argument(name)
    assert list(found.files) == [Path("a.sac"), Path("b/c.sac")]


def test_a_named_pipe_is_copied_to_the_spool(tmp_path):
    pipe, spool = tmp_path / "pipe", tmp_path / "spool"
    spool.mkdir()
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(b"samples",))
    writer.start()
    found = Inputs(spool=spool)
    found.add_name(str(pipe))
    writer.join()
    (copy,) = found.files
    assert copy.read_bytes() == b"samples"
    assert found.names == {str(copy): str(pipe)}


def test_without_a_spool_a_stream_is_a_problem(tmp_path):
    found = Inputs()
    with touch(tmp_path / "a").open("rb") as stream:
        found.add_stream(stream, "standard input")
    assert "standard input: can be read only once" in found.problems[0].message


# --- what may not be read -----------------------------------------------------------------


def deny(monkeypatch, name, closed):
    """Let the system refuse to look at one path."""
    function = getattr(os, name)

    def refuse(path, *arguments, **options):
        if str(path) == str(closed):
            raise PermissionError(13, "Permission denied", str(path))
        return function(path, *arguments, **options)

    monkeypatch.setattr(os, name, refuse)


def check_closed(found, tmp_path):
    assert below(tmp_path, found) == ["a/a.sac", "c/c.sac"]
    (problem,) = found.problems
    assert problem == Problem(
        f"{tmp_path}/b",
        f"{tmp_path}/b: cannot be listed (Permission denied); check its permissions",
    )


@pytest.fixture
def three(tmp_path):
    for name in "abc":
        touch(tmp_path / name / f"{name}.sac")
    return tmp_path


def test_a_folder_that_cannot_be_listed_is_a_problem_and_the_others_go_on(three, monkeypatch):
    deny(monkeypatch, "scandir", three / "b")
    check_closed(walked(three), three)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_is_closed_is_a_problem_and_the_others_go_on(three):
    (three / "b").chmod(0)
    try:
        check_closed(walked(three), three)
    finally:
        (three / "b").chmod(0o700)


def test_a_folder_that_cannot_be_listed_is_named_once(tmp_path, monkeypatch):
    deny(monkeypatch, "scandir", tmp_path)
    (problem,) = walked(tmp_path).problems
    assert "cannot be listed" in problem.message


def test_a_name_that_may_not_be_looked_at_is_a_problem(tmp_path, monkeypatch):
    path = touch(tmp_path / "a.sac")
    deny(monkeypatch, "stat", path)
    found = Inputs()
    found.add_argument(str(path))
    assert found.problems[0].message == (
        f"{path}: cannot be read (Permission denied); check its permissions"
    )


# --- archives -----------------------------------------------------------------------------


def as_archive(root, selection=None):
    found = Inputs()
    found.add_sds(root, selection)
    return found


@pytest.fixture
def archive(tmp_path):
    touch(tmp_path / "2020" / "ML" / "A" / "BHZ.D" / DAY_FILE)
    touch(tmp_path / "2020" / "ML" / "A" / "BHZ.D" / f"{DAY_FILE}.bak")
    return tmp_path


def test_an_archive_gives_its_waveform_files(archive):
    found = as_archive(archive)
    assert [path.name for path in found.files] == [DAY_FILE]
    assert (found.left_out, found.problems) == (1, [])


def test_an_archive_that_is_named_as_a_folder_too_is_read_once(archive):
    found = as_archive(archive)
    found.add_folder(archive)
    assert len(found.files) == 1


def test_an_archive_without_what_is_selected_is_no_failure(archive):
    (problem,) = as_archive(archive, Selection(networks=("UT",))).problems
    assert problem == Problem(
        str(archive), f"{archive}: nothing of network UT in this archive", failed=False
    )


@pytest.mark.parametrize(
    ("name", "found"),
    [("missing", "no such folder; "), ("file", "is no folder; "), ("empty", "no waveform file of")],
)
def test_what_is_no_archive_is_a_problem_that_says_what_was_expected(tmp_path, name, found):
    touch(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    (problem,) = as_archive(tmp_path / name).problems
    assert problem.failed
    assert problem.message.startswith(f"{tmp_path / name}: {found}")
    assert "YEAR/NET/STA/CHAN.D/NET.STA.LOC.CHAN.D.YEAR.DAY" in problem.message
    assert "name a folder of another layout as INPUT" in problem.message


def test_the_folder_of_one_year_is_told_from_that_of_all(archive):
    (problem,) = as_archive(archive / "2020").problems
    assert "(0 other files)" in problem.message
    assert problem.message.endswith("the one above 2020")


# --- many files ---------------------------------------------------------------------------


def test_a_name_of_a_list_takes_less_memory_than_its_path_would(tmp_path):
    paths = PathList()
    names = [
        f"{tmp_path}/archive/2020/XX/S{station:03d}/BHZ.D/XX.S{station:03d}..BHZ.D.2020.{day:03d}"
        for station in range(20)
        for day in range(1, 366)
    ]
    tracemalloc.start()
    try:
        for name in names:
            paths.add(name)
        n_bytes = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert [str(path) for path in paths] == names
    assert n_bytes / len(names) < 250  # three million: 0.75 GB at most


def test_a_file_is_added_once():
    paths = PathList()
    assert paths.add("a/b.sac")
    assert not paths.add(Path("a/b.sac"))
    assert not paths.add("./a/../a/b.sac")
    assert paths.add("b.sac")
    assert list(paths) == [Path("a/b.sac"), Path("b.sac")]
    assert len(paths) == 2
