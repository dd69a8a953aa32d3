"""Hide parts of a spectrogram and see how the answer of a network changes.

After Zeiler & Fergus 2014 (arXiv 1311.2901). A grey patch means nothing in a spectrogram of which
the mean over time was removed; what is hidden is made quiet instead, as the station is when nothing
happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

QUIET_QUANTILE = 0.25
"""Of a frequency's levels over time: the coda of an event may fill more than half of a window."""


@dataclass(frozen=True)
class HiddenPart:
    """What of a spectrogram is hidden: rows and columns, of one component or of all.

    Attributes
    ----------
    rows, columns : (int, int)
        First, and the one behind the last.
    component : int or None
        Index; None for all of them.
    is_missing : bool
        Hidden as a component is that was not recorded: zeros, and not quiet.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]
    component: int | None = None
    is_missing: bool = False


def hide(spectrogram: Tensor, part: HiddenPart) -> Tensor:
    """Hide a part of what the network sees.

    Parameters
    ----------
    spectrogram : Tensor of shape (C, H, W)
        Logarithms of magnitudes, of which the mean over time was removed from each row, as
        `quake.data.transforms.CentredLogarithm` does; zeros where nothing was recorded.
    part : HiddenPart

    Returns
    -------
    Tensor of shape (C, H, W)
        In the part, each row is at the lower quartile of its levels; then its mean over time is
        removed again. Had the station been quiet there, this is what the network would have seen.
        A row that is hidden from end to end is zero: nothing changes in it. Columns without data
        stay as they are.
    """
    chosen = torch.zeros_like(spectrogram, dtype=torch.bool)
    components = slice(None) if part.component is None else part.component
    chosen[components, slice(*part.rows), slice(*part.columns)] = True
    if part.is_missing:
        return spectrogram.masked_fill(chosen, 0.0)
    there = (spectrogram != 0).any(1, keepdim=True).expand_as(spectrogram)
    levels = spectrogram.masked_fill(~there, torch.nan)
    quiet = torch.nanquantile(levels, QUIET_QUANTILE, dim=2, keepdim=True)
    hidden = torch.where(chosen & there, quiet, levels)
    return (hidden - hidden.nanmean(2, keepdim=True)).nan_to_num(0.0)


def component_parts(shape: Sequence[int]) -> list[HiddenPart]:
    """One part a component of a spectrogram of shape (C, H, W)."""
    n_components, n_rows, n_columns = shape
    return [
        HiddenPart((0, n_rows), (0, n_columns), i, is_missing=True) for i in range(n_components)
    ]


def band_parts(shape: Sequence[int], first_row: int) -> list[HiddenPart]:
    """Half-octaves of a spectrogram of shape (C, H, W); at low frequencies single rows.

    Parameters
    ----------
    shape : (int, int, int)
    first_row : int
        Number of the lowest row, at a frequency of so many times the distance of two rows;
        1 or more.

    Examples
    --------
    >>> [part.rows for part in band_parts((3, 8, 95), 1)]
    [(0, 1), (1, 2), (2, 3), (3, 5), (5, 7), (7, 8)]
    """
    _, n_rows, n_columns = shape
    rows = range(first_row, first_row + n_rows)
    bands = [list(band) for _, band in groupby(rows, _band_of)]
    return [HiddenPart((b[0] - first_row, b[-1] + 1 - first_row), (0, n_columns)) for b in bands]


def time_parts(shape: Sequence[int], stretches: Sequence[int]) -> list[HiddenPart]:
    """Stretches of time of a spectrogram of shape (C, H, W).

    Parameters
    ----------
    shape : (int, int, int)
    stretches : sequence of int
        Of each column, the number of the stretch that it belongs to; never smaller than before.

    Examples
    --------
    >>> [part.columns for part in time_parts((3, 25, 5), [0, 0, 1, 1, 1])]
    [(0, 2), (2, 5)]
    """
    _, n_rows, n_columns = shape
    columns = groupby(range(n_columns), lambda column: stretches[column])
    bounds = [list(of_stretch) for _, of_stretch in columns]
    return [HiddenPart((0, n_rows), (b[0], b[-1] + 1)) for b in bounds]


def _band_of(row: int) -> int:
    """Number of the half-octave of a row; octaves begin at rows 1, 2, 4, 8..."""
    return (row * row).bit_length() - 1
