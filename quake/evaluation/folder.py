"""Write what an evaluation leaves behind: tables and pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.evaluation.evaluation import Evaluation
from quake.files import write_whole
from quake.metrics.ranking import precision_recall_curve, roc_curve
from quake.metrics.views import binary_views
from quake.waveforms.times import format_time

_WORST = 200
# Beyond it a picture of lines and names cannot be read.
_MOST_SOURCES = 40


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """All figures, with what they were measured on, in plain JSON types."""
    options = evaluation.options
    trained_on = evaluation.trained_on
    return {
        "data": {
            "name": evaluation.data,
            "part": options.part,
            "placement": options.placement,
            "count_as": dict(options.count_as),
            "windows": len(evaluation.spans),
            "left_out": dict(evaluation.left_out),
            "excluded": len(evaluation.excluded),
            "excluded_rows": [
                {"row": span.row, "path": str(span.path), "record": span.record, "reason": reason}
                for span, reason in evaluation.excluded
            ],
            "without_full_window": len(evaluation.unplaced),
            "trained_on": trained_on
            and {
                "events_looked_up": trained_on.looked_up,
                "events": trained_on.seen,
                "windows": len(trained_on.rows),
            },
        },
        "classes": list(evaluation.names),
        "figures": evaluation.metrics,
        **({} if evaluation.missing is None else {"missing": evaluation.missing}),
    }


def write_evaluation(
    folder: str | Path, evaluation: Evaluation, model: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write report.json, predictions.csv, worst.csv and pictures.

    Parameters
    ----------
    folder : path
        Made if it is not there; files of the same names are replaced.
    evaluation : Evaluation
    model : mapping, optional
        Path and hash of the model, for the report.

    Returns
    -------
    list of Path

    Raises
    ------
    OSError
        If a file cannot be written; each is written whole or not at all.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    report = {**({"model": dict(model)} if model else {}), **as_json(evaluation)}
    header, rows = _table(evaluation)
    _write(folder / "report.json", json.dumps(report, indent=2, allow_nan=False) + "\n")
    _write(folder / "predictions.csv", _as_csv(header, rows))
    _write(folder / "worst.csv", _as_csv(header, (rows[i] for i in _worst(evaluation))))
    names = ["report.json", "predictions.csv", "worst.csv", *_draw(folder, evaluation)]
    return [folder / name for name in names]


def _table(evaluation: Evaluation) -> tuple[list[str], list[list[Any]]]:
    """One line a window, in the order of the data."""
    header = [
        *("row", "path", "record", "start", "end", "station", "source", "event", "snr_db", "truth"),
        *("label", "status", "right"),
        *(f"p_{name}" for name in evaluation.names),
    ]
    return header, [
        _line(evaluation, span, probabilities)
        for span, probabilities in zip(evaluation.spans, evaluation.probabilities, strict=True)
    ]


def _line(evaluation: Evaluation, span: Any, probabilities: NDArray[np.float64]) -> list[Any]:
    decided = int(probabilities.argmax())
    certain = probabilities[decided] >= evaluation.card.calibration.thresholds[decided]
    label = evaluation.names[decided]
    return [
        span.row,
        span.path,
        span.record,
        format_time(span.start_ns),
        format_time(span.end_ns),
        span.station.strip("."),
        span.source,
        span.group,
        "" if span.snr_db is None else span.snr_db,
        span.label,
        label,
        "ok" if certain else "uncertain",
        int(label == span.label),
        *(f"{p:.6f}" for p in probabilities),
    ]


def _worst(evaluation: Evaluation) -> list[int]:
    """Windows decided wrongly, those whose truth was thought least probable first."""
    of_truth = evaluation.probabilities[np.arange(len(evaluation.spans)), evaluation.targets]
    wrong = np.flatnonzero(evaluation.probabilities.argmax(axis=1) != evaluation.targets)
    return [int(i) for i in wrong[np.argsort(of_truth[wrong], kind="stable")][:_WORST]]


def _as_csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    write_whole(path, text.encode("utf-8", errors="surrogateescape"))


def _draw(folder: Path, evaluation: Evaluation) -> list[str]:
    """Draw what there is to draw; without two classes there are no curves."""
    from quake.metrics import plots

    metrics = evaluation.metrics
    plots.plot_confusion(
        folder / "confusion.png", metrics["confusion"], evaluation.names, title=evaluation.data
    )
    plots.plot_reliability(
        folder / "reliability.png",
        metrics["calibration"]["bins"],
        metrics["calibration"]["ece"][0],
        title=evaluation.data,
    )
    drawn = ["confusion.png", "reliability.png"]
    rocs, precisions = _curves(evaluation)
    if rocs:
        plots.plot_roc(folder / "roc.png", rocs, title=evaluation.data)
        plots.plot_precision_recall(
            folder / "precision_recall.png", precisions, title=evaluation.data
        )
        drawn += ["roc.png", "precision_recall.png"]
    for name, kinds in (("source", "per_source"), ("snr", "per_snr_db")):
        recalls = {
            kind: {label: figures["recall"] for label, figures in classes.items()}
            for kind, classes in list(metrics[kinds].items())[:_MOST_SOURCES]
        }
        title = {"source": "Recall by source", "snr": "Recall by signal-to-noise ratio in dB"}[name]
        plots.plot_intervals(
            folder / f"per_{name}.png",
            recalls,
            "recall, with 95 % interval",
            title,
            evaluation.names,
        )
        drawn.append(f"per_{name}.png")
    return drawn


def _curves(evaluation: Evaluation) -> tuple[dict[str, Any], dict[str, Any]]:
    """Curves of each binary question that has windows of both answers."""
    rocs, precisions = {}, {}
    for view in binary_views(evaluation.probabilities, evaluation.targets, evaluation.names):
        scores, positive = view.scores[view.used], view.positive[view.used]
        if positive.any() and not positive.all():
            figures = evaluation.metrics["views"][view.name]
            rocs[f"{view.name} (area {figures['roc_auc'][0]:.3f})"] = roc_curve(scores, positive)
            precisions[f"{view.name} (average {figures['average_precision'][0]:.3f})"] = (
                precision_recall_curve(scores, positive)
            )
    return rocs, precisions
