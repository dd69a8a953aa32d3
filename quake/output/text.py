"""Write window records as lines of CSV or JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from quake.inference.records import WindowRecord


class JsonLinesWriter:
    """One JSON object a line, see docs/output.md.

    Parameters
    ----------
    file : text file
    """

    def __init__(self, file: TextIO) -> None:
        self.file = file

    def write(self, record: WindowRecord) -> None:
        """Write one line, at once, so that the next program of a pipe sees it."""
        self.file.write(json.dumps(record.to_dict(), allow_nan=False) + "\n")
        self.file.flush()

    def close(self) -> None:
        """Nothing is missing."""


class CsvWriter:
    """A header, then one row a window; cells of what is missing are empty.

    Parameters
    ----------
    file : text file
    classes : names, in the order of the columns
    """

    def __init__(self, file: TextIO, classes: Sequence[str]) -> None:
        self.file = file
        self.classes = classes
        self._rows = csv.writer(file, lineterminator="\n")
        self._rows.writerow(
            ["id", "start", "end", "label", "status"]
            + [f"p_{name}" for name in classes]
            + ["coverage", "components", "sampling_rate_hz", "flags", "model"]
        )

    def write(self, record: WindowRecord) -> None:
        """Write one row."""
        self._rows.writerow(
            [record.id, record.start, record.end, record.label or "", record.status]
            + [record.probabilities.get(name, "") for name in self.classes]
            + [record.coverage, record.components, record.sampling_rate_hz]
            + [";".join(record.flags), record.model]
        )
        self.file.flush()

    def close(self) -> None:
        """Nothing is missing."""
        self.file.flush()
