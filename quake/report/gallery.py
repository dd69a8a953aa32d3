"""Draw windows again from the files that they come from, or say why not."""

from __future__ import annotations

import logging
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol

from quake.errors import QuakeError
from quake.model_file.card import ModelCard
from quake.report.shortlist import Choice
from quake.store.entries import DayKey, FileEntry, FileState, state_of
from quake.store.layout import day_of_date
from quake.waveforms.file_state import is_uri
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.intervals import Interval, union
from quake.waveforms.segments import Span
from quake.waveforms.sources import SpanSource
from quake.windows.station_days import reach_of_day

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exhibit:
    """A window with its picture.

    Attributes
    ----------
    choice : Choice
    files : tuple of str
        Paths of the files that it was read from.
    picture : bytes or None
        PNG.
    missing : str
        Why there is no picture; empty if there is one.
    """

    choice: Choice
    files: tuple[str, ...]
    picture: bytes | None
    missing: str = ""


class Exhibitable(Protocol):
    """A time of which a picture is wanted."""

    @property
    def key(self) -> DayKey:
        """Channel set, and the date of the station-day."""

    @property
    def start_ns(self) -> int:
        """Beginning, ns since the epoch."""

    @property
    def end_ns(self) -> int:
        """End, exclusive."""


class SpanFinder:
    """Finds what files hold of chosen windows; files come one after the other.

    Parameters
    ----------
    choices : of all lists together
    """

    def __init__(self, choices: Iterable[Exhibitable]) -> None:
        times: dict[ChannelSetId, set[Interval]] = defaultdict(set)
        for choice in choices:
            times[choice.key[0]].add(_surroundings(choice))
        self._wanted = {key: union(found) for key, found in times.items()}
        self._spans: dict[ChannelSetId, list[Span]] = defaultdict(list)
        self._states: dict[str, FileState] = {}

    def add_file(self, entry: FileEntry) -> None:
        """Keep what of a file lies near a window."""
        for span in entry.spans:
            times = self._wanted.get(span.id, [])
            # Of those that end after its start, the first begins before the others.
            place = bisect_right(times, span.start_ns, key=itemgetter(1))
            if place < len(times) and times[place][0] < span.end_ns:
                self._spans[span.id].append(span)
                self._states[entry.state.path] = entry.state

    def spans_near(self, choice: Exhibitable) -> list[Span]:
        """What there is of the day of a window: it says which of two codes was taken."""
        start_ns, end_ns = _surroundings(choice)
        found = self._spans.get(choice.key[0], ())
        return [span for span in found if span.start_ns < end_ns and start_ns < span.end_ns]

    def files_of(self, choice: Exhibitable) -> tuple[str, ...]:
        """Files with samples in a window, sorted."""
        spans = self._spans.get(choice.key[0], ())
        return tuple(
            sorted(
                {
                    span.source
                    for span in spans
                    if span.start_ns < choice.end_ns and choice.start_ns < span.end_ns
                }
            )
        )

    def changed(self, files: Iterable[str]) -> str:
        """Why files cannot be read any more as they were; empty if they can."""
        for path in files:
            if is_uri(path):
                return f"{path}: is not on this machine, and a report fetches nothing"
            now = state_of(path)
            if now != self._states[path]:
                is_gone = not (now.size or now.modified_ns)
                return f"{path}: " + ("is not there any more" if is_gone else "has changed since")
        return ""


def _surroundings(choice: Exhibitable) -> tuple[int, int]:
    """Times between which spans can belong to the station-day of a window, see `station_days`."""
    return reach_of_day(day_of_date(choice.key[1]), choice.end_ns - choice.start_ns)


def draw(
    choices: Sequence[Choice],
    finder: SpanFinder,
    card: ModelCard | None,
    on_picture: Callable[[], None] = lambda: None,
) -> list[Exhibit]:
    """Draw windows; those that cannot be drawn stay, with the reason.

    Parameters
    ----------
    choices : sequence of Choice
    finder : SpanFinder
        That has seen all files.
    card : ModelCard or None
        Of the model of the store; without it nobody knows what the model saw.
    on_picture : callable
        Called after each window.
    """
    exhibits = []
    for choice in choices:
        files = finder.files_of(choice)
        missing = _obstacle(files, finder, card)
        picture = None
        if not missing and card is not None:
            try:
                picture = _picture(choice, finder.spans_near(choice), card)
            except (QuakeError, OSError) as error:
                logger.warning("%s: no picture of %s (%s)", *_names(choice), error)
                missing = str(error)
        exhibits.append(Exhibit(choice, files, picture, missing))
        on_picture()
    return exhibits


def _obstacle(files: Sequence[str], finder: SpanFinder, card: ModelCard | None) -> str:
    if not files:
        return "the journal knows of no file that holds it"
    if card is None:
        return "the model of this store was not found here, so that nobody knows what it saw"
    return finder.changed(files)


def _names(choice: Choice) -> tuple[str, str]:
    return choice.record.id, choice.record.start


def _picture(choice: Choice, spans: Sequence[Span], card: ModelCard) -> bytes:
    from quake.pictures.excerpt import read_excerpt
    from quake.pictures.window_picture import draw_window

    key = choice.key[0]
    source = SpanSource(key, spans, {})
    excerpt = read_excerpt(source, spans, key, choice.start_ns, choice.end_ns)
    return draw_window(excerpt, choice.record, card)
