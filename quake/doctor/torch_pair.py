"""Checks of torch and torchvision: that they can be imported, and fit each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quake.doctor.check import Check, Status
from quake.doctor.packages import broken
from quake.installed import install
from quake.models.torch_pair import PAIR, SIGN, is_pair, mismatch


def check_torch(answer: Mapping[str, Any]) -> Check:
    """Check that torch can be imported."""
    if "error" in answer:
        found = broken("torch", answer["error"])
        return Check("torch", Status.FAILED, found, install(*PAIR, again=True))
    return Check("torch", Status.OK, str(answer["version"]))


def check_torchvision(torch: Mapping[str, Any], torchvision: Mapping[str, Any]) -> Check:
    """Check that torchvision can be imported, and that it fits torch."""
    name = "torchvision"
    if "error" in torch or not torchvision:
        return Check(name, Status.SKIPPED, "torch cannot be imported", "mend torch first")
    if "error" in torchvision:
        error = str(torchvision["error"])
        if SIGN in error:
            found, _, advice = mismatch(error).partition("; ")
            return Check(name, Status.FAILED, found, f"{advice}; {_GOES_ON}")
        found = broken(name, error)
        return Check(name, Status.FAILED, found, f"{install(*PAIR, again=True)}; {_GOES_ON}")
    versions = str(torch["version"]), str(torchvision["version"])
    if not is_pair(*versions):
        found = f"{versions[1]}, which was not made for torch {versions[0]}, though it loads"
        return Check(name, Status.WARNING, found, install(*PAIR, again=True))
    return Check(name, Status.OK, f"{versions[1]}, fits torch {versions[0]}")


_GOES_ON = "until then predict, models, info and doctor work, train and evaluate do not"
