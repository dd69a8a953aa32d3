"""Decode all rows of labelled data, once: in this process or several, through the cache."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets.cache import through_cache
from quake.datasets.examples import Example
from quake.datasets.labels import LabelledSpan
from quake.datasets.rows import Outcome, outcome_of
from quake.datasets.workers import decode_in_processes
from quake.errors import LabelError


def decode(
    spans: Sequence[LabelledSpan],
    labels: LabelSet,
    preprocessing: Preprocessing,
    progress: Callable[[int], None] = lambda done: None,
    *,
    cache: str | Path | None = None,
    workers: int = 0,
) -> tuple[list[Example], list[tuple[LabelledSpan, str]]]:
    """Decode all rows.

    Rows of events are decoded with up to a window's length of the record on either side, so that
    windows can be drawn at any shift; rows of noise only as far as they are labelled.

    Parameters
    ----------
    spans : rows
    labels : LabelSet
    preprocessing : Preprocessing
    progress : callable of the number of rows done
    cache : folder, optional
        Where decoded rows are kept and looked for, see `quake.datasets.cache`.
    workers : int
        Processes that decode; 0 decodes in this one. They are spawned, so a script that asks for
        them needs the ``if __name__ == "__main__":`` of `multiprocessing`.

    Returns
    -------
    examples : list of Example
    excluded : list of (LabelledSpan, str)
        Rows that cannot be used, and why.

    Raises
    ------
    LabelError
        If no row can be used.
    """
    known, excluded = _of_known_classes(spans, labels)

    def decode_all() -> Iterator[Outcome]:
        for done, outcome in enumerate(_outcomes(known, preprocessing, workers), start=1):
            yield outcome
            progress(len(excluded) + done)

    if cache is None:
        outcomes = list(decode_all())
    else:
        outcomes = through_cache(cache, known, preprocessing, decode_all)
    examples: list[Example] = []
    unusable = []
    for span, outcome in zip(known, outcomes, strict=True):
        if isinstance(outcome, str):
            unusable.append((span, outcome))
        else:
            target = labels.index(span.label)
            examples.append(
                Example(
                    outcome.samples,
                    outcome.components,
                    target,
                    outcome.onset,
                    span,
                    outcome.recorded,
                    outcome.start_ns,
                )
            )
    excluded += unusable
    if not examples:
        first = f"; the first one: {excluded[0][1]}" if excluded else ""
        raise LabelError(f"none of {len(spans)} rows can be used{first}")
    return examples, excluded


def _of_known_classes(
    spans: Sequence[LabelledSpan], labels: LabelSet
) -> tuple[list[LabelledSpan], list[tuple[LabelledSpan, str]]]:
    known, unknown = [], []
    for span in spans:
        try:
            labels.index(span.label)
        except LabelError as error:
            unknown.append((span, str(error)))
        else:
            known.append(span)
    return known, unknown


def _outcomes(
    spans: Sequence[LabelledSpan], preprocessing: Preprocessing, workers: int
) -> Iterable[Outcome]:
    """Decode rows in their order."""
    if workers > 0 and len(spans) > 1:
        return decode_in_processes(spans, preprocessing, workers)
    return (outcome_of(span, preprocessing) for span in spans)
