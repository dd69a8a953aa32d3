"""Word figures of quality as people read them.

Reports of older models lack some figures; what is not there is not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from quake_cli.render.sections import Section

Figures = Mapping[str, Any]

_WORST_STATIONS = 10
_FEWEST_ROWS_OF_A_STATION = 5
_UNRESOLVED = "?"


def figure_sections(figures: Figures, title: str) -> list[Section]:
    """All of a report that people read, the whole first, then its parts."""
    return [
        _overall(figures, title),
        *_confusion(figures),
        *_per_class(figures.get("per_class") or {}),
        *_views(figures.get("views") or {}),
        *_sources(figures.get("sources") or {}),
        *_recalls("Recall by source", "source", figures.get("per_source") or {}),
        *_recalls("Recall by signal-to-noise ratio", "dB", figures.get("per_snr_db") or {}),
        *_stations(figures.get("per_station") or {}),
    ]


def loss_sections(missing: Figures) -> list[Section]:
    """What missing data do, by kind and coverage, and by source."""
    if not missing:
        return []
    by_kind = [
        (kind, coverage, *_loss_cells(counts))
        for kind, graded in missing["kinds"].items()
        for coverage, counts in graded.items()
    ]
    by_source = [(name, *_loss_cells(counts)) for name, counts in missing["sources"].items()]
    columns = ("noise", "whole", "with loss", "events", "whole", "with loss")
    return [
        Section("Called an event where data are missing", by_kind, ("kind", "left", *columns)),
        Section("The same by source, all kinds", by_source, ("source", *columns)),
    ]


def _loss_cells(counts: Figures) -> tuple[str, ...]:
    cells: list[str] = []
    for name in ("noise", "events"):
        found = counts.get(name)
        cells += (
            ["-", "-", "-"]
            if found is None
            else [str(found["trials"]), number(found["whole"]), number(found["loss"])]
        )
    return tuple(cells)


def _overall(figures: Figures, title: str) -> Section:
    rows = [
        ("rows", str(figures.get("rows", "-"))),
        ("events", str(figures.get("events", "-"))),
        ("accuracy", interval(figures.get("accuracy"))),
        ("macro F1", interval(figures.get("macro_f1"))),
    ]
    calibration = figures.get("calibration")
    if calibration:
        by_chance = number(calibration.get("ece_by_chance"))
        rows += [
            ("calibration error", f"{interval(calibration['ece'])}; {by_chance} by chance alone"),
            ("classwise", number(calibration.get("classwise_ece"))),
        ]
    decisions = figures.get("decisions")
    if decisions:
        rows += [
            ("uncertain", f"{number(decisions['uncertain'])} of the windows"),
            ("accuracy, others", number(decisions["accuracy_of_the_others"])),
        ]
    return Section(title, rows)


def _confusion(figures: Figures) -> list[Section]:
    names, counts = list(figures.get("classes") or ()), figures.get("confusion") or []
    if len(names) != len(counts) or not names:
        return []
    rows = [(name, *(f"{n:,}" for n in row)) for name, row in zip(names, counts, strict=True)]
    return [Section("Decisions (rows: truth)", rows, ("truth", *names))]


def _per_class(per_class: Mapping[str, Figures]) -> list[Section]:
    if not per_class:
        return []
    decided = [
        (
            name,
            str(f.get("rows", "-")),
            number(f.get("precision")),
            interval(f.get("recall")),
            interval(f.get("f1")),
        )
        for name, f in per_class.items()
    ]
    ranked = [
        (
            name,
            interval(f.get("roc_auc")),
            interval(f.get("average_precision")),
            _recall_at(f.get("recall_at_false_alarms")),
        )
        for name, f in per_class.items()
    ]
    return [
        Section("By class", decided, ("class", "rows", "precision", "recall", "F1")),
        Section(
            "Each class against the others" + _legend(ranked),
            ranked,
            ("class", "ROC-AUC", "average precision", "recall at 1 % false alarms"),
        ),
    ]


def _views(views: Mapping[str, Figures]) -> list[Section]:
    if not views:
        return []
    rows = [
        (
            name,
            f"{f['positives']}/{f['negatives']}",
            interval(f.get("roc_auc")),
            interval(f.get("average_precision")),
            _recall_at(f.get("recall_at_false_alarms")),
        )
        for name, f in views.items()
    ]
    columns = ("question", "rows", "ROC-AUC", "average precision", "recall at 1 %")
    return [Section("Questions of two answers" + _legend(rows), rows, columns)]


def _legend(rows: Iterable[Sequence[str]]) -> str:
    unresolved = any(cell.endswith(_UNRESOLVED) for row in rows for cell in row)
    return f" ({_UNRESOLVED}: too few negatives to tell 1 %)" if unresolved else ""


def _recall_at(point: Figures | None) -> str:
    if not point:
        return "-"
    return interval(point["recall"]) + ("" if point["resolved"] else f" {_UNRESOLVED}")


def _sources(sources: Mapping[str, Mapping[str, Figures]]) -> list[Section]:
    """Each source without its weak events."""
    rows = []
    for source, kinds in sources.items():
        figures = kinds.get("strong")
        if figures is None:
            continue
        view = figures["views"].get("event against noise") or {}
        few = view.get("negatives", 0) < 100
        recall = interval(view.get("recall_at_1_percent"))
        rows.append(
            (
                source,
                str(figures["rows"]),
                interval(figures["macro_f1"]),
                interval(view.get("roc_auc")),
                f"{recall} {_UNRESOLVED}" if view and few else recall,
            )
        )
    if not rows:
        return []
    columns = ("source", "rows", "macro F1", "event/noise ROC-AUC", "its recall at 1 %")
    return [Section(f"Sources, events of 6 dB or more{_legend(rows)}", rows, columns)]


def _recalls(title: str, kind: str, table: Mapping[str, Mapping[str, Figures]]) -> list[Section]:
    rows = [
        (
            name,
            label,
            str(f.get("rows", "-")),
            str(f.get("events", "-")),
            interval(f.get("recall")),
        )
        for name, classes in table.items()
        for label, f in classes.items()
    ]
    return [Section(title, rows, (kind, "class", "rows", "events", "recall"))] if rows else []


def _stations(table: Mapping[str, Mapping[str, Figures]]) -> list[Section]:
    """The stations with the lowest recall; all of them are in the JSON."""
    found = [
        (f["recall"][0], station, label, f)
        for station, classes in table.items()
        for label, f in classes.items()
        if f["rows"] >= _FEWEST_ROWS_OF_A_STATION and station.strip(".")
    ]
    worst = sorted(found, key=lambda row: row[:3])[:_WORST_STATIONS]
    picked: dict[str, dict[str, Figures]] = {}
    for _, station, label, figures in worst:
        picked.setdefault(station, {})[label] = figures
    title = f"Stations with the lowest recall (of {len(table)})"
    return _recalls(title, "station", picked)


def interval(values: Sequence[float | None] | None) -> str:
    """As in ``0.912 (0.880 to 0.940)``."""
    if not values or values[0] is None:
        return "-"
    value, low, high = values
    return f"{number(value)} ({number(low)} to {number(high)})"


def number(value: float | None) -> str:
    """As in ``0.912``."""
    return "-" if value is None else f"{value:.3f}"
