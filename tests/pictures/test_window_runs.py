"""Runs of windows are the stretches that one counts by hand."""

import pytest

from quake.errors import ParameterError
from quake.pictures.window_runs import WindowRun, window_runs
from quake.waveforms.times import format_time

THRESHOLDS = {"earthquake": 0.5, "surface_event": 0.5}


@pytest.fixture
def runs(record):
    """Runs of windows given as (start, label, probability), as (label, start, end) in seconds."""

    def find(*windows, thresholds=THRESHOLDS, **options):
        found = window_runs([_window(record, *w) for w in windows], thresholds, **options)
        return [(r.label, _seconds(r.start), _seconds(r.end), r.n_windows) for r in found]

    return find


def _window(record, start_s, label="earthquake", p=0.9, **changes):
    other = {"earthquake": 0.0, "surface_event": 0.0}
    return record(start_s, **{**other, **({label: p} if label in other else {})}, **changes)


def _seconds(text):
    from strategies import START_NS

    from quake.waveforms.times import parse_time

    return (parse_time(text) - START_NS) / 10**9


def test_overlapping_windows_are_one_run(runs):
    assert runs((0,), (30,), (60,)) == [("earthquake", 0, 120, 3)]


def test_a_gap_as_long_as_the_bridge_is_bridged_and_a_longer_one_is_not(runs):
    assert runs((0,), (90,)) == [("earthquake", 0, 150, 2)]
    assert runs((0,), (91,)) == [("earthquake", 0, 60, 1), ("earthquake", 91, 151, 1)]


def test_a_window_at_the_threshold_counts_and_one_below_does_not(runs):
    assert len(runs((0, "earthquake", 0.6), thresholds={"earthquake": 0.6})) == 1
    assert runs((0, "earthquake", 0.6), thresholds={"earthquake": 0.61}) == []


def test_noise_makes_no_run(runs):
    assert runs((0, "noise")) == []


def test_one_class_begins_while_another_goes_on(runs):
    assert runs((0,), (30, "surface_event"), (60,), (90, "surface_event")) == [
        ("earthquake", 0, 120, 2),
        ("surface_event", 30, 150, 2),
    ]


def test_windows_out_of_order_are_refused(record):
    with pytest.raises(ParameterError, match="in the order of time"):
        window_runs([record(30), record(0)], THRESHOLDS)


def test_a_run_before_1970_is_one_as_well_as_any(record):
    from dataclasses import replace

    early = replace(
        record(0, earthquake=0.9, surface_event=0.0),
        start=format_time(-60 * 10**9),
        end=format_time(0),
    )
    (found,) = window_runs([early], THRESHOLDS)
    assert found == WindowRun("earthquake", early.start, early.end, 1)
