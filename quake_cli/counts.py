"""Count things in messages."""

from __future__ import annotations


def counted(number: int, noun: str, rest: str = "") -> str:
    """Write a number of things, one or more.

    Examples
    --------
    >>> counted(1, "event"), counted(2, "event", " left")
    ('1 event', '2 events left')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}{rest}"
