"""Say errors, warnings and notes on standard error and in a log file, one line each."""

from __future__ import annotations

import logging
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from quake.errors import ParameterError
from quake_cli.logs import LogFile, json_line, one_line, text_line

# How lines of each level begin on standard error.
_BEGINNINGS = {
    "error": "quake: error: ",
    "warning": "quake: warning: ",
    "info": "quake: ",
    "debug": "quake: debug: ",
}


def _to_stderr(line: str) -> None:
    if sys.stderr is not None:  # closed with 2>&-
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


class Messages:
    """What the program says beside its results.

    Attributes
    ----------
    quiet : bool
        Errors alone are shown.
    debug : bool
        Everything is shown, errors with their traceback.
    show_line : callable
        Where lines go; a progress bar puts itself below them.
    """

    def __init__(self) -> None:
        self.quiet = False
        self.debug = False
        self.show_line: Callable[[str], None] = _to_stderr
        self._as_json = False
        self._log: LogFile | None = None
        self._log_fails = False

    def open_log(self, path: Path | None, log_format: str) -> None:
        """Append messages to a file from now on, those too that `quiet` does not show.

        Parameters
        ----------
        path : Path or None
            Without a file, `log_format` is the form of standard error.
        log_format : {"text", "json"}

        Raises
        ------
        ParameterError
            If the file cannot be opened.
        """
        self.close_log()
        self._as_json = log_format == "json"
        if path is None:
            return
        try:
            self._log = LogFile(path)
        except OSError as error:
            raise ParameterError(
                f"--log-file {path}: cannot be written ({error.strerror or error}); name a file "
                "in a folder that exists"
            ) from error

    def close_log(self) -> None:
        """Append to no file any more."""
        log, self._log, self._log_fails = self._log, None, False
        if log is not None:
            log.close()

    def error(self, text: str) -> None:
        """Say what failed."""
        self._say("error", text, shown=True)

    def warning(self, text: str) -> None:
        """Say what deserves attention."""
        self._say("warning", text, shown=not self.quiet)

    def note(self, text: str) -> None:
        """Say how things stand."""
        self._say("info", text, shown=not self.quiet)

    def detail(self, text: str) -> None:
        """Say what only those want to know who look for an error."""
        if self.debug:
            self._say("debug", text, shown=True)

    def trace(self, error: BaseException) -> None:
        """Say where an error comes from, to those who look for it."""
        if not self.debug:
            return
        text = "".join(traceback.format_exception(error)).rstrip()
        self._append("debug", text)
        self.show_line(json_line("debug", text) if self.shows_json else _lines(text))

    def python_warning(self, text: str) -> bool:
        """Take a warning of a dependency; False if it is still to be shown on standard error."""
        self._append("warning", text)
        if self.shows_json:
            self.show_line(json_line("warning", text))
        return self.shows_json

    @property
    def shows_json(self) -> bool:
        """Whether lines on standard error are JSON."""
        return self._as_json and self._log is None

    @property
    def may_draw(self) -> bool:
        """Whether somebody watches standard error, and wants no JSON there."""
        is_watched = sys.stderr is not None and sys.stderr.isatty()
        return is_watched and not self.quiet and not self.shows_json

    def _say(self, level: str, text: str, *, shown: bool) -> None:
        self._append(level, text)
        if shown:
            is_json = self.shows_json
            self.show_line(json_line(level, text) if is_json else _as_text(level, text))

    def _append(self, level: str, text: str) -> None:
        """Write to the log file; if that fails, say so once and go on."""
        if self._log is None:
            return
        try:
            self._log.write((json_line if self._as_json else text_line)(level, text))
        except OSError as error:
            if not self._log_fails:
                self._log_fails = True
                what = f"{self._log.path}: cannot be written ({error.strerror or error})"
                self.show_line(_as_text("error", f"--log-file {what}; messages are missing there"))


def _lines(text: str) -> str:
    """Several lines, each without control characters."""
    return "\n".join(map(one_line, text.splitlines()))


def _as_text(level: str, text: str) -> str:
    return _BEGINNINGS[level] + one_line(text)


class _Handler(logging.Handler):
    """Shows log records of the library as messages."""

    def __init__(self, messages: Messages) -> None:
        super().__init__()
        self.messages = messages

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno >= logging.ERROR:
            self.messages.error(record.getMessage())
        elif record.levelno >= logging.WARNING:
            self.messages.warning(record.getMessage())
        else:
            self.messages.detail(f"{record.name}: {record.getMessage()}")


@contextmanager
def library_messages(messages: Messages) -> Iterator[None]:
    """Show what the library logs; keep Python warnings of its dependencies for `--debug`."""
    logger = logging.getLogger() if messages.debug else logging.getLogger("quake")
    handler, level = _Handler(messages), logger.level
    logger.addHandler(handler)
    if messages.debug:
        logger.setLevel(logging.DEBUG)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default" if messages.debug else "ignore")
            _take_warnings(messages)
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def _take_warnings(messages: Messages) -> None:
    """Have Python warnings in the log file too, until those who call this undo it."""
    show = warnings.showwarning

    def take(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        text = f"{filename}:{lineno}: {category.__name__}: {message}"
        if not messages.python_warning(text):
            show(one_line(str(message)), category, filename, lineno, file, line)

    warnings.showwarning = take


def silence(*loggers: str) -> None:
    """Keep loggers that write to standard error by themselves from doing so."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.ERROR)
