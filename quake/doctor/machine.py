"""Check Python, quake itself and the cores of the machine."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

from quake.doctor.check import Check, Status

OLDEST_PYTHON = (3, 11)

# Where Linux says how much of the processors a container may use.
_QUOTA = Path("/sys/fs/cgroup/cpu.max")

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def check_quake() -> Check:
    """Say which quake this is, and where."""
    import quake

    return Check("quake", Status.OK, f"{quake.__version__} in {Path(quake.__file__).parent}")


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Check:
    """Check that Python is new enough."""
    text = ".".join(map(str, version))
    found = f"{text}, {sys.executable}, {platform.system()} {platform.machine()}"
    if version < OLDEST_PYTHON:
        wanted = ".".join(map(str, OLDEST_PYTHON))
        return Check("Python", Status.FAILED, found, f"install quake with Python {wanted} or newer")
    return Check("Python", Status.OK, found)


def check_cores(quota_file: Path = _QUOTA) -> Check:
    """Say how many cores quake uses, and whether a container gives it less than it sees."""
    there, usable = os.cpu_count() or 1, usable_cores()
    set_to = [f"{name}={os.environ[name]}" for name in _THREAD_VARIABLES if name in os.environ]
    found = f"{usable} of {there} usable, a thread each; {', '.join(set_to)}".rstrip("; ")
    quota = quota_of(quota_file)
    if quota is not None and quota < usable:
        found = f"{found}; the container may use {quota:.1f} of them at a time"
        return Check("cores", Status.WARNING, found, f"pass --threads {max(1, round(quota))}")
    return Check("cores", Status.OK, found)


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def quota_of(file: Path) -> float | None:
    """Processors that a container may use at a time; None where nothing limits it."""
    try:
        quota, period = file.read_text(encoding="ascii").split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError, ZeroDivisionError):
        return None
