"""Leave one source out: who is tested when, and what a fold must not have seen."""

import json
from pathlib import Path

import pytest

from quake.data.preprocessing import Preprocessing
from quake.datasets.labels import LabelledSpan
from quake.datasets.opening import open_collection
from quake.errors import LabelError, ParameterError
from quake.training import TrainConfig
from quake.training.leave_one_out import Fold, leave_one_out, make_folds
from quake.training.progress import Progress

TINY = Preprocessing(
    window_s=10.0, sampling_rate_hz=20.0, nperseg=32, hop_samples=8, band_hz=(0.7, 9.0)
)


def rows(*descriptions):
    """Rows as "source label event", hours apart, each from a file and a station of its own."""
    spans = []
    for i, text in enumerate(descriptions):
        source, label, group = text.split()
        spans.append(
            LabelledSpan(
                row=i + 2,
                path=Path(f"{i}.mseed"),
                start_ns=i * 10**13,
                end_ns=i * 10**13 + 10**9,
                label=label,
                group=group,
                station=f"XX.{source}",
                source=source,
                p_ns=None,
            )
        )
    return spans


PLAIN = rows("a eq 1", "a no 2", "b eq 3", "b no 4", "c eq 5", "c no 6")


def folds_of(spans, by="source", together=()):
    folds, divided = make_folds(spans, by, together, 60.0, 0)
    return {fold.name: fold for fold in folds}, divided


def test_each_source_is_tested_by_a_fold_of_its_own():
    folds, divided = folds_of(PLAIN)
    assert folds == {"a": Fold("a", (0, 1)), "b": Fold("b", (2, 3)), "c": Fold("c", (4, 5))}
    assert divided == {}


def test_stations_may_be_left_out_instead():
    folds, _ = folds_of(PLAIN, by="station")
    assert set(folds) == {"XX.a", "XX.b", "XX.c"}


def test_sources_of_one_network_are_held_out_together():
    folds, _ = folds_of(PLAIN, together=[["a", "c"]])
    assert folds["a+c"].rows == (0, 1, 4, 5)
    assert set(folds) == {"a+c", "b"}


def test_a_team_of_unknown_sources_is_refused_with_those_there_are():
    with pytest.raises(ParameterError, match="cannot hold out nowhere: there are a, b, c"):
        folds_of(PLAIN, together=[["a", "nowhere"]])


def test_an_event_of_two_sources_is_tested_once_and_trained_on_with_neither():
    spans = [*PLAIN, *rows(*["x eq 0"] * 6, "a eq shared", "b eq shared")[6:]]
    folds, _ = folds_of(spans)
    assert sorted(row for fold in folds.values() for row in fold.rows) == list(range(8))
    assert folds["a"].rows == (0, 1, 6, 7)
    assert folds["b"].tied == (6, 7)
    assert folds["c"].tied == ()


def test_a_source_that_alone_has_a_class_is_dealt_out_by_event():
    spans = [*PLAIN, *rows(*["x eq 0"] * 6, "d su 7", "d su 8", "d su 8")[6:]]
    folds, divided = folds_of(spans)
    assert divided == {"d": "the only one with su"}
    assert set(folds) == {"a", "b", "c"}
    assert sorted(row for fold in folds.values() for row in fold.rows) == list(range(9))
    assert sum({7, 8} <= set(fold.rows) for fold in folds.values()) == 1


def test_one_source_cannot_be_left_out():
    with pytest.raises(LabelError, match="two sources at least"):
        folds_of(PLAIN[:2])


def test_neither_source_nor_station_is_refused():
    with pytest.raises(ParameterError, match="got 'region'"):
        folds_of(PLAIN, by="region")


def config(**changes):
    return TrainConfig(
        **{
            "weights": None,
            "preprocessing": TINY,
            "epochs": 1,
            "batch_size": 8,
            "accelerator": "cpu",
            "workers": 0,
            **changes,
        }
    )


@pytest.fixture(scope="module")
def collection(tiny_table):
    return open_collection(tiny_table)


@pytest.fixture(scope="module")
def done(collection, tmp_path_factory):
    run = tmp_path_factory.mktemp("out")
    return run, leave_one_out(config(), collection, run)


def test_every_row_is_predicted_once(done):
    _, result = done
    assert result.metrics["rows"] == 32
    assert set(result.metrics["per_source"]) == {"one", "two"}


def test_the_report_is_written_beside_the_folds(done):
    run, result = done
    report = json.loads((run / "leave_one_out.json").read_text())
    assert report["metrics"]["rows"] == result.metrics["rows"]
    assert (run / "one" / "split.csv").exists()
    assert (run / "two" / "model.safetensors").exists()


def test_finished_folds_are_not_trained_again(done, collection):
    run, result = done
    batches = []
    again = leave_one_out(
        config(), collection, run, progress=Progress(batch=lambda *done: batches.append(done))
    )
    assert batches == []
    assert again.metrics == result.metrics


def test_folds_of_another_configuration_are_refused(done, collection):
    run, _ = done
    with pytest.raises(ParameterError, match="of another configuration"):
        leave_one_out(config(seed=1), collection, run)


def test_a_run_that_was_killed_before_its_predictions_is_done_again(done, collection):
    run, result = done
    (run / "one" / "held_out.json").unlink()
    assert leave_one_out(config(), collection, run).metrics == result.metrics


def test_several_processes_are_refused(collection, tmp_path):
    with pytest.raises(ParameterError, match="one process"):
        leave_one_out(config(devices=2), collection, tmp_path)


def test_a_source_named_like_a_path_stays_in_the_run_folder(tmp_path):
    from quake.training.leave_one_out import _folder_name

    for name in ("..", "../../etc", "a/b", ".hidden"):
        assert (tmp_path / _folder_name(name)).resolve().parent == tmp_path.resolve()
