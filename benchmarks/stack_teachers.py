"""Make soft labels of what several networks say of labelled rows.

    python benchmarks/stack_teachers.py labels.csv scores.csv --output soft.csv [--more more.csv]

`scores.csv` has a line for each row of the label table, with the columns path, start, end and one a
network and output, as in `phasenet:P`. A multinomial logistic regression on the log-odds of
these, their squares and products makes probabilities of the classes of them. It is fitted
without the source whose rows it is then applied to, so that no row's label has a say in its own
soft label. A source that alone has a class is dealt out by event instead.

The regression knows little of what tells kinds of events apart where few rows show it. For rows
that are labelled as an event the soft label therefore takes from the regression how probable an
event is, and leaves its kind to the label (`--kind 0.8` of it).

Prints how good the regression is on the rows that it was not fitted on. Writes the label table with
a column for each class (soft_earthquake), which `quake train` takes as it is.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from quake.metrics.ranking import roc_auc

NOISE = "noise"
FOLDS_OF_A_DIVIDED_SOURCE = 5
RIDGE = 3e-3
LARGEST_LOG_ODDS = 8.0

Array = NDArray[np.float64]


def main() -> None:
    """Read, fit, print and write."""
    options = parse()
    rows = read(options.labels)
    names, scores = read_scores(options.scores, options.more, rows)
    used = [i for i, row in enumerate(rows) if row["label"] in options.classes]
    targets = np.array([options.classes.index(rows[i]["label"]) for i in used])
    print(f"{len(used)} rows, {scores.shape[1]} outputs: {', '.join(names)}")
    x = features(scores[used])
    folds = fold_names([rows[i] for i in used], options.classes)
    weights = weigh([rows[i] for i in used])
    stacked = leave_out(x, targets, folds, weights, len(options.classes))
    report(stacked, targets, [rows[i] for i in used], options.classes)
    soft = keep_kind(stacked, targets, options.classes.index(NOISE), options.kind)
    write(options.output, rows, used, soft, options.classes)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("labels", type=Path)
    parser.add_argument("scores", type=Path)
    parser.add_argument("--more", type=Path, action="append", default=[])
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--kind", type=float, default=0.8)
    parser.add_argument(
        "--classes",
        type=lambda text: text.split(","),
        default=["earthquake", "surface_event", "noise"],
    )
    return parser.parse_args()


def read(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def key_of(row: dict[str, str]) -> tuple[str, str, str]:
    """What a row is found by in another table."""
    return row["path"], row["start"], row["end"]


def read_scores(
    path: Path, more: Sequence[Path], rows: Sequence[dict[str, str]]
) -> tuple[list[str], Array]:
    """Outputs of all networks, (rows, outputs); a half where a network says nothing."""
    names: list[str] = []
    columns: list[list[float]] = []
    for table in (path, *more):
        found = {key_of(line): line for line in read(table)}
        some = [name for name in next(iter(found.values())) if ":" in name]
        names += some
        columns += [
            [float(found.get(key_of(row), {}).get(name) or 0.5) for row in rows] for name in some
        ]
    return names, np.array(columns).T


def features(scores: Array) -> Array:
    """Log-odds, their squares and products, standardised, and a constant; (rows, features)."""
    safe = np.clip(scores, 1e-6, 1 - 1e-6)
    odds = np.clip(np.log(safe / (1 - safe)), -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)
    i, j = np.triu_indices(odds.shape[1])
    x = np.concatenate([odds, odds[:, i] * odds[:, j]], axis=1)
    x = (x - x.mean(0)) / np.maximum(x.std(0), 1e-9)
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


def fold_names(rows: Sequence[dict[str, str]], classes: Sequence[str]) -> list[str]:
    """The fold of each row: its source, or a fifth of the events of a source that is needed."""
    of_class = {name: Counter(r["source"] for r in rows if r["label"] == name) for name in classes}
    divided = {
        counts.most_common(1)[0][0]
        for counts in of_class.values()
        if counts.most_common(1)[0][1] > 0.6 * counts.total()
    }
    numbers: dict[str, int] = defaultdict(lambda: len(numbers))
    return [
        f"{r['source']} {numbers[r['event_id']] % FOLDS_OF_A_DIVIDED_SOURCE}"
        if r["source"] in divided
        else r["source"]
        for r in rows
    ]


def weigh(rows: Sequence[dict[str, str]]) -> Array:
    """A source counts with the square root of its rows of a class."""
    counts = Counter((r["source"], r["label"]) for r in rows)
    weights = np.array([counts[r["source"], r["label"]] ** -0.5 for r in rows])
    return weights / weights.mean()


def leave_out(
    x: Array, targets: NDArray[np.int64], folds: Sequence[str], weights: Array, n_classes: int
) -> Array:
    """Probabilities (rows, K), each fold by the regression that was fitted without it."""
    found = np.zeros((len(x), n_classes))
    names = np.array(folds)
    start = np.zeros((x.shape[1], n_classes))
    for name in sorted(set(folds)):
        rest = names != name
        start = fit(x[rest], targets[rest], weights[rest], n_classes, start)
        found[~rest] = softmax(x[~rest] @ start)
    return found


def fit(
    x: Array, targets: NDArray[np.int64], weights: Array, n_classes: int, start: Array
) -> Array:
    """Coefficients (features, K) of a multinomial logistic regression with a ridge."""
    truth = np.eye(n_classes)[targets]
    shape = start.shape

    def loss(flat: Array) -> tuple[float, Array]:
        coefficients = flat.reshape(shape)
        p = softmax(x @ coefficients)
        entropy = -np.log(np.maximum((p * truth).sum(1), 1e-12))
        slope = x.T @ ((p - truth) * weights[:, None]) / len(x)
        value = (weights * entropy).mean() + RIDGE / 2 * (coefficients[:-1] ** 2).sum()
        slope[:-1] += RIDGE * coefficients[:-1]
        return value, slope.ravel()

    found = minimize(loss, start.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 300})
    return np.asarray(found.x).reshape(shape)


def softmax(logits: Array) -> Array:
    """Rows of sum 1."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return shifted / shifted.sum(1, keepdims=True)


