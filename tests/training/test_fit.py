"""A training run on synthetic bursts: what it writes, and that the same seed repeats it."""

import csv
import signal

import numpy as np
import pytest
import torch
from obspy import Stream, Trace, UTCDateTime

from quake.data.preprocessing import Preprocessing
from quake.errors import LabelError, ParameterError
from quake.model_file.safetensors_file import load_card, load_model
from quake.training import TrainConfig, train
from quake.training.progress import Progress
from quake.training.watch import moving_average

RATE_HZ = 50.0
SMALL = Preprocessing(window_s=20.0)


@pytest.fixture(scope="module")
def label_table(tmp_path_factory):
    """Forty records, half of them with a burst of 5 Hz at 20 s, twice as strong as the noise."""
    folder = tmp_path_factory.mktemp("bursts")
    rng = np.random.default_rng(0)
    rows = []
    for number in range(40):
        label = ("earthquake", "noise")[number % 2]
        start = UTCDateTime(2020, 1, 1) + 3600 * number
        samples = rng.normal(size=(3, int(60 * RATE_HZ)))
        if label == "earthquake":
            t = np.arange(0, 6, 1 / RATE_HZ)
            burst = 6 * np.exp(-t / 2) * np.sin(2 * np.pi * 5 * t)
            samples[:, 1000 : 1000 + len(t)] += burst
        traces = [
            Trace(
                (row * 1000).astype(np.int32),
                {
                    "network": "XX",
                    "station": "SYN",
                    "channel": f"HH{component}",
                    "starttime": start,
                    "sampling_rate": RATE_HZ,
                },
            )
            for component, row in zip("ZNE", samples, strict=True)
        ]
        path = folder / f"{number}.mseed"
        Stream(traces).write(str(path), format="MSEED")
        rows.append(
            {
                "path": path.name,
                "start": str(start),
                "end": str(start + 60),
                "label": label,
                "event_id": f"event-{number}",
                "p_time": str(start + 20) if label == "earthquake" else "",
                "network": "XX",
                "station": "SYN",
            }
        )
    table = folder / "labels.csv"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return table


def config(**changes):
    return TrainConfig(
        **{
            "weights": None,
            "preprocessing": SMALL,
            "epochs": 1,
            "batch_size": 8,
            "workers": 0,
            "accelerator": "cpu",
            **changes,
        }
    )


@pytest.fixture(scope="module")
def run(label_table, tmp_path_factory):
    output = tmp_path_factory.mktemp("run") / "model.safetensors"
    seen = {"epochs": [], "batches": 0, "data": None}
    progress = Progress(
        data=lambda *facts: seen.update(data=facts),
        batch=lambda done, total: seen.update(batches=seen["batches"] + 1),
        epoch=seen["epochs"].append,
    )
    result = train(config(epochs=2), label_table, output, progress)
    return result, output, seen


def test_the_model_file_holds_the_card_of_the_run(run):
    result, output, _ = run
    assert load_card(output).to_json() == result.card.to_json()
    assert result.card.labels.names == ("earthquake", "noise")
    assert result.card.preprocessing == SMALL


def test_the_network_of_the_model_file_is_in_evaluation_mode(run):
    _, output, _ = run
    _, model = load_model(output)
    assert not model.training


def test_each_epoch_reports_losses_and_metrics(run):
    _, _, seen = run
    assert [epoch.epoch for epoch in seen["epochs"]] == [0, 1]
    assert {"train_loss", "validation_loss", "validation_macro_f1"} <= set(
        seen["epochs"][0].metrics
    )
    assert seen["epochs"][0].best
    assert seen["batches"] > 0


def test_all_rows_are_in_one_part_and_counted(run):
    result, _, seen = run
    counts, left_out, excluded = seen["data"]
    assert sum(sum(part.values()) for part in counts.values()) == 40
    assert not left_out
    assert not excluded
    in_card = result.card.training["rows"]
    assert sum(n for part in in_card.values() for s in part.values() for n in s.values()) == 40


