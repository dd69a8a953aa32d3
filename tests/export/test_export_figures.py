"""What integers cost: figures worked out by hand, and rows that are never on two sides."""

import csv
from dataclasses import replace

import numpy as np
import pytest
from bursts import write_labelled, write_table

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets.opening import open_collection
from quake.errors import LabelError
from quake.export.figures import calibration_and_test, compare, figures_of
from quake.metrics.overlap import event_sketch
from quake.model_file.card import Calibration, ModelCard

NAMES = ("earthquake", "noise")
TARGETS = np.array([0, 0, 1, 1])
GROUPS = ["a", "b", "c", "d"]


def pairs(*of_an_earthquake):
    return np.array([[p, 1 - p] for p in of_an_earthquake])


def test_figures_by_hand():
    before, after = pairs(0.9, 0.8, 0.2, 0.1), pairs(0.9, 0.4, 0.2, 0.6)
    found = figures_of(before, after, TARGETS, NAMES, GROUPS)
    assert (found["windows"], found["events"]) == (4, 4)
    assert found["same_label"] == 0.5
    assert found["largest_difference"] == pytest.approx(0.5)
    assert found["mean_difference"] == pytest.approx((0.4 + 0.5) / 4)
    figures = found["figures"]
    # Decided earthquake, noise, noise, earthquake: one hit of two decisions and two truths each.
    for name in ("macro F1", "F1 of earthquake", "F1 of noise"):
        assert figures[name]["library"] == 1
        assert figures[name]["exported"] == 0.5
        assert figures[name]["difference"][0] == -0.5
    # Of the four pairs of an event and noise only (0.4, 0.6) is in the wrong order.
    area = figures["ROC-AUC, event against noise"]
    assert (area["library"], area["exported"]) == (1, 0.75)
    # Confidences 0.9, 0.8, 0.8, 0.9, all right; then 0.9 and 0.8 right, 0.6 and 0.6 wrong.
    error = figures["expected calibration error"]
    assert error["library"] == pytest.approx(0.15)
    assert error["exported"] == pytest.approx((0.1 + 0.2 + 0.6 + 0.6) / 4)
    assert error["difference"][0] == pytest.approx(0.225)


