"""The same store, whatever the files, the processes and the machine's settings are."""

import shutil
from itertools import pairwise

import pytest
from archives import DAY_NS, HOUR_NS, sds_path, write_mseed, write_one_file, write_sds
from stores import (
    ALFA,
    ALL_FORMATS,
    BETA,
    DATES,
    FOLDERS,
    STRETCHES,
    assert_same_tree,
    assert_status,
    differences,
    lines,
    read_json_lines,
    records,
    results,
    tree,
)


@pytest.fixture
def store_of(predict, predict_apart, tmp_path):
    """Run over inputs into a new store, in all formats and with events, and return the store."""

    def run(*arguments, env=None):
        store = tmp_path / "store"
        arguments = (*arguments, "--output", store, *ALL_FORMATS, "--events")
        ended = predict(*arguments) if env is None else predict_apart(*arguments, env=env)
        assert_status(ended, 0)
        return store

    return run


def assert_same_results(store, undisturbed):
    """Compare results alone: the journal names the files, which differ."""
    assert differences(results(store), results(undisturbed)) == []


# --- midnight -----------------------------------------------------------------------------


def test_the_windows_of_day_files_are_those_of_one_file_that_holds_all_days(undisturbed, expected):
    assert lines(undisturbed) == expected


def test_standard_output_says_the_same_of_day_files(predict, archive, expected):
    run = predict("--sds", archive, "--format", "jsonl")
    assert (run.status, run.out.splitlines()) == (0, expected)


def test_no_window_at_midnight_is_lost_or_twice(undisturbed):
    # Eight minutes around midnight hold fifteen windows of 60 s, one every 30 s.
    before = [f"23:{m}:{s}" for m in (56, 57, 58, 59) for s in ("00", "30")]
    after = [f"00:0{m}:{s}" for m in (0, 1, 2) for s in ("00", "30")] + ["00:03:00"]
    starts = [
        *(f"2021-03-03T{t}.000000Z" for t in before),
        *(f"2021-03-04T{t}.000000Z" for t in after),
        *(f"2021-03-04T{t}.000000Z" for t in before),
        *(f"2021-03-05T{t}.000000Z" for t in after),
    ]
    found = [(record["id"], record["start"]) for record in records(undisturbed)]
    assert found == [(name, t) for name in ("XX.ALFA..HH?", "XX.BETA.00.HH?") for t in starts]


def test_a_window_lies_in_the_folder_of_the_day_in_which_it_starts(undisturbed):
    for folder in FOLDERS:
        rows = read_json_lines(undisturbed / folder / "windows.jsonl")
        assert {row["start"][:10] for row in rows} == {folder[-10:]}


def test_a_window_that_reaches_over_midnight_has_all_of_its_samples(undisturbed):
    over = [r for r in records(undisturbed) if "23:59:30" in r["start"]]
    assert len(over) == 4
    assert {(r["coverage"], r["status"], tuple(r["flags"])) for r in over} == {(1.0, "ok", ())}


def test_a_shock_at_midnight_is_seen_from_both_days(undisturbed):
    shocks = [r["start"][11:19] for r in records(undisturbed) if r["label"] == "earthquake"]
    assert shocks == ["23:59:00", "23:59:30", "00:00:00"] * 2


# --- how files are cut, named and given ---------------------------------------------------


def test_hour_files_give_the_same_store(store_of, undisturbed, tmp_path):
    write_sds(tmp_path / "hours", STRETCHES, every_ns=HOUR_NS)
    assert_same_results(store_of(tmp_path / "hours"), undisturbed)


def test_one_big_file_gives_the_same_store(store_of, one_file, undisturbed):
    assert_same_results(store_of(one_file), undisturbed)


def test_an_sds_tree_and_the_same_folder_give_the_same_store(store_of, archive, undisturbed):
    assert_same_tree(store_of(archive), undisturbed)


def test_files_in_any_order_give_the_same_store(store_of, archive, undisturbed):
    files = sorted(path for path in archive.rglob("*") if path.is_file())
    assert_same_tree(store_of(*files[1::2], *reversed(files[::2])), undisturbed)


def test_names_from_a_list_that_ends_with_nul_give_the_same_store(
    store_of, archive, undisturbed, tmp_path
):
    files = sorted(str(path) for path in archive.rglob("*") if path.is_file())
    (tmp_path / "list").write_bytes(b"".join(name.encode() + b"\0" for name in files))
    assert_same_tree(store_of("--files-from", tmp_path / "list", "--null"), undisturbed)


def test_files_given_twice_count_once(store_of, archive, undisturbed):
    assert_same_tree(store_of("--sds", archive, archive, f"{archive}/2021/XX/*"), undisturbed)


def test_copies_of_files_under_other_names_change_nothing(store_of, archive, undisturbed, tmp_path):
    for name in ("archive", "copy"):
        shutil.copytree(archive, tmp_path / "twice" / name)
    assert_same_results(store_of(tmp_path / "twice"), undisturbed)


def test_overlapping_files_change_nothing(store_of, undisturbed, tmp_path):
    write_sds(tmp_path / "both", STRETCHES)
    write_one_file(tmp_path / "both" / "alfa.mseed", ALFA)
    assert_same_results(store_of(tmp_path / "both"), undisturbed)


