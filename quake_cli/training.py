"""The course of a training: what the library reports goes in, messages and a bar come out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from quake_cli.messages import Messages
from quake_cli.render import ProgressBar

if TYPE_CHECKING:
    from quake.data.labels import LabelledSpan
    from quake.training.progress import EpochResult, Progress

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

    def resumed(self, epoch: int) -> None:
        """Say from where a run goes on."""
        self._epoch = epoch + 1
        self.messages.note(f"going on after {epoch} epochs")

    def fold(self, name: str, number: int, total: int) -> None:
        """Say what is left out now."""
        self._epoch = 1
        self.messages.note(f"{number}/{total}: without {name}")

    def batch(self, done: int, total: int) -> None:
        """Move the bar of the epoch."""
        self.bar.update(f"epoch {self._epoch}/{self.epochs}", done, total)

    def epoch(self, result: EpochResult) -> None:
        """One line with all metrics."""
        self._epoch = result.epoch + 2
        metrics = "  ".join(
            f"{name.replace('validation_', 'val_')} {value:.4f}"
            for name, value in sorted(result.metrics.items())
        )
        best = "  * best so far" if result.best else ""
        self.messages.note(f"epoch {result.epoch + 1}/{self.epochs}: {metrics}{best}")
