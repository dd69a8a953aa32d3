"""Count a run: windows by status, and each second of input as scored or not, adding up."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from quake.data.waveform import NS_PER_S
from quake.data.windows import Record

_SCORED = ("ok", "uncertain")


@dataclass
class Summary:
    """Totals of a run, complete when the prediction has been consumed.

    Attributes
    ----------
    windows : Counter
        By status.
    labels : Counter
        Scored windows by label.
    channel_sets : int
    input_s : float
        Length of all records: what is between the first and the last sample of a channel set,
        without gaps as long as a window.
    scored_s, rejected_s, no_data_s : float
        Parts of `input_s`; a second that several windows cover counts once, as scored if one of
        them was. Their sum is `input_s`.
    """

    windows: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    channel_sets: int = 0
    input_s: float = 0.0
    scored_s: float = 0.0
    rejected_s: float = 0.0
    no_data_s: float = 0.0


class RecordTally:
    """Adds up the windows of one record, which come in the order of their starts.

    Parameters
    ----------
    record : Record
        What a window covers beyond it does not count. Windows that come as near to its ends as
        its tolerance reach them: sampling instants need not lie on the grid of the windows.
    """

    def __init__(self, record: Record) -> None:
        self.start_ns, self.end_ns = record.start_ns, record.end_ns
        self.tolerance_ns = record.tolerance_ns
        self._scored = _Cover()
        self._scored_or_rejected = _Cover()

    def add(self, start_ns: int, end_ns: int, status: str) -> None:
        """Count one window."""
        if start_ns <= self.start_ns + self.tolerance_ns:
            start_ns = self.start_ns
        if end_ns >= self.end_ns - self.tolerance_ns:
            end_ns = self.end_ns
        if status in _SCORED:
            self._scored.add(start_ns, end_ns)
        if status in (*_SCORED, "rejected"):
            self._scored_or_rejected.add(start_ns, end_ns)

    def close(self, summary: Summary) -> None:
        """Add the record to a summary."""
        total_ns = self.end_ns - self.start_ns
        summary.input_s += total_ns / NS_PER_S
        summary.scored_s += self._scored.total_ns / NS_PER_S
        summary.rejected_s += (self._scored_or_rejected.total_ns - self._scored.total_ns) / NS_PER_S
        summary.no_data_s += (total_ns - self._scored_or_rejected.total_ns) / NS_PER_S


class _Cover:
    """Length of a union of intervals that come in the order of their starts."""

    def __init__(self) -> None:
        self.total_ns = 0
        self._reached_ns: int | None = None

    def add(self, start_ns: int, end_ns: int) -> None:
        if self._reached_ns is not None:
            start_ns = max(start_ns, self._reached_ns)
        if end_ns > start_ns:
            self.total_ns += end_ns - start_ns
            self._reached_ns = end_ns
