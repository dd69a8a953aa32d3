"""Intervals by drawing events: as wide as theory says, and of events, not of rows."""

import math

import numpy as np
import pytest

from quake.metrics.bootstrap import EventDraws, bootstrap_interval, with_interval
from quake.metrics.ranking import Ranking


def test_one_event_has_an_interval_of_no_width():
    rows = np.array([0.0, 1.0, 1.0])
    low, high = bootstrap_interval(lambda i: float(rows[i].mean()), ["a", "a", "a"])
    assert low == high == pytest.approx(2 / 3)


def test_the_interval_of_a_mean_has_the_width_that_theory_gives():
    rng = np.random.default_rng(0)
    values = rng.normal(size=400)
    low, high = bootstrap_interval(lambda i: float(values[i].mean()), [str(i) for i in range(400)])
    assert high - low == pytest.approx(2 * 1.96 * values.std() / math.sqrt(400), rel=0.1)


def test_rows_of_one_event_are_drawn_together():
    draws = EventDraws(["a", "a", "b", "c"], 50)
    sums = draws.sums(np.eye(4))
    assert (sums[:, 0] == sums[:, 1]).all()
    assert (sums[:, [0, 2, 3]].sum(axis=1) == 3).all()  # as many events as there are


def test_copies_of_each_row_in_its_event_do_not_narrow_the_interval():
    rng = np.random.default_rng(1)
    hit = (rng.random(100) < 0.7).astype(float)
    once = EventDraws([str(i) for i in range(100)]).sums(hit[:, None]) / 100
    tenfold = EventDraws([str(i) for i in range(100)] * 10).sums(np.tile(hit, 10)[:, None]) / 1000
    np.testing.assert_allclose(once, tenfold)


def test_figures_of_rankings_are_those_of_the_rows_drawn():
    rng = np.random.default_rng(2)
    positive = rng.random(60) < 0.4
    scores = np.round(rng.normal(positive, 1.0), 1)
    groups = [str(i // 2) for i in range(60)]
    draws = EventDraws(groups, 20)
    drawn = draws.ranked(Ranking(scores, positive), rate=0.1)
    for r in range(20):
        rows = np.repeat(np.arange(60), draws.counts[draws.event_of, r])
        pairs = scores[rows][positive[rows]][:, None] - scores[rows][~positive[rows]]
        assert drawn[0, r] == pytest.approx((np.sign(pairs) / 2 + 0.5).mean(), abs=1e-5)


def test_many_rows_have_fewer_draws_but_never_very_few():
    assert EventDraws(["a"] * 400_000).counts.shape[1] == 100
    assert EventDraws(["a"] * 10).counts.shape[1] == 1000


def test_the_same_seed_gives_the_same_interval():
    groups = [str(i % 7) for i in range(30)]
    np.testing.assert_array_equal(EventDraws(groups).counts, EventDraws(groups).counts)


def test_what_cannot_be_told_is_none():
    assert with_interval(0.5, np.array([np.nan])) == [0.5, None, None]
    assert with_interval(float("nan"), np.array([0.1, 0.3]))[0] is None
