"""Open the labelled data of a command line as one collection, and tell what of it is not used."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.errors import ParameterError
from quake_cli.messages import Messages

if TYPE_CHECKING:
    from quake.datasets.collection import Collection, Exclusion
    from quake.datasets.labelled_archive import ArchiveOptions

_SHOWN = 5  # of each run's exclusions; a data set can have thousands


def collect(
    data: Sequence[Path],
    *,
    catalogue: Path | None,
    inventory: Path | None = None,
    label_column: str | None,
    label_map: Sequence[str] | None,
    ignore_split: bool = False,
    cut: Mapping[str, float | None] | None = None,
    messages: Messages,
) -> Collection:
    """Open all data as one collection, and say what of them is not used.

    Parameters
    ----------
    cut : mapping of option to seconds, or None
        How an archive is cut, as `--before-p` and others say.

    Raises
    ------
    ParameterError, LabelError
        If an option makes no sense, or data cannot be read.
    """
    from quake.datasets.collection import merge, without_split
    from quake.datasets.opening import form_of, open_collection

    mapping = _label_map(label_map or ())
    forms = {form_of(path, catalogue is not None) for path in data}
    _refuse_options_of_other_forms(forms, catalogue, inventory, label_column)
    archive_options = _archive_options(cut or {}, forms)
    found = merge(
        [
            open_collection(
                path,
                catalogue=catalogue,
                inventory=inventory,
                label_column=label_column,
                label_map=mapping,
                archive_options=archive_options,
            )
            for path in data
        ]
    )
    tell_exclusions(found.excluded, messages)
    return without_split(found) if ignore_split else found


def cut_of(
    before_p: float | None,
    after_p: float | None,
    quiet_time: float | None,
    noise_length: float | None,
) -> dict[str, float | None]:
    """The options that say how an archive is cut, by their names."""
    return {
        "--before-p": before_p,
        "--after-p": after_p,
        "--quiet-time": quiet_time,
        "--noise-length": noise_length,
    }


def _archive_options(cut: Mapping[str, float | None], forms: Set[str]) -> ArchiveOptions | None:
    """How archives are cut; what was not given is as in the library."""
    given = {option: value for option, value in cut.items() if value is not None}
    if not given:
        return None
    if "archive" not in forms:
        raise ParameterError(
            f"{', '.join(given)}: belongs to an archive with a --catalogue; none is given"
        )
    from quake.datasets.labelled_archive import ArchiveOptions

    names = {
        "--before-p": "before_p_s",
        "--after-p": "after_p_s",
        "--quiet-time": "quiet_s",
        "--noise-length": "noise_length_s",
    }
    chosen: dict[str, Any] = {names[option]: value for option, value in given.items()}
    return ArchiveOptions(**chosen)


def _refuse_options_of_other_forms(
    forms: Set[str], catalogue: Path | None, inventory: Path | None, label_column: str | None
) -> None:
    """Refuse an option that none of the data has a use for."""
    if catalogue is not None and "archive" not in forms:
        raise ParameterError("--catalogue belongs to an archive (a folder); none is given")
    if inventory is not None and catalogue is None:
        raise ParameterError("--inventory belongs to an archive: give its --catalogue too")
    if label_column is not None and not forms & {"table", "seisbench"}:
        raise ParameterError(
            "--label-column belongs to a label table or a SeisBench data set; none is given"
        )


def tell_exclusions(exclusions: Sequence[Exclusion], messages: Messages) -> None:
    """Name the first exclusions and count all of them by reason."""
    # Errors of files begin with the file: said once, and not counted as a reason of its own.
    excluded = [(e.what, e.reason.removeprefix(f"{e.what}: ")) for e in exclusions]
    for what, reason in excluded[:_SHOWN]:
        messages.warning(f"not used: {what}: {reason}")
    if excluded[_SHOWN:]:
        reasons = Counter(reason for _, reason in excluded)
        shown = "; ".join(f"{n} x {reason}" for reason, n in reasons.most_common(_SHOWN))
        others = len(reasons) - _SHOWN
        more = f"; and {others} other reasons" if others > 0 else ""
        messages.warning(f"not used: {len(excluded)} in all: {shown}{more}")


def _label_map(texts: Sequence[str]) -> dict[str, str]:
    pairs = [
        pair
        for text in texts
        for pair in (_pairs_of_file(Path(text[1:])) if text.startswith("@") else [_pair(text)])
    ]
    mapping: dict[str, str] = {}
    for label, name in pairs:
        if mapping.setdefault(label, name) != name:
            raise ParameterError(f"--label-map: {label} is {mapping[label]} and {name}")
    return mapping


def _pairs_of_file(path: Path) -> list[tuple[str, str]]:
    """Pairs of a CSV file of two columns, without a header."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [[cell.strip() for cell in row] for row in csv.reader(file)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ParameterError(f"--label-map @{path}: cannot be read as CSV ({error})") from error
    for line, row in enumerate(rows, start=1):
        if row and (len(row) != 2 or not all(row)):
            raise ParameterError(
                f"--label-map @{path}, line {line}: LABEL,CLASS was expected, as in px,explosion"
            )
    return [(row[0], row[1]) for row in rows if row]


def _pair(text: str) -> tuple[str, str]:
    label, _, name = text.rpartition("=")
    if not label.strip() or not name.strip():
        raise ParameterError(f"--label-map {text}: LABEL=CLASS was expected, as in px=explosion")
    return label.strip(), name.strip()
