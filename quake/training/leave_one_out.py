"""Leave one source out: as many trainings as there are sources, each tested on what it never saw.

The only honest answer to how a model does on stations that nobody here has seen.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quake.data.collection import Collection
from quake.data.labels import LabelledSpan, LabelSet, choose_classes
from quake.data.split import group_rows, split_by_event
from quake.errors import LabelError, ParameterError
from quake.training.card import Predictions
from quake.training.config import TrainConfig
from quake.training.fit import train
from quake.training.progress import Progress

_PREDICTIONS = "held_out.json"


@dataclass(frozen=True)
class Fold:
    """What one of the trainings is tested on.

    Attributes
    ----------
    name : str
        The sources (or stations) held out, joined by "+".
    rows : tuple of int
        All rows that are tested on, what hangs together with the held-out ones included.
    """

    name: str
    rows: tuple[int, ...]


@dataclass(frozen=True)
class LeaveOneOutResult:
    """What came out.

    Attributes
    ----------
    labels : LabelSet
    metrics : dict
        Figures over the rows of all folds, each row predicted by the one model that had seen
        neither it nor anything of its source; as `quake.metrics.report.summarise` gives them.
    divided : dict of str to str
        Sources that could not be held out as a whole, and why.
    """

    labels: LabelSet
    metrics: dict[str, Any]
    divided: dict[str, str]


def leave_one_out(
    config: TrainConfig,
    collection: Collection,
    run: str | Path,
    *,
    by: str = "source",
    together: Sequence[Sequence[str]] = (),
    progress: Progress | None = None,
) -> LeaveOneOutResult:
    """Train once for each source (or station) without it, and test on it.

    A source that is the only one of a class cannot be held out: nothing would be left to learn
    the class from. Its rows are dealt out by event over all folds instead, so that each is still
    predicted by a model that has not seen the event.

    Parameters
    ----------
    config : TrainConfig
    collection : Collection
    run : path
        Each training has its run folder in it. Folds that are finished are not trained again.
    by : str
        "source" or "station".
    together : sequence of sequences of str
        Sources that are one network under several names, held out together.
    progress : Progress, optional

    Raises
    ------
    ParameterError, LabelError
        If `by` is neither, there are fewer than two folds, or a name does not exist.
    """
    progress = progress or Progress()
    labels, spans, _ = choose_classes(collection.spans, config.classes)
    folds, divided = make_folds(spans, by, together, config.preprocessing.window_s, config.seed)
    found = []
    for number, fold in enumerate(folds, start=1):
        progress.fold(fold.name, number, len(folds))
        folder = Path(run) / fold.name.replace("/", "_")
        if not (folder / _PREDICTIONS).exists():
            _train_fold(config, collection, spans, fold, folder, progress)
        found.append(_read(folder / _PREDICTIONS))
    metrics = _pooled(found, spans, labels)
    report = json.dumps({"classes": labels.names, "metrics": metrics, "divided": divided}, indent=1)
    (Path(run) / "leave_one_out.json").write_text(report, encoding="utf-8")
    return LeaveOneOutResult(labels, metrics, divided)


def make_folds(
    spans: Sequence[LabelledSpan],
    by: str,
    together: Sequence[Sequence[str]],
    margin_s: float,
    seed: int,
) -> tuple[list[Fold], dict[str, str]]:
    """Decide what each fold tests on.

    Returns
    -------
    folds : list of Fold
        Every row is in one of them.
    divided : dict of str to str
    """
    if by not in ("source", "station"):
        raise ParameterError(f"leave out by 'source' or 'station', got {by!r}")
    names = [getattr(span, by) for span in spans]
    team_of = _teams(names, together)
    divided = _only_ones(spans, names, team_of)
    whole = sorted({team_of[name] for name in names} - divided.keys())
    if len(whole) < 2:
        raise LabelError(
            f"two {by}s at least must share all classes for one to be left out, found "
            f"{', '.join(whole) or 'none'}; add data, or split by event"
        )
    rng = np.random.default_rng(seed)
    rows_of: dict[str, list[int]] = defaultdict(list)
    dealt = 0
    groups = group_rows(spans, margin_s)
    for k in rng.permutation(len(groups)):
        held = sorted({team_of[names[i]] for i in groups[k]} - divided.keys())
        if not held:
            held, dealt = [whole[dealt % len(whole)]], dealt + 1
        # An event that several sources recorded is tested once, with the first of them.
        rows_of[held[0]] += groups[k]
    return [Fold(name, tuple(sorted(rows_of[name]))) for name in whole], divided


def _teams(names: Sequence[str], together: Sequence[Sequence[str]]) -> dict[str, str]:
    team_of = {name: name for name in names}
    for team in together:
        unknown = [name for name in team if name not in team_of]
        if unknown:
            raise ParameterError(
                f"cannot hold out {', '.join(unknown)}: there are {', '.join(sorted(set(names)))}"
            )
        for name in team:
            team_of[name] = "+".join(team)
    return team_of


def _only_ones(
    spans: Sequence[LabelledSpan], names: Sequence[str], team_of: dict[str, str]
) -> dict[str, str]:
    """Sources that alone have a class."""
    teams_of: dict[str, set[str]] = defaultdict(set)
    for span, name in zip(spans, names, strict=True):
        teams_of[span.label].add(team_of[name])
    return {
        next(iter(teams)): f"the only one with {label}"
        for label, teams in teams_of.items()
        if len(teams) == 1
    }


def _train_fold(
    config: TrainConfig,
    collection: Collection,
    spans: Sequence[LabelledSpan],
    fold: Fold,
    folder: Path,
    progress: Progress,
) -> None:
    tested = set(fold.rows)
    rest = [i for i in range(len(spans)) if i not in tested]
    inner = split_by_event(
        [spans[i] for i in rest],
        validation=config.validation,
        test=0.0,
        margin_s=config.preprocessing.window_s,
        seed=config.seed,
    )
    validation = {rest[i] for i in inner.validation}
    parts = [
        "test" if i in tested else "validation" if i in validation else "train"
        for i in range(len(spans))
    ]
    divided = replace(
        collection,
        spans=[replace(s, split=part) for s, part in zip(spans, parts, strict=True)],
    )
    model = folder / "model.safetensors"
    result = train(replace(config, hold_out=()), divided, None, progress, run=folder)
    if result.main and model.exists():
        _write(folder / _PREDICTIONS, result.test, result.card.labels, spans)


def _write(
    path: Path, test: Predictions | None, labels: LabelSet, spans: Sequence[LabelledSpan]
) -> None:
    position = {(span.row, str(span.path), span.start_ns): i for i, span in enumerate(spans)}
    rows = (
        []
        if test is None
        else [
            {
                "index": position[e.span.row, str(e.span.path), e.span.start_ns],
                "target": int(target),
                "probabilities": [float(p) for p in probabilities],
            }
            for e, target, probabilities in zip(
                test.examples, test.targets, test.probabilities, strict=True
            )
        ]
    )
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"classes": labels.names, "rows": rows}), encoding="utf-8")
    partial.replace(path)


def _read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["rows"]
    return rows


def _pooled(
    found: Sequence[Sequence[dict[str, Any]]], spans: Sequence[LabelledSpan], labels: LabelSet
) -> dict[str, Any]:
    rows = [row for fold in found for row in fold]
    if not rows:
        raise LabelError("no held-out row could be used")
    from quake.metrics.report import summarise

    chosen = [spans[row["index"]] for row in rows]
    return summarise(
        np.array([row["probabilities"] for row in rows]),
        np.array([row["target"] for row in rows]),
        labels.names,
        [span.source for span in chosen],
        [span.group for span in chosen],
        [span.snr_db for span in chosen],
    )
