"""Rows as training and evaluation take them are the windows that `quake predict` cuts."""

from pathlib import Path

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime
from strategies import ID, START_NS, channel_set, noise, segment

from quake.classes import NOISE, LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets.augmentation import NO_AUGMENTATION
from quake.datasets.dataset import WindowDataset
from quake.datasets.decoding import decode
from quake.datasets.examples import Example
from quake.datasets.labels import LabelledSpan
from quake.datasets.opening import open_collection
from quake.inference.config import PredictConfig
from quake.inference.engine import open_engine
from quake.inference.prediction import Prediction
from quake.model_file.card import Calibration, ModelCard
from quake.waveforms.sources import StreamSource
from quake.waveforms.times import NS_PER_S
from quake.windows.grid import Recording
from quake.windows.missing import KINDS, NOTHING, draw_loss, inflict, within
from quake.windows.tasks import Task

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "BK.MHC.mseed"
P = Preprocessing()
NO_SHARED = "labelled waveforms not found: shared/data beside the checkout"


def as_stream(channels):
    """An ObsPy stream of the segments of a channel set."""
    key = channels.id
    return Stream(
        [
            Trace(
                np.array(one.samples),
                {
                    "network": key.network or "XX",
                    "station": key.station or "STA",
                    "location": key.location,
                    "channel": f"{key.band_instrument or 'HH'}{component}",
                    "sampling_rate": one.sampling_rate_hz,
                    "starttime": UTCDateTime(ns=one.start_ns),
                },
            )
            for component, segments in channels.segments.items()
            for one in segments
        ]
    )


class Model:
    """All that `Prediction` asks of a classifier to cut windows."""

    card = ModelCard({}, LabelSet(("earthquake", "noise")), P, Calibration(1.0, (0.5, 0.5)))

    def thresholds(self, config):
        return (0.5, 0.5)


def predicted(channels, start_ns):
    """The window that `quake predict` cuts of a record at a time; None if there is no data."""
    source = StreamSource(as_stream(channels))
    if not source.stream:
        return None
    ((key, spans),) = source.spans().items()
    whole = Recording(start_ns, start_ns + P.window_ns, 0)
    task = Task(key, spans, whole, [start_ns])
    (window,) = Prediction(Model(), source, PredictConfig(), tasks=[task]).windows()
    return window


def row_of(example):
    """The record that begins and ends with the row of an example."""
    return within(example.recorded, example.span.start_ns, example.span.end_ns)


def first_window(channels):
    return next(Prediction(Model(), StreamSource(as_stream(channels)), PredictConfig()).windows())


def agree(found, expected):
    """Equal but for rounding; samples at ends, which the filter makes zero, may be so exactly."""
    largest = float(np.abs(expected).max(initial=0.0))
    atol = 1e-5 * largest
    assert not ((found == 0) & (np.abs(expected) > 1e-9 * largest)).any()
    assert not ((expected == 0) & (np.abs(found) > 1e-9 * largest)).any()
    np.testing.assert_allclose(found, expected, atol=atol)


def synthetic(start_ns=START_NS, n_samples=9000, rate_hz=100.0, gap=None):
    """An example whose record begins before its row, and ends after it."""
    rows = noise(n_samples, 3)
    pieces = {
        c: [segment(row, start_ns, rate_hz, c)]
        if gap is None
        else [
            segment(row[: gap[0]], start_ns, rate_hz, c),
            segment(row[gap[1] :], start_ns + round(gap[1] * NS_PER_S / rate_hz), rate_hz, c),
        ]
        for c, row in zip("ZNE", rows, strict=True)
    }
    length_ns = round(n_samples * NS_PER_S / rate_hz)
    span = LabelledSpan(
        2, EXAMPLE, start_ns + 5 * NS_PER_S, start_ns + length_ns - 5 * NS_PER_S, NOISE, "one",
        "XX.STA", "made", None,
    )  # fmt: skip
    n = round((length_ns / NS_PER_S) * 50)
    return Example(
        np.ones((3, n), np.float32), "ZNE", 0, None, span, channel_set(key=ID, **pieces), start_ns
    )


