"""Decoded spans on disk: the second run, and the second epoch, read no miniSEED.

A folder for each set of rows and preprocessing: `samples.f32` (little-endian single precision, one
example after the other, each of shape (3, N)) and `index.json`. Samples are mapped into memory,
so that data sets larger than it can be trained on. Nothing in it can run.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from quake.data.file_reader import FILE_READER
from quake.data.labels import NOISE, LabelledSpan, LabelSet
from quake.data.preprocessing import Preprocessing

if TYPE_CHECKING:
    from quake.data.examples import Example

logger = logging.getLogger(__name__)

# Raise it when decoding gives other samples for the same record.
_VERSION = 1
# Of the network's picture alone: the samples do not depend on them.
_NOT_OF_SAMPLES = {"hop_samples": 1}
_SMALLEST_FREE_SHARE = 0.05

Excluded = list[tuple[LabelledSpan, str]]


def default_cache() -> Path:
    """Where decoded spans are kept unless told otherwise: a folder of the user's cache."""
    from platformdirs import user_cache_path

    return user_cache_path("quake") / "decoded"


def cache_key(spans: Sequence[LabelledSpan], preprocessing: Preprocessing) -> str:
    """Digest of all that decoded samples depend on: files, times, preprocessing."""
    settings = asdict(replace(preprocessing, **_NOT_OF_SAMPLES))  # type: ignore[arg-type]
    digest = hashlib.sha256(json.dumps([_VERSION, settings]).encode())
    for span in spans:
        reader = span.reader or FILE_READER
        row = [reader.fingerprint(span), span.start_ns, span.end_ns, span.p_ns, span.label == NOISE]
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()[:24]


def load(
    folder: Path, spans: Sequence[LabelledSpan], labels: LabelSet
) -> tuple[list[Example], Excluded] | None:
    """Read what `Writer` wrote; None where there is nothing or it is damaged.

    Parameters
    ----------
    folder : Path
        Of one key.
    spans : the rows that the key was made of
    labels : LabelSet
    """
    index = folder / "index.json"
    if not index.exists():
        return None
    try:
        values = json.loads(index.read_text(encoding="utf-8"))
        flat = np.memmap(folder / "samples.f32", dtype="<f4", mode="r") if values["total"] else None
        if (0 if flat is None else len(flat)) != values["total"]:
            raise ValueError(f"{values['total']} samples expected")
        return _rebuild(values, flat, spans, labels)
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        logger.warning("%s: cannot be used (%s), rows are decoded again", folder, error)
        return None


def _rebuild(
    values: dict[str, Any], flat: Any, spans: Sequence[LabelledSpan], labels: LabelSet
) -> tuple[list[Example], Excluded]:
    from quake.data.examples import Example

    examples, excluded, at = [], [], 0
    if len(values["rows"]) != len(spans):
        raise ValueError(f"{len(values['rows'])} rows, {len(spans)} expected")
    for span, row in zip(spans, values["rows"], strict=True):
        if "reason" in row:
            excluded.append((span, str(row["reason"])))
            continue
        n = int(row["n"])
        samples = flat[at : at + 3 * n].reshape(3, n)
        at += 3 * n
        onset = None if row["onset"] is None else int(row["onset"])
        target = labels.index(span.label)
        examples.append(Example(samples, str(row["components"]), target, onset, span))
    return examples, excluded


class Writer:
    """Writes decoded spans one by one, under a temporary name until all are there.

    A full disk ends the writing with a warning and nothing else.

    Parameters
    ----------
    folder : Path
        Of one key.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._rows: list[dict[str, Any]] = []
        self._total = 0
        self._temporary: Path | None = None
        self._file: BinaryIO | None = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            self._file = (self._temporary / "samples.f32").open("wb")
        except OSError as error:
            self._give_up(error)

    def add(self, example: Example | None, reason: str = "") -> None:
        """Append the next row: an example, or why there is none."""
        if self._temporary is None or self._file is None:
            return
        if example is None:
            self._rows.append({"reason": reason})
            return
        n = example.samples.shape[1]
        try:
            self._file.write(np.ascontiguousarray(example.samples, "<f4").tobytes())
            self._leave_room()
        except OSError as error:
            self._give_up(error)
            return
        self._total += 3 * n
        row = {"n": n, "components": example.components, "onset": example.onset}
        self._rows.append(row)

    def _leave_room(self) -> None:
        usage = shutil.disk_usage(self.folder.parent)
        if usage.free < _SMALLEST_FREE_SHARE * usage.total:
            raise OSError(f"less than {_SMALLEST_FREE_SHARE:.0%} of the disk would be left free")

    def finish(self) -> None:
        """Rename it into place."""
        if self._temporary is None or self._file is None:
            return
        try:
            self._file.close()
            text = json.dumps({"total": self._total, "rows": self._rows})
            (self._temporary / "index.json").write_text(text, encoding="utf-8")
            if self.folder.exists():  # damaged, or another process was quicker
                shutil.rmtree(self.folder)
            os.replace(self._temporary, self.folder)  # noqa: PTH105 - keeps its OSError
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        logger.warning(
            "%s: decoded windows are not kept (%s); give --cache another folder, or none",
            self.folder.parent,
            error.strerror or error,
        )
        if self._file is not None:
            with suppress(OSError):  # what is still buffered finds no room either
                self._file.close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        self._temporary = None


def through_cache(
    cache: str | Path,
    spans: Sequence[LabelledSpan],
    labels: LabelSet,
    preprocessing: Preprocessing,
    decode_all: Callable[[], Iterator[tuple[LabelledSpan, Example | None, str]]],
) -> tuple[list[Example], Excluded]:
    """Take examples from the cache, or decode them and keep them.

    Parameters
    ----------
    cache : folder of all keys
    spans : rows
    labels : LabelSet
    preprocessing : Preprocessing
    decode_all : callable
        Yields (span, example or None, reason) of each row in order.
    """
    folder = Path(cache).expanduser() / cache_key(spans, preprocessing)
    found = load(folder, spans, labels)
    if found is not None:
        return found
    writer = Writer(folder)
    examples, excluded = [], []
    for span, example, reason in decode_all():
        writer.add(example, reason)
        if example is None:
            excluded.append((span, reason))
        else:
            examples.append(example)
    if examples:
        writer.finish()
    return load(folder, spans, labels) or (examples, excluded)
