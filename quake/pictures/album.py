"""Keep a folder with pictures of each station-day."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from quake.classes import NOISE
from quake.errors import ParameterError
from quake.events import EventOptions, Onset
from quake.files import write_whole
from quake.inference.records import WindowRecord
from quake.model_file.card import ModelCard
from quake.pictures.band import Band
from quake.pictures.event_mark import EventMark, marks_of
from quake.pictures.layout import LAYOUTS, Layout
from quake.pictures.picture_file import note_of, picture_name
from quake.pictures.window_runs import window_runs
from quake.waveforms.segments import component_map
from quake.waveforms.sources import Source
from quake.waveforms.times import format_time, parse_time
from quake.windows.station_days import StationDay

if TYPE_CHECKING:
    from quake.pictures.day_picture import DayText

logger = logging.getLogger(__name__)

# Raised when the same station-day is drawn in another way than before.
_VERSION = 3

_KEYWORD = "quake-inputs"


@dataclass(frozen=True)
class PictureStyle:
    """How pictures look.

    Attributes
    ----------
    band : Band or None
        What of the waveforms is drawn; None draws them as they were recorded.
    layout : str
        One of `quake.pictures.layout.LAYOUTS`.
    line_minutes : int or None
        Lines of a helicorder beside each picture, see `quake.pictures.helicorder`; None draws
        none.
    """

    band: Band | None = field(default_factory=Band)
    layout: str = "wide"
    line_minutes: int | None = None


@dataclass(frozen=True)
class Album:
    """Pictures of station-days in a folder.

    Attributes
    ----------
    folder : str
    card : ModelCard
    thresholds : tuple of float
        Of the windows, in the order of the classes.
    events : EventOptions
        What makes an event, and from which probabilities on windows are drawn as bars.
    settings : str
        All that windows depend on besides the data.
    style : PictureStyle
    """

    folder: str
    card: ModelCard
    thresholds: tuple[float, ...]
    events: EventOptions
    settings: str = ""
    style: PictureStyle = field(default_factory=PictureStyle)

    def draw(
        self,
        source: Source,
        day: StationDay,
        records: Sequence[WindowRecord],
        inputs: str = "",
        find_onsets: Callable[[], Iterable[Onset]] | None = None,
    ) -> bool:
        """Draw a station-day; if that cannot be done, log a warning.

        Parameters
        ----------
        source : Source
            Of the samples.
        day : StationDay
        records : sequence of WindowRecord
            In the order of time; without any there is no picture.
        inputs : str
            What tells whether the data have changed.
        find_onsets : callable, optional
            Gives the onsets of the day; without it, no events are marked.

        Returns
        -------
        bool
            Whether there is a picture.

        Raises
        ------
        OSError
            If it cannot be written.
        """
        if not records:
            return False
        try:
            marks = None if find_onsets is None else marks_of(find_onsets(), self.events)
            drawing = _Drawing(self, source, day, records, marks, self._note(inputs))
            pictures = drawing.pictures()
        except Exception as error:  # a picture is no reason to lose results
            logger.warning(
                "%s on %s: no picture of it (%s: %s)",
                *(day.id, _date(day), type(error).__name__, error),
                exc_info=logger.isEnabledFor(logging.DEBUG),
            )
            return False
        for path, picture in zip(self.paths_of(day), pictures, strict=True):
            write_whole(path, picture)
        return True

    def has(self, day: StationDay, inputs: str) -> bool:
        """Whether the pictures of a station-day are there, and are of these inputs and settings."""
        note = self._note(inputs)
        return all(note_of(path, _KEYWORD) == note for path in self.paths_of(day))

    def path_of(self, day: StationDay) -> Path:
        """File of the picture of a station-day."""
        return Path(self.folder) / picture_name(day.id, _date(day))

    def paths_of(self, day: StationDay) -> list[Path]:
        """Files of the picture of a station-day, and of its helicorder if one is wanted."""
        path = self.path_of(day)
        wants_lines = self.style.line_minutes is not None
        return [path, path.with_suffix(HELICORDER)] if wants_lines else [path]

    def _note(self, inputs: str) -> str:
        about = [_VERSION, inputs, self.settings, self.events, self.thresholds, self.style]
        text = json.dumps(about, sort_keys=True, default=_plain)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


HELICORDER = ".helicorder.png"
"""End of the name of a helicorder, instead of that of the picture of the same day."""


@dataclass(frozen=True)
class _Drawing:
    """All that the pictures of a station-day are made of."""

    album: Album
    source: Source
    day: StationDay
    records: Sequence[WindowRecord]
    marks: list[EventMark] | None
    note: str

    def pictures(self) -> list[bytes]:
        """In the order of `Album.paths_of`."""
        drawn = [self._day_picture()]
        if self.album.style.line_minutes is not None:
            drawn.append(self._helicorder(self.album.style.line_minutes))
        return drawn

    @property
    def _layout(self) -> Layout:
        return LAYOUTS[self.album.style.layout]

    def _day_picture(self) -> bytes:
        from quake.pictures.day_picture import draw_day
        from quake.pictures.traces import read_traces

        album, day = self.album, self.day
        start_ns, end_ns = ends_of(day, self.records)
        top_hz = album.card.preprocessing.band_hz[1]
        columns, band = self._layout.columns, album.style.band
        ends = start_ns, end_ns
        traces = read_traces(self.source, day.spans, day.id, *ends, top_hz, columns, band)
        runs = window_runs(self.records, album.events.thresholds)
        notes = {_KEYWORD: self.note}
        return draw_day(traces, self.records, runs, self._text(), notes, self._marks_in(*ends))

    def _helicorder(self, minutes: int) -> bytes:
        from quake.pictures.helicorder import Drum, draw_helicorder, read_lines

        day, band = self.day, self.album.style.band
        drum = Drum.of(*ends_of(day, self.records), minutes)
        traces = read_lines(self.source, day.spans, day.id, drum, self._layout, band)
        marks = self._marks_in(drum.start_ns, drum.end_ns)
        return draw_helicorder(traces, drum, self._text(), marks, {_KEYWORD: self.note})

    def _marks_in(self, start_ns: int, end_ns: int) -> list[EventMark] | None:
        if self.marks is None:
            return None
        return [mark for mark in self.marks if start_ns <= mark.onset_ns < end_ns]

    def _text(self) -> DayText:
        from quake.pictures.day_picture import DayText

        names = self.album.card.labels.names
        events = self.album.events.thresholds
        return DayText(
            id=str(self.day.id),
            date=_date(self.day),
            thresholds=dict(zip(names, self.album.thresholds, strict=True)),
            event_classes=[n for n in names if n != NOISE and n in events],
            layout=self._layout,
        )


def _plain(value: object) -> object:
    """Settings as JSON has them."""
    if isinstance(value, EventOptions):
        return {**vars(value), "thresholds": dict(value.thresholds)}
    if isinstance(value, PictureStyle):
        return asdict(value)
    return dict(value)  # type: ignore[call-overload]


def open_album(
    folder: Path,
    card: ModelCard,
    thresholds: Sequence[float],
    events: EventOptions,
    fingerprint: Mapping[str, object],
    style: PictureStyle | None = None,
) -> Album:
    """Prepare a folder for pictures.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    card : ModelCard
    thresholds : of the windows, in the order of the classes
    events : EventOptions
    fingerprint : mapping
        All that windows depend on besides the data, see `quake.store.fingerprint`.
    style : PictureStyle, optional

    Raises
    ------
    ParameterError
        If nothing can be written there.
    """
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"--plot {folder}: is a file, a folder was expected; name another one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ParameterError(
            f"--plot {folder}: no folder that can be written to ({error.strerror or error}); name "
            "another one"
        ) from error
    settings = json.dumps(fingerprint, sort_keys=True)
    return Album(
        str(folder.absolute()), card, tuple(thresholds), events, settings, style or PictureStyle()
    )


def ends_of(day: StationDay, records: Sequence[WindowRecord]) -> tuple[int, int]:
    """Beginning and end of a picture, ns since the epoch: of the windows, as far as there are data.

    Parameters
    ----------
    day : StationDay
    records : sequence of WindowRecord
        Not empty.
    """
    first_ns = min(parse_time(record.start) for record in records)
    last_ns = max(parse_time(record.end) for record in records)
    mapping = component_map(day.spans)
    spans = [
        span
        for span in day.spans
        if span.code in mapping and span.start_ns < last_ns and span.end_ns > first_ns
    ]
    start_ns = max(first_ns, min((s.start_ns for s in spans), default=first_ns))
    end_ns = min(last_ns, max((s.end_ns for s in spans), default=last_ns))
    return start_ns, max(end_ns, start_ns + 1)


def _date(day: StationDay) -> str:
    return format_time(day.day_ns)[:10]
