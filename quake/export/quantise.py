"""Turn the floats of an ONNX file into 8-bit integers.

All weights of the network are stored in 8 bits, with a scale for each channel. The layers in front
compute in 8 bits too, as many of them as the calibration windows allow; the layers behind them
compute in float32 with weights that the runtime unpacks when it loads the file, for they have large
and rare activations, which 256 steps do not hold. The spectrogram and the softmax stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quake.errors import ExportError, ParameterError
from quake.files import whole_files
from quake.model_file.onnx_file import INPUT, metadata_in, set_metadata

Windows = NDArray[np.float32]
Range = tuple[float, float]

LARGEST_MEAN_DIFFERENCE = 0.01
"""In a probability, on windows that gave no ranges: layers are added as long as it holds."""

_NETWORK = "network."  # weights of all that comes behind the spectrogram
_IN_INTEGERS = ("Conv", "Sigmoid", "Mul", "Add", "GlobalAveragePool")
_STEPS = 255
_MOST_RANGED = 128
_MOST_JUDGED = 256
_BATCH_SIZE = 16
_N_BINS = 2048
_SHRINKS = np.geomspace(0.1, 1, 24)
_FEWEST_WEIGHTS = 1024  # below that a scale for each channel takes up what integers save


def quantise_int8(onnx_in: Path, windows: Windows, onnx_out: Path) -> None:
    """Write a graph of 8-bit integers.

    Every other window gives the ranges of activations: those with the least mean square of the
    error that rounding and clipping make. The others tell how many layers may compute in 8 bits.

    Parameters
    ----------
    onnx_in : file that `quake.model_file.onnx_file.write_onnx` wrote, in float32
    windows : (B, 3, N)
        Of the kind that the network will see. 512 are enough: of more, 128 are taken for the
        ranges and 256 for the depth.
    onnx_out : file to be written, or replaced
        With the metadata of `onnx_in`, but for ``quake_precision``.

    Raises
    ------
    ParameterError
        If there are no windows.
    ExportError
        If the file has no network in it, or the other one cannot be written.
    """
    import onnx

    if not len(windows):
        raise ParameterError("windows to calibrate on were expected, got none")
    exact = onnx.load(onnx_in)
    nodes = _nodes_in_integers(exact)
    if not nodes:
        raise ExportError(f"{onnx_in}: no convolution of a network in it; export the model again")
    ranged = _spread(windows[::2], _MOST_RANGED)
    judged = _spread(windows[1::2], _MOST_JUDGED) if len(windows) > 1 else ranged
    found = _as_deep_as_allowed(exact, nodes, ranged, judged)
    set_metadata(found, {**metadata_in(exact), "quake_precision": "int8"})
    with whole_files([onnx_out]) as (temporary,):
        temporary.write_bytes(found.SerializeToString(deterministic=True))


def _spread(windows: Windows, most: int) -> Windows:
    """At most so many windows, from first to last: they often come source by source."""
    return windows[:: -(-len(windows) // most)]


def _nodes_in_integers(proto: Any) -> list[str]:
    """Names of the nodes that could compute in 8 bits, in the order of the graph."""
    import onnx

    # Shapes are computed too, with the same operators, of whole numbers.
    types = {
        value.name: value.type.tensor_type.elem_type
        for value in onnx.shape_inference.infer_shapes(proto).graph.value_info
    }
    names: list[str] = []
    inside = False
    for node in proto.graph.node:
        inside = inside or (
            node.op_type == "Conv" and any(name.startswith(_NETWORK) for name in node.input)
        )
        is_float = types.get(node.output[0], onnx.TensorProto.FLOAT) == onnx.TensorProto.FLOAT
        if inside and node.op_type in _IN_INTEGERS and is_float:
            names.append(node.name)
    return names


def _as_deep_as_allowed(exact: Any, nodes: Sequence[str], ranged: Windows, judged: Windows) -> Any:
    """Find the largest number of nodes by halving, to a thirtieth of them, and return the graph."""
    expected = _probabilities(exact, judged)
    ranges = _ranges(exact, nodes, ranged)
    best, fewest, most = _with_integers(exact, [], ranges), 0, len(nodes)
    while most - fewest > len(nodes) // 30:
        n = (fewest + most + 1) // 2
        tried = _with_integers(exact, nodes[:n], ranges)
        if np.abs(_probabilities(tried, judged) - expected).mean() <= LARGEST_MEAN_DIFFERENCE:
            best, fewest = tried, n
        else:
            most = n - 1
    return best


def _session(proto: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    data = proto.SerializeToString()
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def _batches(windows: Windows) -> list[Windows]:
    return [windows[first : first + _BATCH_SIZE] for first in range(0, len(windows), _BATCH_SIZE)]


def _probabilities(proto: Any, windows: Windows) -> NDArray[np.float32]:
    session = _session(proto)
    return np.concatenate([session.run(None, {INPUT: batch})[0] for batch in _batches(windows)])


def _ranges(exact: Any, nodes: Sequence[str], windows: Windows) -> dict[str, Range]:
    """Range in which each activation at the nodes is rounded."""
    import onnx

    weights = {tensor.name for tensor in exact.graph.initializer}
    wanted = set(nodes)
    names = sorted(
        {
            name
            for node in exact.graph.node
            if node.name in wanted
            for name in (*node.input, *node.output)
            if name not in weights
        }
    )
    watched = onnx.ModelProto()
    watched.CopyFrom(exact)
    del watched.graph.output[:]
    for name in names:
        watched.graph.output.append(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
        )
    session = _session(watched)
    ends = dict.fromkeys(names, (0.0, 0.0))  # 0 is a step: padding and gaps stay what they are
    counts = {name: np.zeros(_N_BINS) for name in names}
    for batch in _batches(windows):
        for name, values in zip(names, session.run(names, {INPUT: batch}), strict=True):
            low, high = ends[name]
            ends[name] = (min(low, float(values.min())), max(high, float(values.max())))
    for batch in _batches(windows):  # again, as keeping all activations would fill the memory
        for name, values in zip(names, session.run(names, {INPUT: batch}), strict=True):
            counts[name] += np.histogram(values, _N_BINS, _wide(ends[name]))[0]
    return {name: _best_range(counts[name], _wide(ends[name])) for name in names}


def _wide(ends: Range) -> Range:
    """Ends that are apart, also where all activations are zero."""
    return ends if ends[1] > ends[0] else (ends[0], ends[0] + 1)


def _best_range(counts: NDArray[np.float64], ends: Range) -> Range:
    """Range of 256 steps with the least mean square error, of a histogram between two ends."""
    edges = np.linspace(*ends, _N_BINS + 1)
    middles, kept = ((edges[1:] + edges[:-1]) / 2)[counts > 0], counts[counts > 0]
    best, least = ends, np.inf
    for low in ends[0] * _SHRINKS if ends[0] < 0 else [0.0]:
        for high in ends[1] * _SHRINKS if ends[1] > 0 else [0.0]:
            scale = (high - low) / _STEPS
            zero = np.round(-low / scale)
            steps = np.clip(np.round(middles / scale) + zero, 0, _STEPS)
            error = (((steps - zero) * scale - middles) ** 2) @ kept
            if error < least:
                best, least = (float(low), float(high)), error
    return best


def _with_integers(exact: Any, nodes: Sequence[str], ranges: Mapping[str, Range]) -> Any:
    """Let some nodes compute in 8 bits, and store the weights of all others in 8 bits."""
    import onnx

    proto = onnx.ModelProto()
    proto.CopyFrom(exact)
    if nodes:
        proto = _quantised(proto, nodes, ranges)
    _pack_weights(proto)
    return proto


def _quantised(proto: Any, nodes: Sequence[str], ranges: Mapping[str, Range]) -> Any:
    """Put quantisers around nodes; runtimes recognise them, and compute with integers."""
    import onnx
    from onnxruntime.quantization import CalibrationMethod, QuantType
    from onnxruntime.quantization.calibrate import TensorData, TensorsData
    from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

    data = {
        name: TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in ranges.items()
    }
    quantizer = QDQQuantizer(
        onnx.shape_inference.infer_shapes(proto),
        per_channel=True,
        reduce_range=True,  # 7 bits: with 8, processors without VNNI let sums of two overflow
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=TensorsData(CalibrationMethod.MinMax, data),
        nodes_to_quantize=list(nodes),
        nodes_to_exclude=[],
        op_types_to_quantize=list(_IN_INTEGERS),
        extra_options={},
    )
    quantizer.quantize_model()
    del quantizer.model.model.graph.value_info[:]  # shapes of the batch that was traced
    return quantizer.model.model


def _pack_weights(proto: Any) -> None:
    """Store weights as integers, which a cast and a product make floats again, in place.

    Runtimes compute what depends on constants alone when they load a file, hence the network is as
    fast as before. They do not do so with DequantizeLinear, which they expect to become part of an
    operator of integers.
    """
    from onnx import TensorProto, helper, numpy_helper

    tensors = {tensor.name: tensor for tensor in proto.graph.initializer}
    unpacking = []
    for name, axis in _weights_and_axes(proto):
        values = numpy_helper.to_array(tensors[name])
        if values.dtype != np.float32 or values.size < _FEWEST_WEIGHTS:
            continue
        others = tuple(i for i in range(values.ndim) if i != axis)
        scale = np.maximum(np.abs(values).max(axis=others, keepdims=True), 1e-30) / 127
        packed, steps, floats = f"{name}.int8", f"{name}.scale", f"{name}.float"
        proto.graph.initializer.remove(tensors[name])
        proto.graph.initializer.extend(
            [
                numpy_helper.from_array(np.round(values / scale).astype(np.int8), packed),
                numpy_helper.from_array(scale.astype(np.float32), steps),
            ]
        )
        unpacking += [
            helper.make_node("Cast", [packed], [floats], name=floats, to=TensorProto.FLOAT),
            helper.make_node("Mul", [floats, steps], [name], name=name),
        ]
    nodes = [*unpacking, *proto.graph.node]
    del proto.graph.node[:]
    proto.graph.node.extend(nodes)


def _weights_and_axes(proto: Any) -> list[tuple[str, int]]:
    """Constant weights of the network, and the axis of their output channels."""
    constant = {tensor.name for tensor in proto.graph.initializer}
    found: dict[str, int] = {}
    for node in proto.graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul") or len(node.input) < 2:
            continue
        transposed = any(a.name == "transB" and a.i for a in node.attribute)
        axis = 0 if node.op_type == "Conv" or transposed else -1
        name = node.input[1]
        if name in constant and name.startswith(_NETWORK):
            rank = next(len(t.dims) for t in proto.graph.initializer if t.name == name)
            found.setdefault(name, axis % rank)
    return list(found.items())
