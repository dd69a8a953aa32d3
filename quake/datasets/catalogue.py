"""Read catalogues of events: QuakeML, or a CSV table of picks or of event times.

ObsPy reads the QuakeML, and stops here.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

from quake.classes import canonical_label, is_known_label
from quake.datasets.collection import Exclusion
from quake.errors import LabelError, ParameterError
from quake.untrusted import lines_of, refuse_document_type, refuse_special
from quake.waveforms.readers.mseed import caught_warnings
from quake.waveforms.times import NS_PER_S, format_time, parse_time

# What a catalogue of earthquakes leaves out is that they are earthquakes.
_DEFAULT_TYPE = "earthquake"

_NO_EVENTS = {"not_existing", "not_reported", "duplicate"}

# Spellings of column names, lower case, by the name that is used here.
_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "time": ("time", "pick_time", "phase_time", "arrival_time", "origin_time", "starttime"),
    "phase": ("phase", "phase_hint", "phase_type"),
    "network": ("network", "network_code", "net"),
    "station": ("station", "station_code", "sta"),
    "event_id": ("event_id", "eventid", "id", "event_index"),
    "event_type": ("event_type", "eventtype", "type", "label"),
    "latitude": ("latitude", "lat"),
    "longitude": ("longitude", "lon"),
    "depth_km": ("depth_km", "depth/km", "depth"),
}
_PICK_COLUMNS = ("time", "phase", "network", "station")
_ORIGIN_COLUMNS = ("time", "latitude", "longitude")

# Picks of one event at the stations of a network are no further apart than the waves need to
# cross it; at 6 km/s that is 360 km.
_SAME_EVENT_NS = 60 * NS_PER_S

_SHOWN_COLUMNS, _SHOWN_LETTERS, _FAULT_LETTERS = 30, 30, 300

# Bulletins write iP, eP and IPU0 for impulsive and emergent arrivals.
_P_PHASE = re.compile(r"[ieIE]?[Pp]")


class CataloguePick(NamedTuple):
    """An arrival that somebody saw: network and station (``XX.STA``), phase, ns since the epoch."""

    station: str
    phase: str
    time_ns: int

    @property
    def is_p(self) -> bool:
        """Whether it is an arrival of a P wave, of whatever path."""
        return _P_PHASE.match(self.phase) is not None


@dataclass(frozen=True)
class CatalogueEvent:
    """One event.

    Attributes
    ----------
    row : int
        Line in a CSV table, the header being line 1; position in QuakeML, from 1.
    event_id : str
    label : str
        Its type, as `canonical_label` resolves it.
    origin_ns : int or None
        Origin time, ns since the epoch.
    picks : tuple of CataloguePick
    latitude_deg, longitude_deg, depth_km : float or None
    group : str
        Events that must not part between training and testing have the same.
    """

    row: int
    event_id: str
    label: str
    origin_ns: int | None
    picks: tuple[CataloguePick, ...]
    latitude_deg: float | None = None
    longitude_deg: float | None = None
    depth_km: float | None = None
    group: str = ""

    def first_p(self) -> dict[str, int]:
        """Time of the earliest P pick at each station that has one."""
        first: dict[str, int] = {}
        for pick in self.picks:
            if pick.is_p:
                first[pick.station] = min(pick.time_ns, first.get(pick.station, pick.time_ns))
        return first


@dataclass(frozen=True)
class Catalogue:
    """Events, and what of the file is none.

    Attributes
    ----------
    path : Path
    events : sequence of CatalogueEvent
    excluded : sequence of Exclusion
        What is not used, each with the reason.
    others : sequence of CatalogueEvent
        Events of no class, which are not cut; while they last it is not quiet.
    """

    path: Path
    events: Sequence[CatalogueEvent]
    excluded: Sequence[Exclusion] = ()
    others: Sequence[CatalogueEvent] = ()


def read_catalogue(path: str | Path) -> Catalogue:
    """Read QuakeML or a CSV table.

    A table has either picks (columns time, phase, network, station; used if present: event_id,
    event_type) or origins (time, latitude, longitude; used if present: depth_km, event_id,
    event_type). Columns may be separated by commas, semicolons, tabs or bars, and named as
    ComCat and the FDSN text format name them. Times are ISO 8601 and UTC. Events without a type
    are earthquakes. Picks without event_id that are less than 60 s apart are one group, and never
    part between training and testing.

    Raises
    ------
    LabelError
        If the file is missing, neither of these, empty, or has rows that make no sense; each
        such row is named.
    """
    path = Path(path)
    try:
        refuse_special(path)
        with path.open("rb") as file:
            # Byte order marks, blanks, and the zeros of UTF-16.
            head = file.read(64).lstrip(b"\xef\xbb\xbf\xff\xfe\0 \r\n\t")
    except OSError as error:
        raise LabelError(f"{path}: cannot be read ({error.strerror or error})") from error
    catalogue = _read_quakeml(path) if head.startswith(b"<") else _read_csv(path)
    if not catalogue.events:
        raise LabelError(
            f"{path}: no event that can be used"
            + "".join(f"; {e.what}: {e.reason}" for e in catalogue.excluded[:3])
        )
    return catalogue


# QuakeML -----------------------------------------------------------------------------------------


def _read_quakeml(path: Path) -> Catalogue:
    from obspy import read_events

    try:
        refuse_document_type(path)
        content, odd_types, ids = _with_known_types(path)
        with caught_warnings() as complaints:
            found = read_events(io.BytesIO(content), format="QUAKEML")
    except Exception as error:  # lxml and ObsPy raise many kinds for malformed XML
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise LabelError(f"{path}: no QuakeML ({reason}); export the catalogue again") from error
    events: dict[str, CatalogueEvent] = {}
    others: list[CatalogueEvent] = []
    excluded: list[Exclusion] = []
    for row, event in enumerate(found, start=1):
        event_id = _id_of(event) or f"event {row}"
        what = f"{path}, event {event_id}"
        kind = odd_types.get(event_id, event.event_type or _DEFAULT_TYPE)
        label = canonical_label(kind)
        if label in _NO_EVENTS:
            excluded.append(Exclusion(what, f"its type is {event.event_type!r}"))
        elif event_id in events:
            excluded.append(Exclusion(what, "listed twice; the first one is used"))
        else:
            picks, unused = _quakeml_picks(event, what)
            excluded += unused
            entry = _with_origin(
                CatalogueEvent(row, event_id, label, None, picks, group=event_id), event
            )
            if event_id in odd_types and not is_known_label(kind):
                others.append(entry)
                reason = f"its type {kind!r} is none of QuakeML; correct it to use the event"
                excluded.append(Exclusion(what, reason))
            else:
                events[event_id] = entry
    excluded += _dropped(path, ids, found, complaints)
    return Catalogue(path, list(events.values()), excluded, others)


def _with_known_types(path: Path) -> tuple[bytes, dict[str, str], list[str]]:
    """Take types that QuakeML does not have out of a catalogue, or ObsPy drops such events.

    Returns
    -------
    content : bytes
    odd_types : mapping of the id of an event to its type
    ids : list of str
        Of all events.
    """
    content = path.read_bytes()
    root = ElementTree.fromstring(content)
    odd_types: dict[str, str] = {}
    ids: list[str] = []
    for event in root.iter():
        if not (isinstance(event.tag, str) and event.tag.rpartition("}")[2] == "event"):
            continue
        event_id = event.get("publicID", "")
        ids.append(event_id)
        for child in [c for c in event if str(c.tag).rpartition("}")[2] == "type"]:
            kind = (child.text or "").strip()
            if kind and not _is_of_quakeml(kind):
                odd_types[event_id] = kind
                event.remove(child)
                # ObsPy looks for the namespace that has no prefix.
                ElementTree.register_namespace("", event.tag[1:].partition("}")[0])
    return ElementTree.tostring(root) if odd_types else content, odd_types, ids


def _is_of_quakeml(kind: str) -> bool:
    from obspy.core.event.header import EventType

    try:
        return EventType(kind) is not None
    except (KeyError, ValueError):
        return False


def _dropped(
    path: Path, ids: Sequence[str], found: Iterable[Any], complaints: Sequence[str]
) -> list[Exclusion]:
    """Events that are in the file and were not read, each by its name."""
    missing = Counter(ids) - Counter(map(_id_of, found))
    reason = "ObsPy cannot read it" + (f" ({complaints[0]})" if complaints else "")
    return [
        Exclusion(f"{path}, event {event_id or 'without an id'}", f"{reason}; correct it")
        for event_id, count in missing.items()
        if event_id
        for _ in range(count)
    ]


def _quakeml_picks(event: Any, what: str) -> tuple[tuple[CataloguePick, ...], list[Exclusion]]:
    """Picks of an event; the phase that a location gave them counts before the picker's hint."""
    phases = {
        arrival.pick_id.id: arrival.phase
        for origin in event.origins
        for arrival in origin.arrivals
        if arrival.pick_id is not None and arrival.pick_id.id and arrival.phase
    }
    picks, excluded = [], []
    for pick in event.picks:
        if pick.evaluation_status == "rejected":
            excluded.append(Exclusion(f"a pick of {what}", "rejected by its author"))
        elif pick.waveform_id is None or not pick.waveform_id.station_code:
            excluded.append(Exclusion(f"a pick of {what}", "without a station"))
        elif pick.time is None:
            excluded.append(Exclusion(f"a pick of {what}", "without a time"))
        else:
            station = f"{pick.waveform_id.network_code or ''}.{pick.waveform_id.station_code}"
            phase = phases.get(_id_of(pick)) or pick.phase_hint or ""
            picks.append(CataloguePick(station, phase, int(pick.time.ns)))
    return tuple(picks), excluded


