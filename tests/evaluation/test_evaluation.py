"""Evaluation of a network that hears bursts, on records where it is known which have one."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from bursts import write_record, write_table
from obspy import UTCDateTime

from quake.datasets.opening import open_collection
from quake.errors import LabelError, ParameterError
from quake.evaluation import EvaluateOptions, evaluate, write_evaluation
from quake.evaluation.options import EvaluateProgress
from quake.metrics.overlap import event_sketch

CPU = EvaluateOptions(device="cpu", batch_size=3)


def changed(labelled, name, change):
    """A table like the labelled one, each row changed."""
    with labelled.open(newline="") as file:
        rows = [change(number, dict(row)) for number, row in enumerate(csv.DictReader(file))]
    return open_collection(write_table(labelled.with_name(name), rows))


@pytest.fixture
def evaluation(detector, labelled):
    return evaluate(detector, open_collection(labelled), CPU)


def test_each_row_is_judged_once(evaluation):
    assert [span.row for span in evaluation.spans] == list(range(2, 10))
    assert evaluation.targets.tolist() == [0, 1] * 4
    np.testing.assert_allclose(evaluation.probabilities.sum(axis=1), 1)


def test_a_network_that_is_always_right_has_figures_of_one(evaluation):
    figures = evaluation.metrics
    assert figures["confusion"] == [[4, 0], [0, 4]]
    assert figures["macro_f1"][0] == 1.0
    assert figures["views"]["event against noise"]["roc_auc"][0] == 1.0
    assert figures["sources"]["here"]["strong"]["confusion"] == [[2, 0], [0, 2]]
    assert set(figures["per_station"]) == {"XX.SYN"}


def test_the_answer_does_not_depend_on_the_batch(detector, labelled, evaluation):
    whole = evaluate(detector, open_collection(labelled), replace(CPU, batch_size=64))
    np.testing.assert_allclose(whole.probabilities, evaluation.probabilities, atol=1e-6)


def test_the_temperature_of_the_card_is_applied(detector, labelled, evaluation, card, monkeypatch):
    warm = replace(card, calibration=replace(card.calibration, temperature=4.0))
    network = torch.nn.Sequential()
    network.forward = lambda spectrograms: torch.tensor([[2.0, 0.0]]).repeat(len(spectrograms), 1)
    monkeypatch.setattr("quake.evaluation.evaluation.load_model", lambda path: (warm, network))
    found = evaluate(detector, open_collection(labelled), CPU)
    np.testing.assert_allclose(found.probabilities[:, 0], 1 / (1 + np.exp(-0.5)), rtol=1e-6)


def test_one_part_alone_can_be_asked_for(detector, labelled):
    found = evaluate(detector, open_collection(labelled), replace(CPU, part="test"))
    assert [span.row for span in found.spans] == [6, 7, 8, 9]


def test_a_part_that_does_not_exist_is_refused(detector, labelled):
    with pytest.raises(LabelError, match="no row of the part 'validation'; there are 4 of train"):
        evaluate(detector, open_collection(labelled), replace(CPU, part="validation"))


def test_a_part_is_refused_where_the_data_name_none(detector, labelled):
    plain = changed(labelled, "no_parts.csv", lambda i, row: {**row, "split": ""})
    with pytest.raises(ParameterError, match="names no parts"):
        evaluate(detector, plain, replace(CPU, part="test"))


def test_windows_of_the_grid_show_the_event(detector, labelled):
    found = evaluate(detector, open_collection(labelled), replace(CPU, placement="grid"))
    counts = [sum(span.row == row for span in found.spans) for row in range(2, 10)]
    # Records of 90 s begin at a multiple of the step of 15 s: five windows of 30 s lie in each.
    # The onset at 20 s is in the windows from 0 s and 15 s.
    assert counts == [2, 5] * 4
    assert found.metrics["confusion"] == [[8, 0], [0, 20]]


def test_an_event_late_in_a_row_longer_than_the_window_is_judged_where_it_is(detector, tmp_path):
    rng = np.random.default_rng(0)
    start = UTCDateTime(2020, 1, 1)
    rows = []
    for label, burst_s in (("earthquake", 60), ("noise", None)):
        write_record(tmp_path / f"{label}.mseed", start, 90, rng, burst_s)
        p_time = str(start + burst_s) if burst_s else ""
        times = {"start": str(start), "end": str(start + 90), "p_time": p_time}
        rows.append({"path": f"{label}.mseed", "label": label, **times})
    found = evaluate(detector, open_collection(write_table(tmp_path / "late.csv", rows)), CPU)
    assert found.metrics["confusion"] == [[1, 0], [0, 1]]


def test_rows_too_short_for_the_grid_are_named(detector, labelled):
    def shorten(i, row):
        return {**row, "end": row["start"].replace("00:00.000", "00:20.000")} if i == 1 else row

    short = changed(labelled, "short.csv", shorten)
    found = evaluate(detector, short, replace(CPU, placement="grid"))
    assert ([span.row for span in found.unplaced], found.excluded) == ([3], [])
    # As a record of its own a row may be short.
    assert len(evaluate(detector, short, CPU).spans) == 8


def test_labels_that_the_model_lacks_are_counted_or_taken_for_others(detector, labelled):
    def relabel(i, row):
        return {**row, "label": "explosion"} if i == 0 else row

    data = changed(labelled, "explosion.csv", relabel)
    found = evaluate(detector, data, CPU)
    assert (len(found.spans), found.left_out) == (7, {"explosion": 1})
    counted = evaluate(detector, data, replace(CPU, count_as={"px": "eq"}))
    assert (len(counted.spans), counted.left_out) == (8, {})


def test_data_without_a_class_of_the_model_are_refused(detector, labelled):
    data = changed(labelled, "all.csv", lambda i, row: {**row, "label": "volcanic"})
    with pytest.raises(LabelError, match=r"knows \(earthquake, noise\).*\(8\).*--count-as"):
        evaluate(detector, data, CPU)


def test_noise_alone_has_a_share_of_false_alarms(detector, labelled):
    data = changed(labelled, "noise.csv", lambda i, row: {**row, "label": "noise"})
    found = evaluate(detector, data, replace(CPU, placement="grid"))
    # Four rows have a burst, which two of five windows show.
    assert found.metrics["per_class"]["noise"]["recall"][0] == 1 - 4 * 2 / 40
    assert found.metrics["views"] == {}


def test_missing_files_are_excluded_and_named(detector, labelled):
    def lose(i, row):
        return {**row, "path": "gone.mseed"} if i == 0 else row

    found = evaluate(detector, changed(labelled, "gone.csv", lose), CPU)
    ((span, reason),) = found.excluded
    assert span.row == 2
    assert "gone.mseed" in reason
    assert len(found.spans) == 7


def test_a_network_that_gives_no_number_is_told_of(detector, labelled, card, monkeypatch):
    network = torch.nn.Sequential()

    def forward(spectrograms):
        logits = torch.zeros(len(spectrograms), 2)
        logits[0] = float("nan")
        return logits

    network.forward = forward
    monkeypatch.setattr("quake.evaluation.evaluation.load_model", lambda path: (card, network))
    found = evaluate(detector, open_collection(labelled), replace(CPU, batch_size=8))
    assert [reason for _, reason in found.excluded] == ["the network gives no number"]
    with pytest.raises(LabelError, match="no number for any window"):
        evaluate(detector, open_collection(labelled), replace(CPU, batch_size=1))


def test_events_of_the_training_are_recognised(detector, labelled, card, monkeypatch, evaluation):
    assert evaluation.trained_on is None  # the card does not tell
    knowing = replace(card, training={"trained_on": event_sketch(["event-0", "event-3", "other"])})
    network = torch.nn.Sequential()
    network.forward = lambda spectrograms: torch.zeros(len(spectrograms), 2)
    monkeypatch.setattr("quake.evaluation.evaluation.load_model", lambda path: (knowing, network))
    found = evaluate(detector, open_collection(labelled), CPU).trained_on
    assert (found.looked_up, found.seen, found.rows) == (8, 2, (0, 3))


def test_progress_goes_from_rows_to_windows(detector, labelled):
    seen = {"decoding": [], "predicting": []}
    progress = EvaluateProgress(
        lambda *at: seen["decoding"].append(at), lambda *at: seen["predicting"].append(at)
    )
    evaluate(detector, open_collection(labelled), CPU, progress)
    assert seen["decoding"][-1] == seen["predicting"][-1] == (8, 8)
    assert [done for done, _ in seen["predicting"]] == [3, 6, 8]


@pytest.mark.parametrize(
    "wrong", [{"part": "tests"}, {"placement": "random"}, {"batch_size": 0}, {"device": "tpu"}]
)
def test_options_that_make_no_sense_are_refused(wrong, detector, labelled):
    with pytest.raises(ParameterError):
        evaluate(detector, open_collection(labelled), EvaluateOptions(**wrong))


def test_what_is_written_agrees_with_what_was_found(evaluation, tmp_path):
    paths = write_evaluation(tmp_path / "new" / "folder", evaluation, {"hash": "abc"})
    names = {path.name for path in paths}
    assert names == {path.name for path in (tmp_path / "new" / "folder").iterdir()}
    assert {"confusion.png", "reliability.png", "roc.png", "precision_recall.png"} < names
    report = json.loads(paths[0].read_text())
    assert report["figures"] == evaluation.metrics
    assert report["model"] == {"hash": "abc"}
    with paths[1].open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert [line["truth"] for line in lines] == ["earthquake", "noise"] * 4
    assert [float(line["p_noise"]) for line in lines] == pytest.approx(
        evaluation.probabilities[:, 1], abs=1e-6
    )
    assert lines[0]["event"] == "event-0"
    assert len(paths[2].read_text().splitlines()) == 1  # nothing is wrong


def test_the_worst_rows_come_first(evaluation, tmp_path, monkeypatch):
    monkeypatch.setattr("quake.evaluation.folder._draw", lambda folder, evaluation: [])
    probabilities = np.array([[0.3, 0.7], [0.9, 0.1], [0.1, 0.9]] + [[0.6, 0.4]] * 5)
    paths = write_evaluation(tmp_path, replace(evaluation, probabilities=probabilities))
    with paths[2].open(newline="") as file:
        rows = [line["row"] for line in csv.DictReader(file)]
    # Rows 3 and 4 gave their truth 0.1, row 2 0.3, and three of noise 0.4.
    assert rows == ["3", "4", "2", "5", "7", "9"]
