"""Hold the rows of a result as a sequence, and write them as Arrow, pandas and Polars tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar, overload

from quake.errors import ParameterError

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

Row = TypeVar("Row")


class Rows(Sequence[Row], ABC):
    """A sequence of records that cannot be changed, all of one kind.

    Parameters
    ----------
    rows : iterable
    """

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> Sequence[Row]: ...

    def __getitem__(self, at: int | slice) -> Row | Sequence[Row]:
        return self._rows[at]

    def __eq__(self, other: object) -> bool:
        return self._rows == other._rows if isinstance(other, Rows) else NotImplemented

    def __hash__(self) -> int:
        return hash(len(self._rows))  # records hold mappings, which have none

    @abstractmethod
    def to_arrow(self) -> pyarrow.Table:
        """Write the rows as an Arrow table; times are UTC, in microseconds."""

    def to_pandas(self) -> pandas.DataFrame:
        """Write the rows as a pandas data frame.

        Raises
        ------
        ParameterError
            If pandas is not installed.
        """
        _needs("pandas")
        return self.to_arrow().to_pandas()

    def to_polars(self) -> polars.DataFrame:
        """Write the rows as a Polars data frame, without a copy where Polars can do without.

        Raises
        ------
        ParameterError
            If Polars is not installed.
        """
        frame: polars.DataFrame = _needs("polars").from_arrow(self.to_arrow())
        return frame


def pandas_frame(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pandas.DataFrame:
    """Write rows of plain values as a pandas data frame.

    Raises
    ------
    ParameterError
        If pandas is not installed.
    """
    return _needs("pandas").DataFrame(list(rows), columns=list(columns))


def _needs(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise ParameterError(
            f"{package} is not installed ({error}); install it with: pip install {package}"
        ) from error
