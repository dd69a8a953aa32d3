"""Metrics of a run, read by the parser of Prometheus' own client."""

import pytest
from event_builders import event, window
from prometheus_client.parser import text_string_to_metric_families

from quake.live.metrics import WatchMetrics
from quake.live.revisions import Revision
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S, format_time, parse_time

KEY = ChannelSetId("XX", "STA", "", "HH")
LABELS = {"network": "XX", "station": "STA", "location": "", "channels": "HH?"}
BEGIN_S = 1_600_000_000


class Clock:
    def __init__(self):
        self.now_s = float(BEGIN_S)

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def metrics(tmp_path, clock):
    return WatchMetrics(
        tmp_path / "quake.prom",
        "589a6ed490a9",
        now_s=clock,
        reconnections=lambda: 2,
        commands=lambda: {"ok": 3, "failed": 1},
    )


def samples(text):
    """Values by name and labels."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(metrics, name, **labels):
    return samples(metrics.text())[name, frozenset(labels.items())]


def span(code, start_s, end_s):
    return Span(KEY, code, *(round((BEGIN_S + s) * NS_PER_S) for s in (start_s, end_s)), 100.0, "x")


def revision(number, delay_s, state="preliminary"):
    found = event(100)
    written = format_time(parse_time(found.onset) + round(delay_s * NS_PER_S))
    return Revision(found.id, number, state, found, written)


def test_every_family_has_a_type_and_a_help(metrics):
    metrics.count_revision(revision(1, 14.0))
    metrics.see_spans(KEY, [span("Z", 0, 60)])
    families = list(text_string_to_metric_families(metrics.text()))
    assert all(family.type != "unknown" and family.documentation for family in families)
    assert len({family.name for family in families}) == len(families) == 13


def test_latency_is_that_of_the_slowest_component(metrics, clock):
    metrics.see_spans(KEY, [span("Z", 0, 60), span("N", 0, 58.5), span("E", 0, 60)])
    clock.now_s = BEGIN_S + 62.0
    assert value(metrics, "quake_station_latency_seconds", **LABELS) == pytest.approx(3.5)
    assert value(metrics, "quake_station_newest_sample_seconds", **LABELS) == BEGIN_S + 58.5


def test_gaps_are_counted_as_they_come(metrics):
    metrics.see_spans(KEY, [span("Z", 0, 10), span("Z", 30, 40)])  # there at the beginning
    assert value(metrics, "quake_station_gaps_total", **LABELS) == 0
    metrics.see_spans(KEY, [span("Z", 0, 10), span("Z", 30, 50)])
    metrics.see_spans(KEY, [span("Z", 0, 10), span("Z", 30, 50), span("Z", 52.5, 60)])
    metrics.see_spans(KEY, [span("Z", 30, 50), span("Z", 52.5, 70)])
    assert value(metrics, "quake_station_gaps_total", **LABELS) == 1
    assert value(metrics, "quake_station_gap_seconds_total", **LABELS) == 2.5


def test_a_gap_that_is_filled_later_stays_counted(metrics):
    metrics.see_spans(KEY, [span("Z", 0, 10)])
    metrics.see_spans(KEY, [span("Z", 0, 10), span("Z", 20, 30)])
    metrics.see_spans(KEY, [span("Z", 0, 30)])
    assert value(metrics, "quake_station_gaps_total", **LABELS) == 1


def test_windows_are_counted_by_station_and_status(metrics):
    metrics.count_windows([window(0), window(30), window(60, status="no_data")])
    assert value(metrics, "quake_windows_total", **LABELS, status="ok") == 2
    assert value(metrics, "quake_windows_total", **LABELS, status="no_data") == 1


def test_events_are_counted_once_and_lines_by_state(metrics):
    metrics.count_revision(revision(1, 14.0))
    metrics.count_revision(revision(2, 240.0, "complete"))
    assert value(metrics, "quake_events_total", label="earthquake") == 1
    assert value(metrics, "quake_event_revisions_total", state="preliminary") == 1
    assert value(metrics, "quake_event_revisions_total", state="complete") == 1


def test_delays_are_a_histogram(metrics):
    for delay_s in (14.0, 15.0, 16.0, 5000.0):
        metrics.count_revision(revision(1, delay_s))
    buckets = {
        bound: value(metrics, "quake_event_delay_seconds_bucket", le=bound)
        for bound in ("10", "15", "20", "900", "+Inf")
    }
    assert buckets == {"10": 0, "15": 2, "20": 3, "900": 3, "+Inf": 4}
    assert value(metrics, "quake_event_delay_seconds_sum") == pytest.approx(5045)
    assert value(metrics, "quake_event_delay_seconds_count") == 4


def test_reconnections_and_commands_are_told(metrics):
    assert value(metrics, "quake_reconnections_total") == 2
    assert value(metrics, "quake_commands_total", result="ok") == 3
    assert value(metrics, "quake_commands_total", result="failed") == 1


def test_codes_with_odd_characters_survive(metrics):
    key = ChannelSetId('X"', "S\\A\n", "", "HH")
    odd = Span(key, "Z", BEGIN_S * NS_PER_S, (BEGIN_S + 1) * NS_PER_S, 100.0, "x")
    metrics.see_spans(key, [odd])
    labels = {"network": 'X"', "station": "S\\A\n", "location": "", "channels": "HH?"}
    assert value(metrics, "quake_station_gaps_total", **labels) == 0


def test_the_file_is_written_every_quarter_of_a_minute_by_rename(metrics, clock, tmp_path):
    metrics.write_if_due()
    first = metrics.path.read_text()
    clock.now_s += 14.0
    metrics.write_if_due()
    assert metrics.path.read_text() == first
    node = metrics.path.stat().st_ino
    clock.now_s += 1.0
    metrics.write_if_due()
    assert samples(metrics.path.read_text())["quake_watch_written_time_seconds", frozenset()] == (
        BEGIN_S + 15
    )
    assert metrics.path.stat().st_ino != node
    assert [path.name for path in tmp_path.iterdir()] == ["quake.prom"]


def test_a_file_that_cannot_be_written_is_warned_of_once(metrics, clock, tmp_path, caplog):
    metrics.path = tmp_path / "gone" / "quake.prom"
    for _ in range(3):
        metrics.write_if_due()
        clock.now_s += 20
    assert len(caplog.records) == 1
    assert "metrics cannot be written (No such file" in caplog.text
