"""Count a run: windows by status, and each second of input as scored or not, adding up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from quake.inference.coverage import Coverage, Seconds, total


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
    scored_s, rejected_s, no_data_s, failed_s : float
        Parts of `input_s`; a second that several windows cover counts once, as scored if one of
        them was. Their sum is `input_s`. What failed is what a worker died of (archives only).
    """

    windows: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    channel_sets: int = 0
    input_s: float = 0.0
    scored_s: float = 0.0
    rejected_s: float = 0.0
    no_data_s: float = 0.0
    failed_s: float = 0.0

    def close(self, coverages: Iterable[Coverage]) -> None:
        """Take the seconds of all channel sets."""
        self.take(total(coverages))

    def take(self, seconds: Seconds) -> None:
        """Take the seconds of all channel sets, added up."""
        self.input_s, self.scored_s = seconds.input_s, seconds.scored_s
        self.rejected_s, self.no_data_s = seconds.rejected_s, seconds.no_data_s
        self.failed_s = seconds.failed_s
