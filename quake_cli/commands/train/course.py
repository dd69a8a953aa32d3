"""Show the course of a training: messages and a bar."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quake_cli.messages import Messages
from quake_cli.render.progress import ProgressBar

if TYPE_CHECKING:
    from quake.datasets.labels import LabelledSpan
    from quake.training.progress import EpochResult, Progress

# In this order on the line of an epoch, as far as 80 columns go; metrics.csv has all of them.
_METRICS = (
    ("train_loss", "loss", "{:#.3g}"),
    ("validation_loss", "validation", "{:#.3g}"),
    ("validation_accuracy", "accuracy", "{:.3f}"),
)

_SHOWN = 5  # reasons for rows that were excluded; a table can have thousands


class TrainingReport:
    """Tells the user how a training goes.

    Parameters
    ----------
    messages : Messages
    bar : ProgressBar
    epochs : int
        At most.
    """

    def __init__(self, messages: Messages, bar: ProgressBar, epochs: int) -> None:
        self.messages = messages
        self.bar = bar
        self.epochs = epochs
        self._epoch = 1
        self._folds_to_come = 0
        self._seconds: list[float] = []  # of each epoch
        self._since_s = time.monotonic()

    def progress(self) -> Progress:
        """What the library calls."""
        from quake.training.progress import Progress

        return Progress(
            decoding=lambda done, total: self.bar.update("reading", done, total),
            data=self.data,
            batch=self.batch,
            epoch=self.epoch,
            resumed=self.resumed,
            fold=self.fold,
        )

    def data(
        self,
        counts: Mapping[str, Counter[str]],
        left_out: Counter[str],
        excluded: Sequence[tuple[LabelledSpan, str]],
    ) -> None:
        """Show what is trained, validated and tested on, and what is not used."""
        for part, labels in counts.items():
            rows = ", ".join(f"{n} {label}" for label, n in sorted(labels.items()))
            self.messages.note(f"{part}: {labels.total()} rows: {rows or 'none'}")
        if left_out:
            rows = ", ".join(f"{n} {label}" for label, n in left_out.most_common())
            self.messages.note(f"not among --classes: {left_out.total()} rows: {rows}")
        for span, reason in excluded[:_SHOWN]:
            # Rows of a table have no reader of their own; other data have no lines.
            what = f"line {span.row} of the table" if span.reader is None else span.record
            self.messages.warning(f"{what or span.path} is excluded: {reason}")
        if excluded[_SHOWN:]:
            self.messages.warning(
                f"{len(excluded) - _SHOWN} more rows are excluded, {len(excluded)} in all"
            )
        self._since_s = time.monotonic()

    def resumed(self, epoch: int) -> None:
        """Say from where a run goes on."""
        self._epoch = epoch + 1
        self.messages.note(f"going on after {epoch} epochs")

    def fold(self, name: str, number: int, total: int) -> None:
        """Say what is left out now."""
        self._epoch = 1
        self._folds_to_come = total - number
        self.messages.note(f"{number}/{total}: without {name}")

    def batch(self, done: int, total: int) -> None:
        """Move the bar of the epoch."""
        self.bar.update(f"epoch {self._epoch}/{self.epochs}", done, total)

    def epoch(self, result: EpochResult) -> None:
        """One line of 80 columns at most: how good it is, and how long the run may still take."""
        self._epoch = result.epoch + 2
        now_s = time.monotonic()
        self._seconds.append(now_s - self._since_s)
        self._since_s = now_s
        told = [
            f"{name} {form.format(result.metrics[key])}"
            for key, name, form in _METRICS
            if key in result.metrics
        ]
        best = " *" if result.best else ""
        self.messages.note(
            f"epoch {result.epoch + 1}/{self.epochs}: {', '.join(told)}, "
            f"{self._left(result.epoch + 1)}{best}"
        )

    def _left(self, n_done: int) -> str:
        """How long the epochs to come take if none stops the training early."""
        n_left = max(self.epochs - n_done, 0) + self._folds_to_come * self.epochs
        usual_s = sorted(self._seconds)[len(self._seconds) // 2]
        return f"{_duration(n_left * usual_s)} to go" if n_left else "last one"


def _duration(seconds: float) -> str:
    """Two figures or so, for people.

    Examples
    --------
    >>> _duration(42.4), _duration(754), _duration(11_000), _duration(400_000)
    ('42 s', '13 min', '3.1 h', '4.6 d')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 100 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} d"