def _id_of(thing: Any) -> str:
    """Identifier of what should have one; empty where it has none."""
    return (thing.resource_id.id or "") if thing.resource_id is not None else ""


def _with_origin(entry: CatalogueEvent, event: Any) -> CatalogueEvent:
    origin = event.preferred_origin() or next(iter(event.origins), None)
    if origin is None or origin.time is None:
        return entry
    return replace(
        entry,
        origin_ns=int(origin.time.ns),
        latitude_deg=origin.latitude,
        longitude_deg=origin.longitude,
        depth_km=None if origin.depth is None else origin.depth / 1000,  # QuakeML has metres
    )


# CSV ---------------------------------------------------------------------------------------------


def _read_csv(path: Path) -> Catalogue:
    columns, rows = _table(path)
    if all(name in columns for name in _PICK_COLUMNS):
        return _events_of_picks(path, rows)
    if all(name in columns for name in _ORIGIN_COLUMNS):
        return _events_of_origins(path, rows)
    shown = ", ".join(name[:_SHOWN_LETTERS] for name in columns[:_SHOWN_COLUMNS])
    if columns[_SHOWN_COLUMNS:]:
        shown += f" and {len(columns) - _SHOWN_COLUMNS} more"
    raise LabelError(
        f"{path}: found columns {shown or '(none)'}; a catalogue is QuakeML, or a "
        f"table with columns {', '.join(_PICK_COLUMNS)} (picks) or {', '.join(_ORIGIN_COLUMNS)} "
        "(origins)"
    )


