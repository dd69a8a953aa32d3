"""Where results go: options in, open writers out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from quake.errors import ParameterError
from quake_cli.options import Format
from quake_cli.writers import CsvWriter, JsonLinesWriter, Writer, whole_file

_SUFFIXES = {Format.TABLE: ".txt", Format.CSV: ".csv", Format.JSONL: ".jsonl"}


@dataclass(frozen=True)
class Destination:
    """One format and the file it goes to; None is standard output."""

    format: Format
    path: Path | None

    @property
    def is_terminal(self) -> bool:
        """Whether the results appear on a terminal."""
        return self.path is None and sys.stdout.isatty()


def choose_destinations(output: str | None, formats: Sequence[Format]) -> list[Destination]:
    """Decide what is written where, before anything is read.

    Parameters
    ----------
    output : str or None
        A file; or a folder if it is one, ends with a slash, or there are several formats.
    formats : formats asked for

    Raises
    ------
    ParameterError
        If they do not fit together, or the place cannot be written to.
    """
    formats = list(dict.fromkeys(formats))
    if output is None:
        return [Destination(_only(formats) or _format_of_stdout(), None)]
    path = Path(output)
    if path.is_dir() or output.endswith("/") or len(formats) > 1:
        _make_folder(path)
        return [
            Destination(f, path / f"predictions{_suffix(f)}") for f in formats or [Format.JSONL]
        ]
    if not path.absolute().parent.is_dir():
        raise ParameterError(f"--output {output}: there is no folder {path.absolute().parent}")
    return [Destination(_only(formats) or _format_of(path), path)]


def _only(formats: list[Format]) -> Format | None:
    if len(formats) > 1:
        raise ParameterError(
            f"standard output takes one format, got {', '.join(formats)}; "
            "name a folder with --output"
        )
    return formats[0] if formats else None


def _format_of_stdout() -> Format:
    return Format.TABLE if sys.stdout.isatty() else Format.JSONL


def _format_of(path: Path) -> Format:
    for name, suffix in _SUFFIXES.items():
        if path.suffix.lower() == suffix:
            return name
    raise ParameterError(
        f"--output {path}: its suffix is none of {', '.join(_SUFFIXES.values())}; say --format"
    )


def _suffix(name: Format) -> str:
    return _SUFFIXES[name]


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ParameterError(
            f"--output {path}: the folder cannot be made ({error.strerror or error})"
        ) from error


@contextmanager
def open_writers(
    destinations: Sequence[Destination], classes: Sequence[str]
) -> Iterator[list[Writer]]:
    """Open all destinations; files appear together at the end, or not at all.

    Raises
    ------
    ParameterError
        If one cannot be opened.
    """
    with ExitStack() as stack:
        writers = [_writer(d.format, _open(d.path, stack), classes) for d in destinations]
        yield writers
        for writer in writers:
            writer.close()


def _open(path: Path | None, stack: ExitStack) -> TextIO:
    if path is None:
        return sys.stdout
    try:
        return stack.enter_context(whole_file(path))
    except OSError as error:
        raise ParameterError(
            f"--output {path}: cannot be written ({error.strerror or error})"
        ) from error


def _writer(name: Format, file: TextIO, classes: Sequence[str]) -> Writer:
    if name is Format.TABLE:
        from quake_cli.render import TableWriter

        return TableWriter(file, classes)
    return CsvWriter(file, classes) if name is Format.CSV else JsonLinesWriter(file)