def keep_kind(stacked: Array, targets: NDArray[np.int64], noise: int, kind: float) -> Array:
    """Leave the kind of rows that are labelled as an event to their label, mostly."""
    soft = stacked.copy()
    for row, target in zip(soft, targets, strict=True):
        if target != noise:
            event = 1 - row[noise]
            others = row.copy()
            others[noise] = 0
            label = np.eye(len(row))[target]
            row += kind * (event * label - others)
    return soft


def report(
    stacked: Array, targets: NDArray[np.int64], rows: Sequence[dict[str, str]], classes: list[str]
) -> None:
    """Print how good the regression is, on events of 6 dB and above and all noise."""
    loud = np.array([r["label"] == NOISE or float(r["snr_db"] or 0) >= 6 for r in rows])
    p, y = stacked[loud], targets[loud]
    noise = classes.index(NOISE)
    event = y != noise
    threshold = np.quantile(1 - p[~event, noise], 0.99)
    auc = roc_auc(1 - p[:, noise], event)
    print(f"event against noise: ROC-AUC {auc:.3f}, recall at 1 % false alarms "
          f"{(1 - p[event, noise] > threshold).mean():.3f}")  # fmt: skip
    decided = p.argmax(1)
    for k, name in enumerate(classes):
        hit = ((decided == k) & (y == k)).sum()
        f1 = 2 * hit / max((decided == k).sum() + (y == k).sum(), 1)
        print(f"{name}: F1 {f1:.3f}, {(y == k).sum()} rows")


def write(
    path: Path,
    rows: Sequence[dict[str, str]],
    used: Sequence[int],
    soft: Array,
    classes: Sequence[str],
) -> None:
    """Write the label table with the soft labels, its paths as they were."""
    columns = [*rows[0], *(f"soft_{name}" for name in classes)]
    of_row = dict(zip(used, soft, strict=True))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        for i, row in enumerate(rows):
            given = of_row.get(i)
            cells = {} if given is None else dict(zip(columns[-len(classes) :], given, strict=True))
            writer.writerow(row | {name: f"{p:.5f}" for name, p in cells.items()})


if __name__ == "__main__":
    main()
