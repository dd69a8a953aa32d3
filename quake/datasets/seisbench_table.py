"""Read the rows and fields of a SeisBench data set's metadata."""

from __future__ import annotations

import csv
import math
import re
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from quake.errors import LabelError

_EVENT_IDS = ("source_id", "event_id", "source_event_id")
_NETWORKS = ("station_network_code", "network_code", "network")
_STATIONS = ("station_code", "receiver_code", "station")
_LOCATIONS = ("station_location_code", "trace_location_code")
_CHANNELS = ("trace_channel", "station_channels", "station_channel_code")
_SNRS = ("trace_Z_snr_db", "trace_snr_db", "snr_db")

# Any phase whose name begins with P or p: P, Pg, Pn, P1, PmP; the earliest is the onset. Behind it
# may be who picked it.
_P_ARRIVAL = re.compile(
    r"(?:trace_)?(?!phase|pick)[pP][A-Za-z0-9]{0,4}_arrival_sample(?:_(?P<picker>\w+))?"
)
_NO_PICKER = re.compile(
    r"(?i).*(uncertainty|error|weight|status|residual|std|prob|score|polarity|quality).*"
)
_BY_HAND = re.compile(r"(?i).*(manual|analyst|catalog|reviewed).*")

_MISSING = frozenset({"", "nan", "none", "nat", "null", "<na>"})


def rows_of(metadata: Path) -> Iterator[list[str]]:
    """Rows of a metadata file, the header first."""
    # Fields of STEAD and CEED hold lists of any length.
    csv.field_size_limit(2**31 - 1)
    try:
        with metadata.open(newline="", encoding="utf-8-sig") as file:
            yield from csv.reader(file)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise LabelError(f"{metadata}: cannot be read as a CSV table ({error})") from error


@dataclass(frozen=True)
class Columns:
    """Where in a row the columns are that are read; None for those that are not there."""

    trace_name: int
    label: int | None
    start: int | None
    rate: int | None
    dt: int | None
    order: int | None
    event_id: int | None
    network: int | None
    station: int | None
    location: int | None
    channel: int | None
    snr: int | None
    split: int | None
    p_arrivals: tuple[int, ...]
    p_arrivals_of_pickers: tuple[int, ...]

    @classmethod
    def of(cls, header: Sequence[str], label: str | None) -> Columns:
        """Find them in a header.

        Parameters
        ----------
        header : names of all columns, trace_name among them
        label : str or None
            Name of the column that tells the label.
        """

        def find(*names: str) -> int | None:
            return next((header.index(name) for name in names if name in header), None)

        kinds = [_arrival_kind(name) for name in header]
        return cls(
            trace_name=header.index("trace_name"),
            label=None if label is None else find(label),
            start=find("trace_start_time"),
            rate=find("trace_sampling_rate_hz"),
            dt=find("trace_dt_s"),
            order=find("trace_component_order"),
            event_id=find(*_EVENT_IDS),
            network=find(*_NETWORKS),
            station=find(*_STATIONS),
            location=find(*_LOCATIONS),
            channel=find(*_CHANNELS),
            snr=find(*_SNRS),
            split=find("split"),
            p_arrivals=tuple(i for i, kind in enumerate(kinds) if kind == "plain"),
            p_arrivals_of_pickers=tuple(i for i, kind in enumerate(kinds) if kind == "picker"),
        )


def _arrival_kind(column: str) -> str:
    """Say whether a column has P arrivals: those of the data set, or those of some picker.

    >>> _arrival_kind("trace_P_arrival_sample"), _arrival_kind("trace_p_arrival_sample_manual")
    ('plain', 'plain')
    >>> _arrival_kind("trace_Pg_arrival_sample_PhaseNet"), _arrival_kind("trace_S_arrival_sample")
    ('picker', '')
    """
    found = _P_ARRIVAL.fullmatch(column)
    if not found:
        return ""
    picker = found["picker"]
    if picker is None or _BY_HAND.fullmatch(picker):
        return "plain"
    return "" if _NO_PICKER.fullmatch(picker) else "picker"


def text_of(row: Sequence[str], at: int | None) -> str:
    """A field of a row without what stands for a missing value."""
    if at is None or at >= len(row):
        return ""
    text = row[at].strip()
    return "" if text.lower() in _MISSING else text


def number_of(row: Sequence[str], at: int | None) -> float | None:
    """A number, or None where it is missing or none."""
    text = text_of(row, at)
    try:
        number = float(text) if text else math.nan
    except ValueError:
        raise LabelError(f"{text!r} is not a number") from None
    return number if math.isfinite(number) else None


def snr_db_of(text: str) -> float | None:
    """Signal-to-noise ratio: a number, or the median of those of the components.

    >>> snr_db_of("[56.8 55.4 47.4]"), snr_db_of("6.1|nan|3.1")
    (55.4, 4.6)
    """
    values = [float(v) for v in re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", text)]
    return statistics.median(values) if values else None
