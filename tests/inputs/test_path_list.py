"""Lists of paths: each file once, in order, however many, and however folders take turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.inputs import walk
from quake.inputs.walk import PathList

NAMES = st.sampled_from(["a", "b", "é", "\udcff", "a b", "a\nb", "c.mseed"])
PATHS = st.builds("{}/{}".format, st.sampled_from(["/x", "/y", "/z", "/x/y"]), NAMES)


@pytest.fixture
def packs_soon(monkeypatch):
    """Names are compressed two by two, and few are at hand."""
    monkeypatch.setattr(walk, "_PACKED", 2)
    monkeypatch.setattr(walk, "_AT_HAND", 2)


@given(st.lists(PATHS, max_size=40))
def test_paths_come_back_in_their_order_each_once(paths):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "_PACKED", 2)
        patch.setattr(walk, "_AT_HAND", 2)
        found = PathList()
        added = [found.add(path, is_link=False) for path in paths]
        once = list(dict.fromkeys(paths))
        assert [str(path) for path in found] == once
        assert len(found) == len(once) == sum(added)


def test_a_link_and_its_file_are_one_whatever_was_added_between(packs_soon, tmp_path):
    for name in "abcdef":
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        (tmp_path / name / "link").symlink_to("file")
    found = PathList()
    assert [found.add(tmp_path / name / "file") for name in "abcdef"] == [True] * 6
    assert [found.add(tmp_path / name / "link") for name in "abcdef"] == [False] * 6


def test_many_paths_take_little_memory():
    """Some twenty bytes a path; Python's own text of that length has eighty."""
    import tracemalloc

    found = PathList()
    tracemalloc.start()
    for station in range(300):
        for day in range(365):
            name = f"XX.S{station:04d}.00.HHZ.D.2020.{day:03d}"
            found.add(f"/archive/2020/XX/S{station:04d}/HHZ.D/{name}", is_link=False)
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    at_hand = 2 * walk._AT_HAND * 150
    assert used < at_hand + 20 * len(found)
