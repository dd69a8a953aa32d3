"""Explanations: of networks that look at one thing only, and of the bundled model."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_networks import RECORD, convolution

from quake.errors import LabelError, ParameterError
from quake.explain import Explainer

TOY = [[1.0], [0.0], [0.0]]


@pytest.fixture
def toy(bundled, tiny):
    """An explainer of a network that looks at the first component, where it is strong."""
    explainer = Explainer(bundled)
    layers = [convolution([[1.0, 0.0, 0.0]]), torch.nn.ReLU()]
    explainer._network = tiny(layers, TOY)
    return explainer


def window_of(window, samples):
    return replace(window, samples=np.asarray(samples, np.float32), components="ZNE")


@pytest.fixture
def burst(windows):
    """Ten seconds from the thirtieth on are a hundred times as strong as the others, on Z."""
    samples = np.random.default_rng(0).standard_normal((3, 3000))
    samples[0, 1500:2000] *= 100
    return window_of(windows[0], samples)


def test_only_the_component_that_is_looked_at_speaks(toy, burst):
    found = toy.explain(burst, "earthquake")
    assert found.components["Z"].evidence > 0.05
    assert found.components["N"].evidence == found.components["E"].evidence == 0


def test_only_the_time_of_the_burst_speaks(toy, burst):
    found = toy.explain(burst, "earthquake")
    loudest = sorted(found.times, key=lambda change: -change.evidence)[:2]
    assert sorted(change.low for change in loudest) == [30, 35]
    centre = np.unravel_index(found.map_on_grid().argmax(), found.map_on_grid().shape)[1]
    assert 29 < found.seconds[centre] < 41


def test_changes_follow_from_the_log_odds(toy, burst):
    """The network's log-odds are mean(relu(Z)) - ln 2, over the temperature."""
    temperature = toy.card.calibration.temperature
    found = toy.explain(burst, "earthquake")
    strength = float(np.maximum(found.spectrogram[0], 0).mean()) / temperature
    assert found.log_odds == pytest.approx(strength - np.log(2), abs=1e-5)
    assert found.probability == pytest.approx(1 / (1 + np.exp(-found.log_odds)), abs=1e-9)
    assert found.components["Z"].evidence == pytest.approx(strength, abs=1e-5)
    assert found.components["Z"].probability == pytest.approx(1 / 3)
    (band,) = [b for b in found.bands if b.low < 5 < b.high]
    inside = (found.frequencies_hz > band.low) & (found.frequencies_hz < band.high)
    row_share = np.maximum(found.spectrogram[0], 0)[inside].sum() / found.spectrogram[0].size
    assert band.evidence == pytest.approx(row_share / temperature, abs=1e-5)


def test_axes_are_frequencies_and_seconds(explainer, windows):
    found = explainer.explain(windows[0])
    assert found.frequencies_hz[[0, -1]] == pytest.approx([0.78125, 19.53125])
    assert found.seconds[[0, 1, -1]] == pytest.approx([0, 0.64, 60.16])
    assert found.spectrogram.shape == (3, 25, 95)
    assert [(change.low, change.high) for change in found.times] == [
        (5 * i, 5 * (i + 1)) for i in range(12)
    ]
    assert (found.bands[0].low, found.bands[-1].high) == (0.7, pytest.approx(19.921875))


def test_probabilities_are_those_that_are_predicted(explainer, windows, classifier):
    records = list(classifier.predict(RECORD))
    for window, record in zip(windows, records, strict=True):
        for name, probability in record.probabilities.items():
            found = explainer.explain(window, name)
            assert found.probability == pytest.approx(probability, abs=1e-5)


def test_a_local_earthquake_is_known_by_its_onset(explainer, windows):
    """P is at 30 s, S two seconds later; what a seismologist looks at is what counts."""
    found = explainer.explain(windows[0])
    assert found.name == "earthquake"
    assert max(found.times, key=lambda change: change.evidence).low == 30
    strongest = max(found.bands, key=lambda change: change.evidence)
    assert 2 < strongest.low < strongest.high < 12
    place = np.unravel_index(found.map.cells.argmax(), found.map.cells.shape)
    assert 25 < found.seconds[8 * place[1]] < 40


def test_the_same_window_has_the_same_explanation(explainer, windows):
    first, second = (explainer.explain(windows[1]).to_dict() for _ in range(2))
    assert first == second


def test_components_that_were_not_recorded_are_not_hidden(explainer, windows):
    samples = windows[0].samples.copy()
    samples[1:] = 0
    found = explainer.explain(replace(windows[0], samples=samples, components="Z"))
    assert list(found.components) == ["Z"]
    assert not found.spectrogram[1:].any()


def test_a_window_that_no_model_saw_cannot_be_explained(explainer, windows):
    with pytest.raises(ParameterError, match=r"no_data \(all_dead\), so no model saw it"):
        explainer.explain(replace(windows[0], status="no_data", flags=("all_dead",)))


def test_a_class_that_the_model_does_not_know_is_refused(explainer, windows):
    with pytest.raises(LabelError, match="tornado"):
        explainer.explain(windows[0], "tornado")


def test_an_exported_graph_is_refused():
    with pytest.raises(ParameterError, match="name the model file that it was exported from"):
        Explainer("somewhere/b0.onnx")
