"""The run folder: what is in it, what it refuses, and what a full disk makes of it."""

import csv
import errno
import os
from pathlib import Path

import numpy as np
import pytest

from quake.datasets.examples import Example
from quake.datasets.labels import LabelledSpan
from quake.errors import ParameterError, TrainingError
from quake.training.config import TrainConfig
from quake.training.run_folder import RunFolder

CONFIG = TrainConfig(epochs=3)


@pytest.fixture
def folder(tmp_path):
    return RunFolder(tmp_path / "run")


@pytest.fixture
def full_disk(monkeypatch):
    """No file can be renamed into place any more: the space ended before."""

    def fail(*arguments, **options):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fdopen", fail)
    monkeypatch.setattr(os, "replace", fail)


def example(row, label="noise", **changes):
    span = LabelledSpan(
        row=row,
        path=Path("records") / f"{row}.mseed",
        start_ns=10**18,
        end_ns=10**18 + 60 * 10**9,
        label=label,
        group=f"event-{row}",
        station="XX.STA",
        source="one",
        p_ns=None,
        **changes,
    )
    return Example(np.zeros((3, 10), np.float32), "ZNE", 0, None, span)


def test_a_run_folder_is_made_with_its_parents(tmp_path):
    RunFolder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_file_cannot_be_a_run_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(ParameterError, match="cannot be made a run folder"):
        RunFolder(tmp_path / "file")


def test_a_run_may_be_taken_up_with_the_same_configuration(folder):
    folder.claim(CONFIG, "data")
    folder.claim(CONFIG, "data")


@pytest.mark.parametrize("change", [{"workers": 3}, {"notes": "new"}, {"cache": "elsewhere"}])
def test_what_changes_no_result_may_change(folder, change):
    folder.claim(CONFIG, "data")
    folder.claim(TrainConfig(epochs=3, **change), "data")


def test_another_configuration_is_refused_with_what_differs(folder):
    folder.claim(CONFIG, "data")
    with pytest.raises(ParameterError, match=r"\(learning_rate, seed differ\)"):
        folder.claim(TrainConfig(epochs=3, seed=1, learning_rate=1e-4), "data")


def test_other_data_are_refused(folder):
    folder.claim(CONFIG, "data")
    with pytest.raises(ParameterError, match=r"\(data differ\)"):
        folder.claim(CONFIG, "other data")


def test_a_finished_run_is_not_begun_again(folder):
    folder.claim(CONFIG, "data")
    folder.model.touch()
    with pytest.raises(ParameterError, match="finished"):
        folder.claim(CONFIG, "data")


def test_a_damaged_configuration_is_named(folder):
    (folder.path / "config.json").write_text("{")
    with pytest.raises(ParameterError, match=r"config\.json: cannot be read"):
        folder.claim(CONFIG, "data")


def test_the_split_is_a_label_table_with_a_part_for_each_row(folder):
    folder.write_split({"train": [example(2), example(4, snr_db=7.5)], "test": [example(3)]})
    with (folder.path / "split.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["split"] for row in rows] == ["train", "test", "train"]
    assert [row["event_id"] for row in rows] == ["event-2", "event-3", "event-4"]
    assert rows[2]["snr_db"] == "7.5"
    assert rows[0]["start"] == "2001-09-09T01:46:40.000000Z"
    assert (rows[0]["network"], rows[0]["station"]) == ("XX", "STA")


def test_the_rows_of_the_split_are_found_from_anywhere(folder):
    folder.write_split({"train": [example(2)]})
    with (folder.path / "split.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert Path(row["path"]).is_absolute()


def test_metrics_have_a_line_an_epoch(folder):
    pytest.importorskip("tensorboard")
    history = [{"epoch": 0, "train_loss": 1.5}, {"epoch": 1, "train_loss": 0.5}]
    folder.record(history[:1], None)
    folder.record(history, None)
    assert (folder.path / "metrics.csv").read_text() == "epoch,train_loss\n0,1.5\n1,0.5\n"


def test_the_events_are_what_tensorboard_reads(folder):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    history = [{"epoch": 0, "train_loss": 1.5}, {"epoch": 1, "train_loss": 0.5}]
    folder.record(history[:1], None)
    folder.record(history, None)
    events = EventAccumulator(str(folder.path / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("train_loss")] == [
        (0, 1.5),
        (1, 0.5),
    ]


@pytest.mark.parametrize("writes", [lambda f: f.claim(CONFIG, "data"), lambda f: f.write_split({})])
def test_a_full_disk_is_told_with_the_file_and_what_to_do(folder, full_disk, writes):
    with pytest.raises(TrainingError, match=r"\.(json|csv): cannot be written \(No space left"):
        writes(folder)


def test_a_full_disk_leaves_the_last_checkpoint_as_it_was(folder, full_disk):
    folder.checkpoint.write_text("epoch 1")

    class Trainer:
        def save_checkpoint(self, path):
            path.write_text("half of epo")

    with pytest.raises(TrainingError, match="goes on from its last epoch"):
        folder.save_checkpoint(Trainer())
    assert folder.checkpoint.read_text() == "epoch 1"


def test_torchs_own_error_for_a_full_disk_is_understood(folder):
    class Trainer:
        def save_checkpoint(self, path):
            raise RuntimeError("[enforce fail at inline_container.cc] PytorchStreamWriter failed")

    with pytest.raises(TrainingError, match="cannot be written"):
        folder.save_checkpoint(Trainer())


def test_only_the_first_of_several_processes_writes(tmp_path):
    folder = RunFolder(tmp_path / "run", main=False)
    folder.claim(CONFIG, "data")
    folder.write_split({"train": [example(2)]})
    folder.finish()
    assert list(folder.path.iterdir()) == []
