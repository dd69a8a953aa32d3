"""Builders of result stores whose numbers are known, and a reader of pages."""

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

from quake.events import Arrival, Event
from quake.inference.records import WindowRecord
from quake.output.events import write_events
from quake.output.windows import windows_as_bytes
from quake.store.entries import DayEntry, FileEntry, FileState
from quake.store.journal import Journal
from quake.store.layout import day_of_date, events_folder, windows_file
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S, format_time, parse_time

CLASSES = ("earthquake", "surface_event", "noise")
HOUR_NS = 3600 * NS_PER_S
MODEL = "0123456789ab"

ONE = ChannelSetId("AA", "ONE", "", "HH")
TWO = ChannelSetId("BB", "TWO", "00", "BH")

RUN = {
    "results_version": 1,
    "model": MODEL,
    "classes": list(CLASSES),
    "window_s": 60.0,
    "overlap": 0.5,
    "min_coverage": 0.7,
    "thresholds": {"earthquake": 0.5, "surface_event": 0.5, "noise": 0.5},
    "engine": "onnx",
    "device": "cpu",
    "inventory": None,
}


def window(key, start, probabilities=(), status="ok", classes=CLASSES):
    """One window of a minute; the most probable class is its label."""
    named = dict(zip(classes, probabilities, strict=False))
    start_ns = parse_time(start)
    return WindowRecord(
        id=str(key),
        start=format_time(start_ns),
        end=format_time(start_ns + 60 * NS_PER_S),
        label=max(named, key=named.get) if named else None,
        status=status,
        probabilities=named,
        coverage=1.0 if named else 0.0,
        components="ZNE",
        sampling_rate_hz=100.0,
        flags=() if named else ("low_coverage",),
        model=MODEL,
    )


@dataclass
class StoreMaker:
    """Writes a store as `quake predict` would."""

    root: Path
    run: dict = field(default_factory=lambda: dict(RUN))

    def __post_init__(self):
        self.folder = self.root / "_quake"
        self.folder.mkdir(parents=True)
        self.sign()
        self.journal = Journal(self.folder).__enter__()

    def sign(self):
        (self.folder / "run.json").write_text(json.dumps(self.run), encoding="utf-8")

    def day(self, key, date, records=(), name="parquet", **values):
        """Write the windows of a station-day, and its line of the journal."""
        path, outputs = None, {}
        if records:
            path = windows_file(self.root, key, day_of_date(date), name)
            path.parent.mkdir(parents=True)
            content = windows_as_bytes(name, records, self.run["classes"], 30 * NS_PER_S)
            path.write_bytes(content)
            outputs = {name: len(content)}
        statuses = [record.status for record in records]
        labels = [record.label for record in records if record.status in ("ok", "uncertain")]
        counts = {
            "windows": {status: statuses.count(status) for status in set(statuses)},
            "labels": {label: labels.count(label) for label in set(labels)},
        }
        entry = DayEntry(key, date, "inputs", outputs, **{**counts, **values})
        self.journal.add_day(entry)
        return path

    def file(self, path, spans=(), problems=(), state=None):
        """Note a file."""
        self.journal.add_file(
            FileEntry(state or FileState(str(path), 1, 1), tuple(spans), tuple(problems))
        )

    def events(self, date, events, name="parquet"):
        """Write the events of a day."""
        folder = events_folder(self.root, day_of_date(date))
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"events.{name}").open("wb") as file:
            write_events(file, name, events, dated=False)


def event(label, start, *channel_sets):
    start_ns = parse_time(start)
    onset, end = format_time(start_ns), format_time(start_ns + 60 * NS_PER_S)
    return Event(
        label,
        tuple(
            Arrival(
                channel_set=key,
                label=label,
                onset=onset,
                onset_uncertainty_s=0.1,
                end=end,
                probability=0.9,
                probabilities={label: 0.9},
                phase_probability=0.9,
                snr_db=20.0,
                peak_amplitude=100.0,
                peak_component="Z",
                peak_velocity_m_s=None,
                dominant_frequency_hz=5.0,
                s_onset=None,
                s_onset_uncertainty_s=None,
                components="ZNE",
                flags=(),
                windows=(onset,),
                model=MODEL,
            )
            for key in channel_sets
        ),
    )


def hours(date, *intervals):
    """Intervals in hours of a day, as ns since the epoch."""
    day_ns = day_of_date(date)
    return [(day_ns + int(a * HOUR_NS), day_ns + int(b * HOUR_NS)) for a, b in intervals]


def span(key, date, code="Z", source="/archive/one.mseed"):
    start_ns = day_of_date(date)
    return Span(key, code, start_ns, start_ns + 24 * HOUR_NS, 100.0, source)


class Page(HTMLParser):
    """Elements of a page with their attributes, text by element, and tables by caption."""

    VOID = frozenset({"meta", "input", "img", "br", "rect", "line"})

    def __init__(self, content):
        super().__init__(convert_charrefs=True)
        self.elements = []
        self.texts = []
        self.tables = {}
        self._open = []
        self._caption, self._rows = "", []
        self.feed(content.decode("utf-8") if isinstance(content, bytes) else content)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)
        if tag == "table":
            self._caption, self._rows = "", []
        if tag == "tr":
            self._rows.append([])
        if tag in ("td", "th") and self._rows:
            self._rows[-1].append(("", dict(attrs)))

    def handle_endtag(self, tag):
        if tag in self._open:
            del self._open[len(self._open) - 1 - self._open[::-1].index(tag) :]
        if tag == "table":
            self.tables[self._caption] = self._rows
            self._rows = []

    def handle_data(self, data):
        if self._open and self._open[-1] in ("style", "script"):
            return
        self.texts.append(data)
        if self._open and self._open[-1] == "caption" and not self._rows:
            self._caption += data
        elif self._rows and self._rows[-1]:
            text, attributes = self._rows[-1][-1]
            self._rows[-1][-1] = (text + data.strip(), attributes)

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())

    def named(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]

    def rows(self, caption):
        """Texts of the cells of a table."""
        return [[text for text, _ in row] for row in self.tables[caption]]
