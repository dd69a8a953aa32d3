"""Open writers of results, or find the place of a result store."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from quake.errors import ParameterError
from quake.waveforms.file_state import is_uri
from quake_cli.options.choices import Format
from quake_cli.standard_output import NamedRaw

if TYPE_CHECKING:
    from quake.events import Event
    from quake.output.windows import Writer
    from quake.stations.travel_times import Site

_SUFFIXES = {
    ".txt": Format.TABLE,
    ".csv": Format.CSV,
    ".jsonl": Format.JSONL,
    ".parquet": Format.PARQUET,
    ".mseed": Format.MSEED,
    ".quakeml": Format.QUAKEML,
    ".xml": Format.QUAKEML,
    ".geojson": Format.GEOJSON,
    ".markers": Format.SNUFFLER,
}
_BINARY = (Format.PARQUET, Format.MSEED)
_OF_EVENTS_ALONE = (
    *(Format.QUAKEML, Format.GEOJSON),
    *(Format.SNUFFLER, Format.SWARM, Format.AUDACITY),
)
_OF_EVENTS = (Format.CSV, Format.JSONL, Format.PARQUET, *_OF_EVENTS_ALONE)


@dataclass(frozen=True)
class Destination:
    """One format and the file it goes to; None is standard output."""

    format: Format
    path: Path | None

    @property
    def is_terminal(self) -> bool:
        """Whether the results appear on a terminal."""
        return self.path is None and sys.stdout.isatty()


@dataclass(frozen=True)
class StorePlace:
    """A folder for a result store, and the formats of windows and events in it."""

    root: Path
    formats: tuple[str, ...]
    event_formats: tuple[str, ...]


def choose_output(
    output: str | None, formats: Sequence[Format], *, events: bool
) -> Destination | StorePlace:
    """Decide what is written where, before anything is read.

    Parameters
    ----------
    output : str or None
        A file; or a folder if it is one, ends with a slash, has no suffix, or there are several
        formats.
    formats : formats asked for
    events : bool
        Whether events are asked for; QuakeML and markers hold nothing else.

    Raises
    ------
    ParameterError
        If they do not fit together, or the place cannot be written to.
    """
    formats = list(dict.fromkeys(formats))
    if output is not None and is_uri(output):
        raise ParameterError(
            f"--output {output}: a store stands in a folder of this machine, and a file is written "
            "there, for no bucket can replace a file or lock a folder at once; name a folder, and "
            "copy it (docs/remote.md)"
        )
    if output is not None and _is_folder(output, formats):
        return _store(Path(output), formats, events)
    chosen = _only(formats)
    if output is None:
        return _checked(Destination(chosen or _format_of_stdout(), None), events)
    path = Path(output)
    if not path.absolute().parent.is_dir():
        raise ParameterError(f"--output {output}: there is no folder {path.absolute().parent}")
    return _checked(Destination(chosen or _format_of(path), path), events)


def is_of_events(place: Destination | StorePlace) -> bool:
    """Whether a format was asked for that holds events and nothing else."""
    if isinstance(place, StorePlace):
        return any(name.value in place.event_formats for name in _OF_EVENTS_ALONE)
    return place.format in _OF_EVENTS_ALONE


def event_formats(place: Destination | StorePlace) -> tuple[str, ...]:
    """Formats in which events are written, if any are."""
    return place.event_formats if isinstance(place, StorePlace) else (place.format.value,)


def check_places(formats: Sequence[str], inventory: Path | None) -> None:
    """Refuse a map without places, before any work is done.

    Raises
    ------
    ParameterError
    """
    if Format.GEOJSON.value in formats and inventory is None:
        from quake.output.events import checked_sites

        checked_sites(None)


def _is_folder(output: str, formats: Sequence[Format]) -> bool:
    path = Path(output)
    if path.exists():
        return path.is_dir()
    return output.endswith("/") or len(formats) > 1 or not path.suffix


def _store(root: Path, formats: Sequence[Format], events: bool) -> StorePlace:
    if Format.TABLE in formats:
        raise ParameterError(
            f"--output {root}: a table is for terminals and files; a folder takes parquet, csv, "
            "jsonl, mseed, quakeml, geojson and markers"
        )
    windows = [f.value for f in formats if f not in _OF_EVENTS_ALONE] or [Format.PARQUET.value]
    of_events = [f.value for f in formats if f in _OF_EVENTS]
    if events and not of_events:
        of_events = [f for f in windows if f != Format.MSEED] or [Format.PARQUET.value]
    return StorePlace(root, tuple(windows), tuple(of_events))


def _checked(destination: Destination, events: bool) -> Destination:
    name = destination.format
    if events and name is Format.MSEED:
        raise ParameterError("--format mseed: holds probabilities, not events; leave out --events")
    if destination.is_terminal and name in _BINARY:
        raise ParameterError(
            f"--format {name}: is not for terminals; name a file with --output, or use a pipe"
        )
    return destination


def _only(formats: list[Format]) -> Format | None:
    if len(formats) > 1:
        raise ParameterError(
            f"one file takes one format, got {', '.join(formats)}; name a folder with --output"
        )
    return formats[0] if formats else None


def _format_of_stdout() -> Format:
    return Format.TABLE if sys.stdout.isatty() else Format.JSONL


def _format_of(path: Path) -> Format:
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise ParameterError(
            f"--output {path}: its suffix is none of {', '.join(_SUFFIXES)}; say --format"
        )
    return found


@contextmanager
def open_windows(destination: Destination, classes: Sequence[str], hop_ns: int) -> Iterator[Writer]:
    """Open a destination for windows; a file appears at the end, or not at all.

    Raises
    ------
    ParameterError
        If it cannot be opened.
    """
    with ExitStack() as stack:
        file = _open(destination.path, stack)
        writer = _writer(destination, file, classes, hop_ns)
        yield writer
        writer.close()
        (file or sys.stdout).flush()


@contextmanager
def open_events(
    destination: Destination,
    classes: Sequence[str],
    sites: Callable[[], Mapping[str, Site] | None] = lambda: None,
) -> Iterator[list[Event]]:
    """Open a destination for events; those in the list at the end are written.

    Parameters
    ----------
    destination : Destination
    classes : names, in the order of their columns
    sites : callable, optional
        Says at the end where the stations are: a mapping of ``NETWORK.STATION`` to Site.

    Raises
    ------
    ParameterError
        If it cannot be opened.
    """
    with ExitStack() as stack:
        file = _open(destination.path, stack)
        events: list[Event] = []
        yield events
        if destination.format is Format.TABLE:
            _write_table(file, events)
        else:
            from quake.output.events import write_events

            target = file or sys.stdout.buffer
            write_events(target, destination.format.value, events, classes=classes, sites=sites())
            target.flush()


def _open(path: Path | None, stack: ExitStack) -> BinaryIO | None:
    """Open a file; None is standard output."""
    from quake.files import whole_file

    if path is None:
        return None
    try:
        file = stack.enter_context(whole_file(path))
        return cast("BinaryIO", io.BufferedWriter(NamedRaw(getattr(file, "raw", file), str(path))))
    except OSError as error:
        raise ParameterError(
            f"--output {path}: cannot be written ({error.strerror or error})"
        ) from error


def _writer(
    destination: Destination, file: BinaryIO | None, classes: Sequence[str], hop_ns: int
) -> Writer:
    from quake.output.text import CsvWriter, JsonLinesWriter
    from quake.output.windows import as_text, open_writer

    name = destination.format
    if name in _BINARY:
        return open_writer(name.value, file or sys.stdout.buffer, classes, hop_ns)
    text = sys.stdout if file is None else as_text(file)
    if name is Format.TABLE:
        from quake_cli.render.window_table import TableWriter

        return TableWriter(text, classes)
    return CsvWriter(text, classes) if name is Format.CSV else JsonLinesWriter(text)


def _write_table(file: BinaryIO | None, events: Sequence[Event]) -> None:
    from quake.output.windows import as_text
    from quake_cli.render.event_table import EventTableWriter

    writer = EventTableWriter(sys.stdout if file is None else as_text(file))
    for event in events:
        writer.write(event)
    writer.close()