def test_the_test_part_is_reported_with_intervals(run):
    result, _, _ = run
    test = result.card.metrics["test"]
    value, low, high = test["accuracy"]
    assert 0 <= low <= value <= high <= 1
    assert test["rows"] == sum(map(sum, test["confusion"]))


def test_the_same_seed_gives_the_same_weights(label_table, tmp_path):
    outputs = [tmp_path / "a.safetensors", tmp_path / "b.safetensors"]
    for output in outputs:
        train(config(seed=3), label_table, output)
    first, second = (load_model(output)[1].state_dict() for output in outputs)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_bfloat16_trains_on_a_cpu_with_clipped_gradients(label_table, tmp_path):
    result = train(config(precision="bf16"), label_table, tmp_path / "m.safetensors")
    assert np.isfinite(result.card.metrics["validation"]["accuracy"]).all()


def test_a_class_without_rows_is_refused_with_what_there_is(label_table, tmp_path):
    with pytest.raises(LabelError, match=r"surface_event.*earthquake \(20\)"):
        train(config(classes=("surface_event", "noise")), label_table, tmp_path / "m.safetensors")


def test_a_source_that_does_not_exist_cannot_be_held_out(label_table, tmp_path):
    with pytest.raises(ParameterError, match="cannot hold out"):
        train(config(hold_out=(("source", "nowhere"),)), label_table, tmp_path / "m.safetensors")


def test_a_configuration_that_makes_no_sense_is_refused():
    with pytest.raises(ParameterError, match="epochs must be 1 or more"):
        config(epochs=0)


@pytest.mark.slow
def test_bursts_are_told_from_noise(label_table, tmp_path):
    output = tmp_path / "model.safetensors"
    result = train(config(epochs=25, draws_per_epoch=128, patience=25), label_table, output)
    assert result.card.metrics["test"]["per_class"]["earthquake"]["roc_auc"][0] > 0.9


def test_ctrl_c_ends_training_and_leaves_no_file(label_table, tmp_path):
    def interrupt(done, total):
        raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    output = tmp_path / "model.safetensors"
    with pytest.raises(KeyboardInterrupt):
        train(config(), label_table, output, Progress(batch=interrupt))
    assert not output.exists()
    assert signal.getsignal(signal.SIGINT) is handler


@pytest.mark.parametrize(("n_so_far", "kept"), [(1, 2 / 11), (8, 0.5), (1000, 0.9)])
def test_the_average_keeps_more_of_itself_the_older_it_is(n_so_far, kept):
    follow = moving_average(0.9)
    average = follow(torch.tensor([1.0]), torch.tensor([0.0]), n_so_far)
    assert average.item() == pytest.approx(kept)


def test_counts_are_not_averaged():
    assert moving_average(0.9)(torch.tensor(7), torch.tensor(8), 100).item() == 8


def test_the_average_is_what_is_written(label_table, tmp_path):
    paths = {decay: tmp_path / f"{decay}.safetensors" for decay in (0.0, 0.9)}
    for decay, path in paths.items():
        train(config(average=decay), label_table, path)
    plain, averaged = (load_model(path)[1].state_dict() for path in paths.values())
    assert not torch.equal(plain["classifier.1.weight"], averaged["classifier.1.weight"])


def test_an_average_needs_a_decay_below_one():
    with pytest.raises(ParameterError, match="average must be"):
        config(average=1.0)


def test_a_limit_that_leaves_nothing_to_train_on_is_refused(label_table, tmp_path):
    weak = label_table.with_name("weak.csv")
    header, *rows = label_table.read_text().splitlines()
    weak.write_text("\n".join([f"{header},snr_db", *(f"{row},1.5" for row in rows)]))
    with pytest.raises(LabelError, match="lower --min-snr"):
        train(config(min_snr_db=3.0), weak, tmp_path / "m.safetensors")
