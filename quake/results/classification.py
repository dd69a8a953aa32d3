"""Hold what `Classifier.classify` finds: events, and picks and detections as SeisBench has them.

The names of attributes are those of ``seisbench.util``, so that programs that use its output find
theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from quake.events import Arrival, parse_channel_set
from quake.results.records import Events, Records
from quake.results.rows import pandas_frame
from quake.waveforms.times import NS_PER_S, parse_time

if TYPE_CHECKING:
    import pandas
    from obspy import UTCDateTime


@dataclass(frozen=True)
class Pick:
    """An onset at one channel set.

    Attributes
    ----------
    trace_id : str
        Network, station and location, as in ``BK.MHC.``.
    start_time, peak_time, end_time : UTCDateTime
        The onset, and the bounds that its uncertainty gives.
    peak_value : float or None
        How probably it is a P; None for S, of which nothing is known but that it is clear.
    phase : str or None
        "P" or "S"; None where the onset is emergent.
    """

    trace_id: str
    start_time: UTCDateTime
    peak_time: UTCDateTime
    end_time: UTCDateTime
    peak_value: float | None
    phase: str | None


@dataclass(frozen=True)
class Detection:
    """An event at one channel set.

    Attributes
    ----------
    trace_id : str
    start_time, end_time : UTCDateTime
        Onset, and return to the noise or the onset of the next event.
    peak_value : float
        Probability of the class.
    label : str
        Class.
    """

    trace_id: str
    start_time: UTCDateTime
    end_time: UTCDateTime
    peak_value: float
    label: str


class PickList(list[Pick]):
    """Picks, by time."""

    def select(
        self,
        trace_id: str | None = None,
        min_confidence: float | None = None,
        phase: str | None = None,
    ) -> PickList:
        """Keep picks whose trace id matches a regular expression, and so on.

        Parameters
        ----------
        trace_id : regular expression, optional
        min_confidence : float, optional
            Leaves out picks without a value too.
        phase : str, optional
        """
        return PickList(
            pick
            for pick in self
            if _matches(trace_id, pick.trace_id)
            and _reaches(min_confidence, pick.peak_value)
            and phase in (None, pick.phase)
        )

    def to_dataframe(self) -> pandas.DataFrame:
        """Write a pandas data frame, one row a pick.

        Raises
        ------
        ParameterError
            If pandas is not installed.
        """
        rows = [
            {**_row_of(pick), "time": _moment(pick.peak_time), "phase": pick.phase} for pick in self
        ]
        columns = ("station", "time", "start_time", "end_time", "probability", "phase")
        return pandas_frame(rows, columns)


class DetectionList(list[Detection]):
    """Detections, by time."""

    def select(
        self, trace_id: str | None = None, min_confidence: float | None = None
    ) -> DetectionList:
        """Keep detections, see `PickList.select`."""
        return DetectionList(
            detection
            for detection in self
            if _matches(trace_id, detection.trace_id)
            and _reaches(min_confidence, detection.peak_value)
        )

    def to_dataframe(self) -> pandas.DataFrame:
        """Write a pandas data frame, one row a detection.

        Raises
        ------
        ParameterError
            If pandas is not installed.
        """
        rows = [{**_row_of(detection), "label": detection.label} for detection in self]
        return pandas_frame(rows, ("station", "start_time", "end_time", "probability", "label"))


@dataclass(frozen=True, repr=False)
class Classification:
    """What was found in a stream or in files.

    Attributes
    ----------
    creator : str
        Program and model, as in ``quake 96508b1edbaa``.
    events : Events
    records : Records
        Of the windows in which onsets were looked for.
    picks : PickList
        Onsets of P and S of all arrivals of the events.
    detections : DetectionList
        Arrivals of the events, from onset to end.
    """

    creator: str
    events: Events
    records: Records
    picks: PickList = field(init=False)
    detections: DetectionList = field(init=False)

    def __post_init__(self) -> None:
        """Derive picks and detections from the events."""
        arrivals = [arrival for event in self.events for arrival in event.arrivals]
        picks = (pick for arrival in arrivals for pick in _picks_of(arrival))
        detections = (_detection_of(arrival) for arrival in arrivals)
        object.__setattr__(self, "picks", PickList(sorted(picks, key=_place)))
        object.__setattr__(self, "detections", DetectionList(sorted(detections, key=_place)))

    def __repr__(self) -> str:
        """What it has, in one line: lists of a day are long."""
        return f"<{self.creator}: {self.events!r}, {len(self.picks)} picks, {self.records!r}>"


def _picks_of(arrival: Arrival) -> Iterator[Pick]:
    is_emergent = "emergent" in arrival.flags
    yield _pick(
        arrival,
        arrival.onset,
        arrival.onset_uncertainty_s,
        None if is_emergent else arrival.phase_probability,
        None if is_emergent else "P",
    )
    if arrival.s_onset is not None:
        yield _pick(arrival, arrival.s_onset, arrival.s_onset_uncertainty_s or 0.0, None, "S")


def _pick(
    arrival: Arrival, time: str, uncertainty_s: float, value: float | None, phase: str | None
) -> Pick:
    time_ns, half_ns = parse_time(time), round(uncertainty_s * NS_PER_S)
    return Pick(
        trace_id=_trace_id(arrival),
        start_time=_utc(time_ns - half_ns),
        peak_time=_utc(time_ns),
        end_time=_utc(time_ns + half_ns),
        peak_value=value,
        phase=phase,
    )


def _detection_of(arrival: Arrival) -> Detection:
    return Detection(
        trace_id=_trace_id(arrival),
        start_time=_utc(parse_time(arrival.onset)),
        end_time=_utc(parse_time(arrival.end)),
        peak_value=arrival.probability,
        label=arrival.label,
    )


def _trace_id(arrival: Arrival) -> str:
    key = parse_channel_set(arrival.channel_set)
    return f"{key.network}.{key.station}.{key.location}"


def _utc(time_ns: int) -> UTCDateTime:
    from obspy import UTCDateTime

    return UTCDateTime(ns=time_ns)


def _place(found: Pick | Detection) -> tuple[int, str]:
    return found.start_time.ns, found.trace_id


def _moment(time: UTCDateTime) -> Any:
    """A time as data frames take it, without a zone, as SeisBench's have it."""
    return time.datetime


def _row_of(found: Pick | Detection) -> dict[str, Any]:
    return {
        "station": found.trace_id,
        "start_time": _moment(found.start_time),
        "end_time": _moment(found.end_time),
        "probability": found.peak_value,
    }


def _matches(pattern: str | None, trace_id: str) -> bool:
    return pattern is None or re.fullmatch(pattern, trace_id) is not None


def _reaches(least: float | None, value: float | None) -> bool:
    return least is None or (value is not None and value >= least)
