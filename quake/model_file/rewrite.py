"""Write a graph of ONNX in the way that runtimes are quick with; the numbers stay what they are.

Runtimes for CPUs keep images in blocks of channels, and leave those for the plain order, and come
back, at each operator that they do not know in blocks. In the EfficientNets that is
squeeze-excitation (Hu et al., 2018, arXiv 1709.01507), thirty-two times a window in B0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]


def pool_means(proto: Any) -> None:
    """Write means over height and width as pools, in place."""
    from onnx import numpy_helper

    axes = {
        tensor.name: sorted(numpy_helper.to_array(tensor).tolist())
        for tensor in proto.graph.initializer
        if list(tensor.dims) == [2]
    }
    for node in proto.graph.node:
        kept = [a.i for a in node.attribute if a.name == "keepdims"]
        if (
            node.op_type == "ReduceMean"
            and axes.get(node.input[-1]) in ([-2, -1], [2, 3])
            and kept in ([], [1])
        ):
            node.op_type = "GlobalAveragePool"
            del node.input[1:]
            del node.attribute[:]
    drop_unused(proto)


def spread_gates(proto: Any) -> None:
    """Bring gates, one number a channel, to the size of the images that they weigh, in place.

    A product of equal shapes stays in blocks of channels, if the size of the batch is known too.
    """
    from onnx import helper, numpy_helper

    shapes = _shapes(proto)
    nodes = []
    for node in proto.graph.node:
        for gate, image in (node.input, reversed(node.input)) if node.op_type == "Mul" else ():
            size = _size_to_spread(shapes.get(gate, ()), shapes.get(image, ()))
            if size is None:
                continue
            scales, spread = f"{node.name}_scales", f"{node.name}_spread"
            factors = np.array([1, 1, *size], np.float32)
            proto.graph.initializer.append(numpy_helper.from_array(factors, scales))
            nodes.append(
                helper.make_node(
                    "Resize",
                    [gate, "", scales],
                    [spread],
                    name=spread,
                    mode="nearest",
                    coordinate_transformation_mode="asymmetric",
                    nearest_mode="floor",
                )
            )
            inputs = [spread if name == gate else name for name in node.input]
            del node.input[:]
            node.input.extend(inputs)
            break
        nodes.append(node)
    copies = [type(node).FromString(node.SerializeToString()) for node in nodes]
    del proto.graph.node[:]
    proto.graph.node.extend(copies)


def drop_unused(proto: Any) -> None:
    """Remove constants that no operator takes, in place: ONNX Runtime complains of them."""
    taken = {name for node in proto.graph.node for name in node.input}
    kept = [tensor for tensor in proto.graph.initializer if tensor.name in taken]
    kept = [type(tensor).FromString(tensor.SerializeToString()) for tensor in kept]
    del proto.graph.initializer[:]
    proto.graph.initializer.extend(kept)


def _size_to_spread(gate: Shape, image: Shape) -> tuple[int, int] | None:
    """Height and width of the image, if one is a gate of the other."""
    if len(gate) != 4 or len(image) != 4 or gate[2:] != (1, 1) or gate[1] != image[1]:
        return None
    height, width = image[2:]
    return None if height is None or width is None or height * width == 1 else (height, width)


def _shapes(proto: Any) -> Mapping[str, Shape]:
    """Shapes of all values; None for a size that is not fixed."""
    import onnx

    graph = onnx.shape_inference.infer_shapes(proto).graph
    return {
        value.name: tuple(
            size.dim_value if size.HasField("dim_value") else None
            for size in value.type.tensor_type.shape.dim
        )
        for value in (*graph.value_info, *graph.input)
    }
