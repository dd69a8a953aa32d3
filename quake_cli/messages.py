"""Lines on standard error: errors, warnings and notes go in, one line each comes out."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager


def one_line(text: str) -> str:
    r"""Show line breaks and control characters, which file names may have, as escapes.

    Examples
    --------
    >>> one_line("a\nb")
    'a\\nb'
    """
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii")
        for c in text
    )


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

    def error(self, text: str) -> None:
        """Say what failed."""
        self.show_line(f"quake: error: {one_line(text)}")

    def warning(self, text: str) -> None:
        """Say what deserves attention."""
        if not self.quiet:
            self.show_line(f"quake: warning: {one_line(text)}")

    def note(self, text: str) -> None:
        """Say how things stand."""
        if not self.quiet:
            self.show_line(f"quake: {one_line(text)}")

    @property
    def may_draw(self) -> bool:
        """Whether somebody watches standard error."""
        return not self.quiet and sys.stderr is not None and sys.stderr.isatty()


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
        elif self.messages.debug:
            self.messages.show_line(f"quake: debug: {record.name}: {one_line(record.getMessage())}")


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
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def silence(*loggers: str) -> None:
    """Keep loggers that write to standard error by themselves from doing so."""
    for name in loggers:
        logging.getLogger(name).setLevel(logging.ERROR)
