"""What is missing never changes the class: the bundled model on real records, damaged in all ways.

The tolerances are what the bundled model keeps on these records; a model that has learnt edges of
gaps is off by 0.5 and more on most of them.
"""

import csv
from pathlib import Path

import numpy as np
import pytest

from quake.datasets.file_reader import FILE_READER
from quake.datasets.tables import read_label_table
from quake.inference.classifier import Classifier
from quake.model_file.registry import find_model
from quake.waveforms.times import NS_PER_S
from quake.windows.cutting import cut
from quake.windows.grid import MIN_COVERAGE
from quake.windows.missing import KINDS, draw_loss, inflict, within

SHARED = Path(__file__).resolve().parents[3] / "shared"
LABELS = SHARED / "data" / "labels.csv"
CASES = SHARED / "cases"

# Quiet rows of sources that the model was not trained on (the first two), and of others.
QUIET = {
    "obspy_tests": 3,
    "rutford2020": 2,
    "noisepy_ci": 1,
    "seismolive_fur": 1,
    "gmcwb2021": 1,
    "eqcorrscan": 1,
    "rocknet_luhu": 1,
}
COVERAGES = (0.9, 0.7, 0.5)
RISE = 0.25
"""By how much a loss may raise P(event) of a quiet row; a tenth of it in the mean."""

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(
        not LABELS.is_file(), reason="labelled waveforms not found: shared/data beside the checkout"
    ),
]


@pytest.fixture(scope="module")
def classifier():
    return Classifier(find_model(backbone="b0"), device="cpu")


def rows_of(source, label, n):
    spans = [s for s in read_label_table(LABELS).spans if (s.source, s.label) == (source, label)]
    return spans[:: max(len(spans) // n, 1)][:n]


def record_of(span):
    channel_set, start_ns, _ = FILE_READER.read(span, 0)
    start_ns = max(start_ns, span.start_ns)
    return within(channel_set, start_ns, span.end_ns), start_ns


def events(classifier, windows):
    """P(event) of windows; None where they are no data."""
    noise = classifier.card.labels.names.index("noise")
    usable = [w.samples for w in windows if w.status == "usable"]
    scores = iter(1 - classifier.probabilities(np.stack(usable))[:, noise])
    return [float(next(scores)) if w.status == "usable" else None for w in windows]


@pytest.fixture(scope="module")
def quiet():
    return [span for source, n in QUIET.items() for span in rows_of(source, "noise", n)]


def test_no_loss_makes_an_event_of_quiet_noise(classifier, quiet):
    preprocessing = classifier.card.preprocessing
    rng = np.random.default_rng(0)
    rises = []
    assert len(quiet) == 10
    for span in quiet:
        record, start_ns = record_of(span)
        length_s = min((span.end_ns - start_ns) / NS_PER_S, preprocessing.window_s)
        losses = [draw_loss(k, c, length_s, rng) for k in KINDS for c in COVERAGES]
        windows = [cut(record, start_ns, preprocessing, MIN_COVERAGE)] + [
            cut(inflict(record, loss, start_ns), start_ns, preprocessing, MIN_COVERAGE)
            for loss in losses
        ]
        whole, *damaged = events(classifier, windows)
        rises += [p - whole for p in damaged if p is not None]
        assert max(p for p in damaged if p is not None) - whole < RISE, span.path
    assert np.mean(rises) < RISE / 10


@pytest.mark.parametrize("source", ["phasenet", "gmcwb2021", "sanxia_bcseis"])
def test_an_earthquake_stays_one_wherever_its_record_is_cut(classifier, source):
    preprocessing = classifier.card.preprocessing
    names = classifier.card.labels.names
    kept = total = 0
    for span in rows_of(source, "earthquake", 4):
        if span.snr_db is not None and span.snr_db < 6:
            continue
        record, start_ns = record_of(span)
        p_ns = span.p_ns if span.p_ns is not None else span.start_ns
        for before_s in (0.5, 3.0, 8.0):
            for after_s in (15.0, 25.0):
                first_ns = max(round(p_ns - before_s * NS_PER_S), start_ns)
                piece = within(record, first_ns, round(p_ns + after_s * NS_PER_S))
                window = cut(piece, first_ns, preprocessing, MIN_COVERAGE)
                if window.status != "usable":
                    continue
                scores = classifier.probabilities(window.samples[None])[0]
                kept += names[int(scores.argmax())] == "earthquake"
                total += 1
    assert total >= 12
    assert kept / total >= 0.8


@pytest.mark.skipif(not CASES.is_dir(), reason="shared/cases not found beside the checkout")
@pytest.mark.parametrize(
    "name",
    [
        "gap-is-earthquake/whole",
        "gap-is-earthquake/gap-6s",
        "gap-is-earthquake/short-45s",
        "interpolated-gap/linear-6s",
    ],
)
def test_cases_of_the_field_are_noise(classifier, name):
    records = list(classifier.predict(CASES / f"{name}.mseed"))
    assert records
    for record in records:
        assert record.label == "noise"
        assert record.probabilities["noise"] > 0.9


@pytest.mark.skipif(not CASES.is_dir(), reason="shared/cases not found beside the checkout")
def test_a_straight_line_is_flagged(classifier):
    records = list(classifier.predict(CASES / "interpolated-gap" / "linear-6s.mseed"))
    flagged = [r for r in records if {"line:Z", "gap"} <= set(r.flags)]
    assert flagged
    assert all(r.coverage < 1 for r in flagged)


def test_the_table_of_the_rows_has_what_is_asked_for():
    with LABELS.open(newline="") as file:
        sources = {row["source"] for row in csv.DictReader(file)}
    assert set(QUIET) <= sources
