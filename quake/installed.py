"""Versions of packages: which are installed, which quake asks for, and how to install them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import metadata

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?P<bound>[^;\[]*)")


def install(*names: str, again: bool = False) -> str:
    """Command that installs packages in versions that quake asks for."""
    wanted = " ".join(f"'{name}{bound_of(name)}'" for name in names)
    return f"pip install {'--upgrade --force-reinstall ' if again else ''}{wanted}"


def bound_of(name: str) -> str:
    """Versions of a package that quake asks for, as in ``>=2.0``; empty if that is not known."""
    for text in _requirements():
        found = _REQUIREMENT.match(text)
        if found and found["name"].lower() == name:
            return found["bound"].strip()
    return ""


def installed_version(name: str) -> str | None:
    """Version of a package by its metadata, whether or not it can be imported."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _requirements() -> Sequence[str]:
    try:
        return metadata.requires("quake") or ()
    except metadata.PackageNotFoundError:  # run from a folder, not installed
        return ()


def is_older(version: str, bound: str) -> bool:
    """Whether a version is below a bound as in ``>=2.0``; other bounds are not looked at.

    Examples
    --------
    >>> is_older("1.26.4", ">=2.0"), is_older("2.14.0+cu130", ">=2.14"), is_older("2.9", ">=2.14")
    (True, False, True)
    """
    return bound.startswith(">=") and numbers_of(version) < numbers_of(bound[2:])


def numbers_of(version: str) -> tuple[int, ...]:
    """Numbers that a version begins with; zeros at their end do not count.

    Examples
    --------
    >>> numbers_of("2.15.0+cu132"), numbers_of("2.0"), numbers_of("0.29rc1")
    ((2, 15), (2,), (0, 29))
    """
    numbers = []
    for part in version.partition("+")[0].split("."):
        digits = part[: len(part) - len(part.lstrip("0123456789"))]
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)
