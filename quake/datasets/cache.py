"""Decoded spans on disk: the second run, and the second epoch, read no miniSEED.

A folder for each set of rows and preprocessing: `samples.f32` (little-endian single precision, one
example after the other, each of shape (3, N)), `records.bin` (segments as they were read) and
`index.json`. Samples are written as they are
decoded and then mapped into memory, so that data sets larger than it can be trained on. Nothing in
it can run. The entries used last are kept, up to 20 GB; the one in use is kept whatever its size.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, astuple, replace
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from quake.classes import NOISE
from quake.data.preprocessing import Preprocessing
from quake.datasets.file_reader import FILE_READER
from quake.datasets.labels import LabelledSpan
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import ChannelSet, Segment

if TYPE_CHECKING:
    from quake.datasets.rows import Outcome

logger = logging.getLogger(__name__)

# Raise it when decoding gives other samples, or another reason, for the same record.
_VERSION = 5
# Of the network's picture alone: the samples do not depend on them.
_NOT_OF_SAMPLES = {"hop_samples": 1}
_SMALLEST_FREE_SHARE = 0.05
_MOST_BYTES = 20_000_000_000
_DAY_S = 86_400
# A key, or a temporary name of one.
_ENTRY = re.compile(r"[0-9a-f]{24}|\.[0-9a-f]{24}\.\w+")


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
        times = (span.start_ns, span.end_ns, span.p_ns)
        row = [reader.fingerprint(span), *times, span.label == NOISE, span.station]
        digest.update(json.dumps(row).encode())
    return digest.hexdigest()[:24]


def through_cache(
    cache: str | Path,
    spans: Sequence[LabelledSpan],
    preprocessing: Preprocessing,
    decode_all: Callable[[], Iterator[Outcome]],
) -> list[Outcome]:
    """Take decoded rows from the cache, or decode them and keep them.

    Parameters
    ----------
    cache : folder of all keys
    spans : rows
    preprocessing : Preprocessing
    decode_all : callable
        Yields what became of each row, in order.
    """
    folder = Path(cache).expanduser() / cache_key(spans, preprocessing)
    found = load(folder, len(spans))
    if found is not None:
        return found
    writer = CacheWriter(folder)
    try:
        in_memory = [outcome for outcome in decode_all() if not writer.add(outcome)]
    except BaseException:  # interrupted: leave nothing half written behind
        writer.discard()
        raise
    if not writer.finish():
        return [*writer.rescued, *in_memory]
    _prune(folder)
    # Another process may have thrown it away in between.
    return load(folder, len(spans)) or list(decode_all())


def load(folder: Path, n_rows: int) -> list[Outcome] | None:
    """Read what `CacheWriter` wrote; None where there is nothing or it is damaged.

    Parameters
    ----------
    folder : Path
        Of one key.
    n_rows : int
        How many rows it was made of.
    """
    index = folder / "index.json"
    if not index.exists():
        return None
    try:
        values = json.loads(index.read_text(encoding="utf-8"))
        flat = np.memmap(folder / "samples.f32", dtype="<f4", mode="r")
        records = _bytes(folder / "records.bin")
        if len(flat) != values["total"] or len(values["rows"]) != n_rows:
            raise ValueError(f"{n_rows} rows with {values['total']} samples were expected")
        if len(records) != values["n_bytes"]:
            raise ValueError(f"records of {values['n_bytes']} bytes were expected")
        outcomes = _outcomes(values["rows"], flat, records)
        with suppress(OSError):  # another user's, perhaps; it is as good
            os.utime(index)
        return outcomes
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        logger.warning("%s: cannot be used (%s), rows are decoded again", folder, error)
        return None


def _bytes(path: Path) -> NDArray[np.uint8]:
    """Map a file into memory; one without a byte cannot be."""
    if not path.stat().st_size:
        return np.zeros(0, np.uint8)
    return np.memmap(path, dtype=np.uint8, mode="r")


def _outcomes(
    rows: Sequence[dict[str, Any]], flat: NDArray[np.float32], records: NDArray[np.uint8]
) -> list[Outcome]:
    """Views of the samples, one after the other."""
    from quake.datasets.rows import Decoded

    outcomes: list[Outcome] = []
    at, at_byte = 0, 0
    for row in rows:
        if "reason" in row:
            outcomes.append(str(row["reason"]))
            continue
        n = int(row["n"])
        samples = flat[at : at + 3 * n].reshape(3, n)
        at += 3 * n
        onset = None if row["onset"] is None else int(row["onset"])
        record = None
        if row["segments"] is not None:
            n_bytes = sum(_n_bytes(segment) for segment in row["segments"])
            record = _record(row, records[at_byte : at_byte + n_bytes])
            at_byte += n_bytes
        outcomes.append(
            Decoded(samples, str(row["components"]), onset, record, int(row["start_ns"]))
        )
    return outcomes


def _record(row: dict[str, Any], values: NDArray[np.uint8]) -> ChannelSet:
    """Put a record together from its bytes."""
    segments: dict[str, list[Segment]] = {}
    at = 0
    for described in row["segments"]:
        component, code, start_ns, rate_hz, dtype, _ = described
        n_bytes = _n_bytes(described)
        samples = values[at : at + n_bytes].view(_number_type(dtype))
        at += n_bytes
        found = Segment(str(code), int(start_ns), float(rate_hz), samples)
        segments.setdefault(str(component), []).append(found)
    return ChannelSet(ChannelSetId(*map(str, row["id"])), segments)


def _number_type(name: Any) -> np.dtype[Any]:
    """Type of samples; nothing but numbers, whatever an index says."""
    found = np.dtype(str(name))
    if found.kind not in "iuf":
        raise ValueError(f"samples of type {name}")
    return found


def _n_bytes(described: Sequence[Any]) -> int:
    *_, dtype, n = described
    return int(n) * _number_type(dtype).itemsize


class CacheWriter:
    """Writes decoded rows one by one, under a temporary name until all are there.

    A full disk ends the writing with a warning; what was written until then is read back.

    Parameters
    ----------
    folder : Path
        Of one key.

    Attributes
    ----------
    rescued : list
        What was written of rows before the writing failed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rescued: list[Outcome] = []
        self._rows: list[dict[str, Any]] = []
        self._total = 0
        self._n_bytes = 0
        self._temporary: Path | None = None
        self._file: FileIO | None = None
        self._records: FileIO | None = None
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            self._temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            # Without a buffer: what is counted as written is on the disk.
            self._file = FileIO(self._temporary / "samples.f32", "w")
            self._records = FileIO(self._temporary / "records.bin", "w")
        except OSError as error:
            self._give_up(error)

    def add(self, outcome: Outcome) -> bool:
        """Append the next row; False if it was not written."""
        if self._file is None:
            return False
        if isinstance(outcome, str):
            self._rows.append({"reason": outcome})
            return True
        described, n_bytes = None, 0
        try:
            self._write(self._file, np.ascontiguousarray(outcome.samples, "<f4"))
            if outcome.recorded is not None and self._records is not None:
                described, n_bytes = self._write_record(self._records, outcome.recorded)
        except OSError as error:
            self._give_up(error)
            return False
        self._total += outcome.samples.size
        self._n_bytes += n_bytes
        self._rows.append(
            {
                "n": outcome.samples.shape[1],
                "components": outcome.components,
                "onset": outcome.onset,
                "start_ns": outcome.start_ns,
                "id": None if outcome.recorded is None else list(astuple(outcome.recorded.id)),
                "segments": described,
            }
        )
        return True

    def _write_record(self, file: FileIO, record: ChannelSet) -> tuple[list[list[Any]], int]:
        described: list[list[Any]] = []
        for component, segments in record.segments.items():
            for s in segments:
                dtype = s.samples.dtype.newbyteorder("<")
                self._write(file, np.ascontiguousarray(s.samples, dtype))
                what = [component, s.code, s.start_ns, s.sampling_rate_hz, dtype.str]
                described.append([*what, len(s.samples)])
        return described, sum(map(_n_bytes, described))

    def _write(self, file: FileIO, samples: NDArray[Any]) -> None:
        self._leave_room(samples.nbytes)
        rest = memoryview(samples.tobytes())
        while rest:
            rest = rest[file.write(rest) :]

    def _leave_room(self, n_bytes: int) -> None:
        usage = shutil.disk_usage(self.folder.parent)
        if usage.free - n_bytes < _SMALLEST_FREE_SHARE * usage.total:
            raise OSError(f"less than {_SMALLEST_FREE_SHARE:.0%} of the disk would be left free")

    def finish(self) -> bool:
        """Rename it into place; False if it is not there, and in `rescued` instead."""
        if self._temporary is None or self._file is None:
            return False
        try:
            if not self._total:  # nothing worth keeping, and nothing to map into memory
                self._read_back()
                return False
            self._close()
            text = json.dumps({"total": self._total, "n_bytes": self._n_bytes, "rows": self._rows})
            (self._temporary / "index.json").write_text(text, encoding="utf-8")
            self._rename(self._temporary)
        except OSError as error:
            self._give_up(error)
            return False
        return True

    def _rename(self, temporary: Path) -> None:
        if self.folder.exists():
            if load(self.folder, len(self._rows)) is not None:  # another process was quicker
                shutil.rmtree(temporary, ignore_errors=True)
                return
            shutil.rmtree(self.folder)
        temporary.rename(self.folder)

    def _give_up(self, error: OSError) -> None:
        logger.warning(
            "%s: decoded windows are not kept (%s); give --cache another folder, or none",
            self.folder.parent,
            error.strerror or error,
        )
        self._read_back()

    def _read_back(self) -> None:
        """Take what was written into memory and make room on the disk."""
        if self._file is not None and self._temporary is not None:
            self._close()
            samples = np.fromfile(self._temporary / "samples.f32", "<f4", self._total)
            records = np.fromfile(self._temporary / "records.bin", np.uint8, self._n_bytes)
            self.rescued = _outcomes(self._rows, samples, records)
        self.discard()

    def _close(self) -> None:
        for file in (self._file, self._records):
            if file is not None:
                file.close()

    def discard(self) -> None:
        """Throw away what was written."""
        self._close()
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)
        self._file = self._records = self._temporary = None


def _prune(kept: Path) -> None:
    """Throw away what was used longest ago, and what killed runs left half written."""
    entries = []
    for folder in kept.parent.iterdir():
        with suppress(OSError):  # gone by now
            if _is_entry(folder) and folder != kept:
                entries.append((_used_s(folder), folder))
    room = _MOST_BYTES - _size(kept)
    for used_s, folder in sorted(entries, reverse=True):
        room -= _size(folder)
        half_written = folder.name.startswith(".")
        if (half_written and time.time() - used_s > _DAY_S) or (not half_written and room < 0):
            logger.info("%s: removed to make room", folder)
            shutil.rmtree(folder, ignore_errors=True)


def _is_entry(folder: Path) -> bool:
    """Whether we made it: nothing else in a folder that a user names is ever removed."""
    return bool(_ENTRY.fullmatch(folder.name)) and (folder / "samples.f32").is_file()


def _used_s(folder: Path) -> float:
    index = folder / "index.json"
    return (index if index.exists() else folder / "samples.f32").stat().st_mtime


def _size(folder: Path) -> int:
    total = 0
    for name in ("samples.f32", "records.bin"):
        with suppress(OSError):
            total += (folder / name).stat().st_size
    return total
