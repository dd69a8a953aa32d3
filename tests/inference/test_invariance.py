"""Invariances: what must not change the answer for a window.

The properties run on a random projection, which is quick and changes with any bit of a window;
one test of each kind runs on a network.
"""

import random
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import START_NS, cut_trace, cuts, noise, stream, write

from quake.inference.config import PredictConfig
from quake.waveforms.sources import StreamSource
from quake.waveforms.times import NS_PER_S
from quake.windows.station_days import station_days
from quake.windows.tasks import Task

N_SAMPLES = 24_000  # four minutes at 100 Hz
FEW = settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def whole():
    """Three components that begin off the grid; as float32, so that files lose nothing."""
    return stream(noise(N_SAMPLES).astype(np.float32), start_ns=START_NS + 12_340_000_000)


@pytest.fixture(scope="module")
def expected(quick, whole):
    return list(quick.predict(whole))


def shuffled(items, seed):
    return random.Random(seed).sample(list(items), len(items))


def pieces_of(whole, drawn):
    return [piece for trace, at in zip(whole, drawn, strict=True) for piece in cut_trace(trace, at)]


three_cuts = st.tuples(*[cuts(N_SAMPLES)] * 3)


@given(three_cuts, st.integers(0, 100))
@FEW
def test_how_a_record_is_cut_into_files_changes_nothing(
    quick, whole, expected, tmp_path_factory, drawn, seed
):
    folder = tmp_path_factory.mktemp("cut")
    paths = [write(folder / f"{i}.mseed", piece) for i, piece in enumerate(pieces_of(whole, drawn))]
    assert list(quick.predict(shuffled(paths, seed))) == expected


@given(three_cuts, st.integers(0, 100))
@FEW
def test_the_order_of_traces_changes_nothing(quick, whole, expected, drawn, seed):
    pieces = shuffled(pieces_of(whole, drawn), seed)
    assert list(quick.predict(type(whole)(pieces))) == expected


@given(cuts(N_SAMPLES), st.integers(1, 2000))
@FEW
def test_files_that_overlap_and_agree_change_nothing(
    quick, whole, expected, tmp_path_factory, drawn, overlap
):
    folder = tmp_path_factory.mktemp("overlap")
    bounds = [0, *sorted(drawn), N_SAMPLES]
    paths = []
    for i, (a, b) in enumerate(pairwise(bounds)):
        first = max(a - overlap, 0)
        start_ns = whole[0].stats.starttime.ns + first * NS_PER_S // 100
        rows = [trace.data[first:b] for trace in whole]
        paths.append(write(folder / f"{i}.mseed", stream(rows, start_ns=start_ns)))
    assert list(quick.predict(paths)) == expected


@given(st.integers(1, 12_000))
@FEW
def test_a_record_that_begins_later_has_the_same_answers_on_the_grid(quick, whole, expected, later):
    start_ns = whole[0].stats.starttime.ns + later * NS_PER_S // 100
    late = list(quick.predict(stream([t.data[later:] for t in whole], start_ns=start_ns)))
    on_grid = {r.start: r for r in late if r.start[17:] in ("00.000000Z", "30.000000Z")}
    assert len(on_grid) >= 2
    assert [r for r in expected if r.start in on_grid] == list(on_grid.values())


@given(st.integers(1, 12_000))
@FEW
def test_a_record_that_ends_earlier_has_the_same_answers_on_the_grid(
    quick, whole, expected, earlier
):
    rows = [t.data[:-earlier] for t in whole]
    short = list(quick.predict(stream(rows, start_ns=whole[0].stats.starttime.ns)))
    inside = {r.start: r for r in short[:-1]}
    assert len(inside) >= 1
    assert [r for r in expected if r.start in inside] == list(inside.values())


@pytest.mark.parametrize("batch_size", [1, 2, 3, 32])
def test_the_batch_size_changes_no_window(quick, whole, expected, batch_size):
    assert list(quick.predict(whole, PredictConfig(batch_size=batch_size))) == expected


