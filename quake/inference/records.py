"""What is said of one window: the output schema of `quake predict`, see docs/output.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quake.waveforms.times import format_time

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quake.windows.grid import Window


@dataclass(frozen=True)
class WindowRecord:
    """One window of one channel set.

    Attributes
    ----------
    id : str
        Channel set, as in ``IU.ANMO.00.BH?``.
    start, end : str
        UTC, ISO 8601; the end is exclusive.
    label : str or None
        Most probable class; None where there are no probabilities.
    status : str
        "ok", "uncertain" (the most probable class stays below its threshold), "no_data" or
        "rejected".
    probabilities : mapping of class to float
        Empty for "no_data" and "rejected".
    coverage : float
        Share of the window with data.
    components : str
        Components that were recorded and used.
    sampling_rate_hz : float
        Of the record, before resampling.
    flags : tuple of str
        What is unusual, see docs/output.md.
    model : str
        First twelve digits of the SHA-256 of the model file.
    """

    id: str
    start: str
    end: str
    label: str | None
    status: str
    probabilities: Mapping[str, float]
    coverage: float
    components: str
    sampling_rate_hz: float
    flags: tuple[str, ...]
    model: str

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON types, in the order of the schema."""
        return {
            "id": self.id,
            "start": self.start,
            "end": self.end,
            "label": self.label,
            "status": self.status,
            "probabilities": dict(self.probabilities),
            "coverage": self.coverage,
            "components": self.components,
            "sampling_rate_hz": self.sampling_rate_hz,
            "flags": list(self.flags),
            "model": self.model,
        }


def window_record(
    window: Window,
    scores: NDArray[np.float64] | None,
    names: Sequence[str],
    thresholds: Sequence[float],
    model: str,
) -> WindowRecord:
    """Say of a window what its scores mean.

    Parameters
    ----------
    window : Window
    scores : array of shape (K,), or None
        Probabilities of the classes; None of a window that the network does not see.
    names : classes, in the order of the scores
    thresholds : one a class
        Below that of the most probable one, the window is "uncertain".
    model : str
        Hash of the model file.
    """
    label, status = None, window.status
    if scores is not None:
        best = int(scores.argmax())
        label = names[best]
        status = "ok" if scores[best] >= thresholds[best] else "uncertain"
    return WindowRecord(
        id=str(window.id),
        start=format_time(window.start_ns),
        end=format_time(window.end_ns),
        label=label,
        status=status,
        probabilities=(
            {} if scores is None else dict(zip(names, scores.round(6).tolist(), strict=True))
        ),
        coverage=window.coverage,
        components=window.components,
        sampling_rate_hz=window.sampling_rate_hz,
        flags=window.flags,
        model=model,
    )
