"""Write a model as TorchScript, one file, and run it."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from quake.files import whole_files
from quake.model_file.graph_metadata import metadata_of, precision_of
from quake.model_file.safetensors_file import load_model
from quake.model_file.silence import silence
from quake.model_file.waveform_graph import build_graph


def write_torchscript(model: Path, output: Path, half: bool = False) -> None:
    """Export a model file as a traced TorchScript module.

    The metadata lie in the file as extra files.

    Parameters
    ----------
    model : model file
    output : file to be written, or replaced
    half : bool
        Store the network in float16 and compute in it.

    Raises
    ------
    ModelError
        If the model cannot be used.
    ExportError
        If the file cannot be written.
    """
    card, network = load_model(model)
    example = torch.zeros(2, 3, card.preprocessing.n_samples)
    texts = metadata_of(model, card, precision_of(half))
    with silence(), torch.no_grad(), whole_files([output]) as (temporary,):
        traced = torch.jit.trace(build_graph(card, network, half), (example,))  # type: ignore[no-untyped-call]
        frozen = torch.jit.freeze(traced)
        buffer = BytesIO()
        torch.jit.save(frozen, buffer, _extra_files=dict(sorted(texts.items())))
        _without_origins(buffer, temporary)


def run_torchscript(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Load the file with torch, on the CPU.

    Returns
    -------
    callable
        From windows (B, 3, N) to probabilities (B, K), both float32.
    """
    with silence():
        module = torch.jit.load(path, map_location="cpu")  # type: ignore[no-untyped-call]

    def probabilities(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = module(torch.from_numpy(windows)).numpy()
        return found

    return probabilities


def _without_origins(source: BytesIO, path: Path) -> None:
    """Copy all but the table that says at which line of which file each operator was called."""
    with ZipFile(source) as archive, ZipFile(path, "w") as copy:
        for entry in archive.infolist():
            if not entry.filename.endswith(".debug_pkl"):
                copy.writestr(entry, archive.read(entry))
