"""Keep a folder with one picture of each station-day."""

from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from quake.classes import NOISE
from quake.errors import ParameterError
from quake.events import EventOptions
from quake.files import write_whole
from quake.inference.records import WindowRecord
from quake.model_file.card import ModelCard
from quake.pictures.picture_file import note_of, picture_name
from quake.pictures.window_runs import window_runs
from quake.waveforms.segments import component_map
from quake.waveforms.sources import Source
from quake.waveforms.times import format_time, parse_time
from quake.windows.station_days import StationDay

logger = logging.getLogger(__name__)

# Raised when the same station-day is drawn in another way than before.
_VERSION = 2

_KEYWORD = "quake-inputs"


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
        From which probabilities on windows are drawn as bars.
    settings : str
        All that windows depend on besides the data.
    """

    folder: str
    card: ModelCard
    thresholds: tuple[float, ...]
    events: EventOptions
    settings: str = ""

    def draw(
        self, source: Source, day: StationDay, records: Sequence[WindowRecord], inputs: str = ""
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
            picture = self._picture(source, day, records, self._note(inputs))
        except Exception as error:  # a picture is no reason to lose results
            logger.warning(
                "%s on %s: no picture of it (%s: %s)",
                *(day.id, _date(day), type(error).__name__, error),
                exc_info=logger.isEnabledFor(logging.DEBUG),
            )
            return False
        write_whole(self.path_of(day), picture)
        return True

    def has(self, day: StationDay, inputs: str) -> bool:
        """Whether the picture of a station-day is there, and is of these inputs and settings."""
        return note_of(self.path_of(day), _KEYWORD) == self._note(inputs)

    def path_of(self, day: StationDay) -> Path:
        """File of the picture of a station-day."""
        return Path(self.folder) / picture_name(day.id, _date(day))

    def _picture(
        self, source: Source, day: StationDay, records: Sequence[WindowRecord], note: str
    ) -> bytes:
        from quake.pictures.day_picture import PANEL_PX, DayText, draw_day
        from quake.pictures.traces import read_traces

        start_ns, end_ns = ends_of(day, records)
        top_hz = self.card.preprocessing.band_hz[1]
        traces = read_traces(source, day.spans, day.id, start_ns, end_ns, top_hz, PANEL_PX)
        runs = window_runs(records, self.events.thresholds)
        names = self.card.labels.names
        text = DayText(
            id=str(day.id),
            date=_date(day),
            thresholds=dict(zip(names, self.thresholds, strict=True)),
            event_classes=[n for n in names if n != NOISE and n in self.events.thresholds],
        )
        return draw_day(traces, records, runs, text, {_KEYWORD: note})

    def _note(self, inputs: str) -> str:
        about = [_VERSION, inputs, self.settings, dict(self.events.thresholds), self.thresholds]
        text = json.dumps(about, sort_keys=True, default=dict)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def open_album(
    folder: Path,
    card: ModelCard,
    thresholds: Sequence[float],
    events: EventOptions,
    fingerprint: Mapping[str, object],
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
    return Album(str(folder.absolute()), card, tuple(thresholds), events, settings)


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
