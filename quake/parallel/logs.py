"""Carry what is logged in another process over to this one."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

LogLine = tuple[str, int, str]  # logger, level, message


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.found: list[LogLine] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append((record.name, record.levelno, record.getMessage()))


@contextmanager
def collected_logs() -> Iterator[list[LogLine]]:
    """Keep warnings and errors that are logged in the block, which nobody would see."""
    collector, root = _Collector(), logging.getLogger("quake")
    root.addHandler(collector)
    try:
        yield collector.found
    finally:
        root.removeHandler(collector)


def repeat(lines: Iterable[LogLine]) -> None:
    """Log here what was logged elsewhere."""
    for name, level, message in lines:
        logging.getLogger(name).log(level, "%s", message)
