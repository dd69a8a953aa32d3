"""Peaks of the probabilities of P and S are picks, where one would draw them by hand."""

import numpy as np
import pytest

from quake.events.picks import PhasePick, find_picks, peaks

RATE_HZ = 100.0


def traces(*bumps, n=3000, width=20):
    """P and S traces with triangles: (row, sample, height), `width` samples to either side."""
    phases = np.zeros((2, n))
    for row, at, height in bumps:
        triangle = height * np.clip(1 - np.abs(np.arange(n) - at) / width, 0, 1)
        phases[row] = np.maximum(phases[row], triangle)
    return phases


def test_a_peak_is_the_largest_of_its_neighbourhood():
    values = np.array([0.0, 5.0, 0.0, 0.0, 7.0, 6.0, 0.0, 3.0])
    assert peaks(values, 4.0, 1).tolist() == [1, 4]
    assert peaks(values, 5.0, 1).tolist() == [1, 4]
    assert peaks(values, 5.1, 1).tolist() == [4]


def test_of_a_plateau_the_first_sample_is_the_peak():
    assert peaks(np.array([0.0, 6.0, 6.0, 6.0, 0.0]), 4.0, 2).tolist() == [1]


def test_silence_has_no_picks():
    assert find_picks(np.zeros((2, 3000)), RATE_HZ) == []


def test_a_p_and_its_s_are_two_picks_with_their_probabilities():
    p, s = find_picks(traces((0, 500, 0.9), (1, 900, 0.8)), RATE_HZ)
    assert p == pytest.approx(PhasePick(500, 0.9, 0.0))
    assert s == pytest.approx(PhasePick(900, 0.0, 0.8))


def test_an_s_has_to_be_more_probable_than_a_p_to_be_kept():
    assert [pick.sample for pick in find_picks(traces((0, 500, 0.11)), RATE_HZ)] == [500]
    assert find_picks(traces((0, 500, 0.09)), RATE_HZ) == []
    assert find_picks(traces((1, 500, 0.29)), RATE_HZ) == []


def test_of_p_and_s_at_one_place_the_more_probable_one_is_kept_with_both():
    (pick,) = find_picks(traces((0, 500, 0.4), (1, 520, 0.5), width=40), RATE_HZ)
    assert (pick.sample, pick.s) == (520, pytest.approx(0.5))
    assert pick.p == pytest.approx(0.4)


@pytest.mark.parametrize(("later", "expected"), [(571, [500, 571]), (540, [540])])
def test_of_peaks_within_half_a_second_the_highest_counts(later, expected):
    found = find_picks(traces((0, 500, 0.6), (0, later, 0.9)), RATE_HZ)
    assert [pick.sample for pick in found] == expected


def test_a_peak_at_the_very_end_is_one():
    found = find_picks(traces((0, 0, 0.9), (0, 2999, 0.9)), RATE_HZ)
    assert [pick.sample for pick in found] == [0, 2999]
