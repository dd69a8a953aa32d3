"""Fixtures of the data tests: small labelled records."""

import numpy as np
import pytest
from strategies import START_NS, noise

from quake.datasets.examples import Example
from quake.datasets.labels import LabelledSpan

EVENT, NOISE = 0, 1


@pytest.fixture
def labelled_span(tmp_path):
    """Make a row of a label table."""

    def make(path="a.mseed", label="earthquake", start_s=0.0, end_s=60.0, **kwargs):
        values = {
            "row": 2,
            "path": tmp_path / path,
            "start_ns": START_NS + round(start_s * 1e9),
            "end_ns": START_NS + round(end_s * 1e9),
            "label": label,
            "group": path,
            "station": "XX.STA",
            "source": "one",
            "p_ns": None,
        }
        return LabelledSpan(**{**values, **kwargs})

    return make


@pytest.fixture
def example(labelled_span):
    """Make an example at 50 Hz: noise, or an event whose onset is a jump in amplitude."""

    def make(target, n_samples=9000, onset=None, seed=0, components="ZNE", **kwargs):
        samples = noise(n_samples, seed).astype(np.float32)
        if onset is not None:
            samples[:, onset:] *= 20
        samples[[c not in components for c in "ZNE"]] = 0
        label = "earthquake" if target == EVENT else "noise"
        return Example(samples, components, target, onset, labelled_span(label=label, **kwargs))

    return make
