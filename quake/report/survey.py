"""Survey a result store: all that a report tells of it.

Nothing in the store is changed and no lock is taken: files of a store appear as a whole, and what
its journal does not have yet belongs to the next report.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from quake.errors import ParameterError, WaveformError
from quake.events import Event
from quake.events.onset import onsets_of_bytes
from quake.inference.coverage import Seconds
from quake.model_file.card import ModelCard
from quake.report.day_windows import DayWindows, find_windows, read_day
from quake.report.doubts import Doubts
from quake.report.event_files import read_last_events
from quake.report.event_gallery import EventExhibit, show_events, times_of
from quake.report.gallery import Exhibit, Exhibitable, SpanFinder, draw
from quake.report.histograms import Histograms
from quake.report.run_facts import RunFacts
from quake.report.shortlist import Choice, Shortlist, margin_scores, strength_scores
from quake.report.station_map import MapMaker, StationMap
from quake.report.stored_events import StoredEvents, count_events
from quake.report.totals import Failure, FirstOf, Totals
from quake.stations.travel_times import Site
from quake.store.entries import DayEntry
from quake.store.journal import JournalReader
from quake.store.layout import ONSETS, day_of_date, windows_file

logger = logging.getLogger(__name__)

MAX_TOP = 100
MAX_EVENTS = 2000
MAX_DOUBTS = 500

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class ReportOptions:
    """What may be chosen.

    Attributes
    ----------
    top : int
        Windows in each list, 0 to `MAX_TOP`.
    card : ModelCard or None
        Of the model of the store; without it there are no pictures of windows.
    on_progress : callable
        Called with what is going on, how many are done, and of how many.
    events : int
        Events in the table, the last ones, 0 to `MAX_EVENTS`.
    doubts : int
        Onsets that are no events and that the model was least certain of, 0 to `MAX_DOUBTS`.
    sites : mapping of ``NETWORK.STATION`` to Site
        Where stations are, for a map.

    Raises
    ------
    ParameterError
    """

    top: int = 6
    card: ModelCard | None = None
    on_progress: Progress = lambda what, done, total: None
    events: int = 300
    doubts: int = 40
    sites: Mapping[str, Site] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check."""
        for name, most in (("top", MAX_TOP), ("events", MAX_EVENTS), ("doubts", MAX_DOUBTS)):
            if not 0 <= getattr(self, name) <= most:
                raise ParameterError(
                    f"{name} must be from 0 to {most}, got {getattr(self, name)}: pictures are in "
                    "the page, and it has to stay small enough to be opened"
                )


@dataclass(frozen=True)
class Survey:
    """All that a report tells.

    Attributes
    ----------
    facts : RunFacts
    totals : Totals
    seconds : Seconds
        Of input, and its parts.
    events : StoredEvents
    map : StationMap
    histograms : Histograms
    strongest : dict of class to Exhibits
    least_certain : sequence of Exhibit
    event_exhibits : sequence of EventExhibit
        The last events, and doubts, by onset.
    sites : mapping of ``NETWORK.STATION`` to Site
    n_unreadable_lines, n_contradicting : int
        Of the journal, see `JournalReader`.
    missing : FirstOf
        Station-days whose windows are gone.
    damaged : FirstOf
        Files of the store that cannot be read.
    """

    facts: RunFacts
    totals: Totals
    seconds: Seconds
    events: StoredEvents
    map: StationMap
    histograms: Histograms
    strongest: dict[str, list[Exhibit]]
    least_certain: list[Exhibit]
    event_exhibits: list[EventExhibit] = field(default_factory=list)
    sites: Mapping[str, Site] = field(default_factory=dict)
    n_unreadable_lines: int = 0
    n_contradicting: int = 0
    missing: FirstOf = field(default_factory=FirstOf)
    damaged: FirstOf = field(default_factory=FirstOf)

    @property
    def n_remarks(self) -> int:
        """Failures of all kinds, and what was left out."""
        of_store = self.missing.count + self.damaged.count
        of_journal = self.n_unreadable_lines + self.n_contradicting
        return len(self.totals.failures) + of_store + of_journal

    @property
    def n_pictures(self) -> int:
        """Pictures in the page."""
        rows = [*self.strongest.values(), self.least_certain]
        return sum(exhibit.picture is not None for row in rows for exhibit in row)


def survey_store(facts: RunFacts, options: ReportOptions | None = None) -> Survey:
    """Read a store, one station-day after the other.

    Parameters
    ----------
    facts : RunFacts
        See `quake.report.run_facts.read_run_facts`.
    options : ReportOptions, optional
    """
    with JournalReader(facts.folder) as journal:
        return _Surveyor(facts, options or ReportOptions(), journal).run()


