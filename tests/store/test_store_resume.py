"""Runs over a store that is there: what is done again, and what is left alone."""

import os
import shutil

import numpy as np
import pytest
from archives import DAY_NS, around_midnight, sds_path, write_mseed, write_sds
from stores import (
    ALFA,
    ALL_FORMATS,
    FOLDERS,
    assert_same_tree,
    differences,
    identities,
    lines,
    redone,
    results,
    written_again,
)

from quake.model_file.identity import model_hash
from quake.model_file.registry import find_model
from quake.model_file.safetensors_file import load_card

OF_ALFA = FOLDERS[:3]


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def run(predict, small, store):
    """Run over the archive that may change, into the store."""

    def go(*options, status=0):
        ended = predict("--sds", small, "--output", store, *options)
        assert ended.status == status, ended.err
        return ended

    return go


@pytest.fixture
def fresh(predict, small, tmp_path):
    """Store of a first run over the archive as it is now."""

    def go(*options):
        other = tmp_path / "fresh"
        assert predict("--sds", small, "--output", other, *options).status == 0
        return other

    return go


@pytest.fixture
def copied(undisturbed, store):
    """The undisturbed store, for a test to change."""
    shutil.copytree(undisturbed, store)
    return store


def day_files(root, day):
    """The three files of the station on a day of the year."""
    return sorted(root.glob(f"2021/XX/ALFA/*/*.2021.{day:03}"))


# --- nothing to do ------------------------------------------------------------------------


def test_nothing_that_is_done_is_done_again(predict, archive, copied, undisturbed):
    before = identities(copied)
    run = predict("--sds", archive, "--output", copied)
    assert run.status == 0, run.err
    assert identities(copied) == before
    assert differences(results(copied), results(undisturbed)) == []


def test_a_run_without_news_leaves_the_same_tree(predict, archive, copied, undisturbed):
    run = predict("--sds", archive, "--output", copied, "--resume", *ALL_FORMATS, "--events")
    assert run.status == 0, run.err
    assert_same_tree(copied, undisturbed)


def test_files_that_have_not_changed_are_not_read(run, small, store):
    run()
    before = identities(store)
    for path in small.rglob("*.D.*"):  # what is in them now would be an error
        status = path.stat()
        path.write_bytes(b"\0" * status.st_size)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    run()
    assert identities(store) == before


def test_a_store_that_was_moved_goes_on(predict, archive, copied, undisturbed, tmp_path):
    moved = copied.rename(tmp_path / "moved")
    before = identities(moved)
    assert predict("--sds", archive, "--output", moved, *ALL_FORMATS, "--events").status == 0
    assert identities(moved) == before
    assert_same_tree(moved, undisturbed)


# --- new, changed and removed files -------------------------------------------------------


def test_a_new_day_is_done_and_the_day_that_it_touches(run, small, store, fresh):
    files = day_files(small, 64)
    later = [path.rename(small.parent / path.name) for path in files]
    run()
    before = identities(store)
    assert redone({}, store) == OF_ALFA[:2]
    for path, name in zip(later, files, strict=True):
        path.rename(name)
    run()
    # The windows at the end of the day before reach into the new one.
    assert redone(before, store) == OF_ALFA[1:]
    assert_same_tree(store, fresh())


def test_a_new_station_leaves_the_others_alone(run, small, store, fresh):
    run()
    before = identities(store)
    write_sds(small, [around_midnight("GAMMA", "2021-03-04", minutes=2)])
    run()
    assert redone(before, store) == [
        f"windows/network=XX/station=GAMMA/channels=.HH/date=2021-03-0{day}" for day in (3, 4)
    ]
    assert_same_tree(store, fresh())


