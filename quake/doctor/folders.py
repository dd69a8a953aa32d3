"""Check the folders outside the package in which quake keeps things."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from quake.doctor.check import Check, Status
from quake.doctor.probe import Answer

# A graph has 16 MB, pretrained weights up to 215, decoded records of a training some gigabytes.
SMALLEST_FREE_BYTES = 1_000_000_000


def cache_folder() -> Path:
    """Where graphs and decoded records are kept; it need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("quake")


def check_cache(folder: Path) -> Check:
    """Check that the cache can be written."""
    name = "cache folder"
    fault = write_fault(folder)
    if fault:
        found = f"{folder}: cannot be written ({fault}); graphs are built again for each run"
        return Check(name, Status.WARNING, found, "set XDG_CACHE_HOME to a folder of yours")
    return Check(name, Status.OK, f"{folder}{'' if folder.exists() else ', made when needed'}")


def check_weights_folder(answer: Answer) -> Check:
    """Check that pretrained weights can be kept, where torch keeps them."""
    name, found = "weights folder", answer.of("folder")
    if "path" not in found:
        return Check(name, Status.SKIPPED, "torch cannot say where it is", "mend torch first")
    folder = Path(found["path"])
    fault = write_fault(folder)
    if fault:
        text = f"{folder}: cannot be written ({fault}); ImageNet weights are fetched for each run"
        return Check(name, Status.WARNING, text, "set TORCH_HOME to a folder of yours")
    return Check(name, Status.OK, f"{folder}{'' if folder.exists() else ', made when needed'}")


def check_disk(folder: Path) -> Check:
    """Check that the disk of the cache has room."""
    name = "disk space"
    free = shutil.disk_usage(_existing(folder)).free
    found = f"{free / 1e9:.1f} GB free for {folder}"
    if free < SMALLEST_FREE_BYTES:
        return Check(
            name, Status.WARNING, found, "make room, or set XDG_CACHE_HOME to another disk"
        )
    return Check(name, Status.OK, found)


def check_installed(answer: Answer) -> Check:
    """Check that models that the user has installed can be read."""
    name, found = "installed models", answer.of("installed")
    if "error" in found or not found:
        error = found.get("error", "nothing was said")
        advice = "see QUAKE_MODEL_DIR and the permissions of the folder"
        return Check(name, Status.FAILED, str(error), advice)
    models = ", ".join(found["models"]) or "none"
    if found["problems"]:
        text = f"{found['folder']}: {models}; {'; '.join(found['problems'])}"
        return Check(name, Status.WARNING, text, "install those again, or remove them")
    return Check(name, Status.OK, f"{found['folder']}: {models}")


def write_fault(folder: Path) -> str:
    """Why no file can be written into a folder, or it cannot be made; empty if it can."""
    try:
        place = _existing(folder)
        if not place.is_dir():
            return f"{place} is a file"
        tempfile.TemporaryFile(dir=place).close()
    except OSError as error:
        return error.strerror or str(error)
    return "" if os.access(place, os.W_OK | os.X_OK) else "no permission"


def _existing(folder: Path) -> Path:
    """Return the folder, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())