class _Surveyor:
    def __init__(self, facts: RunFacts, options: ReportOptions, journal: JournalReader) -> None:
        self.facts, self.options, self.journal = facts, options, journal
        self.totals = Totals()
        self.histograms = Histograms(facts.classes)
        self.strongest = {name: Shortlist(options.top) for name in facts.event_classes}
        self.least_certain = Shortlist(options.top)
        self.missing = FirstOf()
        self.events = count_events(facts.root)
        self.damaged = self.events.unreadable
        # Files that cannot be read have been told of a moment ago.
        self.last_events = read_last_events(facts.root, self.options.events, FirstOf())
        self.doubts = Doubts(self.options.doubts, self.last_events, facts.event_classes)
        self.map = self._map()

    def run(self) -> Survey:
        n_days = len(self.journal.days)
        for done, entry in enumerate(self.journal.days.entries(), start=1):
            self._add(entry)
            self.options.on_progress("reading windows", done, n_days)
        strongest = {name: ranking.choices() for name, ranking in self.strongest.items()}
        guesses = self.least_certain.choices()
        events = self._shown_events()
        wanted: list[Exhibitable] = [c for row in (*strongest.values(), guesses) for c in row]
        wanted += [time for event, _ in events for time in times_of(event)]
        finder = self._read_files(wanted)
        draw = self._drawer(finder, sum(map(len, strongest.values())) + len(guesses))
        return Survey(
            self.facts,
            self.totals,
            self.totals.seconds(),
            self.events,
            self.map.finish(),
            self.histograms,
            {name: draw(choices) for name, choices in strongest.items()},
            draw(guesses),
            self._show(events, finder),
            self.options.sites,
            self.journal.n_unreadable,
            self.journal.n_contradicting,
            self.missing,
            self.damaged,
        )

    def _shown_events(self) -> list[tuple[Event, bool]]:
        """Events and doubts, by onset."""
        found = [(event, False) for event in self.last_events]
        found += [(event, True) for event in self.doubts.events()]
        return sorted(found, key=lambda pair: (pair[0].arrivals[0].onset_ns, pair[0].id))

    def _show(self, events: Sequence[tuple[Event, bool]], finder: SpanFinder) -> list[EventExhibit]:
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            self.options.on_progress("reading events", done, len(events))

        return show_events(events, finder, count)

    def _add_onsets(self, entry: DayEntry) -> None:
        """Compare the onsets of a station-day, if its day is one of those whose events are shown.

        Of other days nobody knows here which onsets are events.
        """
        is_whole = len(self.last_events) == self.events.total
        first = "" if is_whole or not self.last_events else self.last_events[0].onset[:10]
        if ONSETS not in entry.outputs or not self.options.doubts or entry.date <= first:
            return
        path = windows_file(self.facts.root, entry.id, day_of_date(entry.date), ONSETS)
        try:
            self.doubts.add(onsets_of_bytes(path.read_bytes()))
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            self.damaged.add(
                f"{path}: holds no onsets that quake wrote ({type(error).__name__}: {error}); "
                "remove the file, and run quake predict --events again"
            )

    def _map(self) -> MapMaker:
        keys = list(self.journal.days)
        found = self.events.by_station_day
        maker = MapMaker(
            [(key.network, key.station) for key, _ in keys] + [station for station, _ in found],
            [date for _, date in keys] + [date for _, date in found],
        )
        for (station, date), number in found.items():
            maker.add_detections(station, date, number)
        return maker

    def _add(self, entry: DayEntry) -> None:
        self.totals.add_day(entry)
        self.map.add_day(entry)
        if not sum(entry.windows.values()):
            return
        path = find_windows(self.facts.root, entry)
        if path is None:
            self._miss(entry)
            return
        try:
            windows = read_day(path, self.facts.classes)
        except WaveformError as error:
            self.damaged.add(str(error))
            return
        self._add_windows(entry, windows)
        self._add_onsets(entry)

    def _miss(self, entry: DayEntry) -> None:
        of_windows = [name for name in entry.outputs if name != ONSETS]
        formats = ", ".join(of_windows)
        is_there = of_windows == ["mseed"]
        why = f"are there as {formats} alone, which tells too little" if is_there else "are gone"
        self.missing.add(f"{entry.id} on {entry.date}: its windows {why}")

    def _add_windows(self, entry: DayEntry, windows: DayWindows) -> None:
        self.histograms.add(windows)
        for name, ranking in self.strongest.items():
            scores = strength_scores(windows, self.facts.classes.index(name))
            ranking.add(entry.key, windows, scores)
        self.least_certain.add(entry.key, windows, margin_scores(windows))
        if not self.events.are_there:
            station = (entry.id.network, entry.id.station)
            self.map.add_detections(station, entry.date, self._n_detections(windows))

    def _n_detections(self, windows: DayWindows) -> int:
        """Windows that reach the threshold of a class which is no noise."""
        is_event = np.isin(windows.labels, self.facts.event_classes)
        return int(np.count_nonzero((windows.statuses == "ok") & is_event))

    def _read_files(self, choices: Sequence[Exhibitable]) -> SpanFinder:
        finder, n_files = SpanFinder(choices), self.journal.files.n_entries
        for done, entry in enumerate(self.journal.files.entries(), start=1):
            self.totals.add_file(entry)
            finder.add_file(entry)
            self.options.on_progress("looking for files", done, n_files)
        return finder

    def _drawer(
        self, finder: SpanFinder, n_choices: int
    ) -> Callable[[Sequence[Choice]], list[Exhibit]]:
        done = 0

        def count() -> None:
            nonlocal done
            done += 1
            self.options.on_progress("drawing", done, n_choices)

        return lambda choices: draw(choices, finder, self.options.card, count)


def all_failures(survey: Survey) -> list[Failure]:
    """What is missing, sorted; what was left out on purpose comes last."""
    return sorted(survey.totals.failures, key=lambda f: (not f.failed, f.source, f.reason))