_Row = Mapping[str, str]


def _table(path: Path) -> tuple[list[str], Sequence[tuple[int, _Row]]]:
    """Columns under the names used here, and rows with their lines."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as opened:
            file = lines_of(opened)
            header = next(file, "")
            delimiter = max(",;|\t", key=header.count)
            names = [_column(name) for name in next(csv.reader([header], delimiter=delimiter), [])]
            rows = [
                (line, dict(zip(names, (field.strip() for field in row), strict=False)))
                for line, row in enumerate(csv.reader(file, delimiter=delimiter), start=2)
                if any(field.strip() for field in row)
            ]
    except (OSError, UnicodeError, csv.Error) as error:
        raise LabelError(f"{path}: cannot be read as a CSV table ({error})") from error
    if not rows:
        raise LabelError(f"{path}: no rows; a catalogue has one row a pick or an event")
    return names, rows


def _column(name: str) -> str:
    name = name.strip().lstrip("#").strip().lower().replace(" ", "_")
    return next((ours for ours, spellings in _COLUMNS.items() if name in spellings), name)


def _refuse(path: Path, faults: Sequence[str], n_rows: int) -> None:
    """Raise if there are faulty rows."""
    if faults:
        shown = "; ".join(faults[:5]) + (f"; and {len(faults) - 5} more" if faults[5:] else "")
        raise LabelError(f"{path}: {len(faults)} of {n_rows} rows cannot be used: {shown}")


def _label_of(row: _Row) -> str:
    return canonical_label(row.get("event_type") or _DEFAULT_TYPE)


def _needed(row: _Row, name: str) -> str:
    if not row.get(name):
        raise ParameterError(f"{name} is empty")
    return row[name]


def _float(row: _Row, name: str, low: float, high: float) -> float:
    try:
        number = float(_needed(row, name))
    except ValueError as error:
        raise ParameterError(f"{name} {row.get(name)!r} is not a number") from error
    if not low <= number <= high:
        raise ParameterError(f"{name} {number:g} is not between {low:g} and {high:g}")
    return number


def _events_of_origins(path: Path, rows: Sequence[tuple[int, _Row]]) -> Catalogue:
    events: dict[str, CatalogueEvent] = {}
    excluded, faults = [], []
    for line, row in rows:
        try:
            event = _event_of_origin(line, row)
        except ParameterError as error:
            faults.append(f"line {line}: {str(error)[:_FAULT_LETTERS]}")
            continue
        what = f"{path}, line {line}"
        if event.label in _NO_EVENTS:
            excluded.append(Exclusion(what, f"its type is {row['event_type']!r}"))
        elif event.event_id in events:
            excluded.append(Exclusion(what, "listed twice; the first one is used"))
        else:
            events[event.event_id] = event
    _refuse(path, faults, len(rows))
    return Catalogue(path, list(events.values()), excluded)


def _event_of_origin(line: int, row: _Row) -> CatalogueEvent:
    event_id = row.get("event_id") or f"line {line}"
    return CatalogueEvent(
        row=line,
        event_id=event_id,
        label=_label_of(row),
        origin_ns=parse_time(_needed(row, "time")),
        picks=(),
        latitude_deg=_float(row, "latitude", -90, 90),
        longitude_deg=_float(row, "longitude", -180, 360),
        depth_km=_float(row, "depth_km", -10, 800) if row.get("depth_km") else None,
        group=event_id,
    )


class _PickRow(NamedTuple):
    line: int
    event_id: str
    label: str
    pick: CataloguePick


def _events_of_picks(path: Path, rows: Sequence[tuple[int, _Row]]) -> Catalogue:
    picks: list[_PickRow] = []
    excluded, faults = [], []
    for line, row in rows:
        try:
            found = _pick_of(line, row)
        except ParameterError as error:
            faults.append(f"line {line}: {str(error)[:_FAULT_LETTERS]}")
            continue
        if found.label in _NO_EVENTS:
            excluded.append(Exclusion(f"{path}, line {line}", f"its type is {row['event_type']!r}"))
        else:
            picks.append(found)
    _refuse(path, faults, len(rows))
    named = _by_event_id(path, [p for p in picks if p.event_id])
    unnamed = _associate([p for p in picks if not p.event_id])
    return Catalogue(path, [*named, *unnamed], excluded)


def _pick_of(line: int, row: _Row) -> _PickRow:
    station = f"{row.get('network', '')}.{_needed(row, 'station')}"
    pick = CataloguePick(station, _needed(row, "phase"), parse_time(_needed(row, "time")))
    return _PickRow(line, row.get("event_id", ""), _label_of(row), pick)


def _by_event_id(path: Path, rows: Iterable[_PickRow]) -> list[CatalogueEvent]:
    """Events whose picks share an id; picks that contradict each other on the type are refused."""
    by_id: dict[str, list[_PickRow]] = {}
    for row in rows:
        by_id.setdefault(row.event_id, []).append(row)
    for event_id, members in by_id.items():
        other = next((m for m in members if m.label != members[0].label), None)
        if other:
            raise LabelError(
                f"{path}: event {event_id} is {members[0].label} in line {members[0].line} and "
                f"{other.label} in line {other.line}; correct event_type"
            )
    return [_event(event_id, members, event_id) for event_id, members in by_id.items()]


def _event(event_id: str, members: Sequence[_PickRow], group: str) -> CatalogueEvent:
    picks = tuple(member.pick for member in members)
    return CatalogueEvent(members[0].line, event_id, members[0].label, None, picks, group=group)


def _associate(rows: Iterable[_PickRow]) -> list[CatalogueEvent]:
    """Make events of picks that nobody assigned to any.

    Picks less than a minute apart are one group. Within it a second P at a station begins another
    event, so that each P pick is the first one of an event at its station.
    """
    groups: list[list[_PickRow]] = []
    for row in sorted(rows, key=lambda row: row.pick.time_ns):
        if not groups or row.pick.time_ns - groups[-1][-1].pick.time_ns > _SAME_EVENT_NS:
            groups.append([])
        groups[-1].append(row)
    return [event for group in groups for event in _events_of_group(group)]


def _events_of_group(rows: Sequence[_PickRow]) -> list[CatalogueEvent]:
    """Give the n-th P, and the n-th other pick, of each station to the n-th event of its type."""
    counts: Counter[tuple[str, str, bool]] = Counter()
    events: dict[tuple[str, int], list[_PickRow]] = {}
    for row in rows:
        key = (row.label, row.pick.station, row.pick.is_p)
        counts[key] += 1
        events.setdefault((row.label, counts[key]), []).append(row)
    group = f"picks from {format_time(rows[0].pick.time_ns)}"
    return [
        _event(f"{group}, {label} {n}", members, group) for (label, n), members in events.items()
    ]