def test_other_stations_change_nothing(quick, whole, expected):
    others = stream(noise(N_SAMPLES, 7), station="AAA") + stream(noise(300, 8), station="ZZZ")
    others += stream(noise(N_SAMPLES, 9), band_instrument="HN")
    found = [r for r in quick.predict(others + whole) if r.id == "XX.STA..HH?"]
    assert found == expected


def test_a_gap_far_away_changes_no_window(quick, whole, expected):
    # Only the windows that reach into the gap may differ.
    start_ns = whole[0].stats.starttime.ns
    early = stream([t.data[:10_000] for t in whole], start_ns=start_ns)
    late = stream([t.data[10_500:] for t in whole], start_ns=start_ns + 105 * NS_PER_S)
    found = list(quick.predict(early + late))
    assert [r.start for r in found] == [r.start for r in expected]
    same = [a == b for a, b in zip(found, expected, strict=True)]
    assert same == ["gap" not in r.flags for r in found]
    assert 0 < sum(same) < len(same)


def test_the_scale_of_a_record_changes_no_answer_of_the_network(classifier, whole):
    scaled = whole.copy()
    for trace in scaled:
        trace.data = trace.data * np.float32(2.0**-30)
    for a, b in zip(classifier.predict(scaled), classifier.predict(whole), strict=True):
        assert close(a, b)


@pytest.mark.parametrize(("rate_hz", "begin_ms"), [(100.0, 0), (100.0, 670), (20.0, 319.534)])
def test_a_window_that_is_cut_alone_is_the_same(quick, begin_ms, rate_hz):
    """Also one that begins between two samples of the model, as records do that begin anywhere."""
    start_ns = START_NS + round(begin_ms * 1_000_000)
    source = StreamSource(
        stream(noise(round(150 * rate_hz)).astype(np.float32), start_ns=start_ns, rate_hz=rate_hz)
    )
    grid = PredictConfig().grid(quick.card)
    tasks = [
        Task(day.id, day.spans, record, starts)
        for day in station_days(source.spans(), grid)
        for record, starts in day.windows(grid)
    ]
    together = list(quick.predict_tasks(tasks, source).windows())
    one_by_one = [replace(task, starts_ns=[s]) for task in tasks for s in task.starts_ns]
    alone = list(quick.predict_tasks(one_by_one, source).windows())
    assert len(together) == len(alone) >= 4
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a.samples, b.samples, rtol=0, atol=1e-6 * abs(a.samples).max())
        assert a.flags == b.flags


# --- the same with a network --------------------------------------------------------------


def close(a, b):
    return (
        a.start == b.start
        and a.id == b.id
        and list(a.probabilities.values())
        == pytest.approx(list(b.probabilities.values()), abs=1e-5)
    )


@pytest.fixture(scope="module")
def of_network(classifier, whole):
    return list(classifier.predict(whole))


@pytest.mark.parametrize("batch_size", [1, 3])
def test_the_batch_size_changes_no_answer_of_the_network(classifier, whole, of_network, batch_size):
    found = list(classifier.predict(whole, PredictConfig(batch_size=batch_size)))
    assert all(close(a, b) for a, b in zip(found, of_network, strict=True))


def test_a_window_alone_has_the_answer_it_has_in_a_batch(classifier):
    windows = noise(8 * 3000).reshape(8, 3, 3000).astype(np.float32)
    together = classifier.probabilities(windows)
    alone = np.concatenate([classifier.probabilities(w[None]) for w in windows])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_files_in_any_order_give_the_same_answers_of_the_network(
    classifier, whole, of_network, tmp_path
):
    pieces = pieces_of(whole, [[5000], [12_001, 17_000], []])
    paths = [write(tmp_path / f"{i}", piece) for i, piece in enumerate(shuffled(pieces, 1))]
    found = list(classifier.predict(paths))
    assert all(close(a, b) for a, b in zip(found, of_network, strict=True))


def test_the_same_input_gives_bitwise_the_same_answers_again(classifier, whole, of_network):
    assert list(classifier.predict(whole)) == of_network
