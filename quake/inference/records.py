"""What is said of one window: the output schema of `quake predict`, see docs/output.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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
