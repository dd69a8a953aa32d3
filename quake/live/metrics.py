"""Count what a run at the live edge does, in a file for Prometheus' textfile collector."""

from __future__ import annotations

import logging
import time
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from quake import __version__
from quake.files import whole_file
from quake.inference.records import WindowRecord
from quake.live.revisions import Revision
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S, parse_time

logger = logging.getLogger(__name__)

# Written no more often: the collector of node_exporter looks every 15 s by default.
_EVERY_S = 15.0

# Upper bounds, seconds, of the delays of events.
_DELAYS_S = (5.0, 10.0, 15.0, 20.0, 30.0, 45.0, 60.0, 120.0, 300.0, 900.0)

Labels = tuple[tuple[str, str], ...]


class WatchMetrics:
    """Counts what a run does, and writes it as a whole, by rename.

    Parameters
    ----------
    path : Path
    model : str
        First twelve digits of the SHA-256 of the model file.
    now_s : callable
        The clock, seconds since the epoch.
    reconnections : callable
        How often the connection to a server was made again.
    commands : callable
        How many commands have ended, by how.
    """

    def __init__(
        self,
        path: Path,
        model: str,
        *,
        now_s: Callable[[], float] = time.time,
        reconnections: Callable[[], int] = lambda: 0,
        commands: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self.path, self._model, self._now_s = path, model, now_s
        self._reconnections, self._commands = reconnections, commands
        self._started_s = now_s()
        self._next_s = 0.0
        self._has_warned = False
        self._windows: Counter[Labels] = Counter()
        self._events: Counter[Labels] = Counter()
        self._revisions: Counter[Labels] = Counter()
        self._reach_ns: dict[ChannelSetId, dict[str, int]] = {}
        self._gaps: Counter[ChannelSetId] = Counter()
        self._gaps_s: Counter[ChannelSetId] = Counter()
        self._delays: list[int] = [0] * (len(_DELAYS_S) + 1)
        self._delays_s = 0.0

    def count_windows(self, records: Iterable[WindowRecord]) -> None:
        """Count windows that were scored."""
        for record in records:
            key, status = record.id, record.status
            self._windows[(*_codes_of_name(key), ("status", status))] += 1

    def count_revision(self, revision: Revision) -> None:
        """Count an event, or what is new of one; of a new one, how long it took to tell."""
        self._revisions[(("state", revision.state),)] += 1
        if revision.number > 1:
            return
        self._events[(("label", revision.event.label),)] += 1
        delay_s = (parse_time(revision.written) - parse_time(revision.event.onset)) / NS_PER_S
        self._delays[bisect_left(_DELAYS_S, delay_s)] += 1
        self._delays_s += delay_s

    def see_spans(self, key: ChannelSetId, spans: Sequence[Span]) -> None:
        """See how far a channel set has come, and whether something is missing on the way."""
        first = key not in self._reach_ns
        reach_ns = self._reach_ns.setdefault(key, {})
        for span in sorted(spans, key=lambda span: span.start_ns):
            before_ns = reach_ns.get(span.code)
            tolerance_ns = 1.5 * NS_PER_S / span.sampling_rate_hz
            is_new = before_ns is not None and span.end_ns > before_ns
            # What was there at the beginning was not missed by this run.
            if is_new and not first and span.start_ns - before_ns > tolerance_ns:  # type: ignore[operator]
                self._gaps[key] += 1
                self._gaps_s[key] += (span.start_ns - before_ns) / NS_PER_S  # type: ignore[operator,assignment]
            reach_ns[span.code] = max(before_ns or 0, span.end_ns)

    def write_if_due(self) -> None:
        """Write the file, unless that was done a moment ago."""
        if self._now_s() >= self._next_s:
            self.write_if_possible()

    def write_if_possible(self) -> None:
        """Write the file, or warn, the first time: the data are more important."""
        try:
            self.write()
            self._has_warned = False
        except OSError as error:
            if not self._has_warned:
                logger.warning(
                    "%s: metrics cannot be written (%s); trying again", self.path, error.strerror
                )
            self._has_warned = True

    def write(self) -> None:
        """Write the file.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        self._next_s = self._now_s() + _EVERY_S
        with whole_file(self.path) as file:
            file.write(self.text().encode())

    def text(self) -> str:
        """The metrics in Prometheus' text format, version 0.0.4."""
        now_s = self._now_s()
        parts = [
            _metric("quake_watch_info", "gauge", "Version and model of the run.", self._info()),
            _metric(
                "quake_watch_start_time_seconds",
                "gauge",
                "When the run began, seconds since 1970.",
                {(): self._started_s},
            ),
            _metric(
                "quake_watch_written_time_seconds",
                "gauge",
                "When this file was written, seconds since 1970.",
                {(): now_s},
            ),
            *self._stations(now_s),
            _metric("quake_windows_total", "counter", "Windows scored, by status.", self._windows),
            _metric("quake_events_total", "counter", "Events told of, by class.", self._events),
            _metric(
                "quake_event_revisions_total",
                "counter",
                "Lines written of events, by state.",
                self._revisions,
            ),
            self._delay(),
            _metric(
                "quake_reconnections_total",
                "counter",
                "How often the connection to the server was made again.",
                {(): self._reconnections()},
            ),
            _metric(
                "quake_commands_total",
                "counter",
                "Commands of --exec, by how they ended.",
                {(("result", name),): n for name, n in self._commands().items()},
            ),
        ]
        return "".join(part for part in parts)

    def _info(self) -> Mapping[Labels, float]:
        return {(("version", __version__), ("model", self._model)): 1}

    def _stations(self, now_s: float) -> list[str]:
        """Of each channel set, how far its slowest component is behind, and its gaps."""
        ends_s = {k: min(reach.values()) / NS_PER_S for k, reach in self._reach_ns.items() if reach}
        labels = {key: _codes(key) for key in ends_s}
        return [
            _metric(
                "quake_station_latency_seconds",
                "gauge",
                "Age of the newest sample of the component that is most behind.",
                {labels[key]: now_s - end_s for key, end_s in ends_s.items()},
            ),
            _metric(
                "quake_station_newest_sample_seconds",
                "gauge",
                "Time of that sample, seconds since 1970.",
                {labels[key]: end_s for key, end_s in ends_s.items()},
            ),
            _metric(
                "quake_station_gaps_total",
                "counter",
                "Gaps, as the samples came, of all components together.",
                {labels[key]: self._gaps[key] for key in ends_s},
            ),
            _metric(
                "quake_station_gap_seconds_total",
                "counter",
                "Their length.",
                {labels[key]: self._gaps_s[key] for key in ends_s},
            ),
        ]

    def _delay(self) -> str:
        """Histogram of the time from an onset to the first line about it."""
        name, total, lines = "quake_event_delay_seconds", 0, []
        bounds = [*(f"{bound:g}" for bound in _DELAYS_S), "+Inf"]
        for bound, n in zip(bounds, self._delays, strict=True):
            total += n
            lines.append(f'{name}_bucket{{le="{bound}"}} {total}\n')
        head = _head(name, "histogram", "From the onset of an event to the first line about it.")
        return f"{head}{''.join(lines)}{name}_sum {self._delays_s:.3f}\n{name}_count {total}\n"


def _codes(key: ChannelSetId) -> Labels:
    return (
        ("network", key.network),
        ("station", key.station),
        ("location", key.location),
        ("channels", f"{key.band_instrument}?"),
    )


def _codes_of_name(name: str) -> Labels:
    from quake.events import parse_channel_set

    return _codes(parse_channel_set(name))


def _head(name: str, kind: str, text: str) -> str:
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def _metric(name: str, kind: str, text: str, values: Mapping[Labels, float]) -> str:
    lines = (f"{name}{_labels(labels)} {_number(values[labels])}\n" for labels in sorted(values))
    return _head(name, kind, text) + "".join(lines)


def _labels(labels: Labels) -> str:
    return "{" + ",".join(f'{k}="{_escaped(v)}"' for k, v in labels) + "}" if labels else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"