def test_the_same_probabilities_differ_by_nothing_in_any_draw():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([1, 1, 1], 60)
    targets = rng.integers(0, 3, 60)
    names = ("earthquake", "surface_event", "noise")
    found = figures_of(
        probabilities, probabilities, targets, names, [str(i // 3) for i in range(60)]
    )
    assert found["events"] == 20
    assert found["same_label"] == 1
    assert found["largest_difference"] == found["mean_difference"] == 0
    assert len(found["figures"]) == 6
    for figure in found["figures"].values():
        assert figure["library"] == figure["exported"]
        assert figure["difference"] == [0, 0, 0]


def test_intervals_are_of_the_difference_and_of_events():
    rng = np.random.default_rng(0)
    targets = np.tile([0, 1], 100)
    score = np.where(targets == 0, 0.7, 0.3) + rng.normal(0, 0.2, 200)
    before = pairs(*score.clip(0.01, 0.99))
    worse = before.copy()
    worse[:10] = worse[:10, ::-1]
    groups = [str(i // 10) for i in range(200)]
    value, low, high = figures_of(before, worse, targets, NAMES, groups)["figures"]["macro F1"][
        "difference"
    ]
    # One event of twenty is lost: its draws are Poisson, so none in a third of them and 3 in few.
    assert low < value < high <= 0
    assert -0.2 < low < -0.05


def test_a_class_that_is_not_there_counts_for_nothing():
    three = ("earthquake", "surface_event", "noise")
    probabilities = np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    found = figures_of(probabilities, probabilities, np.array([0, 2]), three, ["a", "b"])
    assert found["figures"]["macro F1"]["library"] == 1
    assert "F1 of surface_event" not in found["figures"]
    # Windows of one class alone cannot be ranked.
    alone = figures_of(
        probabilities[:, :2], probabilities[:, :2], np.array([0, 0]), NAMES, ["a", "b"]
    )
    assert alone["figures"]["ROC-AUC, event against noise"] == {
        "library": None,
        "exported": None,
        "difference": [None, None, None],
    }


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return write_labelled(tmp_path_factory.mktemp("labelled"))


@pytest.fixture
def card():
    return ModelCard(
        network={},
        labels=LabelSet(NAMES),
        preprocessing=Preprocessing(window_s=30.0),
        calibration=Calibration(1.0, (0.5, 0.5)),
    )


def without_split(table, name):
    with table.open() as file:
        rows = [{**row, "split": ""} for row in csv.DictReader(file)]
    return write_table(table.with_name(name), rows)


def events(records):
    return sorted(span.group.split(":")[-1] for span in records.spans)


def test_a_column_split_holds(table, card):
    seen = []
    found = calibration_and_test(
        open_collection(table), card, progress=lambda done, total: seen.append((done, total))
    )
    assert found.divided_by == "column split"
    assert events(found.calibration) == [f"event-{i}" for i in range(4)]
    assert events(found.test) == [f"event-{i}" for i in range(4, 8)]
    assert found.n_trained_on is None
    assert found.test.windows.shape == (4, 3, 1500)
    assert found.test.targets.tolist() == [0, 1, 0, 1]
    assert seen[-1] == (8, 8)


def test_a_split_without_a_test_part_is_refused(table, card):
    collection = open_collection(table)
    spans = [replace(span, split="train") for span in collection.spans]
    with pytest.raises(LabelError, match="8 rows of the part train and 0 of the part test"):
        calibration_and_test(replace(collection, spans=spans), card)


def test_a_split_that_tears_events_apart_is_refused(table, card):
    collection = open_collection(table)
    spans = [replace(span, group="one") for span in collection.spans]
    with pytest.raises(LabelError, match="two sides"):
        calibration_and_test(replace(collection, spans=spans), card)


def test_events_of_the_training_are_calibrated_on_and_others_measured_on(table, card):
    collection = open_collection(without_split(table, "no_split.csv"))
    trained = [span.group for span in collection.spans[2:7]]
    card = replace(card, training={"trained_on": event_sketch(trained)})
    found = calibration_and_test(collection, card)
    assert found.divided_by == "events of the training"
    assert events(found.calibration) == [f"event-{i}" for i in range(2, 7)]
    assert events(found.test) == ["event-0", "event-1", "event-7"]
    assert found.n_trained_on == 0
    few = calibration_and_test(collection, card, most_calibrated=2)
    assert len(few.calibration.windows) == 2
    assert set(events(few.calibration)) < set(events(found.calibration))
    assert events(few.test) == events(found.test)


def test_where_nothing_is_known_events_are_drawn(table, card):
    collection = open_collection(without_split(table, "drawn.csv"))
    for training in ({}, {"trained_on": event_sketch([span.group for span in collection.spans])}):
        found = calibration_and_test(collection, replace(card, training=training))
        assert found.divided_by == "draw by event"
        assert not set(events(found.calibration)) & set(events(found.test))
        assert len(found.calibration.spans) + len(found.test.spans) == 8
        assert len(found.test.spans) >= 2
        assert found.n_trained_on == (len(found.test.spans) if training else None)


def test_too_few_events_are_refused(table, card):
    collection = open_collection(without_split(table, "few.csv"))
    with pytest.raises(LabelError, match="too few independent events"):
        calibration_and_test(replace(collection, spans=collection.spans[:1]), card)
    with pytest.raises(LabelError, match="no row has a label"):
        calibration_and_test(collection, replace(card, labels=LabelSet(("x", "y"))))


def test_both_networks_judge_the_windows_of_the_test(table, card):
    found = calibration_and_test(open_collection(table), card).test
    sizes = []

    def library(windows):
        sizes.append(len(windows))
        loud = np.abs(windows).max(axis=(1, 2)) > 10 * np.median(np.abs(windows), axis=(1, 2))
        return pairs(*np.where(loud, 0.9, 0.1))

    result = compare(library, lambda windows: library(windows)[:, ::-1], found, NAMES)
    assert result["figures"]["macro F1"] == {
        "library": 1.0,
        "exported": 0.0,
        "difference": [-1.0, -1.0, -1.0],
    }
    assert result["same_label"] == 0
    assert sizes == [4, 4]
