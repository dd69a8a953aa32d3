"""Word an explanation of one window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from quake_cli.render.sections import Section

if TYPE_CHECKING:
    from quake.explain.explanation import Change, Explanation
    from quake.inference.records import WindowRecord

_SHADES, _ASCII_SHADES = " ░▒▓█", " .:*#"
_BLOCK, _ASCII_BLOCK = "█", "#"

_MAP_WIDTH, _MAP_HEIGHT = 60, 7
_BAR_WIDTH = 24

# A bar of all cells stands for so much at least, so that small changes look small.
_LEAST_EVIDENCE = 0.5

_CHANGES = ("", "p without", "evidence", "")


def inspection_sections(
    record: WindowRecord, explanation: Explanation, *, ascii_only: bool
) -> list[Section]:
    """Describe a window, what hiding its parts changed, and where the evidence lies.

    Parameters
    ----------
    record : WindowRecord
    explanation : Explanation
    ascii_only : bool
        Draw without blocks.
    """
    name = explanation.name
    bars = _Bars(explanation, ascii_only)
    return [
        Section(f"{record.id}  {record.start} to {record.end}", _facts(record)),
        Section(
            f"What spoke for {name}, p {explanation.probability:.3f}: each component hidden",
            [(c, *bars.of(change)) for c, change in explanation.components.items()],
            _CHANGES,
        ),
        Section(
            "Each band made quiet, Hz",
            [(_range(change), *bars.of(change)) for change in reversed(explanation.bands)],
            _CHANGES,
        ),
        Section(
            "Each stretch of time made quiet, s",
            [(_range(change), *bars.of(change)) for change in explanation.times],
            _CHANGES,
        ),
        Section(_map_title(explanation), _map_rows(explanation, ascii_only=ascii_only)),
    ]


def _facts(record: WindowRecord) -> list[tuple[str, str]]:
    label = record.label or ""
    ranked = sorted(record.probabilities.items(), key=lambda item: -item[1])
    return [
        ("label", label if record.status == "ok" else f"{label} ({record.status})"),
        ("probabilities", ", ".join(f"{name} {p:.3f}" for name, p in ranked)),
        ("components", f"{record.components}, coverage {record.coverage:.2f}"),
        ("recorded at", f"{record.sampling_rate_hz:g} Hz"),
        ("flags", " ".join(record.flags) or "none"),
        ("model", record.model),
    ]


class _Bars:
    """Rows of cells with a bar in the last one; all bars of an explanation have one scale."""

    def __init__(self, explanation: Explanation, ascii_only: bool) -> None:
        self._block = _ASCII_BLOCK if ascii_only else _BLOCK
        values = [abs(change.evidence) for change in _changes(explanation)]
        self._whole = max(*values, _LEAST_EVIDENCE)

    def of(self, change: Change) -> tuple[str, str, str]:
        n_cells = round(abs(change.evidence) / self._whole * _BAR_WIDTH)
        block = self._block if change.evidence >= 0 else "-"
        return f"{change.probability:.3f}", f"{change.evidence:+.2f}", block * n_cells


def _changes(explanation: Explanation) -> Iterable[Change]:
    return (*explanation.components.values(), *explanation.bands, *explanation.times)


def _range(change: Change) -> str:
    return f"{change.low:.3g} to {change.high:.3g}"


def _map_title(explanation: Explanation) -> str:
    n_rows, n_columns = explanation.map.cells.shape
    if not explanation.map.cells.any():
        return f"Class map: no part speaks for {explanation.name}"
    return f"Class map, {n_rows} by {n_columns} cells, Hz over {explanation.times[-1].high:g} s"


def _map_rows(explanation: Explanation, *, ascii_only: bool) -> Sequence[tuple[str, str]]:
    """Lines of characters, the highest frequency first."""
    import numpy as np

    if not explanation.map.cells.any():
        return []
    shades = _ASCII_SHADES if ascii_only else _SHADES
    values = explanation.map_on_grid()
    rows = np.linspace(0, len(values) - 1, min(_MAP_HEIGHT, len(values))).round().astype(int)
    columns = np.linspace(0, values.shape[1] - 1, _MAP_WIDTH).round().astype(int)
    lines = []
    for row in rows[::-1]:
        levels = np.minimum(values[row, columns] * len(shades), len(shades) - 1).astype(int)
        cells = "".join(shades[level] for level in levels)
        lines.append((f"{explanation.frequencies_hz[row]:.1f}", f"|{cells}|"))
    return lines