def test_a_circle_of_links_is_gone_round_once(store_of, undisturbed, tmp_path):
    root = tmp_path / "circle"
    write_sds(root, STRETCHES)
    (root / "2021" / "XX" / "again").symlink_to(root, target_is_directory=True)
    (root / "2020").symlink_to(root / "2021", target_is_directory=True)
    assert_same_results(store_of(root), undisturbed)


def test_a_circle_of_links_in_an_sds_tree_is_gone_round_once(store_of, undisturbed, tmp_path):
    root = tmp_path / "circle"
    write_sds(root, STRETCHES)
    (root / "2021" / "XX" / "ALFA" / "again").symlink_to(root, target_is_directory=True)
    (root / "2020").symlink_to(root / "2021", target_is_directory=True)
    assert_same_results(store_of("--sds", root), undisturbed)


def test_what_is_in_a_file_counts_and_not_its_name(store_of, undisturbed, tmp_path):
    root = tmp_path / "misnamed"
    paths = {}
    for stretch in STRETCHES:
        for day in range(stretch.start_ns // DAY_NS, stretch.end_ns // DAY_NS + 1):
            for trace in stretch.traces(day * DAY_NS, (day + 1) * DAY_NS):
                paths.setdefault(sds_path(root, trace), []).append(trace)
    names = sorted(paths)
    for name, following in pairwise([*names, names[0]]):  # each under the name of another
        write_mseed(following, paths[name])
    assert_same_results(store_of(root), undisturbed)


def test_names_that_are_no_text_do_not_matter(store_of, undisturbed, tmp_path):
    root = tmp_path / "names"
    write_one_file(root / "Zürich\nnew line" / "a b'c\".mseed", ALFA)
    odd = write_one_file(root / "odd.mseed", BETA)
    odd.rename(str(root / "odd\udcff.mseed"))
    assert_same_results(store_of(root, env={"LC_ALL": "C"}), undisturbed)


def test_a_store_in_its_archive_is_no_input(predict, undisturbed, tmp_path):
    root = tmp_path / "archive"
    write_sds(root, STRETCHES)
    arguments = (root, "--output", root / "store", *ALL_FORMATS, "-f", "mseed", "--events")
    for _ in range(2):
        run = predict(*arguments)
        assert_status(run, 0)
        assert "18 inputs" in run.summary
    found = results(root / "store")
    assert {name: found[name] for name in results(undisturbed)} == results(undisturbed)


# --- processes and settings ---------------------------------------------------------------


def test_two_workers_give_the_same_store(store_of, archive, undisturbed):
    assert_same_tree(store_of("--sds", archive, "--workers", "2"), undisturbed)


@pytest.mark.slow
def test_a_dask_cluster_gives_the_same_store(predict_apart, archive, undisturbed, tmp_path):
    store = tmp_path / "store"
    arguments = ("--sds", archive, "--output", store, *ALL_FORMATS, "--events")
    assert_status(predict_apart(*arguments, "--dask-local", "2"), 0)
    assert_same_tree(store, undisturbed)


@pytest.mark.parametrize(
    "settings",
    [
        {"TZ": "Asia/Kathmandu", "LC_ALL": "C"},
        {"TZ": "America/St_Johns", "LANG": "", "LC_ALL": "", "LC_NUMERIC": "de_DE.UTF-8"},
        {"PYTHONHASHSEED": "7", "PYTHONUTF8": "0", "LC_ALL": "POSIX"},
    ],
    ids=["Kathmandu", "St John's", "hash seed"],
)
def test_locale_and_time_zone_do_not_matter(store_of, archive, undisturbed, settings):
    assert_same_tree(store_of("--sds", archive, env=settings), undisturbed)


def test_results_have_the_permissions_that_the_user_wants(predict_apart, archive, tmp_path):
    store = tmp_path / "store"
    run = predict_apart("--sds", archive, "--output", store, "--events", umask=0o027)
    assert_status(run, 0)
    assert {path.stat().st_mode & 0o777 for path in store.rglob("*")} == {0o640, 0o750}


def test_batches_of_another_size_give_the_same_store(store_of, archive, undisturbed):
    assert_same_tree(store_of("--sds", archive, "--batch-size", "7"), undisturbed)


def test_runs_over_parts_of_an_archive_add_up_to_the_same_store(store_of, archive, undisturbed):
    for chosen in (["--station", "B*"], ["--station", "ALFA", "--channels", "HH?"], []):
        store = store_of("--sds", archive, *chosen)
    assert_same_tree(store, undisturbed)


def test_a_store_holds_what_it_should_and_no_more(undisturbed):
    names = {name for name, content in tree(undisturbed).items() if content is not None}
    kept = {name for name in names if name.startswith("_quake/")}
    assert {"_quake/run.json", "_quake/journal.jsonl"} <= kept
    assert not [name for name in kept if "tmp" in name or "part" in name]
    suffixes = ("csv", "jsonl", "parquet")
    assert names - kept == {
        *(f"{folder}/windows.{suffix}" for folder in FOLDERS for suffix in suffixes),
        *(f"{folder.replace('windows', 'onsets', 1)}/onsets.jsonl" for folder in FOLDERS),
        *(f"events/date={date}/events.{suffix}" for date in DATES for suffix in suffixes),
    }
