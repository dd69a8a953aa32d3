"""Result stores made by hand, of which every number is known."""

import pytest
from report_stores import ONE, TWO, StoreMaker, event, hours, span, window

from quake.inference.coverage import Coverage
from quake.report.run_facts import read_run_facts
from quake.report.survey import survey_store
from quake.waveforms.sources import Problem


@pytest.fixture
def make_store(tmp_path):
    """An empty store, and the means to fill it."""
    maker = StoreMaker(tmp_path / "store")
    yield maker
    maker.journal.__exit__()


@pytest.fixture
def small_store(make_store):
    """Three station-days in three formats, nine windows, two events, one failure."""
    maker = make_store
    first, second = "2020-05-01", "2020-05-02"
    maker.file("/archive/one.mseed", [span(ONE, first), span(ONE, second)])
    maker.file("/archive/two.mseed", [span(TWO, second, source="/archive/two.mseed")])
    maker.file("/archive/bad.mseed", problems=["/archive/bad.mseed: is no waveform file"])
    maker.day(
        ONE,
        first,
        [
            window(ONE, "2020-05-01T00:00:00", (0.90, 0.05, 0.05)),
            window(ONE, "2020-05-01T00:00:30", (0.95, 0.03, 0.02)),
            window(ONE, "2020-05-01T00:02:00", (0.40, 0.35, 0.25), "uncertain"),
            window(ONE, "2020-05-01T00:03:00", (0.01, 0.01, 0.98)),
            window(ONE, "2020-05-01T00:04:00", status="no_data"),
        ],
        coverage=Coverage(
            input=hours(first, (0, 6)), scored=hours(first, (0, 5)), judged=hours(first, (0, 5))
        ),
        reasons={"low_coverage": 1},
    )
    maker.day(
        ONE,
        second,
        [window(ONE, "2020-05-02T00:00:00", (0.15, 0.80, 0.05))],
        "csv",
        coverage=Coverage(
            input=hours(second, (0, 12)),
            scored=hours(second, (0, 12)),
            judged=hours(second, (0, 12)),
        ),
    )
    maker.day(
        TWO,
        second,
        [
            window(TWO, "2020-05-02T12:00:00", (0.97, 0.01, 0.02)),
            window(TWO, "2020-05-02T12:02:00", (0.46, 0.02, 0.52)),
            window(TWO, "2020-05-02T12:05:00", status="rejected"),
        ],
        "jsonl",
        coverage=Coverage(
            input=hours(second, (0, 24)),
            scored=hours(second, (0, 20)),
            judged=hours(second, (0, 22)),
            failed=hours(second, (23, 24)),
        ),
        problems=[Problem("/archive/two.mseed", "/archive/two.mseed: cut off after 23 h")],
    )
    return maker


@pytest.fixture
def with_events(small_store):
    """The same with an event of one station, and one of both."""
    small_store.events("2020-05-01", [event("earthquake", "2020-05-01T00:00:30", str(ONE))])
    shared = event("earthquake", "2020-05-02T12:00:00", str(ONE), str(TWO))
    small_store.events("2020-05-02", [shared], "csv")
    return small_store


@pytest.fixture
def survey():
    """Survey what a maker has made."""
    return lambda maker, options=None: survey_store(read_run_facts(maker.root), options)
