"""Read a folder that has a sub-folder of miniSEED and SAC files for each class."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from quake.classes import canonical_label, is_known_label
from quake.datasets.collection import Collection, Exclusion, record_of_file
from quake.datasets.holdings import ArchiveReader, files_below
from quake.datasets.labels import LabelledSpan
from quake.errors import LabelError, WaveformError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.waveform_file import is_waveform_file, sac_p_ns, scan
from quake.waveforms.segments import Span, component_map
from quake.waveforms.times import format_time

# Folders of years are the roots of SDS archives, and no classes.
_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True)
class _Piece:
    """What one file, or several of one component each, have of one channel set."""

    id: ChannelSetId
    start_ns: int
    end_ns: int
    files: tuple[Path, ...]
    p_ns: int | None


def is_class_folders(root: Path) -> bool:
    """Whether a folder has sub-folders with waveforms in them, and these are no years (SDS)."""
    folders = _folders(root)
    if all(_YEAR.fullmatch(folder.name) for folder in folders):
        return False
    return any(
        is_waveform_file(path)
        for folder in folders
        for path in files_below(folder)
        if path.is_file()
    )


def names_classes(root: Path) -> bool:
    """Whether all sub-folders of a folder are called as known classes are; one may be enough."""
    folders = _folders(root)
    return bool(folders) and all(is_known_label(folder.name) for folder in folders)


def read_class_folders(
    root: str | Path, *, label_map: Mapping[str, str] | None = None
) -> Collection:
    """Read a folder whose sub-folders are named after the classes of the files in them.

    Every file is one labelled stretch, all of it; where it has several channel sets, the one with
    the most components is taken. Files of one component each, as SAC's are, become one stretch
    where they are of one channel set and overlap in time; the P arrival is SAC's header `a`.
    Stretches of one class that overlap in time show one event, whatever their station.

    Parameters
    ----------
    root : path
    label_map : mapping of label to class, optional
        What names of folders mean that are no labels.

    Raises
    ------
    LabelError
        If there is no waveform in any sub-folder, or the same stretch is in two classes.
    """
    root = Path(root)
    by_label: dict[str, list[_Piece]] = {}  # two folders may have spellings of one label
    excluded = [Exclusion(str(path), "lies in no folder of a class") for path in _loose(root)]
    for folder in _folders(root):
        pieces, left_out = _pieces(folder)
        excluded += left_out
        if not pieces:
            excluded.append(Exclusion(str(folder), "has no waveform that can be used"))
        by_label.setdefault(canonical_label(folder.name, label_map), []).extend(pieces)
    spans: list[LabelledSpan] = []
    for label, pieces in by_label.items():
        for piece, event in _with_events(_merge(pieces)):
            spans.append(_span(root, label, piece, event, row=len(spans) + 1))
    if not spans:
        raise LabelError(
            f"{root}: no miniSEED or SAC file in any of its folders; expected a folder for each "
            "class, as in earthquake/ and noise/"
            + "".join(f"; {e.what}: {e.reason}" for e in excluded[:3])
        )
    _check_contradictions(root, spans)
    return Collection(root.resolve().name, spans, excluded)


def _check_contradictions(root: Path, spans: Iterable[LabelledSpan]) -> None:
    """Refuse the same stretch of one channel set in two classes, as copies of a file are."""
    first: dict[tuple[object, ...], LabelledSpan] = {}
    for span in spans:
        channel_set = span.reader.channel_set if isinstance(span.reader, ArchiveReader) else None
        before = first.setdefault((channel_set, span.start_ns, span.end_ns), span)
        if before.label != span.label:
            raise LabelError(
                f"{root}: {channel_set} from {format_time(span.start_ns)} has two labels: "
                f"{before.path} ({before.label}) and {span.path} ({span.label}); remove one"
            )


def _loose(root: Path) -> list[Path]:
    return sorted(p for p in root.iterdir() if p.is_file() and not p.name.startswith("."))


def _folders(root: Path) -> list[Path]:
    try:
        found = [p for p in root.iterdir() if p.is_dir() and not p.name.startswith(".")]
    except OSError as error:
        raise LabelError(f"{root}: cannot be listed ({error.strerror or error})") from error
    return sorted(found)


def _pieces(folder: Path) -> tuple[list[_Piece], list[Exclusion]]:
    pieces, excluded = [], []
    for path in files_below(folder):
        try:
            if not is_waveform_file(path):
                excluded.append(Exclusion(str(path), "neither miniSEED nor SAC"))
                continue
            headers, problems = scan(path)
        except WaveformError as error:
            excluded.append(Exclusion(str(path), str(error)))
            continue
        excluded += [Exclusion(str(path), problem) for problem in problems]
        piece = _piece(path, headers)
        if piece is None:
            codes = ", ".join(sorted({header.code or "(none)" for header in headers}))
            excluded.append(Exclusion(str(path), f"component {codes} is none of Z, N, E, 1, 2, 3"))
        else:
            pieces.append(piece)
    return pieces, excluded


def _piece(path: Path, headers: Iterable[Span]) -> _Piece | None:
    by_id: dict[ChannelSetId, list[Span]] = {}
    for header in headers:
        by_id.setdefault(header.id, []).append(header)
    n_components = {key: len(set(component_map(spans).values())) for key, spans in by_id.items()}
    if not n_components or not max(n_components.values()):
        return None
    key = max(sorted(by_id), key=lambda k: n_components[k])
    start_ns, end_ns = min(s.start_ns for s in by_id[key]), max(s.end_ns for s in by_id[key])
    return _Piece(key, start_ns, end_ns, (path,), sac_p_ns(path))


def _merge(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Put together what is of one channel set and overlaps in time."""
    merged: list[_Piece] = []
    for piece in sorted(pieces, key=lambda p: (p.id, p.start_ns)):
        last = merged[-1] if merged else None
        if last is not None and last.id == piece.id and piece.start_ns < last.end_ns:
            picks = [p for p in (last.p_ns, piece.p_ns) if p is not None]
            merged[-1] = replace(
                last,
                end_ns=max(last.end_ns, piece.end_ns),
                files=last.files + piece.files,
                p_ns=min(picks) if picks else None,
            )
        else:
            merged.append(piece)
    return merged


def _with_events(pieces: Iterable[_Piece]) -> Iterator[tuple[_Piece, int]]:
    """Number the events: pieces that overlap in time, directly or through others, are one."""
    event, end_ns = 0, None
    for piece in sorted(pieces, key=lambda p: (p.start_ns, p.id)):
        if end_ns is None or piece.start_ns >= end_ns:
            event += 1
            end_ns = piece.end_ns
        end_ns = max(end_ns, piece.end_ns)
        yield piece, event


def _span(root: Path, label: str, piece: _Piece, event: int, row: int) -> LabelledSpan:
    return LabelledSpan(
        row=row,
        path=piece.files[0],
        start_ns=piece.start_ns,
        end_ns=piece.end_ns,
        label=label,
        group=f"{label}:{event}",
        station=f"{piece.id.network}.{piece.id.station}",
        source=root.resolve().name,
        p_ns=piece.p_ns,
        record=" ".join(map(record_of_file, piece.files)),
        reader=ArchiveReader(piece.id, piece.files),
    )
