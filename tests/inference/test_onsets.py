"""Onsets of a real earthquake do not depend on how its record comes; the picked time is right."""

from pathlib import Path

import numpy as np
import pytest
from obspy import Stream, Trace, UTCDateTime, read

from quake.events import EventOptions, find_events
from quake.inference.classifier import Classifier
from quake.inference.config import PredictConfig
from quake.inference.onsets import find_onsets
from quake.model_file.registry import find_model

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"
SHARED = ROOT.parent / "shared" / "data" / "phasenet"

needs_shared_data = [
    pytest.mark.shared_data,
    pytest.mark.skipif(
        not SHARED.is_dir(), reason="labelled waveforms not found: shared/data beside the checkout"
    ),
]

# P and S of analysts of the Northern California network.
PICKED = {
    "2012082505145960__BG.ACR.mseed": ("2012-08-25T05:14:59.60", "2012-08-25T05:15:00.59"),
    "2012020800562494__BG.SQK.mseed": ("2012-02-08T00:56:24.94", "2012-02-08T00:56:25.60"),
    "2012032208214206__BK.PACP.mseed": ("2012-03-22T08:21:42.06", "2012-03-22T08:21:43.88"),
    "2004021011380730__PG.LM.mseed": ("2004-02-10T11:38:07.30", "2004-02-10T11:38:10.09"),
}


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


def events_of(classifier, path):
    return find_events(
        find_onsets(classifier, path), EventOptions({"earthquake": 0.5, "surface_event": 0.5})
    )


@pytest.mark.parametrize("name", [pytest.param(n, marks=needs_shared_data) for n in PICKED])
def test_onsets_are_where_analysts_have_them(classifier, name):
    p, s = (UTCDateTime(time) for time in PICKED[name])
    found = events_of(classifier, SHARED / name)
    best = min(found, key=lambda event: abs(UTCDateTime(event.onset) - p))
    assert best.label == "earthquake"
    assert abs(UTCDateTime(best.onset) - p) <= 0.1
    assert best.onset_uncertainty_s <= 0.2
    assert abs(UTCDateTime(best.s_onset) - s) <= 0.3


def around(name, before_s=20, after_s=40):
    """Samples (3, N) of a record around its P, over the largest of them."""
    p = UTCDateTime(PICKED[name][0])
    stream = read(str(SHARED / name)).slice(p - before_s, p + after_s)
    n = round((before_s + after_s) * 100)
    rows = np.array([trace.data[:n] for trace in stream.sort(["channel"], reverse=True)], float)
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.abs(rows).max()


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.is_dir(), reason="labelled waveforms not found: shared/data")
@pytest.mark.parametrize("gain", [0.3, 3.0])
def test_an_event_in_the_coda_of_another_is_one_of_its_own(classifier, tmp_path, gain):
    first, second = (around(name) for name in list(PICKED)[:2])
    apart = 900  # 9 s
    both = np.zeros((3, first.shape[1] + apart))
    both[:, : first.shape[1]] += first
    # From half a second before its P on, so that its own noise hides nothing.
    both[:, apart + 1950 :] += gain * second[:, 1950:]
    begin = UTCDateTime(2020, 1, 1)
    header = {"network": "XX", "station": "TWO", "sampling_rate": 100.0, "starttime": begin}
    path = tmp_path / "two.mseed"
    Stream(
        Trace((row * 1e6).astype(np.int32), header | {"channel": f"HH{c}"})
        for c, row in zip("ZNE", both, strict=True)
    ).write(str(path), format="MSEED")
    onsets_s = [UTCDateTime(event.onset) - begin for event in events_of(classifier, path)]
    for wanted_s in (20, 29):
        assert min(abs(onset_s - wanted_s) for onset_s in onsets_s) <= 0.15, onsets_s


def test_a_record_that_begins_has_no_onset_there(classifier, tmp_path):
    stream = read(str(RECORD))
    # Nine seconds into the earthquake: its P is not in the record.
    late = stream.slice(starttime=UTCDateTime("2008-02-05T06:39:25"))
    path = tmp_path / "late.mseed"
    late.write(str(path), format="MSEED")
    begin = late[0].stats.starttime
    sharp = [o for o in find_onsets(classifier, path) if not o.is_emergent and o.p >= 0.1]
    assert all(UTCDateTime(o.time) - begin >= 1.0 for o in sharp)