RECORDS = [
    {},
    {"start_ns": START_NS + 123_456_789},
    {"rate_hz": 40.0, "n_samples": 3600},
    {"gap": (2000, 2600)},
    {"n_samples": 8000},
]


@pytest.fixture(params=RECORDS)
def example(request):
    return synthetic(**request.param)


def test_a_row_without_augmentation_is_the_first_window_of_predict(example):
    (window, _) = WindowDataset([example], P, 0, NO_AUGMENTATION)[0]
    found = first_window(row_of(example))
    assert abs(found.start_ns - example.span.start_ns) <= NS_PER_S / 50
    agree(window.numpy(), found.samples)


@pytest.mark.parametrize("coverage", [0.9, 0.5])
@pytest.mark.parametrize("kind", KINDS)
def test_with_any_loss_the_window_is_that_of_predict(example, kind, coverage):
    start_ns = example.span.start_ns
    loss = draw_loss(kind, coverage, P.window_s, np.random.default_rng(7))
    found = predicted(inflict(row_of(example), loss, start_ns), start_ns)
    agree(example.cut(start_ns, P, loss, row=True), found.samples)


# --- real rows of every source ------------------------------------------------------------


def one_row_a_source():
    """Names of the sources; a single one that is skipped where there are no data."""
    if not SHARED.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason=NO_SHARED))]
    return sorted({span.source for span in open_collection(SHARED / "labels.csv").spans})


@pytest.fixture(scope="module")
def real_rows():
    """Two examples of each source."""
    chosen = {}
    for span in open_collection(SHARED / "labels.csv").spans:
        some = chosen.setdefault(span.source, [])
        if len(some) < 2 and (not some or span.label != some[0].label or span.path != some[0].path):
            some.append(span)
    spans = [span for some in chosen.values() for span in some]
    labels = LabelSet(tuple(sorted({span.label for span in spans})))
    examples, _ = decode(spans, labels, P)
    return {source: [e for e in examples if e.span.source == source] for source in chosen}


@pytest.mark.shared_data
@pytest.mark.parametrize("source", one_row_a_source())
def test_a_real_row_is_the_window_of_predict_whole_and_with_any_loss(real_rows, source):
    if not real_rows[source]:
        pytest.skip(f"no row of {source} of the first two can be used")
    rng = np.random.default_rng(11)
    for example in real_rows[source]:
        start_ns = max(example.span.start_ns, example.start_ns)
        length_s = min((example.span.end_ns - start_ns) / NS_PER_S, P.window_s)
        for kind in ("", *KINDS):
            loss = draw_loss(kind, rng.uniform(0.4, 0.9), length_s, rng) if kind else NOTHING
            found = predicted(inflict(row_of(example), loss, start_ns), start_ns)
            expected = example.cut(start_ns, P, loss, row=True)
            if found is None:
                assert not expected.any()
            else:
                agree(expected, found.samples)


@pytest.mark.shared_data
@pytest.mark.parametrize("source", one_row_a_source())
def test_a_real_row_without_augmentation_is_the_first_window_of_predict(real_rows, source):
    for example in real_rows[source]:
        (window, _) = WindowDataset([example], P, None, NO_AUGMENTATION)[0]
        found = first_window(row_of(example))
        start_ns = max(example.span.start_ns, example.start_ns)
        if found.start_ns == start_ns:
            agree(window.numpy(), found.samples)
        else:  # the first sample lies after the row's start, or a component begins earlier
            agree(example.cut(found.start_ns, P, row=True), found.samples)


@pytest.mark.parametrize("kind", ["middle", "several", "component", "line"])
def test_the_engine_answers_for_gappy_windows_as_the_library_does(random_model, kind):
    """The exported graph leaves the same columns out."""
    example, coverages = synthetic(), (0.9, 0.7, 0.5, 0.3)
    losses = [draw_loss(kind, c, 60.0, np.random.default_rng(k)) for k, c in enumerate(coverages)]
    start_ns = example.span.start_ns
    windows = np.stack([example.cut(start_ns, P, loss, row=True) for loss in losses])
    of_graph = open_engine(random_model, "onnx", "cpu").probabilities(windows)
    of_network = open_engine(random_model, "torch", "cpu").probabilities(windows)
    np.testing.assert_allclose(of_graph, of_network, atol=1e-4)
