"""Graphs that were rewritten say the same, in other words."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from quake.model_file.rewrite import drop_unused, pool_means, spread_gates


def graph(height=3, width=5, mean_axes=(-1, -2), keepdims=1):
    """Weigh images (B, 4, height, width) with the sigmoid of their means, as gates do."""
    axes = numpy_helper.from_array(np.array(mean_axes), "axes")
    unused = numpy_helper.from_array(np.array([1.0], np.float32), "unused")
    nodes = [
        helper.make_node("ReduceMean", ["image", "axes"], ["mean"], name="m", keepdims=keepdims),
        helper.make_node("Sigmoid", ["mean"], ["gate"], name="s"),
        helper.make_node("Mul", ["gate", "image"], ["weighed"], name="w"),
    ]
    shape = ["batch", 4, height, width]
    ends = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("image", "weighed")
    ]
    built = helper.make_graph(nodes, "gates", ends[:1], ends[1:], [axes, unused])
    return helper.make_model(built, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def run(proto, images):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(proto.SerializeToString(), options)
    return session.run(None, {"image": images})[0]


def operators(proto):
    return [node.op_type for node in proto.graph.node]


@pytest.fixture
def images():
    return np.random.default_rng(0).normal(size=(6, 4, 3, 5)).astype(np.float32)


def test_means_of_images_become_pools_and_stay_what_they_are(images):
    proto, plain = graph(), graph()
    pool_means(proto)
    onnx.checker.check_model(proto)
    assert operators(proto) == ["GlobalAveragePool", "Sigmoid", "Mul"]
    np.testing.assert_allclose(run(proto, images), run(plain, images), rtol=1e-6)


@pytest.mark.parametrize("axes", [(-1,), (1, 2)])
def test_other_means_stay(axes):
    proto = graph(mean_axes=axes)
    pool_means(proto)
    assert operators(proto)[0] == "ReduceMean"


def test_gates_are_spread_to_the_size_of_their_images(images):
    proto, plain = graph(), graph()
    spread_gates(proto)
    onnx.checker.check_model(proto)
    assert operators(proto) == ["ReduceMean", "Sigmoid", "Resize", "Mul"]
    np.testing.assert_array_equal(run(proto, images), run(plain, images))


def test_gates_of_images_of_one_pixel_stay():
    proto = graph(height=1, width=1)
    spread_gates(proto)
    assert operators(proto) == ["ReduceMean", "Sigmoid", "Mul"]


def test_products_of_equal_shapes_stay(images):
    proto = graph()
    proto.graph.node[2].input[0] = "image"
    spread_gates(proto)
    assert "Resize" not in operators(proto)


def test_constants_that_nothing_takes_go():
    proto = graph()
    drop_unused(proto)
    assert [tensor.name for tensor in proto.graph.initializer] == ["axes"]
