"""Copies that contradict each other are named, flagged and no success; those that agree are one."""

import json

import numpy as np
import pytest
from field_records import samples
from strategies import START_NS, noise, segment, stream, write

from quake.inference.reasons import reasons_of
from quake.waveforms.joining import disputed_intervals, disputes, join_segments
from quake.waveforms.times import NS_PER_S


@pytest.fixture
def copies(tmp_path):
    """The same minutes in counts and in m/s."""
    rows = noise(15_000).astype(np.int32)
    raw = write(tmp_path / "raw.mseed", stream(rows))
    velocity = write(tmp_path / "velocity.mseed", stream((rows * 1e-9).astype(np.float32)))
    return raw, velocity


def test_both_files_are_named_with_what_to_do(predict, copies):
    run = predict(*copies)
    assert run.status == 3
    named, nothing = run.errors
    for path in copies:
        assert str(path) in named
    assert "contradict each other" in named
    assert "name one of them, or move the other away" in named
    assert "2021-03-04T05:06:00" in named
    assert "nothing usable" in nothing
    assert "too few samples" not in run.err
    assert all("disputed:Z" in record["flags"] for record in run.records)


def test_beside_a_good_station_the_status_is_1(predict, copies, tmp_path):
    write(tmp_path / "good.mseed", stream(noise(15_000).astype(np.int32), station="GOOD"))
    run = predict(*copies, "good.mseed", "--quiet")
    assert run.status == 1
    assert len(run.errors) == 1
    assert {r["id"] for r in run.records if r["status"] != "no_data"} == {"XX.GOOD..HH?"}


def test_in_a_store_too_and_again_the_next_time(quake, copies, tmp_path):
    write(tmp_path / "good.mseed", stream(noise(15_000).astype(np.int32), station="GOOD"))
    for _ in range(2):
        run = quake("predict", *copies, "good.mseed", "--output", "store/")
        assert run.status == 1
        (error,) = run.errors
        assert "raw.mseed and " in error
        assert "velocity.mseed, XX.STA..HH?: contradict each other" in error
        assert "disputed (" in run.err
        assert "too few samples" not in run.err


def test_one_file_with_two_versions_is_said_to_contradict_itself(predict, tmp_path):
    """As records of quality D and Q in one file."""
    (tmp_path / "both.mseed").write_bytes(samples(seed=0) + samples(seed=1))
    run = predict("both.mseed")
    assert run.status == 3
    assert "both.mseed, XX.STA..HH?: contradicts itself" in run.errors[0]


def test_copies_that_agree_are_one(predict, tmp_path):
    rows = noise(15_000).astype(np.int32)
    write(tmp_path / "a.mseed", stream(rows), encoding="STEIM2")
    write(tmp_path / "b.mseed", stream(rows.astype(np.float32)))
    run = predict("a.mseed", "b.mseed")
    assert (run.status, run.errors) == (0, [])
    assert run.out == predict("a.mseed").out


def test_an_overlap_of_a_moment_is_flagged_and_no_failure(predict, tmp_path):
    """Clocks that are set make overlaps of some samples each day."""
    first, second = noise(9000).astype(np.int32), noise(9000, seed=1).astype(np.int32)
    write(tmp_path / "a.mseed", stream(first))
    write(tmp_path / "b.mseed", stream(second, start_ns=START_NS + round(89.5 * NS_PER_S)))
    run = predict("a.mseed", "b.mseed")
    assert (run.status, run.errors) == (0, [])
    flagged = [r for r in run.records if "disputed:Z" in r["flags"]]
    assert 0 < len(flagged) < len(run.records)


@pytest.mark.parametrize("channel", ["HHZ", "HHN"])
def test_one_component_that_is_disputed_does_not_take_the_others_along(predict, tmp_path, channel):
    rows = noise(15_000).astype(np.int32)
    write(tmp_path / "a.mseed", stream(rows))
    write(tmp_path / "b.mseed", stream(noise(15_000, seed=1).astype(np.int32)[:1], channel[-1]))
    run = predict("a.mseed", "b.mseed")
    assert run.status == 1
    assert f"components {channel[-1]};" in run.errors[0]
    others = "ZNE".replace(channel[-1], "")
    assert {record["components"] for record in run.records} == {others}
    assert {record["status"] for record in run.records} <= {"ok", "uncertain"}


def test_few_samples_are_still_called_few(predict, tmp_path):
    write(tmp_path / "short.mseed", stream(noise(500).astype(np.int32)))
    run = predict("short.mseed")
    assert run.status == 3
    assert "too few samples in a window" in run.err


@pytest.mark.parametrize(
    ("value", "text"), [(np.nan, "NaN, infinite or absurd"), (1e30, "NaN, infinite or absurd")]
)
def test_bad_values_are_not_called_few_samples(predict, tmp_path, value, text):
    rows = noise(6000).astype(np.float32)
    rows[:, 1000:] = value
    write(tmp_path / "bad.mseed", stream(rows))
    run = predict("bad.mseed")
    assert run.status == 3
    assert text in run.err
    assert "too few samples" not in run.err


def test_the_reason_is_that_which_is_known():
    assert reasons_of(["low_coverage", "bad_values:N"]) == ["bad_values"]
    assert reasons_of(["gap", "low_coverage"]) == ["gap", "low_coverage"]


# --- in the library -----------------------------------------------------------------------


def test_disputes_are_what_joining_cuts_out():
    first = segment(np.arange(100), 0)
    second = segment(np.r_[np.arange(50, 60), np.zeros(40)], NS_PER_S // 2)
    assert disputed_intervals([second, first]) == [(600_000_000, 1_000_000_000)]
    (dispute,) = disputes([first, second])
    assert (dispute.code, dispute.disputed_s, dispute.sources) == ("Z", 0.4, ("",))
    left = join_segments([first, second])
    assert [(s.start_ns, s.end_ns) for s in left] == [(0, 600_000_000)]


def test_pieces_that_touch_are_not_disputed():
    assert disputes([segment(np.arange(100), 0), segment(np.arange(100), NS_PER_S)]) == []


def test_the_summary_counts_the_failed_input(quake, copies, tmp_path):
    quake("predict", *copies, "--output", "a.csv", "--summary-json", "s.json")
    assert json.loads((tmp_path / "s.json").read_text())["failed"] == 1