def test_a_changed_file_is_done_again_and_the_day_that_it_touches(run, small, store, fresh):
    run()
    before = identities(store)
    first, *_ = day_files(small, 64)
    other = around_midnight("OTHER", "2021-03-05").traces(ALFA[1].end_ns // DAY_NS * DAY_NS)[2]
    other.stats.station = "ALFA"
    write_mseed(first, [other])
    run()
    assert redone(before, store) == OF_ALFA[1:]
    assert_same_tree(store, fresh())


def test_a_file_of_the_day_before_counts_only_where_it_ends(run, small, store):
    run()
    before = identities(store)
    for path in day_files(small, 62):
        os.utime(path, ns=(1, 1_600_000_000_000_000_000))
    run()
    assert redone(before, store) == OF_ALFA[:1]


def test_a_file_with_another_time_is_done_again_though_its_content_is_the_same(run, small, store):
    run()
    before, content = identities(store), results(store)
    (path, *_) = day_files(small, 64)
    os.utime(path, ns=(1, path.stat().st_mtime_ns + 1))
    run()
    assert redone(before, store) == OF_ALFA[2:]
    assert results(store) == content


def test_yesterday_is_left_alone_when_todays_file_grows(run, small, store, fresh):
    files = day_files(small, 64)
    long = around_midnight("ALFA", "2021-03-05", minutes=20)
    for path, trace in zip(files, long.traces(ALFA[1].end_ns // DAY_NS * DAY_NS), strict=True):
        trace.data = trace.data.astype("float64")  # 24 kB a minute
        write_mseed(path, [trace])
    run()
    before = identities(store)
    for path in files:
        with path.open("ab") as file:
            file.write(path.read_bytes()[-512:])
    run()
    assert redone(before, store) == OF_ALFA[2:]
    assert_same_tree(store, fresh())


def otherwise(traces, seconds):
    """Traces of which all that comes after so many seconds is something else."""
    for trace in traces:
        later = np.arange(trace.stats.npts) >= seconds * trace.stats.sampling_rate
        trace.data = np.where(later, -8 * trace.data[::-1], trace.data)
    return traces


def test_what_changes_behind_other_channel_sets_of_tomorrows_file_is_seen(predict, store, tmp_path):
    today, other = ALFA[1], around_midnight("OTHER", "2021-03-05")
    midnight_ns = today.end_ns // DAY_NS * DAY_NS
    root, fresh = tmp_path / "archive", tmp_path / "fresh"
    write_mseed(root / "today", today.traces(end_ns=midnight_ns))
    write_mseed(root / "tomorrow", [*other.traces(midnight_ns), *today.traces(midnight_ns)])
    assert predict(root, "--output", store).status == 0
    changed = otherwise(today.traces(midnight_ns), 5)
    write_mseed(root / "tomorrow", [*other.traces(midnight_ns), *changed])
    assert predict(root, "--output", store).status == 0
    assert predict(root, "--output", fresh).status == 0
    assert_same_tree(store, fresh)


def test_what_changes_late_in_a_window_over_midnight_is_seen(predict, store, tmp_path):
    fast = around_midnight("ALFA", "2021-03-05", minutes=2, rate_hz=500.0)
    midnight_ns = fast.end_ns // DAY_NS * DAY_NS
    root, fresh = tmp_path / "archive", tmp_path / "fresh"
    tomorrow = fast.traces(midnight_ns)
    for trace in tomorrow:
        trace.data = trace.data.astype("float64")  # 4 kB a second
    write_mseed(root / "today", fast.traces(end_ns=midnight_ns))
    write_mseed(root / "tomorrow", tomorrow)
    assert predict(root, "--output", store).status == 0
    write_mseed(root / "tomorrow", otherwise(tomorrow, 25))
    assert predict(root, "--output", store).status == 0
    assert predict(root, "--output", fresh).status == 0
    assert_same_tree(store, fresh)


def test_a_file_that_grows_is_done_again(run, small, store, fresh):
    for path in day_files(small, 64):
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 1024 * 512])
    run("--format", "jsonl")
    assert 15 + 8 < len(lines(store)) < 30
    write_sds(small, ALFA)
    run("--format", "jsonl")
    assert len(lines(store)) == 30
    assert_same_tree(store, fresh("--format", "jsonl"))


def test_without_one_component_the_day_is_done_again(run, small, store, fresh):
    run("--format", "jsonl")
    before = identities(store)
    day_files(small, 64)[0].unlink()
    run("--format", "jsonl")
    assert redone(before, store) == OF_ALFA[1:]
    last = (store / OF_ALFA[2] / "windows.jsonl").read_text().splitlines()
    assert all('"components": "ZN"' in line for line in last)
    assert differences(results(store), results(fresh("--format", "jsonl"))) == []


def test_results_stay_where_their_files_are_gone(run, small, store):
    run()
    before = identities(store)
    for path in day_files(small, 62):
        path.unlink()
    run()
    assert redone(before, store) == [OF_ALFA[1]]  # the day that it touched
    assert (store / OF_ALFA[0] / "windows.parquet").exists()


def test_an_archive_under_another_path_is_done_again(run, predict, small, store, tmp_path):
    run()
    before, content = identities(store), results(store)
    moved = small.rename(tmp_path / "moved")
    assert predict("--sds", moved, "--output", store).status == 0
    assert redone(before, store) == OF_ALFA
    assert results(store) == content


def test_newer_than_takes_the_days_of_files_that_have_changed(run, small, store):
    for path in small.rglob("*.D.*"):
        os.utime(path, ns=(1, 1_600_000_000_000_000_000))
    for path in day_files(small, 64):
        os.utime(path)
    run("--newer-than", "1h")
    assert sorted(str(p.relative_to(store)) for p in store.glob("windows/*/*/*/*")) == OF_ALFA[1:]


# --- other parameters ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--overlap", "0"], ["overlap", "0.5", "0"]),
        (["--threshold", "0.9"], ["threshold", "0.5", "0.9"]),
        (["--min-coverage", "0.7"], ["min-coverage", "0.7"]),
        (["--overlap", "0.75", "--min-coverage", "1"], ["--overlap", "--min-coverage"]),
    ],
    ids=["overlap", "threshold", "min-coverage", "both"],
)
def test_other_parameters_are_refused_and_the_difference_is_named(
    predict, archive, copied, undisturbed, options, said
):
    run = predict("--sds", archive, "--output", copied, *options)
    assert run.status == 2
    (message,) = run.errors
    assert [word for word in said if word not in message] == []
    assert_same_tree(copied, undisturbed)


