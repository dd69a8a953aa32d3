"""Write a model as one ``.onnx`` file, and run it with ONNX Runtime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from quake.files import whole_files
from quake.model_file.card import ModelCard
from quake.model_file.graph_metadata import metadata_of, precision_of
from quake.model_file.rewrite import pool_means, spread_gates
from quake.model_file.safetensors_file import load_model
from quake.model_file.silence import silence
from quake.model_file.waveform_graph import build_graph

INPUT = "waveforms"
OUTPUT = "probabilities"


def write_onnx(
    model: Path, output: Path, half: bool = False, *, for_integers: bool = False
) -> None:
    """Export a model file to ONNX.

    The input is ``waveforms``, float32 (batch, 3, N), the output ``probabilities``, float32
    (batch, K). The same model gives the same bytes.

    Parameters
    ----------
    model : model file
    output : file to be written, or replaced
    half : bool
        Store the network in float16 and compute in it.
    for_integers : bool
        Leave the graph in the form in which `quake.export.quantise` knows its operators.

    Raises
    ------
    ModelError
        If the model cannot be used.
    ExportError
        If the file cannot be written.
    """
    card, network = load_model(model)
    proto = _to_onnx(build_graph(card, network, half), card)
    pool_means(proto)
    if not for_integers:
        spread_gates(proto)
    strip_origins(proto)
    set_metadata(proto, metadata_of(model, card, precision_of(half)))
    with whole_files([output]) as (temporary,):
        temporary.write_bytes(proto.SerializeToString(deterministic=True))


def run_onnx(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Load the file into ONNX Runtime, on one thread of the CPU.

    Returns
    -------
    callable
        From windows (B, 3, N) to probabilities (B, K), both float32.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def probabilities(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        (found,) = session.run([OUTPUT], {INPUT: windows})
        return np.asarray(found)

    return probabilities


def set_metadata(proto: Any, texts: Mapping[str, str]) -> None:
    """Replace the metadata of an ``onnx.ModelProto``, in the order of the keys."""
    del proto.metadata_props[:]
    for key, value in sorted(texts.items()):
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value


def metadata_in(proto: Any) -> dict[str, str]:
    """Read the metadata of an ``onnx.ModelProto``."""
    return {entry.key: entry.value for entry in proto.metadata_props}


def strip_origins(proto: Any) -> None:
    """Remove what the exporter notes about source files: paths of this machine are nobody's."""
    from quake import __version__

    proto.producer_name, proto.producer_version = "quake", __version__
    proto.ClearField("doc_string")
    graph = proto.graph
    parts = [*graph.node, *graph.initializer, *graph.input, *graph.output, *graph.value_info]
    for part in (graph, *parts):
        part.ClearField("doc_string")
        part.ClearField("metadata_props")


def _to_onnx(graph: torch.nn.Module, card: ModelCard) -> Any:
    """Trace with a batch of two: one would be taken for a constant."""
    example = torch.zeros(2, 3, card.preprocessing.n_samples)
    with silence():
        program = torch.onnx.export(
            graph,
            (example,),
            dynamo=True,
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            input_names=[INPUT],
            output_names=[OUTPUT],
            verbose=False,
        )
    assert program is not None  # only the older exporter returns nothing
    return program.model_proto
