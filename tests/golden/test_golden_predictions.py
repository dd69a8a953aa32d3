"""The bundled model says of real records what is stored, in every engine.

The tolerance in float32 is 1e-4 (`quake.inference.engine.TOLERANCE`), the same as between engines:
they add up the same numbers in another order, and so do other processors. Half precision on CUDA
has 11 bits: 5e-3.
"""

import importlib.util

import pytest
from golden_cases import EXAMPLE, MODEL_FILE, SHARED, SHARED_CASES, golden_of, windows_of

from quake.doctor.expected import bundled_folder, largest_difference, read_expected
from quake.inference.classifier import Classifier
from quake.inference.engine import TOLERANCE

HALF_TOLERANCE = 5e-3

needs_shared_data = [
    pytest.mark.shared_data,
    pytest.mark.skipif(
        not SHARED.is_dir(), reason="labelled waveforms not found: shared/data beside the checkout"
    ),
]
CASES = [
    pytest.param(case, id=case.name, marks=[] if case is EXAMPLE else needs_shared_data)
    for case in [EXAMPLE, *SHARED_CASES]
]


@pytest.fixture(scope="module", params=["onnx", "torch", "openvino"])
def classifier(request):
    if request.param == "openvino":
        pytest.importorskip("openvino")
    return Classifier(MODEL_FILE, device="cpu", engine=request.param)


@pytest.fixture(scope="module")
def classifier_on_cuda():
    """In half precision, as `quake predict` has it there."""
    return Classifier(MODEL_FILE, device="cuda", engine="torch")


@pytest.fixture(scope="module")
def classifier_in_float32_on_cuda():
    import torch

    from quake.inference.torch_engine import TorchEngine

    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    found = Classifier(MODEL_FILE, device="cpu", engine="onnx")
    found.engine = TorchEngine(MODEL_FILE, "cuda", precision="float32")
    yield found
    torch.backends.cudnn.allow_tf32 = before


def assert_agree(found, expected, tolerance):
    """Probabilities within a tolerance, all else exactly."""
    assert found
    assert largest_difference(found, expected) <= tolerance
    for window, stored in zip(found, expected, strict=True):
        assert {**window, "probabilities": 0} == {**stored, "probabilities": 0}


@pytest.mark.parametrize("case", CASES)
def test_windows_of_real_records_are_those_stored(case, classifier):
    assert_agree(windows_of(case, classifier), golden_of(case), TOLERANCE)


@pytest.mark.cuda
@pytest.mark.parametrize("case", CASES)
def test_windows_in_half_precision_are_those_stored(case, classifier_on_cuda):
    assert_agree(windows_of(case, classifier_on_cuda), golden_of(case), HALF_TOLERANCE)


@pytest.mark.cuda
@pytest.mark.parametrize("case", CASES)
def test_windows_in_float32_on_cuda_are_those_stored(case, classifier_in_float32_on_cuda):
    assert_agree(windows_of(case, classifier_in_float32_on_cuda), golden_of(case), TOLERANCE)


@pytest.mark.parametrize("case", [EXAMPLE, *SHARED_CASES], ids=lambda case: case.name)
def test_stored_labels_are_not_decided_by_less_than_the_tolerance(case):
    for window in golden_of(case):
        *_, second, first = sorted(window["probabilities"].values() or [0, 1])
        assert first - second > 2 * HALF_TOLERANCE, window


def test_the_stored_windows_have_what_they_are_there_for():
    stored = [window for case in [EXAMPLE, *SHARED_CASES] for window in golden_of(case)]
    assert {window["label"] for window in stored} == {"earthquake", "surface_event", "noise", None}
    assert {window["status"] for window in stored} == {"ok", "uncertain", "no_data"}
    assert {window["components"] for window in stored} == {"ZNE", "Z", ""}
    assert {window["sampling_rate_hz"] for window in stored} >= {20, 25, 40, 100, 200, 250, 500}
    assert {flag for window in stored for flag in window["flags"]} >= {
        *("gap", "clipped:Z", "flat:Z", "line:Z", "spike:E"),
    }
    assert {window["coverage"] for window in stored} & {0.4, 0.416667}


def test_the_doctor_expects_the_same_of_the_example():
    expected = read_expected(bundled_folder())
    assert largest_difference(golden_of(EXAMPLE), expected.windows) == 0
    assert expected.tolerance == TOLERANCE


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
def test_the_tolerances_are_those_of_the_engines():
    from quake.inference import torch_engine

    assert torch_engine.HALF_TOLERANCE == HALF_TOLERANCE
    assert read_expected(bundled_folder()).tolerance_half == HALF_TOLERANCE
