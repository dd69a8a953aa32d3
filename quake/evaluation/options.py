"""Options of an evaluation, and what it reports while it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from quake.errors import ParameterError

PLACEMENTS = ("row", "grid")
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class EvaluateOptions:
    """What `evaluate` may be told.

    Attributes
    ----------
    part : str or None
        Rows of one part alone, where the data name parts; None takes all rows.
    placement : str
        "row": each row is taken as a record of its own, short where the row is short, as the
        figures in a model card are measured. "grid": each full window that `quake predict` would
        cut and that shows the event, or that lies within a row of noise.
    count_as : mapping of label to class
        Labels that the model does not know, and what they are taken for.
    device : str
        "auto", "cpu" or "cuda".
    batch_size : int
    cache : str or None
        Folder of decoded windows; None decodes anew.
    missing : int
        So many rows of each source and class are classified again with each kind of loss, see
        `quake.evaluation.losses`; 0 leaves that out.
    seed : int
        Of the draws of `missing`.
    """

    part: str | None = None
    placement: str = "row"
    count_as: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    batch_size: int = 64
    cache: str | None = None
    missing: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises
        ------
        ParameterError
        """
        if self.part is not None and self.part not in PARTS:
            raise ParameterError(f"part must be one of {', '.join(PARTS)}, got {self.part!r}")
        if self.placement not in PLACEMENTS:
            raise ParameterError(
                f"placement must be one of {', '.join(PLACEMENTS)}, got {self.placement!r}"
            )
        if self.missing < 0:
            raise ParameterError(f"missing must be 0 or more rows, got {self.missing}")
        if self.batch_size < 1:
            raise ParameterError(f"batch_size must be 1 or more, got {self.batch_size}")


def _nothing(done: int, total: int) -> None:
    pass


@dataclass(frozen=True)
class EvaluateProgress:
    """What is called while an evaluation runs, with how much of how much is done."""

    decoding: Callable[[int, int], None] = _nothing
    predicting: Callable[[int, int], None] = _nothing
