"""Lists of names: what is a name, and what becomes of it."""

import io
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.errors import ParameterError
from quake.inputs.walk import Inputs, files_from


def read(data, *, null=False):
    return list(files_from(io.BytesIO(data), null=null))


def test_each_line_is_a_name():
    assert read(b"a.sac\nb.sac\n") == ["a.sac", "b.sac"]
    assert read(b"a.sac\nb.sac") == ["a.sac", "b.sac"]


def test_lines_may_end_as_on_windows():
    assert read(b"a.sac\r\nb.sac\r\n\r\n") == ["a.sac", "b.sac"]


def test_empty_lines_are_ignored_and_spaces_are_not():
    assert read(b"\n\n a b.sac \n\n#c\n") == [" a b.sac ", "#c"]


def test_names_divided_by_null_may_have_line_breaks():
    assert read(b"a\nb.sac\0c\r\0\0d", null=True) == ["a\nb.sac", "c\r", "d"]


def test_bytes_that_are_no_utf8_survive():
    (name,) = read(b"\xe9v\xc3\xa9.sac\n")
    assert os.fsencode(name) == b"\xe9v\xc3\xa9.sac"


def test_the_mark_of_utf8_is_no_part_of_a_name():
    assert read(b"\xef\xbb\xbfa.sac\n") == ["a.sac"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_a_list_in_utf16_is_refused(encoding):
    with pytest.raises(ParameterError, match="UTF-16; UTF-8 was expected"):
        read("\ufeffa.sac\n".encode(encoding))


def test_an_empty_list_has_no_names():
    assert read(b"") == []
    assert read(b"", null=True) == []


@given(st.lists(st.binary(min_size=1, max_size=6).filter(lambda name: b"\0" not in name)))
def test_names_divided_by_null_are_read_as_they_were_written(names):
    data = b"".join(name + b"\0" for name in names)
    assert [os.fsencode(name) for name in read(data, null=True)] == names


def test_names_may_be_cut_anywhere_while_they_are_read():
    names = [f"{number:05d}.sac" for number in range(20_000)]  # three chunks
    assert read("\0".join(names).encode(), null=True) == names


# --- what becomes of them -----------------------------------------------------------------


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("a.sac", "[b].sac", "-", "d/e.sac"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(*names):
    found = Inputs()
    found.add_names(names, "list.txt")
    return found


def test_names_are_names_and_no_patterns(folder):
    found = listed("[b].sac", "-", "*.sac")
    assert [str(path) for path in found.files] == ["[b].sac", "-"]
    (problem,) = found.problems
    assert problem.message == "*.sac: no such file or folder; check the path"
    assert problem.failed


def test_a_file_that_is_listed_twice_is_read_once(folder):
    found = listed("a.sac", "./a.sac", str(folder / "a.sac"), "d/../a.sac")
    assert [str(path) for path in found.files] == ["a.sac"]


def test_a_folder_in_a_list_is_walked(folder):
    assert [str(path) for path in listed("d").files] == ["d/e.sac"]


def test_a_list_without_names_is_said_and_no_failure():
    (problem,) = listed().problems
    assert problem.message == "list.txt: names no input"
    assert not problem.failed


def test_a_list_that_is_divided_otherwise_is_told(folder):
    (problem,) = listed("a.sac\0[b].sac\0").problems
    assert "say so with --null" in problem.message
    (problem,) = listed("a.sac\n" * 1000).problems
    assert "one name a line, leave out --null" in problem.message
    assert len(problem.message) < 500
