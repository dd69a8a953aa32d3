"""Find the device that a network runs on."""

from __future__ import annotations

import torch

from quake.errors import ParameterError

DEVICES = ("auto", "cpu", "cuda")


def choose_device(name: str) -> torch.device:
    """Resolve "auto" and check that CUDA is there where it is asked for.

    Raises
    ------
    ParameterError
        If the device is unknown or not there.
    """
    if name not in DEVICES:
        raise ParameterError(f"device must be one of {', '.join(DEVICES)}, got {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ParameterError(
            "device cuda was asked for, but torch finds no usable CUDA device; "
            "use --device cpu, or check the driver with nvidia-smi"
        )
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.device(name)
