"""`quake train`: options to configuration, and what is refused before training begins."""

from collections import Counter
from dataclasses import replace
from types import SimpleNamespace

import pytest

from quake.data.preprocessing import Preprocessing
from quake.datasets.augmentation import Augmentation
from quake.datasets.cache import default_cache
from quake.datasets.collection import Collection
from quake.errors import TrainingError
from quake.metrics.overlap import event_sketch
from quake.model_file.safetensors_file import load_card, load_model, save_model
from quake.training.config import TrainConfig
from quake.training.fit import TrainResult
from quake.training.progress import EpochResult
from quake_cli.commands.train.course import TrainingReport
from quake_cli.messages import Messages


@pytest.fixture(autouse=True)
def weights_are_there(monkeypatch):
    """ImageNet weights can be had: they are asked for before anything else."""
    monkeypatch.setattr("quake.models.weights.load_imagenet_weights", lambda *_, **__: None)


@pytest.fixture
def calls(monkeypatch, model_path):
    """What `quake.training.fit.train` was called with; it reports, and writes without training."""
    calls = []

    def train(config, collection, output, progress, *, run=None):
        calls.append((config, collection, output))
        progress.decoding(1, 1)
        progress.data({"train": Counter(noise=3)}, Counter(explosion=2), [])
        progress.batch(1, 1)
        progress.epoch(EpochResult(0, {"train_loss": 0.5, "validation_loss": 0.25}, True))
        output.write_bytes(model_path.read_bytes())
        return TrainResult(load_card(model_path), {}, [], None, 123.4)

    monkeypatch.setattr("quake.training.fit.train", train)
    return calls


@pytest.fixture
def labels(tmp_path):
    """A label table of two rows; their records are not there."""
    row = "{}.mseed,2020-01-01T00:00:00Z,2020-01-01T00:01:00Z,{}\n"
    table = tmp_path / "labels.csv"
    table.write_text("path,start,end,label\n" + row.format(1, "eq") + row.format(2, "no"))
    return table


@pytest.fixture
def output(tmp_path):
    return tmp_path / "model.safetensors"


def test_without_options_the_defaults_of_the_library_hold(quake, calls, labels, output):
    assert quake("train", labels, "--output", output).status == 0
    ((config, collection, target),) = calls
    assert replace(config, cache=None) == TrainConfig()
    assert config.cache == str(default_cache())
    assert (collection.name, len(collection.spans), target) == ("labels.csv", 2, output)


def test_options_become_the_configuration(quake, calls, labels, output):
    options = (
        "--backbone V2-S --weights none --classes eq,no --window 30 --rate 40 --nperseg 32 "
        "--hop 16 --band 1,15 --epochs 3 --batch-size 8 --learning-rate 0.01 --weight-decay 0.1 "
        "--dropout 0.3 --label-smoothing 0.1 --patience 2 --class-weights none --validation 0.2 "
        "--test 0.1 --hold-out source=one --hold-out station=XX.TWO --draws-per-epoch 10 "
        "--freeze-backbone --seed 7 --device cpu --workers 0 --min-snr 3 --cache none "
        "--loss focal --mixup 0.2 --spec-augment 2 --progressive 3 --synthetic 0.25 "
        "--disturbance 0.1 --devices 2 --precision bf16"
    )
    assert quake("train", labels, "--output", output, *options.split()).status == 0
    assert calls[0][0] == TrainConfig(
        backbone="v2_s",
        weights=None,
        classes=("eq", "no"),
        preprocessing=Preprocessing(
            window_s=30, sampling_rate_hz=40, nperseg=32, hop_samples=16, band_hz=(1, 15)
        ),
        epochs=3,
        batch_size=8,
        learning_rate=0.01,
        weight_decay=0.1,
        dropout=0.3,
        label_smoothing=0.1,
        patience=2,
        class_weights="none",
        validation=0.2,
        test=0.1,
        hold_out=(("source", "one"), ("station", "XX.TWO")),
        draws_per_epoch=10,
        freeze_backbone=True,
        seed=7,
        accelerator="cpu",
        workers=0,
        min_snr_db=3,
        loss="focal",
        mixup=0.2,
        spec_augment=2,
        progressive=3,
        augmentation=Augmentation(synthetic=0.25, disturbance=0.1),
        devices=2,
        precision="bf16",
    )