def test_another_model_is_refused_and_named(predict, archive, copied, undisturbed, tmp_path):
    other = tmp_path / "other.safetensors"
    weights = bytearray(find_model(backbone="b0").read_bytes())
    weights[-1] ^= 1
    other.write_bytes(weights)
    run = predict("--sds", archive, "--output", copied, "--model", other)
    assert run.status == 2
    (message,) = run.errors
    assert "model" in message
    assert model_hash(other)[:8] in message
    assert_same_tree(copied, undisturbed)


def test_no_resume_does_not_mix_parameters_either(predict, archive, copied, undisturbed):
    run = predict("--sds", archive, "--output", copied, "--no-resume", "--overlap", "0")
    assert run.status == 2
    assert_same_tree(copied, undisturbed)


def test_the_same_parameters_said_in_other_words_go_on(predict, archive, copied):
    before = identities(copied)
    card = load_card(find_model(backbone="b0"))
    pairs = zip(card.labels.names, card.calibration.thresholds, strict=True)
    own = [word for name, p in pairs for word in ("--threshold", f"{name}={p:.2f}")]
    same = ("--overlap", "0.50", *own, "--backbone", "b0")
    assert predict("--sds", archive, "--output", copied, *same).status == 0
    assert identities(copied) == before


def test_no_resume_does_everything_again(predict, archive, copied, undisturbed):
    before = identities(copied)
    run = predict("--sds", archive, "--output", copied, *ALL_FORMATS, "--no-resume", "--events")
    assert run.status == 0, run.err
    assert written_again(before, identities(copied)) == sorted(before)
    assert_same_tree(copied, undisturbed)


def test_no_resume_does_no_more_than_was_asked_for(predict, archive, copied):
    before = identities(copied)
    run = predict("--sds", archive, "--output", copied, "--no-resume", "--station", "BETA")
    assert run.status == 0, run.err
    assert redone(before, copied) == FOLDERS[3:]


def test_a_format_that_is_asked_for_later_is_added(run, store, fresh):
    run()
    assert {path.suffix for path in store.rglob("windows.*")} == {".parquet"}
    run("--format", "csv")
    assert_same_tree(store, fresh("--format", "parquet", "--format", "csv"))


