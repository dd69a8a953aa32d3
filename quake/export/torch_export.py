"""Write a model with torch.export, one ``.pt2`` file, and run it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from quake.files import whole_files
from quake.model_file.graph_metadata import metadata_of, precision_of
from quake.model_file.safetensors_file import load_model
from quake.model_file.silence import silence
from quake.model_file.waveform_graph import build_graph

# Where the source of each operator lay, and what module it came from.
_ORIGINS = ("stack_trace", "nn_module_stack", "source_fn_stack", "from_node", "torch_fn")


def write_torch_export(model: Path, output: Path, half: bool = False) -> None:
    """Export a model file with `torch.export`.

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
    with silence(), whole_files([output]) as (temporary,):
        program = torch.export.export(
            build_graph(card, network, half),
            (example,),
            dynamic_shapes={"waveforms": {0: torch.export.Dim("batch")}},
        )
        _strip_origins(program)
        texts = metadata_of(model, card, precision_of(half))
        torch.export.save(program, temporary, extra_files=dict(sorted(texts.items())))


def run_torch_export(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Load the file with torch, on the CPU.

    Returns
    -------
    callable
        From windows (B, 3, N) to probabilities (B, K), both float32.
    """
    with silence():
        module = torch.export.load(path).module()

    def probabilities(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        with torch.inference_mode():
            found: NDArray[np.float32] = module(torch.from_numpy(windows)).numpy()
        return found

    return probabilities


def _strip_origins(program: torch.export.ExportedProgram) -> None:
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                for key in _ORIGINS:
                    node.meta.pop(key, None)
