"""The bundled model: what its card must say, and its answers on real records."""

from pathlib import Path

import pytest

from quake.inference import Classifier
from quake.model_file.registry import find_model, list_models
from quake.model_file.safetensors_file import load_card

ROOT = Path(__file__).resolve().parents[1]
RECORD = ROOT / "examples" / "BK.MHC.mseed"
SHARED = ROOT.parent / "shared" / "data"


@pytest.fixture(autouse=True)
def no_installed_models(tmp_path, monkeypatch):
    monkeypatch.setenv("QUAKE_MODEL_DIR", str(tmp_path))


@pytest.fixture(scope="module")
def classifier():
    (entry,) = [e for e in list_models()[0] if e.origin == "bundled"]
    return Classifier(entry.path, device="cpu")


def test_b0_is_bundled_and_found_by_its_backbone():
    path = find_model(backbone="b0")
    assert load_card(path).network["backbone"] == "b0"
    assert path.stat().st_size < 17e6


def test_the_card_says_what_it_was_trained_and_tested_on(classifier):
    card = classifier.card
    assert card.labels.names == ("earthquake", "surface_event", "noise")
    rows = card.training["rows"]
    assert set(rows) == {"train", "validation", "test"}
    test = card.metrics["test"]
    assert set(test["per_source"]) == set(rows["test"])
    assert test["rows"] == sum(n for source in rows["test"].values() for n in source.values())


@pytest.mark.shared_data
@pytest.mark.skipif(
    not SHARED.is_dir(), reason="labelled waveforms not found: shared/data beside the checkout"
)
def test_small_earthquakes_of_a_station_never_seen_are_found(classifier):
    records = list(classifier.predict(sorted((SHARED / "sds/2020/ML").rglob("*.123"))))
    labels = {record.start[11:19]: record.label for record in records}
    # Read off the band-passed waveform by eye: P and S, then quiet minutes.
    for start in ("20:25:00", "20:38:00", "20:42:00", "20:45:00", "20:53:30", "20:56:00"):
        assert labels[start] == "earthquake", start
    for start in ("20:27:00", "20:35:00", "20:36:00", "20:40:00", "20:54:30", "21:00:00"):
        assert labels[start] == "noise", start


def test_a_folder_of_installed_models_that_cannot_be_read_is_warned_of(
    tmp_path, monkeypatch, caplog
):
    """Refused here, for tests may run as a user who may read everything."""
    listed = Path.iterdir

    def refuse(folder):
        if folder == tmp_path:
            raise PermissionError(13, "Permission denied", str(folder))
        return listed(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)
    for found in (find_model(), find_model("b0")):
        assert found.parent.name == "bundled"
    _, (problem,) = list_models()
    assert problem.startswith(f"{tmp_path}: cannot be read (Permission denied)")
    assert [record.getMessage() for record in caplog.records] == [problem, problem]
