"""Read labelled records for the onset network: a label table in, arrays at 100 Hz out.

    python benchmarks/onset_records.py DATA CACHE --teachers TEACHERS [--sources a,b]

Writes one ``CACHE/<source>.npz`` a source: records of three components as the program cuts them
(high-passed, resampled), the analysts' P and S, and what PhaseNet (Zhu & Beroza 2019) and
EQTransformer (Mousavi et al. 2020) say of each sample. TEACHERS has phasenet.safetensors and
eqtransformer.safetensors with SeisBench's names of tensors.
"""

from __future__ import annotations

import argparse
import csv
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from quake.data.preprocessing import Preprocessing
from quake.errors import QuakeError
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.joining import join_segments
from quake.waveforms.segments import ChannelSet, component_map
from quake.waveforms.sources import FileSource
from quake.waveforms.times import NS_PER_S, parse_time
from quake.windows.cutting import Stretch

RATE_HZ = 100.0
AROUND = replace(
    Preprocessing(), sampling_rate_hz=RATE_HZ, nperseg=128, hop_samples=64, band_hz=(0.7, 20.0)
)
"""As the program cuts records for the network, but for the length."""

BEFORE_S, AFTER_S = 40, 80
"""What is read of a record around a P."""

SHORTEST_S, LONGEST_S = 10, 120

EDGE = 100
"""Samples at either end of a window of which PhaseNet is not believed."""

Samples = NDArray[np.float32]
Row = dict[str, str]


class Record(NamedTuple):
    """A record: samples (3, N), and P and S, s after the first sample; NaN if there is none."""

    samples: Samples
    p_s: float
    s_s: float
    row: Row


