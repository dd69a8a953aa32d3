"""Figures of a report against ones counted by hand."""

import json
import time

import numpy as np
import pytest

from quake.errors import ParameterError
from quake.metrics.calibration import softmax
from quake.metrics.report import summarise, without_details

NAMES = ("earthquake", "noise")
# Truth: three earthquakes, two noise. Decided right: two and one.
PROBABILITIES = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.2, 0.8]])
TARGETS = np.array([0, 0, 0, 1, 1])
SOURCES = ["here", "here", "there", "here", "there"]
GROUPS = ["a", "b", "c", "d", "e"]
SNRS = [10.0, 4.0, -1.0, None, None]


@pytest.fixture
def report():
    return summarise(PROBABILITIES, TARGETS, NAMES, SOURCES, GROUPS, SNRS)


def test_accuracy_is_the_share_of_right_decisions(report):
    assert report["accuracy"][0] == pytest.approx(3 / 5)


def test_macro_f1_is_the_mean_over_classes(report):
    assert report["macro_f1"][0] == pytest.approx((2 * 2 / 6 + 2 * 1 / 4) / 2, abs=1e-4)


def test_confusion_has_the_truth_in_rows(report):
    assert report["confusion"] == [[2, 1], [1, 1]]


def test_precision_and_recall_are_those_of_the_class(report):
    earthquake = report["per_class"]["earthquake"]
    assert earthquake["precision"] == pytest.approx(2 / 3, abs=1e-4)
    assert earthquake["recall"][0] == pytest.approx(2 / 3, abs=1e-4)


def test_each_source_has_its_own_recall(report):
    assert report["per_source"]["here"]["earthquake"]["recall"][0] == 1.0
    assert report["per_source"]["there"]["earthquake"]["recall"][0] == 0.0
    assert report["per_source"]["there"]["noise"]["rows"] == 1


def test_each_band_of_signal_to_noise_ratio_has_its_own_recall(report):
    assert report["per_snr_db"]["below 3"]["earthquake"]["recall"][0] == 0.0
    assert report["per_snr_db"]["3 to 6"]["earthquake"]["recall"][0] == 1.0
    assert set(report["per_snr_db"]["unknown"]) == {"noise"}


def test_intervals_lie_around_the_value(report):
    value, low, high = report["accuracy"]
    assert low <= value <= high
    assert low < high


def test_bands_of_signal_to_noise_ratio_begin_at_their_lower_end():
    rows = np.tile([[0.9, 0.1]], (5, 1))
    bands = summarise(rows, np.zeros(5, int), NAMES, ["s"] * 5, GROUPS, [2.9, 3, 6, 10, 20])
    counts = {name: classes["earthquake"]["rows"] for name, classes in bands["per_snr_db"].items()}
    assert counts == {
        "below 3": 1,
        "3 to 6": 1,
        "6 to 10": 1,
        "10 and above": 2,
        "6 and above": 3,
    }


def test_the_confusion_of_a_source_is_the_sum_of_its_decisions(report):
    assert report["per_source"]["here"]["earthquake"]["decided"] == [2, 0]
    assert report["per_source"]["here"]["noise"]["decided"] == [1, 0]
    assert report["sources"]["here"]["all"]["confusion"] == [[2, 0], [1, 0]]


def test_a_source_is_compared_with_its_own_noise(report):
    # Here: earthquakes at 0.9 and 0.8, noise at 0.6. There: an earthquake at 0.3, noise at 0.2.
    for source in ("here", "there"):
        view = report["sources"][source]["all"]["views"]["event against noise"]
        assert (view["roc_auc"][0], view["negatives"]) == (1.0, 1)
    # Together 0.9, 0.8, 0.3 stand against 0.6, 0.2: five of six pairs.
    overall = report["views"]["event against noise"]
    assert overall["roc_auc"][0] == pytest.approx(5 / 6, abs=1e-4)


