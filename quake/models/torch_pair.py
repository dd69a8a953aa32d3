"""torch and torchvision: whether their versions fit, and what to do where they do not.

torchvision adds operators to torch in a compiled library. Where that library does not fit the torch
beside it, torch leaves it out, and the next line of torchvision that names one of its operators
raises ``RuntimeError: operator torchvision::nms does not exist``.
"""

from __future__ import annotations

from quake.errors import ModelError
from quake.installed import install, installed_version, numbers_of

PAIR = ("torch", "torchvision")


SIGN = "operator torchvision::"


# Of torchvision 0.M: up to here it needs torch 2.(M - 15) exactly; later ones that or a newer one.
_LAST_EXACT = 28


_OFFSET = 15


def explained(error: BaseException) -> BaseException:
    """Say of an error that a mismatched torchvision raised what it is; others come back as is.

    Parameters
    ----------
    error : exception
        That any import has ended with; it may be the cause of another one.

    Returns
    -------
    ModelError, or the error itself
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, RuntimeError) and SIGN in str(cause):
            return ModelError(mismatch(str(cause).splitlines()[0]))
        cause = cause.__cause__ or cause.__context__
    return error


def mismatch(said: str = "") -> str:
    """One sentence on a pair that does not fit, with the command that mends it."""
    torch, torchvision = map(installed_version, PAIR)
    reason = f" ({said})" if said else ""
    return (
        f"torchvision {torchvision or '(unknown)'} does not fit torch {torch or '(unknown)'}"
        f"{reason}; install them together: {install(*PAIR, again=True)}"
    )


def is_pair(torch: str, torchvision: str) -> bool:
    """Whether two versions go together, by number and by what they were built for.

    torchvision 0.M belongs to torch 2.(M - 15); from 0.29 on its library fits newer ones too, as
    its own metadata say. Versions of another form are taken to fit.

    Examples
    --------
    >>> is_pair("2.9.1", "0.24.0"), is_pair("2.9.1", "0.23.0"), is_pair("2.15.0", "0.29.2")
    (True, False, True)
    >>> is_pair("2.15.0+cu132", "0.29.2+cpu")
    False
    """
    if _build_of(torch) and _build_of(torchvision) and _build_of(torch) != _build_of(torchvision):
        return False
    first, second = _minor(torch, 2), _minor(torchvision, 0)
    if first is None or second is None:
        return True
    fitting = second - _OFFSET
    return first == fitting if second <= _LAST_EXACT else first >= fitting


def _build_of(version: str) -> str:
    """What a version was built for, as in ``cu132``; empty if it does not say."""
    return version.partition("+")[2]


def _minor(version: str, major: int) -> int | None:
    """N of a version ``major.N``; None of another major version."""
    numbers = (*numbers_of(version), 0, 0)
    return numbers[1] if numbers[0] == major else None
