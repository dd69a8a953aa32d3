"""Leave one source out: as many trainings as there are sources, each tested on what it never saw.

The only honest answer to how a model does on stations that nobody here has seen.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Collection as Container
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from quake.classes import LabelSet
from quake.datasets.collection import Collection
from quake.datasets.labels import LabelledSpan, choose_classes
from quake.datasets.split import group_rows, split_by_event
from quake.errors import LabelError, ParameterError
from quake.files import write_whole
from quake.training.config import TrainConfig
from quake.training.fit import TrainResult, train
from quake.training.progress import Progress
from quake.training.run_folder import FREE

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
    tied : tuple of int
        Rows that hang together with the held-out ones and are tested with another fold. They are
        not trained on: they show an event, or come from a record, of what is held out.
    """

    name: str
    rows: tuple[int, ...]
    tied: tuple[int, ...] = ()


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
        If `by` is neither, there are fewer than two folds, a name does not exist, the run holds
        folds of another configuration, or several devices are asked for.
    """
    progress = progress or Progress()
    if config.devices > 1 or int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ParameterError(
            "each training of leave-one-out is done by one process; take neither --devices nor "
            "torchrun"
        )
    labels, spans, _ = choose_classes(collection.spans, config.classes)
    folds, divided = make_folds(spans, by, together, config.preprocessing.window_s, config.seed)
    found = []
    for number, fold in enumerate(folds, start=1):
        progress.fold(fold.name, number, len(folds))
        folder = Path(run) / _folder_name(fold.name)
        settings = _digest(config, spans, fold)
        if not (folder / _PREDICTIONS).exists():
            result = _train_fold(config, collection, spans, fold, folder, progress)
            _write(folder / _PREDICTIONS, result, spans, settings)
        found.append(_read(folder / _PREDICTIONS, settings))
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
    tied_to: dict[str, list[int]] = defaultdict(list)
    dealt = 0
    groups = group_rows(spans, margin_s)
    for k in rng.permutation(len(groups)):
        held = sorted({team_of[names[i]] for i in groups[k]} - divided.keys())
        if not held:
            held, dealt = [whole[dealt % len(whole)]], dealt + 1
        # An event that several sources recorded is tested once, with the first of them.
        rows_of[held[0]] += groups[k]
        for other in held[1:]:
            tied_to[other] += groups[k]
    return [
        Fold(name, tuple(sorted(rows_of[name])), tuple(sorted(tied_to[name])))
        for name in whole
        if rows_of[name]
    ], divided


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
) -> TrainResult:
    tested, tied = set(fold.rows), set(fold.tied)
    rest = [i for i in range(len(spans)) if i not in tested | tied]
    inner = split_by_event(
        [spans[i] for i in rest],
        validation=config.validation,
        test=0.0,
        margin_s=config.preprocessing.window_s,
        seed=config.seed,
    )
    validation = {rest[i] for i in inner.validation}
    divided = [
        replace(span, split=_part(i, tested, validation))
        for i, span in enumerate(spans)
        if i not in tied
    ]
    # A run that was killed between its model and its predictions has nothing to go on from.
    (folder / "model.safetensors").unlink(missing_ok=True)
    return train(
        replace(config, hold_out=()),
        replace(collection, spans=divided),
        None,
        progress,
        run=folder,
    )


def _part(row: int, tested: Container[int], validation: Container[int]) -> str:
    return "test" if row in tested else "validation" if row in validation else "train"


def _folder_name(fold: str) -> str:
    """Name of a fold as a name of a folder, which cannot lead out of the run's."""
    return re.sub(r"[^\w.+-]", "_", fold).lstrip(".") or "_"


def _digest(config: TrainConfig, spans: Sequence[LabelledSpan], fold: Fold) -> str:
    """Of all that the predictions of a fold depend on."""
    settings = {k: v for k, v in asdict(config).items() if k not in FREE}
    rows = [(str(s.path), s.start_ns, s.end_ns, s.label) for s in spans]
    text = json.dumps([settings, rows, fold.rows, fold.tied])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(path: Path, result: TrainResult, spans: Sequence[LabelledSpan], settings: str) -> None:
    test = result.test
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
    held_out = {"settings": settings, "classes": result.card.labels.names, "rows": rows}
    write_whole(path, json.dumps(held_out).encode())


def _read(path: Path, settings: str) -> list[dict[str, Any]]:
    held_out = json.loads(path.read_text(encoding="utf-8"))
    if held_out.get("settings") != settings:
        raise ParameterError(
            f"{path.parent}: holds a fold of another configuration, or of other data; repeat the "
            "command with the same ones, or take another folder"
        )
    rows: list[dict[str, Any]] = held_out["rows"]
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
