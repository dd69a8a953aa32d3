"""Hold what may be chosen when a model is applied, and say which thresholds follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quake.errors import ParameterError
from quake.model_file.card import ModelCard
from quake.windows.grid import MIN_COVERAGE, WindowGrid

OVERLAP = 0.5


@dataclass(frozen=True)
class PredictConfig:
    """What may be chosen when a model is applied; all else is in the model file.

    Attributes
    ----------
    overlap : float
        Share of a window that the next one repeats, at least 0 and below 1.
    min_coverage : float
        Components with data in a smaller share of the window are not used.
    thresholds : mapping of class to float
        Replace those of the model file; the key "" stands for all classes.
    channels : patterns of channel sets, see `quake.waveforms.sources.select`
    batch_size : int, optional
        Windows that the network takes at a time; as the engine likes by default. Does not change
        results.
    """

    overlap: float = OVERLAP
    min_coverage: float = MIN_COVERAGE
    thresholds: Mapping[str, float] | None = None
    channels: tuple[str, ...] = ()
    batch_size: int | None = None

    def grid(self, card: ModelCard) -> WindowGrid:
        """Where the windows of a model lie."""
        return WindowGrid.from_overlap(card.preprocessing.window_s, self.overlap)

    def __post_init__(self) -> None:
        """Refuse what makes no sense.

        Raises
        ------
        ParameterError
        """
        if not 0 <= self.overlap < 1:
            raise ParameterError(f"overlap must be at least 0 and below 1, got {self.overlap:g}")
        if not 0 <= self.min_coverage <= 1:
            raise ParameterError(f"min_coverage must be from 0 to 1, got {self.min_coverage:g}")
        for name, value in (self.thresholds or {}).items():
            if not 0 <= value <= 1:
                raise ParameterError(
                    f"threshold{' of ' + name if name else ''} must be from 0 to 1, got {value:g}"
                )
        if self.batch_size is not None and self.batch_size < 1:
            raise ParameterError(f"batch_size must be 1 or more, got {self.batch_size}")


def effective_thresholds(card: ModelCard, chosen: Mapping[str, float]) -> Sequence[float]:
    """Thresholds in the order of the classes.

    Raises
    ------
    LabelError
        If one is given for a class that the model does not know.
    """
    thresholds = list(card.calibration.thresholds)
    if "" in chosen:
        thresholds = [chosen[""]] * len(thresholds)
    for name, value in chosen.items():
        if name:
            thresholds[card.labels.index(name)] = value
    return thresholds