def test_the_course_goes_to_standard_error_and_the_figures_to_standard_output(
    quake, calls, labels, output
):
    run = quake("train", labels, "--output", output)
    assert "train: 3 rows: 3 noise" in run.err
    assert "not among --classes: 2 rows: 2 explosion" in run.err
    assert "quake: epoch 1/40: loss 0.500, validation 0.250, 0 s to go *" in run.err
    assert run.out.startswith("Quality on the test part")
    assert "0.500 (0.250 to 0.875)" in run.out


def test_a_model_is_installed_by_name(quake, calls, labels, output, no_installed_models):
    quake("train", labels, "--output", output, "--install", "mine", "--quiet")
    assert (no_installed_models / "mine.safetensors").read_bytes() == output.read_bytes()
    assert quake("info", "mine").status == 0


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--output", "."],
        ["--output", "/proc/no/model.safetensors"],
        ["--install", "../mine"],
        ["--output", "m", "--backbone", "b9"],
        ["--output", "m", "--epochs", "0"],
        ["--output", "m", "--band", "wide"],
        ["--output", "m", "--band", "5,90"],
        ["--output", "m", "--hold-out", "one"],
        ["--output", "m", "--from", "b0", "--window", "30"],
        ["--output", "m", "--leave-one-out", "source", "--run", "r"],
        ["--leave-one-out", "source"],
        ["--output", "m", "--synthetic", "2"],
        ["--output", "m", "--disturbance", "-1"],
        ["--output", "m", "--depth", "2", "--label-map", "nothing"],
        ["--output", "m", "--freeze-epochs", "50"],
    ],
)
def test_wrong_usage_is_refused_before_training(
    quake, calls, labels, tmp_path, monkeypatch, options
):
    monkeypatch.chdir(tmp_path)
    run = quake("train", labels, *options)
    assert (run.status, calls) == (2, [])
    assert len(run.errors) == len(run.err.splitlines()) == 1


def test_a_missing_table_is_status_3(quake, output, tmp_path):
    run = quake("train", tmp_path / "no.csv", "--output", output)
    assert run.status == 3
    assert "no.csv: cannot be read" in run.err
    assert not output.exists()


def test_weights_that_cannot_be_had_are_status_4(quake, labels, output, tmp_path):
    run = quake("train", labels, "--output", output, "--weights", tmp_path / "no.pth")
    assert run.status == 4
    assert "no.pth: there is no such file of weights" in run.err


@pytest.mark.parametrize(
    ("error", "status"), [(TrainingError("the loss is no number"), 1), (KeyboardInterrupt(), 130)]
)
def test_how_a_training_that_breaks_off_ends(quake, labels, output, monkeypatch, error, status):
    def train(*arguments, **options):
        raise error

    monkeypatch.setattr("quake.training.fit.train", train)
    assert quake("train", labels, "--output", output).status == status


@pytest.fixture
def gone_on_from(quake, labels, output, model_path, tmp_path, monkeypatch):
    """Go on from a model that was trained on some events; the test part holds one and two."""

    def run(training):
        card, weights = load_model(model_path)
        start = tmp_path / "start.safetensors"
        save_model(start, replace(card, training=training), weights.state_dict())
        examples = [SimpleNamespace(span=SimpleNamespace(group=f"1:{n}")) for n in ("one", "two")]

        def train(config, collection, output, progress, *, run=None):
            output.write_bytes(model_path.read_bytes())
            test = SimpleNamespace(examples=examples)
            return TrainResult(load_card(model_path), {}, [], test, 123.4)

        monkeypatch.setattr("quake.training.fit.train", train)
        return quake("train", labels, "--from", start, "--output", output)

    return run


def test_a_start_that_was_trained_on_test_events_is_named(gone_on_from):
    run = gone_on_from({"trained_on": event_sketch(["two", "three"])})
    assert run.status == 0
    (warning,) = run.warnings
    assert "start.safetensors was trained on 1 of the 2 events of the test part" in warning
    assert "the figures flatter the new model" in warning


def test_a_start_that_was_trained_on_other_events_is_no_reason_to_warn(gone_on_from):
    assert gone_on_from({"trained_on": event_sketch(["three"])}).warnings == []


def test_a_start_whose_card_does_not_tell_its_events_is_named(gone_on_from):
    (warning,) = gone_on_from({}).warnings
    assert "its card does not tell what it was trained on" in warning


