"""Check the versions and imports of the packages that quake runs on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from quake.doctor.check import Check, Status
from quake.doctor.probe import Answer, Probe
from quake.installed import bound_of, install, installed_version, is_older

# What `quake predict` cannot do without.
NEEDED = ("numpy", "scipy", "obspy", "pymseed", "onnxruntime", "safetensors", "pyarrow")

# Module, and the extra of quake that brings it.
OPTIONAL: Mapping[str, str] = {"openvino": "openvino", "distributed": "dask"}


def check_packages(limit_s: float, *, full: bool = False) -> Iterator[Check]:
    """Import packages in a process, and compare their versions with what quake asks for.

    Parameters
    ----------
    limit_s : float
        Seconds that the process may take.
    full : bool
        Import those too that quake can do without.
    """
    there = [name for name in (*NEEDED, *OPTIONAL) if is_there(name)]
    wanted = [name for name in there if full or name in NEEDED]
    versions = {name: {"version": installed_version(name) or "unknown"} for name in there}
    answers = {**versions, **_import_all(wanted, limit_s)}
    for name in (*NEEDED, *OPTIONAL):
        yield _of_answer(name, answers[name]) if name in answers else _missing(name)


def is_there(name: str) -> bool:
    """Whether a module is there to be imported, broken or not."""
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):  # hooks into the import system may raise the former
        return False


def broken(name: str, error: str) -> str:
    """Say that a package is there and cannot be imported."""
    version = installed_version(name)
    return f"{version + ', ' if version else ''}cannot be imported: {error}"


def _import_all(names: Sequence[str], limit_s: float) -> dict[str, Mapping[str, Any]]:
    """Import one after the other; where one ends the process, go on with the next in a new one."""
    answers: dict[str, Mapping[str, Any]] = {}
    left = list(names)
    while left:
        with Probe("imports", *left, limit_s=limit_s) as probe:
            answer: Answer = probe.answer()
        found = {name: answer.of(name) for name in left if answer.of(name)}
        if not found:
            raise RuntimeError(f"a process that imports {', '.join(left)} said nothing")
        answers.update(found)
        left = [name for name in left if name not in found]
    return answers


def _missing(name: str) -> Check:
    if name in OPTIONAL:
        advice = f"pip install 'quake[{OPTIONAL[name]}]'"
        return Check(name, Status.SKIPPED, "not installed, and need not be", advice)
    return Check(name, Status.FAILED, "not installed", install(name))


def _of_answer(name: str, answer: Mapping[str, Any]) -> Check:
    if "error" in answer:
        found = broken(name, answer["error"])
        # Without it `quake` goes on, but it was installed to be used.
        status = Status.WARNING if name in OPTIONAL else Status.FAILED
        return Check(name, status, found, install(name, again=True))
    version, bound = str(answer["version"]), bound_of(name)
    if is_older(version, bound):
        found = f"{version}; quake asks for {bound}"
        return Check(name, Status.WARNING, found, install(name))
    return Check(name, Status.OK, version)
