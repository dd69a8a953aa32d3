"""Damaged and unreadable files in an archive: they are told, remembered, and harm nothing else."""

import os

import pytest
from archives import write_sds
from stores import ALFA, BETA, FOLDERS, assert_same_tree, identities, lines, results, tree

BAD = "XX.ALFA..HHZ.D.2021.063"


@pytest.fixture
def archive(tmp_path):
    """Two stations, the second one of one midnight; to be damaged."""
    root = tmp_path / "archive"
    write_sds(root, [*ALFA, BETA[0]])
    return root


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def run(predict, archive, store):
    def go(*options, status):
        ended = predict("--sds", archive, "--output", store, "--format", "jsonl", *options)
        assert ended.status == status, ended.err
        return ended

    return go


@pytest.fixture
def intact(predict, archive, tmp_path):
    """Store of a run over the archive before it was damaged."""
    other = tmp_path / "intact"
    assert predict("--sds", archive, "--output", other, "--format", "jsonl").status == 0
    return other


@pytest.fixture
def bad(archive, intact):
    """A file of an archive, its content before, and a way to replace it that keeps its time."""
    (path,) = archive.rglob(BAD)
    return _File(path)


class _File:
    def __init__(self, path):
        self.path, self.content = path, path.read_bytes()
        self._ns = (path.stat().st_atime_ns, path.stat().st_mtime_ns)

    def become(self, content):
        self.path.write_bytes(content)
        os.utime(self.path, ns=self._ns)

    def lose_its_headers(self):
        self.become(b"no waveforms".ljust(len(self.content), b"."))

    def lose_its_samples(self):
        """Records of 512 bytes whose headers are well, and whose data are not."""
        content = bytearray(self.content)
        for begin in range(0, len(content), 512):
            content[begin + 64 : begin + 512] = b"\xaa" * 448
        self.become(bytes(content))


DAMAGES = ["lose_its_headers", "lose_its_samples"]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_told_and_the_others_are_complete(run, bad, store, intact, damage):
    getattr(bad, damage)()
    ended = run(status=1)
    assert BAD in "".join(ended.errors)
    for folder in FOLDERS[3:5]:
        name = f"{folder}/windows.jsonl"
        assert (store / name).read_bytes() == (intact / name).read_bytes()
    # The other components of its day are classified.
    assert len(lines(store)) == len(lines(intact))


@pytest.mark.parametrize("damage", DAMAGES)
def test_the_reason_is_in_the_journal(run, bad, store, damage):
    getattr(bad, damage)()
    run(status=1)
    journal = (store / "_quake" / "journal.jsonl").read_text().splitlines()
    about = [line for line in journal if BAD in line and '"problems":[]' not in line]
    assert about


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_failed_is_told_again_and_not_tried_again(run, bad, store, damage):
    getattr(bad, damage)()
    first = run(status=1)
    before = identities(store), tree(store)
    bad.become(bad.content)  # of the same size and time: nobody can see that it is mended
    second = run(status=1)
    assert second.errors == first.errors
    assert (identities(store), tree(store)) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_retry_failed_tries_it_again_and_fails_again_while_it_is_damaged(run, bad, store, damage):
    getattr(bad, damage)()
    first = run(status=1)
    before = tree(store)
    second = run("--retry-failed", status=1)
    assert second.errors == first.errors
    assert tree(store) == before


@pytest.mark.parametrize("damage", DAMAGES)
def test_retry_failed_completes_the_store_when_it_is_mended(run, bad, store, intact, damage):
    getattr(bad, damage)()
    run(status=1)
    others = {name: one for name, one in identities(store).items() if "BETA" in name}
    bad.become(bad.content)
    run("--retry-failed", status=0)
    assert_same_tree(store, intact)
    # What had not failed is left alone.
    assert others.items() <= identities(store).items()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_file_that_is_mended_with_a_new_time_needs_no_option(run, bad, store, intact, damage):
    getattr(bad, damage)()
    run(status=1)
    bad.path.write_bytes(bad.content)
    run(status=0)
    assert results(store) == results(intact)


def test_a_damaged_file_that_is_taken_away_no_longer_fails(run, bad):
    bad.lose_its_headers()
    run(status=1)
    bad.path.unlink()
    run(status=0)


def test_an_empty_and_a_short_file_harm_nothing(run, archive, bad, store, intact):
    folder = bad.path.parent
    (folder / "XX.ALFA..HHZ.D.2021.070").write_bytes(b"")
    (folder / "XX.ALFA..HHZ.D.2021.071").write_bytes(bad.content[:100])
    ended = run(status=1)
    assert len(ended.errors) == 2
    assert results(store) == results(intact)


def test_a_link_to_nothing_is_an_error_and_harms_nothing(run, bad, store, intact):
    # The disk that it leads to may not be mounted.
    (bad.path.parent / "XX.ALFA..HHZ.D.2021.072").symlink_to("nowhere")
    ended = run(status=1)
    assert "2021.072" in "".join(ended.errors)
    assert results(store) == results(intact)


def test_an_archive_without_anything_usable_is_status_3(predict, tmp_path):
    (tmp_path / "only").mkdir()
    (tmp_path / "only" / "text.mseed").write_text("no waveforms")
    store = tmp_path / "store"
    assert predict(tmp_path / "only", "--output", store).status == 3
    assert predict(tmp_path / "only", "--output", store).status == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_without_permission_is_tried_again_with_retry_failed(run, bad, store, intact):
    bad.path.chmod(0)
    run(status=1)
    bad.path.chmod(0o644)
    run("--retry-failed", status=0)
    assert_same_tree(store, intact)
