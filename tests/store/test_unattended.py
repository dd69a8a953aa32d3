"""Runs that nobody watches: what they say, where they say it, and that their sums are right."""

import json
import os
import signal

import pytest
from archives import around_midnight, write_sds
from stores import ALFA, assert_status, finished, read_json_lines, wait_until


@pytest.fixture
def store(tmp_path):
    return tmp_path / "store"


@pytest.fixture
def mixed(tmp_path):
    """Eight minutes of each: good, without signal, sampled too slowly; and a file of text."""
    root = tmp_path / "mixed"
    write_sds(
        root,
        [
            around_midnight("GOOD", "2021-03-04"),
            around_midnight("DEAD", "2021-03-04", kind="dead"),
            around_midnight("SLOW", "2021-03-04", rate_hz=1.0, band_instrument="LH"),
        ],
    )
    folder = root / "2021" / "XX" / "TEXT" / "HHZ.D"
    folder.mkdir(parents=True)
    (folder / "XX.TEXT..HHZ.D.2021.063").write_text("no waveforms")
    return root


# --- the summary --------------------------------------------------------------------------


def test_seconds_of_the_summary_add_up_to_what_was_recorded(predict, mixed, store):
    run = predict("--sds", mixed, "--output", store)
    assert_status(run, 1)
    assert run.seconds == {
        "input": 1440,
        "scored": 480,
        "no_data": 480,
        "rejected": 480,
        "failed": 0,
    }


def test_the_summary_counts_inputs_windows_and_station_days(predict, mixed, store):
    summary = predict("--sds", mixed, "--output", store).summary
    assert "19 inputs (1 failed)" in summary
    assert "45 windows: 15 ok, 0 uncertain, 15 no_data, 15 rejected" in summary
    assert "6 station-days" in summary


def test_the_summary_in_json_has_the_same_numbers(predict, mixed, store, tmp_path):
    path = tmp_path / "summary.json"
    run = predict("--sds", mixed, "--output", store, "--summary-json", path)
    summary = json.loads(path.read_text())
    assert summary["seconds"] == run.seconds
    assert (summary["inputs"], summary["failed"]) == (19, 1)
    assert summary["windows"] == {"ok": 15, "uncertain": 0, "no_data": 15, "rejected": 15}
    assert summary["labels"] == {"noise": 15}
    assert sum(summary["station_days"].values()) == 6
    assert summary["exit_status"] == run.status == 1


def test_a_run_over_a_finished_store_says_the_same_totals(predict, mixed, store, tmp_path):
    found = []
    for number in range(2):
        path = tmp_path / f"{number}.json"
        run = predict(
            "--sds",
            mixed,
            "--output",
            store,
            "--format",
            "jsonl",
            "--events",
            "--summary-json",
            path,
        )
        assert_status(run, 1)
        found.append(json.loads(path.read_text()))
    first, second = found
    assert first.pop("station_days") == {"done": 6, "done before": 0, "failed": 0}
    assert second.pop("station_days") == {"done": 0, "done before": 6, "failed": 0}
    assert first == second


def test_a_store_and_standard_output_say_the_same_totals(predict, mixed, store, tmp_path):
    to_store = predict("--sds", mixed, "--output", store)
    to_pipe = predict("--sds", mixed)
    assert to_pipe.seconds == to_store.seconds
    assert to_pipe.errors == to_store.errors
    assert to_pipe.status == to_store.status


def test_what_lies_outside_of_the_bounds_is_no_input(predict, mixed, store):
    chosen = (
        "--station",
        "GOOD",
        "--start",
        "2021-03-03T23:58:00Z",
        "--end",
        "2021-03-04T00:01:30Z",
    )
    run = predict("--sds", mixed, *chosen)
    assert_status(run, 0)
    assert run.seconds["input"] == run.seconds["scored"] == 210
    # A store takes the days of both times as a whole.
    run = predict("--sds", mixed, "--output", store, *chosen)
    assert_status(run, 0)
    assert run.seconds["input"] == run.seconds["scored"] == 480


def test_the_summary_says_how_many_events_there_are(predict, store, tmp_path):
    root = tmp_path / "archive"
    write_sds(root, ALFA)
    run = predict("--sds", root, "--output", store, "--events", "--summary-json", tmp_path / "s")
    assert run.summary.endswith("1 event")
    assert json.loads((tmp_path / "s").read_text())["events"] == 1