def test_strong_rows_are_noise_and_events_of_6_db_or_more(report):
    assert report["sources"]["here"]["strong"]["rows"] == 2
    assert "strong" not in report["sources"]["there"]


def test_one_percent_of_two_negatives_is_not_resolved(report):
    point = report["views"]["event against noise"]["recall_at_false_alarms"]
    assert (point["rate"], point["negatives"], point["resolved"]) == (0.01, 2, False)
    assert point["recall"][0] == pytest.approx(2 / 3, abs=1e-4)  # above 0.6


def test_three_classes_have_views_of_each_pair():
    names = ("noise", "earthquake", "surface_event")
    probabilities = np.array([[0.6, 0.2, 0.2], [0.1, 0.6, 0.3], [0.1, 0.5, 0.4], [0.2, 0.1, 0.7]])
    found = summarise(
        probabilities, np.array([0, 1, 2, 2]), names, ["s"] * 4, list("abcd"), [None] * 4
    )
    assert list(found["views"]) == [
        "event against noise",
        "earthquake against surface_event",
        "earthquake against noise",
        "surface_event against noise",
    ]
    pair = found["views"]["earthquake against surface_event"]
    assert (pair["positives"], pair["negatives"]) == (1, 2)
    # Shares of the earthquake: 0.6 / 0.9 against 0.5 / 0.9 and 0.1 / 0.8.
    assert pair["roc_auc"][0] == 1.0
    assert pair["f1"][0] == pytest.approx(2 / 3, abs=1e-4)


def test_stations_and_decisions_come_when_they_are_asked_for(report):
    assert not {"per_station", "decisions"} & set(report)
    more = summarise(
        *(PROBABILITIES, TARGETS, NAMES, SOURCES, GROUPS, SNRS),
        stations=["A.A", "A.A", "A.B", "A.A", "A.B"],
        thresholds=(0.7, 0.75),
    )
    assert more["per_station"]["A.B"]["earthquake"]["recall"][0] == 0.0
    # Certain: 0.9 and 0.8 for the earthquake, 0.8 for noise; not 0.7 for noise and 0.6.
    assert more["decisions"]["uncertain"] == pytest.approx(2 / 5)
    assert more["decisions"]["accuracy_of_the_others"] == 1.0
    assert more["decisions"]["per_class"]["noise"] == {
        "decided": 1,
        "precision": 1.0,
        "uncertain": 0.5,
    }


def test_a_report_is_plain_json_and_fits_in_a_card(report):
    text = json.dumps(report, allow_nan=False)
    assert len(text) < 10_000
    assert "bins" not in without_details(report)["calibration"]
    assert "bins" in report["calibration"]


def test_one_class_alone_has_recalls_but_no_rankings():
    found = summarise(PROBABILITIES, np.zeros(5, int), NAMES, SOURCES, GROUPS, SNRS)
    assert found["per_class"]["earthquake"]["recall"][0] == 0.6
    assert found["per_class"]["earthquake"]["roc_auc"] == [None, None, None]
    assert found["views"] == {}


@pytest.mark.parametrize("wrong", [PROBABILITIES[:0], np.full((5, 2), np.nan)])
def test_nothing_and_not_a_number_are_refused(wrong):
    n = len(wrong)
    with pytest.raises(ParameterError, match="finite probabilities"):
        summarise(wrong, TARGETS[:n], NAMES, SOURCES[:n], GROUPS[:n], SNRS[:n])


def test_five_thousand_rows_take_seconds():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 5000)
    logits = rng.normal(size=(5000, 3)) + 2 * np.eye(3)[targets]
    began_s = time.process_time()
    summarise(
        softmax(logits),
        targets,
        ("earthquake", "surface_event", "noise"),
        [f"source {i}" for i in rng.integers(0, 12, 5000)],
        [f"event {i}" for i in rng.integers(0, 2000, 5000)],
        list(rng.normal(8, 5, 5000)),
    )
    assert time.process_time() - began_s < 6  # 1.5 s on an idle core