def read_table(path: Path) -> list[Row]:
    """Rows of a label table."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_record(data: Path, row: Row) -> Record | None:
    """Read the record of a row; None if it is too short or cannot be used."""
    source = FileSource([data / row["path"]])
    try:
        sets = source.spans()
    except QuakeError:
        return None
    if len(sets) != 1:
        return None
    ((key, spans),) = sets.items()
    begin_ns, end_ns = _bounds(row, spans)
    seconds = (end_ns - begin_ns) // NS_PER_S
    if seconds < SHORTEST_S:
        return None
    mapping = component_map(spans)
    segments = source.read(spans, key, begin_ns, end_ns)
    joined = {c: join_segments(s for s in segments if mapping.get(s.code) == c) for c in COMPONENTS}
    stretch = Stretch(
        ChannelSet(key, joined), begin_ns, end_ns, replace(AROUND, window_s=float(seconds))
    )
    (window,) = stretch.windows([begin_ns], 0.0)
    if window.status != "usable":
        return None
    times_s = [_seconds(row[name], begin_ns) for name in ("p_time", "s_time")]
    return Record(window.samples, times_s[0], times_s[1], row)


def _bounds(row: Row, spans: Sequence[Any]) -> tuple[int, int]:
    """From when to when a record is read: around its P, or its row if it has none."""
    first_ns = min(span.start_ns for span in spans)
    last_ns = max(span.end_ns for span in spans)
    if row["label"] == "noise" or not row["p_time"]:
        begin_ns, end_ns = parse_time(row["start"]), parse_time(row["end"])
        end_ns = min(end_ns, begin_ns + LONGEST_S * NS_PER_S)
    else:
        p_ns = parse_time(row["p_time"])
        begin_ns, end_ns = p_ns - BEFORE_S * NS_PER_S, p_ns + AFTER_S * NS_PER_S
    return max(begin_ns, first_ns), min(end_ns, last_ns)


def _seconds(time: str, begin_ns: int) -> float:
    return (parse_time(time) - begin_ns) / NS_PER_S if time else np.nan


def windowed(
    samples: Samples, length: int, hop: int, edge: int, run: Callable[[Samples], Samples]
) -> Samples:
    """Mean of what a network says of windows that overlap, (2, N), of P and S."""
    n = samples.shape[1]
    last = max(n - length, 0)
    starts = sorted({*range(0, last, hop), last})
    padded = np.pad(samples, ((0, 0), (0, max(length - n, 0))))
    batch = np.stack([padded[:, a : a + length] for a in starts])
    said = run(normalised(batch)[:, ::-1].copy())
    total, count = np.zeros((2, padded.shape[1])), np.zeros(padded.shape[1])
    for a, answer in zip(starts, said, strict=True):
        # Only the ends of the record itself may lie at the edge of a window.
        first = 0 if a == 0 else edge
        stop = length if a == last else length - edge
        total[:, a + first : a + stop] += answer[:, first:stop]
        count[a + first : a + stop] += 1
    mean: Samples = (total / np.maximum(count, 1))[:, :n].astype(np.float32)
    return mean


def normalised(windows: Samples) -> Samples:
    """Each component of each window without its mean, over its standard deviation."""
    centred = windows - windows.mean(axis=-1, keepdims=True)
    scale = centred.std(axis=-1, keepdims=True)
    answer: Samples = centred / np.where(scale > 0, scale, 1)
    return answer


def load_teachers(folder: Path) -> dict[str, Callable[[Samples], Samples]]:
    """PhaseNet and EQTransformer: windows (B, 3, N) of E, N, Z in, P and S (B, 2, N) out."""
    import seisbench.models as sbm
    import torch
    from safetensors.torch import load_file

    phasenet = sbm.PhaseNet(phases="NPS")
    phasenet.load_state_dict(load_file(folder / "phasenet.safetensors"), strict=False)
    eqt = sbm.EQTransformer(original_compatible="conservative")
    eqt.load_state_dict(load_file(folder / "eqtransformer.safetensors"), strict=False)
    phasenet.eval()
    eqt.eval()

    @torch.inference_mode()
    def ask_phasenet(windows: Samples) -> Samples:
        answer: Samples = phasenet(torch.from_numpy(windows))[:, 1:].numpy()
        return answer

    @torch.inference_mode()
    def ask_eqt(windows: Samples) -> Samples:
        _, p, s = eqt(torch.from_numpy(windows))
        return np.stack([p.numpy(), s.numpy()], axis=1)

    return {"phasenet": ask_phasenet, "eqt": ask_eqt}


def main() -> None:
    """Write the arrays of all sources."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("--teachers", type=Path, required=True)
    parser.add_argument("--sources", default="")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    options.cache.mkdir(parents=True, exist_ok=True)
    rows = read_table(options.data / "labels.csv")
    teachers = load_teachers(options.teachers)
    wanted = options.sources.split(",") if options.sources else sorted({r["source"] for r in rows})
    for source in wanted:
        records = [
            record
            for row in rows
            if row["source"] == source and (record := read_record(options.data, row)) is not None
        ]
        _write(options.cache / f"{source}.npz", records, teachers)
        print(f"{source}: {len(records)} records", flush=True)


def _write(
    path: Path, records: Sequence[Record], teachers: dict[str, Callable[[Samples], Samples]]
) -> None:
    """Write records one after the other along the time, with their lengths."""
    if not records:
        return
    windows = {"phasenet": (3001, 1000, EDGE), "eqt": (6000, 3000, EDGE)}
    said = {
        name: [windowed(r.samples, *windows[name], ask).astype(np.float16) for r in records]
        for name, ask in teachers.items()
    }
    np.savez(
        path,
        samples=np.concatenate([normalised(r.samples) for r in records], axis=1).astype(np.float32),
        lengths=np.array([r.samples.shape[1] for r in records]),
        p_s=np.array([r.p_s for r in records]),
        s_s=np.array([r.s_s for r in records]),
        labels=np.array([r.row["label"] for r in records]),
        events=np.array([r.row["event_id"] for r in records]),
        snr_db=np.array([float(r.row["snr_db"] or "nan") for r in records]),
        paths=np.array([r.row["path"] for r in records]),
        **{name: np.concatenate(some, axis=1) for name, some in said.items()},
    )


if __name__ == "__main__":
    main()
