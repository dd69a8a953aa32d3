"""docs/archives.md: its commands run, and stores behave as it says."""

import shutil
from pathlib import Path

import pytest
from page_blocks import blocks, shell_blocks, tree

PAGE = "archives.md"
RUN = "quake predict --sds /srv/seedlink/archive --output /srv/quake/store/ "


def block_with(text):
    """The shell block of the page in which a text occurs."""
    (block,) = (b for b in blocks(PAGE) if text in b.text and b.kind == "bash")
    return block


@pytest.mark.parametrize("block", shell_blocks(PAGE, run=True))
def test_blocks_of_the_archives_page_run(block, place):
    if "/srv/quake/other" in block.text:
        shutil.copytree(place.folder / "quake" / "store", place.folder / "quake" / "other")
    done = place.run(block.commands)
    assert done.returncode == 0, done.stderr


def test_the_program_of_the_page_runs(empty_place):
    (block,) = (b for b in blocks(PAGE) if b.kind == "python")
    done = empty_place.run(f"cat > call.py <<'PYTHON'\n{block.text}PYTHON\npython call.py")
    assert done.returncode == 0, done.stderr
    assert "'done before': 0, 'failed': 0}" in done.stdout
    assert "\nBK.MHC..BH? Counter({'ok': " in done.stdout


def test_the_store_has_the_files_that_the_page_draws(finished):
    (drawn,) = (b.text for b in blocks(PAGE) if b.text.startswith("store/"))
    paths = {line.split()[0] for line in drawn.splitlines()[1:]}
    assert paths <= tree(Path(finished.here("/srv/quake/store"))).keys() | {"_quake/lock"}


def test_merged_stores_are_the_store_of_one_run(empty_place, finished):
    place = empty_place
    first = place.run(RUN + "--network BK")
    second = place.run((RUN + "--network XX").replace("/store/", "/other/"))
    merged = place.run(block_with("/srv/quake/other").commands)
    assert [done.returncode for done in (first, second, merged)] == [0, 0, 0], merged.stderr
    # Windows are there; onsets are found in them now.
    assert "3 done, 0 done before, 0 failed" in merged.stderr
    store = Path(place.here("/srv/quake/store"))
    assert tree(store) == tree(Path(finished.here("/srv/quake/store")))


def test_a_store_that_was_moved_is_still_done(place):
    done = place.run(
        "mv /srv/quake/store /srv/quake/moved && " + RUN.replace("/store/", "/moved/") + "--events"
    )
    assert "0 done, 3 done before, 0 failed" in done.stderr


def test_what_failed_is_known_until_it_is_retried(place, archive):
    bad = archive_with_a_damaged_file(place, archive)
    first, second, third = (place.run(RUN + more) for more in ("", "", "--retry-failed"))
    assert [done.returncode for done in (first, second, third)] == [1, 1, 1]
    assert str(bad) in second.stderr
    assert "0 done, 3 done before" in second.stderr
    listed = place.run(block_with("if .kind").commands)
    assert listed.stdout.startswith(str(bad))
    assert listed.stdout.count("\n") == 1


def archive_with_a_damaged_file(place, archive):
    """Give a place an archive of its own, in which a file is no waveform; its path."""
    own = place.folder / "archive"
    shutil.copytree(archive, own)
    place.paths["/srv/seedlink/archive"] = own
    bad = own / "2008" / "XX" / "STA" / "HHZ.D" / "XX.STA..HHZ.D.2008.036"
    bad.write_bytes(b"no waveform")
    return bad


@pytest.mark.parametrize(
    ("change", "n_done"),
    [
        ("true", 0),
        ("rm -r /srv/quake/store/windows/network=XX", 2),
        ("echo >> /srv/quake/store/windows/network=BK/*/*/*/windows.parquet", 1),
        ("rm -r /srv/quake/store/_quake/journal.jsonl", 3),
    ],
)
def test_what_the_store_lacks_is_done_again(change, n_done, place):
    done = place.run(f"{change}; {RUN}")
    assert done.returncode == 0, done.stderr
    assert f": {n_done} done, {3 - n_done} done before" in done.stderr


def test_what_has_changed_in_the_archive_is_done_again(place, archive):
    own = place.folder / "archive"
    shutil.copytree(archive, own)
    place.paths["/srv/seedlink/archive"] = own
    first, touched, removed = (
        place.run(f"{change}; {RUN}")
        for change in (
            "true",
            # Not the day before: the file begins as it did.
            "touch /srv/seedlink/archive/2008/XX/STA/HHZ.D/*.037",
            "rm /srv/seedlink/archive/2008/BK/MHC/BHN.D/*",
        )
    )
    assert ": 3 done, 0 done before" in first.stderr
    assert ": 1 done, 2 done before" in touched.stderr
    assert ": 1 done, 2 done before" in removed.stderr


def test_results_of_files_that_are_gone_stay(place):
    done = place.run(RUN.replace("/srv/seedlink", "empty") + " || true")
    assert "no such folder" in done.stderr
    windows = (place.folder / "quake" / "store" / "windows").rglob("*.parquet")
    assert len(list(windows)) == 3


@pytest.mark.parametrize("option", ["--overlap 0.6", "--threshold 0.9", "--min-coverage 0.5"])
def test_other_parameters_are_refused(option, place):
    done = place.run(RUN + option)
    assert done.returncode == 2
    assert option.split()[0] in done.stderr


def test_the_live_command_scores_what_is_there(empty_place):
    commands = block_with("quake watch").commands.strip()
    done = empty_place.run(f"{commands} --stop-after 1")
    assert done.returncode == 0, done.stderr
    assert '"id": "BK.MHC..BH?"' in done.stdout
    assert list((empty_place.folder / "quake" / "live" / "windows").rglob("*.parquet"))
