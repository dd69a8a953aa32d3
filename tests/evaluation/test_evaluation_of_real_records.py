"""On real records: windows of the grid have the answers of `quake predict`."""

from pathlib import Path

import numpy as np
import pytest

from quake.datasets.collection import Collection
from quake.datasets.labels import LabelledSpan
from quake.evaluation import EvaluateOptions, evaluate
from quake.inference import Classifier
from quake.model_file.registry import find_model
from quake.waveforms.readers.waveform_file import scan

RECORD = Path(__file__).resolve().parents[2] / "../shared/data/hvsrpy/STN11.A2-C50__UT.STN11.mseed"


@pytest.mark.shared_data
@pytest.mark.skipif(
    not RECORD.is_file(), reason="urban noise not found: shared/data/hvsrpy beside the checkout"
)
def test_windows_of_the_grid_have_the_answers_of_predict(monkeypatch, tmp_path):
    monkeypatch.setenv("QUAKE_MODEL_DIR", str(tmp_path))
    model = find_model()
    headers, _ = scan(RECORD)
    start_ns = max(header.start_ns for header in headers)
    end_ns = min(header.end_ns for header in headers)
    span = LabelledSpan(2, RECORD, start_ns, end_ns, "noise", "one", "UT.STN11", "hvsrpy", None)
    found = evaluate(
        model, Collection("one", [span]), EvaluateOptions(placement="grid", device="cpu")
    )
    windows = list(Classifier(model, "cpu").predict(RECORD))[: len(found.spans)]
    predicted = np.array([list(window.probabilities.values()) for window in windows])
    assert len(predicted) > 50
    # Not equal: a row is filtered as a whole, and `quake predict` filters each window.
    np.testing.assert_allclose(found.probabilities, predicted, atol=0.15)
    assert np.abs(found.probabilities - predicted).mean() < 0.01
