"""Refuse inputs of which nothing can be used."""

from __future__ import annotations

import logging

from quake.errors import WaveformError
from quake.results.records import Records

logger = logging.getLogger(__name__)

_SHOWN = 3  # problems in a message


def refuse_nothing(records: Records) -> None:
    """Warn of each problem of the input, and refuse it if there is nothing beside them.

    Raises
    ------
    WaveformError
        If there are problems, and no records.
    """
    for problem in records.problems:
        logger.warning("%s", problem.message)
    if not records and records.problems:
        raise WaveformError(_nothing(records))


def _nothing(records: Records) -> str:
    shown = "; ".join(problem.message for problem in records.problems[:_SHOWN])
    more = len(records.problems) - _SHOWN
    return f"nothing of the input can be used: {shown}{f'; and {more} more' if more > 0 else ''}"