def test_formats_that_are_there_are_kept_up_to_date(run, small, store, fresh):
    run("--format", "csv", "--format", "parquet")
    for path in day_files(small, 64):
        path.unlink()
    stretch = around_midnight("ALFA", "2021-03-05", minutes=5)
    for trace in stretch.traces(stretch.end_ns // DAY_NS * DAY_NS):
        write_mseed(sds_path(small, trace), [trace])
    run()
    assert_same_tree(store, fresh("--format", "parquet", "--format", "csv"))


def test_results_of_which_nobody_knows_the_parameters_are_not_gone_on_with(
    predict, archive, copied
):
    (copied / "_quake" / "run.json").unlink()
    before = results(copied)
    run = predict("--sds", archive, "--output", copied, "--threshold", "0.9")
    assert run.status == 2
    assert "run.json" in run.errors[0]
    assert results(copied) == before


# --- selections ---------------------------------------------------------------------------


def test_parts_of_the_time_and_then_all_of_it_give_the_same_store(
    predict, archive, store, undisturbed
):
    arguments = ("--sds", archive, "--output", store, *ALL_FORMATS, "--events")
    assert predict(*arguments, "--end", "2021-03-03T23:58:20Z").status == 0
    assert predict(*arguments, "--start", "2021-03-04").status == 0
    assert predict(*arguments).status == 0
    assert_same_tree(store, undisturbed)


def test_times_choose_whole_days_of_a_store(predict, archive, store, undisturbed):
    bounds = ("--start", "2021-03-04T12:00:00Z", "--end", "2021-03-04T12:30:00Z")
    assert predict("--sds", archive, "--output", store, "--format", "jsonl", *bounds).status == 0
    assert redone({}, store) == [FOLDERS[1], FOLDERS[4]]
    wanted = results(undisturbed)
    names = [f"{folder}/windows.jsonl" for folder in (FOLDERS[1], FOLDERS[4])]
    assert [(store / name).read_bytes() for name in names] == [wanted[name] for name in names]


def test_one_component_chooses_all_of_a_channel_set_of_a_store(
    predict, archive, store, undisturbed
):
    arguments = ("--sds", archive, "--output", store, *ALL_FORMATS, "--events")
    assert predict(*arguments, "--channels", "HHZ").status == 0
    assert_same_tree(store, undisturbed)


@pytest.mark.parametrize(
    "chosen",
    [
        ["--start", "2021-03-03T23:58:00Z", "--end", "2021-03-04T00:02:00Z"],
        ["--channels", "*N"],
        ["--location", "--"],
        ["--station", "ALFA", "--start", "2021-03-05"],
    ],
    ids=["time", "component", "location", "day of a station"],
)
def test_a_narrower_selection_takes_nothing_away(predict, archive, copied, undisturbed, chosen):
    before = identities(copied)
    arguments = ("--sds", archive, "--output", copied, *ALL_FORMATS, "--events")
    assert predict(*arguments, *chosen).status == 0
    assert identities(copied) == before
    assert_same_tree(copied, undisturbed)


def test_a_few_files_of_what_is_done_take_nothing_away(predict, archive, copied, undisturbed):
    files = [*archive.rglob("*HHZ.D.2021.063"), *archive.rglob("*HHE.D.2021.064")]
    assert predict(*files, "--output", copied, *ALL_FORMATS, "--events").status == 0
    assert_same_tree(copied, undisturbed)


def test_files_given_one_after_the_other_add_up(predict, archive, store, undisturbed):
    for code in "ZNE":
        files = list(archive.rglob(f"*.HH{code}.D.*"))
        assert predict(*files, "--output", store, *ALL_FORMATS, "--events").status == 0
    assert_same_tree(store, undisturbed)


def test_a_selection_without_windows_is_status_3_and_changes_nothing(
    predict, archive, copied, undisturbed
):
    run = predict("--sds", archive, "--output", copied, *ALL_FORMATS, "--station", "NONE")
    assert run.status == 3
    assert_same_tree(copied, undisturbed)


def test_nothing_newer_than_a_time_is_no_failure(predict, archive, copied, undisturbed):
    run = predict("--sds", archive, "--output", copied, "--newer-than", "2099-01-01")
    assert run.status == 0, run.err
    assert_same_tree(copied, undisturbed)


# --- headers first ------------------------------------------------------------------------


def test_scan_only_reads_headers_and_makes_no_results(run, small, store, fresh):
    scan = run("--scan-only")
    assert "to do: " in scan.err
    assert "0 station-days done before; the same command without --scan-only does" in scan.err
    assert not list(store.glob("windows/**/windows.*"))
    journal = store / "_quake" / "journal.jsonl"
    assert all(path.name in journal.read_text() for path in small.rglob("*.D.*"))
    run()
    assert_same_tree(store, fresh())
    assert "; nothing to do; " in run("--scan-only").err
