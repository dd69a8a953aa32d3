"""Write a model for OpenVINO, an ``.xml`` and a ``.bin``, and run it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.errors import ExportError
from quake.files import whole_files
from quake.model_file.onnx_file import metadata_in, set_metadata, write_onnx


def write_openvino(model: Path, output: Path, half: bool = False) -> None:
    """Export a model file to OpenVINO, by way of ONNX.

    Parameters
    ----------
    model : model file
    output : ``.xml`` file to be written, or replaced; the ``.bin`` beside it has the weights
    half : bool
        Store the network in float16. In what OpenVINO computes is up to whoever runs it.

    Raises
    ------
    ModelError
        If the model cannot be used.
    ExportError
        If OpenVINO is not installed, or the files cannot be written.
    """
    _openvino()  # before the minutes that a large model takes
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.onnx"
        write_onnx(model, source, half)
        onnx_to_openvino(source, output)


def onnx_to_openvino(source: Path, output: Path) -> None:
    """Convert one of our ONNX files as it is; its metadata go along.

    Raises
    ------
    ExportError
        If OpenVINO is not installed, or the files cannot be written.
    """
    import onnx

    openvino = _openvino()
    proto = onnx.load(source)
    texts = metadata_in(proto)
    set_metadata(proto, {})  # or all of it would be in the file twice
    network = openvino.Core().read_model(proto.SerializeToString())
    for key, value in sorted(texts.items()):
        network.set_rt_info(value, [key])
    with whole_files([output, output.with_suffix(".bin")]) as (xml, _):
        # Its own compression would take the Fourier transform too, which needs seven digits.
        openvino.save_model(network, xml, compress_to_fp16=False)


def run_openvino(path: Path) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    """Load the files into OpenVINO, on one thread of the CPU, in float32.

    Returns
    -------
    callable
        From windows (B, 3, N) to probabilities (B, K), both float32.

    Raises
    ------
    ExportError
        If OpenVINO is not installed.
    """
    # Processors that have bfloat16 would compute in it by default, three digits of precision.
    options = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": 1}
    network = _openvino().Core().compile_model(path, "CPU", options)

    def probabilities(windows: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(network(windows)[0])

    return probabilities


def _openvino() -> Any:
    from quake.model_file.openvino_module import import_openvino

    try:
        return import_openvino()
    except ImportError as error:
        raise ExportError(
            "OpenVINO is not installed; install it with: pip install 'quake[openvino]'"
        ) from error
