"""List the schemes that an input may have, and who knows each of them.

To add one, write a class as `quake.inputs.scheme.Scheme` says, in a file of its own, and add a line
to `SCHEMES`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from quake.errors import ParameterError
from quake.inputs.scheme import Scheme, parts_of


def _fdsn() -> Scheme:
    from quake.inputs.fdsn import Fdsn

    return Fdsn()


def _s3() -> Scheme:
    from quake.inputs.s3 import S3

    return S3()


def _gs() -> Scheme:
    from quake.inputs.gs import GoogleStorage

    return GoogleStorage()


def _web() -> Scheme:
    from quake.inputs.web import Web

    return Web()


# Each is loaded, with the packages that it needs, when a URI asks for it.
SCHEMES: Mapping[str, Callable[[], Scheme]] = {
    "fdsn": _fdsn,
    "s3": _s3,
    "gs": _gs,
    "https": _web,
    "http": _web,
}

# Schemes that other commands know, and what to do.
_ELSEWHERE = {"seedlink": "a SeedLink server is followed by quake watch"}


def scheme_of(uri: str) -> Scheme:
    """Say who knows a URI.

    Raises
    ------
    ParameterError
        If nobody does.
    """
    name = parts_of(uri)[0]
    if name not in SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in SCHEMES)
        advice = _ELSEWHERE.get(name, f"{known} are known, and paths of files")
        raise ParameterError(f"{uri}: {name}:// is no input; {advice}")
    return _opened(name)


@lru_cache
def _opened(name: str) -> Scheme:
    """One of each in a process, for it may remember that a server is down."""
    return SCHEMES[name]()