def test_the_line_of_an_epoch_fits_80_columns_and_tells_what_is_left(monkeypatch, capsys):
    now_s = [0.0]
    monkeypatch.setattr("quake_cli.commands.train.course.time.monotonic", lambda: now_s[0])
    report = TrainingReport(Messages(), None, 120)
    metrics = {"train_loss": 10.5, "validation_loss": 12.25, "validation_accuracy": 0.98765}
    metrics |= {"validation_f1": 0.5, "windows_per_s": 1234.5}
    report.fold("XX", 1, 3)
    report.data({}, Counter(), [])
    for epoch in range(100):
        now_s[0] += 60
        report.epoch(EpochResult(epoch, metrics, True))
    report.fold("YY", 3, 3)
    report.epoch(EpochResult(119, metrics, False))
    lines = capsys.readouterr().err.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[100] == (
        "quake: epoch 100/120: loss 10.5, validation 12.2, accuracy 0.988, 4.3 h to go *"
    )
    assert lines[-1].endswith("accuracy 0.988, last one")


def test_notes_are_read_from_their_file(quake, labels, output, tmp_path, monkeypatch):
    seen = []

    def train(config, *arguments, **options):
        seen.append(config.notes)
        raise TrainingError("enough")

    monkeypatch.setattr("quake.training.fit.train", train)
    notes = tmp_path / "notes.txt"
    notes.write_text("For Mars only.\n")
    quake("train", labels, "--output", output, "--notes", notes)
    assert seen == ["For Mars only."]
    missing = quake("train", labels, "--output", output, "--notes", tmp_path / "none.txt")
    assert missing.status == 2
    assert "none.txt" in missing.err


@pytest.mark.parametrize(
    ("options", "weights"),
    [
        ([], "imagenet"),
        (["--backbone", "b1"], "imagenet"),
        (["--backbone", "hybrid-vit-tiny"], None),
        (["--backbone", "hybrid-vit-tiny", "--weights", "imagenet"], "imagenet"),
        (["--weights", "none"], None),
    ],
)
def test_a_backbone_without_imagenet_weights_begins_at_random(
    quake, calls, labels, output, options, weights
):
    assert quake("train", labels, "--output", output, *options).status == 0
    assert calls[0][0].weights == weights


def test_weights_that_cannot_be_had_end_it_before_any_data_are_read(
    quake, labels, output, monkeypatch
):
    from quake.errors import WeightsError

    def none(backbone, *, strict):
        raise WeightsError("b0.pth: are not in the cache and could not be downloaded")

    def read(*arguments, **options):
        raise AssertionError("data were read")

    monkeypatch.setattr("quake.models.weights.load_imagenet_weights", none)
    monkeypatch.setattr("quake_cli.commands.train.command.collect", read)
    run = quake("train", labels, "--output", output)
    assert run.status != 0
    assert "could not be downloaded" in run.errors[0]


def test_how_an_archive_is_cut_is_an_option(monkeypatch, tmp_path):
    from quake_cli import labelled_data as collections
    from quake_cli.messages import Messages

    asked = []
    monkeypatch.setattr("quake.datasets.opening.form_of", lambda *_: "archive")
    monkeypatch.setattr(
        "quake.datasets.opening.open_collection", lambda path, **options: asked.append(options)
    )
    monkeypatch.setattr("quake.datasets.collection.merge", lambda found: Collection("none", ()))
    collections.collect(
        [tmp_path],
        catalogue=tmp_path / "c.xml",
        label_column=None,
        label_map=None,
        cut=collections.cut_of(8.0, None, 30.0, 20.0),
        messages=Messages(),
    )
    options = asked[0]["archive_options"]
    assert (options.before_p_s, options.quiet_s, options.noise_length_s) == (8.0, 30.0, 20.0)
    assert options.after_p_s == 45.0


def test_how_an_archive_is_cut_belongs_to_an_archive(quake, calls, labels, output):
    run = quake("train", labels, "--output", output, "--noise-length", 20)
    assert run.status == 2
    assert "--noise-length: belongs to an archive with a --catalogue" in run.errors[0]


@pytest.mark.parametrize(("name", "status"), [("Terminated", 143), ("Hangup", 129)])
def test_a_signal_to_all_processes_is_an_interruption(
    quake, calls, labels, output, monkeypatch, name, status
):
    """The workers of torch are gone before the main process hears of it."""

    def train(*arguments, **options):
        raise RuntimeError(f"DataLoader worker (pid 12) is killed by signal: {name}. ")

    monkeypatch.setattr("quake.training.fit.train", train)
    run = quake("train", labels, "--output", output)
    assert (run.status, run.errors) == (status, ["quake: error: interrupted"])
