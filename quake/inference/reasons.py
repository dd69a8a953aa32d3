"""Say why a window has no probabilities."""

from __future__ import annotations

from collections.abc import Iterable

# What explains that samples are missing although something was recorded.
_EXPLAIN_LOW_COVERAGE = {"disputed", "bad_values", "flat", "line"}


def reasons_of(flags: Iterable[str]) -> list[str]:
    """Names of flags without components; too few samples are no reason where another one is known.

    >>> reasons_of(["gap", "low_coverage"]), reasons_of(["low_coverage", "disputed:Z"])
    (['gap', 'low_coverage'], ['disputed'])
    """
    names = {flag.partition(":")[0] for flag in flags}
    if names & _EXPLAIN_LOW_COVERAGE:
        names.discard("low_coverage")
    return sorted(names)
