"""Open labelled data: recognise which kind a path is, and read it as a `Collection`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from quake.classes import canonical_label
from quake.datasets.class_folders import is_class_folders, names_classes, read_class_folders
from quake.datasets.collection import Collection
from quake.datasets.labelled_archive import ArchiveOptions, read_archive
from quake.datasets.seisbench import is_seisbench, read_seisbench
from quake.datasets.tables import read_label_table
from quake.errors import LabelError


def open_collection(
    path: str | Path,
    *,
    catalogue: str | Path | None = None,
    inventory: str | Path | None = None,
    label_column: str | None = None,
    label_map: Mapping[str, str] | None = None,
    archive_options: ArchiveOptions | None = None,
) -> Collection:
    """Open labelled data of any of the known forms.

    Parameters
    ----------
    path : label table (CSV, Parquet), folder per class, SeisBench data set, or archive
    catalogue : QuakeML or CSV, for an archive
    inventory : StationXML, for a catalogue that has no picks
    label_column : str, optional
        Of a label table or a SeisBench data set, see `quake.datasets.seisbench.read_seisbench`.
    label_map : mapping of label to class, optional
        What labels of the data's own mean.
    archive_options : ArchiveOptions, optional
        How an archive is cut; its inventory is replaced by `inventory`.

    Raises
    ------
    LabelError, WaveformError, ParameterError
        If it is none of them, or cannot be used; the message says why.
    """
    path = Path(path)
    form = form_of(path, catalogue is not None)
    if form == "table":
        return read_label_table(path, label_column=label_column, label_map=label_map)
    if form == "seisbench":
        return read_seisbench(path, label_column=label_column, label_map=label_map)
    if form == "archive":
        options = replace(
            archive_options or ArchiveOptions(), inventory=Path(inventory) if inventory else None
        )
        return _relabelled(read_archive(path, Path(catalogue or ""), options), label_map)
    return read_class_folders(path, label_map=label_map)


def form_of(path: Path, with_catalogue: bool) -> str:
    """Recognise labelled data: "table", "seisbench", "archive" or "class folders".

    Raises
    ------
    LabelError
        If it is none of them.
    """
    if not path.is_dir():
        return "table"
    if is_seisbench(path):
        return "seisbench"
    if with_catalogue:
        # Beside an archive, folders of classes are told by their names.
        is_classes = names_classes(path) and is_class_folders(path)
        return "class folders" if is_classes else "archive"
    if is_class_folders(path):
        return "class folders"
    raise LabelError(
        f"{path}: no labelled data known; expected a label table (CSV or Parquet), a folder with "
        "a sub-folder for each class, a SeisBench data set (metadata.csv and waveforms.hdf5), or "
        "an archive together with a catalogue (--catalogue FILE)"
    )


def _relabelled(collection: Collection, label_map: Mapping[str, str] | None) -> Collection:
    if not label_map:
        return collection
    spans = [replace(s, label=canonical_label(s.label, label_map)) for s in collection.spans]
    return replace(collection, spans=spans)