def test_a_summary_is_written_though_the_run_found_nothing(predict, tmp_path):
    path = tmp_path / "summary.json"
    (tmp_path / "empty").mkdir()
    run = predict(tmp_path / "empty", "--output", tmp_path / "store", "--summary-json", path)
    assert_status(run, 3)
    assert json.loads(path.read_text())["exit_status"] == 3


def test_a_summary_is_written_though_the_run_was_refused(predict, archive, store, tmp_path):
    path = tmp_path / "summary.json"
    assert_status(predict("--sds", archive, "--output", store, "--station", "ALFA"), 0)
    assert_status(
        predict("--sds", archive, "--output", store, "--overlap", "0", "--summary-json", path), 2
    )
    assert json.loads(path.read_text())["exit_status"] == 2


# --- where nobody sees --------------------------------------------------------------------


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_pipe_gets_no_colours_and_no_progress_bar(predict_apart, mixed, store, workers):
    run = predict_apart(
        *("--sds", mixed, "--output", store, "--workers", workers),
        env={"TERM": "xterm-256color", "COLORTERM": "truecolor"},
    )
    assert "\x1b" not in run.err + run.out
    assert "\r" not in run.err
    assert run.out == ""
    # One error, a warning for each channel set that gave nothing, and the summary.
    assert len(run.err.splitlines()) == 4, run.err


def test_a_quiet_run_that_went_well_says_nothing(predict_apart, archive, store):
    run = predict_apart("--sds", archive, "--output", store, "--quiet", "--events")
    assert (run.status, run.out, run.err) == (0, "", "")


def test_a_quiet_run_says_its_errors(predict_apart, mixed, store):
    run = predict_apart("--sds", mixed, "--output", store, "--quiet")
    assert run.status == 1
    (message,) = run.err.splitlines()
    assert "XX.TEXT..HHZ.D.2021.063" in message


def test_the_log_file_has_everything_in_both_forms(predict, mixed, store, tmp_path):
    arguments = ("--sds", mixed, "--output", store, "--quiet")
    for name in ("text", "json"):
        log = ("--log-file", tmp_path / name, "--log-format", name)
        assert_status(predict(*arguments, "--no-resume", *log), 1)
    text = (tmp_path / "text").read_text().splitlines()
    objects = read_json_lines(tmp_path / "json")
    assert len(text) == 4
    for line, value in zip(text, objects, strict=True):
        assert line.endswith(f"{value['level']}: {value['message']}")
    assert "1440 s of input" in text[-1]


def test_closed_standard_streams_do_not_matter(predict_apart, archive, store):
    def close():
        for number in (0, 1, 2):
            os.close(number)

    run = predict_apart(
        *("--sds", archive, "--output", store, "--station", "ALFA"), preexec_fn=close
    )
    assert run.status == 0
    assert len(list(store.rglob("windows.parquet"))) == 3


def test_a_run_does_not_wait_for_standard_input(predict_apart, archive, store):
    read, write = os.pipe()  # open and silent, as a terminal that nobody types at
    try:
        run = predict_apart("--sds", archive, "--output", store, "--station", "ALFA", stdin=read)
    finally:
        os.close(read)
        os.close(write)
    assert_status(run, 0)


def test_a_hang_up_of_the_terminal_ends_a_run_as_an_interruption_would(launch, archive, store):
    process = launch("--sds", archive, "--output", store)
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    process.send_signal(signal.SIGHUP)
    run = finished(process)
    assert run.status in (130, -signal.SIGHUP)
    assert_status(finished(launch("--sds", archive, "--output", store)), 0)


def test_a_run_that_was_interrupted_says_so_in_the_summary_file(launch, archive, store, tmp_path):
    path = tmp_path / "summary.json"
    path.write_text("old")
    process = launch("--sds", archive, "--output", store, "--summary-json", path)
    wait_until(lambda: any(store.rglob("windows.parquet")), process)
    process.terminate()
    assert finished(process).status == 143
    assert json.loads(path.read_text())["exit_status"] == 143
    assert {p.name for p in tmp_path.iterdir()} == {"store", "summary.json"}
