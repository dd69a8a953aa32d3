"""Onsets of a real earthquake do not depend on how its record comes; the picked time is right."""

from pathlib import Path

import pytest
from obspy import read

from quake.events import EventOptions, find_events
from quake.inference.classifier import Classifier, PredictConfig
from quake.inference.onsets import find_onsets
from quake.model_file.registry import find_model

RECORD = Path(__file__).resolve().parents[2] / "examples" / "BK.MHC.mseed"


@pytest.fixture(scope="module")
def classifier():
    return Classifier(find_model(backbone="b0"), threads=1)


@pytest.fixture(scope="module")
def whole(classifier):
    return list(find_onsets(classifier, RECORD))


def test_an_earthquake_has_an_onset_with_all_that_is_measured(whole):
    best = max((o for o in whole if o.probabilities), key=lambda o: o.p)
    assert best.id == "BK.MHC..BH?"
    assert best.snr_db > 6
    assert 0 < best.duration_s <= 60
    assert 0.7 <= best.dominant_frequency_hz <= 25
    assert best.windows


@pytest.mark.parametrize("batch_size", [1, 7])
def test_onsets_do_not_depend_on_the_batch(classifier, whole, batch_size):
    assert list(find_onsets(classifier, RECORD, PredictConfig(batch_size=batch_size))) == whole


@pytest.mark.parametrize("at_s", [20.0, 41.3])
def test_onsets_do_not_depend_on_how_files_are_cut(classifier, whole, tmp_path, at_s):
    stream = read(str(RECORD))
    middle = stream[0].stats.starttime + at_s
    names = []
    for name, part in (
        ("a", stream.slice(endtime=middle)),
        ("b", stream.slice(starttime=middle + stream[0].stats.delta / 2)),
    ):
        names.append(tmp_path / f"{name}.mseed")
        part.write(str(names[-1]), format="MSEED")
    assert list(find_onsets(classifier, names)) == whole


def test_events_follow_from_them_in_any_order(whole):
    options = EventOptions({"earthquake": 0.3, "surface_event": 0.3})
    assert find_events(reversed(whole), options) == find_events(whole, options)
