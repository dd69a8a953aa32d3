"""Check whether CUDA can be used, or say why not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quake.doctor.check import Check, Status
from quake.doctor.probe import Answer
from quake.installed import install
from quake.models.torch_pair import PAIR

NAME = "CUDA"

_ON_CPU = "the CPU is used"


def check_cuda(answer: Answer) -> Check:
    """Check that a small kernel runs, where there is an NVIDIA driver."""
    driver, cuda, kernel = map(answer.of, ("driver", "cuda", "kernel"))
    if "error" in driver:
        return Check(NAME, Status.FAILED, f"asking the driver: {driver['error']}", _UPDATE)
    if driver.get("version") is None:
        return Check(NAME, Status.SKIPPED, f"no NVIDIA driver; {_ON_CPU}")
    if not cuda:
        return Check(NAME, Status.SKIPPED, "torch cannot be imported", "mend torch first")
    if "error" in cuda:
        return _unusable(str(driver["version"]), cuda)
    if "error" in kernel:
        found = f"a small kernel does not run: {kernel['error']}"
        return Check(NAME, Status.FAILED, found, f"use --device cpu until this is mended; {_AGAIN}")
    gigabytes = kernel["memory_bytes"] / 1e9
    found = f"{kernel['device']}, {gigabytes:.0f} GB, CUDA {cuda['built_for']}; a small kernel ran"
    return Check(NAME, Status.OK, found)


_UPDATE = "update the NVIDIA driver"
_AGAIN = install(*PAIR, again=True)


def _unusable(driver: str, cuda: Mapping[str, Any]) -> Check:
    """Say why torch cannot use a driver that is there."""
    built_for, error = cuda.get("built_for"), str(cuda["error"])
    if built_for is None and not error:
        found = f"torch was built without CUDA, though there is a driver for {driver}; {_ON_CPU}"
        advice = "to use the device, install torch and torchvision built for CUDA"
        return Check(NAME, Status.WARNING, found, advice)
    if "too old" in error:
        found = f"the driver is too old: good for CUDA {driver}, torch was built for {built_for}"
        advice = f"{_UPDATE}, or install torch and torchvision built for CUDA {driver}"
        return Check(NAME, Status.WARNING, f"{found}; {_ON_CPU}", advice)
    if error == "no device" or "no CUDA-capable device" in error or "No CUDA GPUs" in error:
        found = f"an NVIDIA driver, but no device that this process may use; {_ON_CPU}"
        advice = "if there should be one, see nvidia-smi and CUDA_VISIBLE_DEVICES"
        return Check(NAME, Status.SKIPPED, found, advice)
    found = f"does not start: {error}"
    return Check(NAME, Status.WARNING, f"{found}; {_ON_CPU}", "see what nvidia-smi says")
