"""What overlapping windows say is averaged by sample, and cells do not depend on each other."""

import numpy as np
import pytest

from quake.inference.onset_network import N_SAMPLES
from quake.inference.phase_traces import AFTER_S, BEFORE_S, PhaseTraces
from quake.waveforms.times import NS_PER_S

CELL = 40_073_118
RATE = 100


class Clock:
    """Stands for the network: says of each sample what the window holds there."""

    def __init__(self):
        self.n_windows = 0

    def phases(self, windows):
        self.n_windows += len(windows)
        return windows[:, :2].copy()


def record(first_s, stop_s, values):
    """Cutter of a record from one second to another after the cell begins; elsewhere nothing."""

    def cut(number, starts_ns):
        windows = np.zeros((len(starts_ns), 3, N_SAMPLES), np.float32)
        for window, start_ns in zip(windows, starts_ns, strict=True):
            assert start_ns // (30 * NS_PER_S) == number
            at_s = start_ns / NS_PER_S - CELL * 30 + np.arange(N_SAMPLES) / RATE
            inside = (at_s >= first_s - 1e-6) & (at_s < stop_s - 1e-6)
            window[:, inside] = values(at_s[inside])
        return windows

    return cut


def test_a_sample_has_the_mean_of_the_windows_that_see_it():
    traces = PhaseTraces(Clock(), record(-100, 200, lambda at_s: 1 + at_s / 1000))
    around = traces.around(CELL)
    assert around.shape == (2, (BEFORE_S + AFTER_S) * RATE)
    at_s = np.arange(around.shape[1]) / RATE - BEFORE_S
    np.testing.assert_allclose(around, np.tile(1 + at_s / 1000, (2, 1)), atol=1e-6)


def test_one_window_of_three_is_a_third():
    class Once(Clock):
        def phases(self, windows):
            said = np.zeros((len(windows), 2, N_SAMPLES), np.float32)
            # 20 s after the cell begins is seen by windows that begin at 0 s and 10 s; these end
            # at 30 s and 40 s, so that one that begins at -10 s has its edge there.
            begins_s = windows[:, 2, 0] - 500
            said[np.isclose(begins_s, 0, atol=1e-3), 0, 15 * RATE] = 0.9
            return said

    around = PhaseTraces(Once(), record(-500, 500, lambda at_s: 500 + at_s)).around(CELL)
    at = (BEFORE_S + 15) * RATE
    # 15 s: windows from -10 s, 0 s and 10 s.
    assert around[0, at] == pytest.approx(0.3)
    assert np.count_nonzero(around) == 1


def test_the_first_second_of_a_record_has_no_onset():
    around = PhaseTraces(Clock(), record(5, 200, np.ones_like)).around(CELL)
    first = (BEFORE_S + 5) * RATE
    assert not around[:, : first + RATE].any()
    assert (around[:, first + RATE :] > 0).all()


def test_a_gap_has_no_onset_and_neither_has_the_second_behind_it():
    cut = record(-100, 200, lambda at_s: np.where((at_s > 9.995) & (at_s < 11.995), 0, 1))
    around = PhaseTraces(Clock(), cut).around(CELL)
    first = (BEFORE_S + 10) * RATE
    assert not around[:, first : first + 3 * RATE].any()
    np.testing.assert_allclose(around[:, first - 100 : first], 1.0, atol=1e-6)


def test_cells_say_the_same_alone_and_together():
    cut = record(-100, 300, lambda at_s: np.sin(at_s))
    together = PhaseTraces(Clock(), cut)
    together.prepare([CELL, CELL + 1, CELL + 2])
    for number in (CELL, CELL + 1, CELL + 2):
        alone = PhaseTraces(Clock(), cut).around(number)
        np.testing.assert_array_equal(alone, together.around(number))


def test_each_window_is_asked_for_once():
    network = Clock()
    traces = PhaseTraces(network, record(-100, 300, np.ones_like))
    for number in (CELL, CELL + 1, CELL):
        traces.around(number)
    # Five cells in which windows begin, three in each.
    assert network.n_windows == 15
