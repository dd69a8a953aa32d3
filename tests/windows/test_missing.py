"""What may be missing of a record: how much is drawn, what is left, and what it is taken from."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import channel_set, noise, segment

from quake.data.preprocessing import Preprocessing
from quake.errors import ParameterError
from quake.waveforms.times import NS_PER_S
from quake.windows.cutting import cut
from quake.windows.missing import KINDS, NOTHING, DataLoss, draw_loss, inflict, within, without

P = Preprocessing()
GRADED = [kind for kind in KINDS if kind != "spike"]
FILLED = ("zeros", "repeated", "line")
kinds = st.sampled_from(KINDS)
coverages = st.floats(0.05, 1.0)
windows_s = st.sampled_from([10.0, 60.0, 117.5])
seeds = st.integers(0, 2**32 - 1)


def drawn(kind, coverage, window_s=60.0, seed=0):
    return draw_loss(kind, coverage, window_s, np.random.default_rng(seed))


def lost_s(loss):
    return sum(b - a for a, b in loss.gaps)


def record(n_samples=6000, seed=0, start_ns=0, dtype=np.float64):
    rows = noise(n_samples, seed).astype(dtype)
    return channel_set(
        **{c: segment(row, start_ns, code=c) for c, row in zip("ZNE", rows, strict=True)}
    )


# --- what is drawn ------------------------------------------------------------------------


@given(st.sampled_from(GRADED), coverages, windows_s, seeds)
def test_as_much_is_left_as_was_asked_for(kind, coverage, window_s, seed):
    loss = drawn(kind, coverage, window_s, seed)
    assert loss.kind == kind
    assert lost_s(loss) == pytest.approx((1 - coverage) * window_s, abs=1e-6)


@given(kinds, coverages, windows_s, seeds)
def test_gaps_lie_in_the_window_in_the_order_of_time_and_do_not_overlap(
    kind, coverage, window_s, seed
):
    ends = [time for gap in drawn(kind, coverage, window_s, seed).gaps for time in gap]
    assert ends == sorted(ends)
    assert ends[0] >= 0
    assert ends[-1] <= window_s + 1e-6


@pytest.mark.parametrize(("kind", "gaps"), [("short", ((45.0, 60.0),)), ("start", ((0.0, 15.0),))])
def test_a_short_record_lacks_its_end_or_its_beginning(kind, gaps):
    assert drawn(kind, 0.75).gaps == gaps
    assert drawn(kind, 0.75).components == "ZNE"


def test_several_are_three_to_six_gaps():
    assert {len(drawn("several", 0.7, seed=seed).gaps) for seed in range(100)} == {3, 4, 5, 6}
    assert all(
        len(drawn(kind, 0.7, seed=seed).gaps) == 1
        for kind in KINDS
        if kind != "several"
        for seed in range(20)
    )


def test_a_gap_of_one_component_or_two_leaves_the_others():
    found = {drawn("component", 0.7, seed=seed).components for seed in range(200)}
    assert found == {"Z", "N", "E", "ZN", "ZE", "NE"}


def test_middles_lie_anywhere():
    starts = [drawn("middle", 0.5, seed=seed).gaps[0][0] for seed in range(400)]
    # Uniform from 0 to 30 s.
    assert np.quantile(starts, [0.1, 0.5, 0.9]) == pytest.approx([3, 15, 27], abs=2)


def test_a_wild_sample_is_thirty_to_three_thousand_times_the_largest():
    sizes = [drawn("spike", 1.0, seed=seed).size for seed in range(300)]
    assert 30 <= min(sizes) < 40
    assert 2200 < max(sizes) <= 3000


@given(kinds, coverages, seeds)
def test_the_same_generator_draws_the_same_loss(kind, coverage, seed):
    assert drawn(kind, coverage, seed=seed) == drawn(kind, coverage, seed=seed)


def test_a_kind_that_does_not_exist_is_refused_with_the_list():
    with pytest.raises(ParameterError, match=r"'theft' is no kind of loss; there are short, start"):
        drawn("theft", 0.5)


# --- what is left -------------------------------------------------------------------------


def test_what_is_left_by_hand():
    loss = DataLoss("several", ((10.0, 20.0), (30.0, 40.0)))
    assert loss.shown(60.0) == [(0.0, 10.0), (20.0, 30.0), (40.0, 60.0)]
    assert DataLoss("short", ((45.0, 60.0),)).shown(60.0) == [(0.0, 45.0)]
    assert DataLoss("start", ((0.0, 15.0),)).shown(60.0) == [(15.0, 60.0)]
    assert DataLoss("short", ((0.0, 60.0),)).shown(60.0) == []
    assert NOTHING.shown(60.0) == [(0.0, 60.0)]


@pytest.mark.parametrize(
    ("stretch", "share"),
    [((0, 10), 1), ((5, 15), 0.5), ((12, 18), 0), ((5, 45), 0.5), ((0, 60), 2 / 3)],
)
def test_the_share_of_a_stretch_that_is_left_by_hand(stretch, share):
    loss = DataLoss("several", ((10.0, 20.0), (30.0, 40.0)))
    assert loss.shows(*stretch, 60.0) == pytest.approx(share)


def test_what_one_component_or_one_sample_loses_is_left_to_be_seen():
    assert DataLoss("component", ((10.0, 20.0),), "ZN").shown(60.0) == [(0.0, 60.0)]
    assert DataLoss("spike", ((10.0, 10.0),), "Z", 50.0).shown(60.0) == [(0.0, 60.0)]


@given(st.sampled_from(["short", "start", "middle", "several", *FILLED]), coverages, seeds)
def test_what_is_left_and_what_is_lost_are_the_window(kind, coverage, seed):
    loss = drawn(kind, coverage, seed=seed)
    assert loss.shows(0, 60, 60) == pytest.approx(coverage, abs=1e-6)
    both = sorted([*loss.shown(60), *(gap for gap in loss.gaps if gap[1] > gap[0])])
    ends = [time for piece in both for time in piece]
    assert ends[0] == 0
    assert ends[-1] == pytest.approx(60)
    assert ends[1:-1:2] == pytest.approx(ends[2::2])


# --- what a record loses ------------------------------------------------------------------

TEN_HZ = 10.0


def ten_hz(samples, start_s=0):
    one = segment(np.asarray(samples), start_s * NS_PER_S, TEN_HZ)
    return channel_set(Z=one)


def of_z(found):
    return [(s.start_ns / NS_PER_S, s.samples.tolist()) for s in found.segments.get("Z", [])]


def test_a_gap_is_cut_out_where_the_window_has_it():
    whole = ten_hz(np.arange(100))
    # The window begins 2 s after the record: the gap from 1 s to 3 s is that from 3 s to 5 s.
    found = inflict(whole, DataLoss("middle", ((1.0, 3.0),)), 2 * NS_PER_S)
    assert of_z(found) == [(0, list(range(30))), (5, list(range(50, 100)))]


def test_what_lies_beyond_the_record_is_lost_already():
    whole = ten_hz(np.arange(100))
    assert of_z(inflict(whole, DataLoss("short", ((5.0, 60.0),)), 0)) == [(0, list(range(50)))]
    assert of_z(inflict(whole, DataLoss("start", ((0.0, 5.0),)), -NS_PER_S)) == [
        (4, list(range(40, 100)))
    ]
    assert of_z(inflict(whole, DataLoss("short", ((0.0, 60.0),)), 0)) == []


@pytest.mark.parametrize(
    ("kind", "filling"),
    [("zeros", [0] * 4), ("repeated", [7] * 4), ("line", [9, 11, 13, 15])],
)
def test_fillings_by_hand(kind, filling):
    samples = np.array([1, 2, 7, 5, 5, 5, 5, 17, 3], np.int32)
    found = inflict(ten_hz(samples), DataLoss(kind, ((0.3, 0.7),)), 0)
    assert of_z(found) == [(0, [1, 2, 7, *filling, 17, 3])]
    assert found.segments["Z"][0].samples.dtype == np.int32


@pytest.mark.parametrize("kind", FILLED)
@pytest.mark.parametrize("gap", [(0.0, 0.4), (0.5, 0.9), (0.0, 0.9)])
def test_a_filling_at_an_end_has_the_value_of_the_other_side_or_its_own(kind, gap):
    samples = np.array([4, 9, 2, 6, 8, 3, 7, 5, 1], np.float32)
    ((start_s, found),) = of_z(inflict(ten_hz(samples), DataLoss(kind, (gap,)), 0))
    first, stop = round(gap[0] * 10), round(gap[1] * 10)
    assert start_s == 0
    assert found[:first] == samples[:first].tolist()
    assert found[stop:] == samples[stop:].tolist()
    assert np.isfinite(found).all()
    assert len(set(np.diff(found[first:stop]).round(5))) == 1  # a line, level or not


def test_a_wild_sample_is_added_to_the_largest_of_its_record_so_many_times():
    samples = np.zeros(100)
    samples[::2], samples[1::2] = 3.0, -3.0
    samples[90] = 5.0
    found = inflict(ten_hz(samples), DataLoss("spike", ((4.0, 4.0),), "Z", 100.0), 0)
    changed = found.segments["Z"][0].samples - samples
    # The median of as many 3 as -3, and a 5, is 0.
    assert np.flatnonzero(changed).tolist() == [40]
    assert changed[40] == pytest.approx(500.0)


def test_a_wild_sample_of_integers_does_not_wrap_around():
    samples = np.array([10**9, -(10**9)] * 50, np.int32)
    found = inflict(ten_hz(samples), DataLoss("spike", ((4.0, 4.0),), "Z", 3000.0), 0)
    assert found.segments["Z"][0].samples[40] > 10**9


@pytest.mark.parametrize("at_s", [-1.0, 10.0, 30.0])
def test_a_wild_sample_beside_the_record_changes_nothing(at_s):
    samples = np.arange(100)
    found = inflict(ten_hz(samples), DataLoss("spike", ((at_s, at_s),), "Z", 100.0), 0)
    assert of_z(found) == [(0, samples.tolist())]


def test_components_that_lose_nothing_are_the_same_objects():
    whole = record()
    found = inflict(whole, DataLoss("component", ((10.0, 20.0),), "N"), 0)
    assert found.segments["Z"] is whole.segments["Z"]
    assert len(found.segments["N"]) == 2
    assert inflict(whole, NOTHING, 0) is whole


@given(kinds, st.floats(0.1, 0.95), seeds, st.sampled_from([np.int32, np.float32, np.float64]))
def test_the_record_itself_is_left_as_it_is(kind, coverage, seed, dtype):
    whole = record(dtype=dtype)
    for segments in whole.segments.values():
        segments[0].samples.flags.writeable = False
    before = {c: s[0].samples.copy() for c, s in whole.segments.items()}
    found = inflict(whole, drawn(kind, coverage, seed=seed), 5 * NS_PER_S)
    assert {c: len(s) for c, s in whole.segments.items()} == dict.fromkeys("ZNE", 1)
    for component, samples in before.items():
        np.testing.assert_array_equal(whole.segments[component][0].samples, samples)
        assert all(s.samples.dtype == dtype for s in found.segments[component])
    assert found.id == whole.id


@given(st.sampled_from(["short", "start", "middle", "several"]), st.floats(0.1, 1), seeds,
       st.sampled_from([20.0, 31.25, 100.0]), st.integers(-(10**10), 10**10))  # fmt: skip
def test_exactly_the_samples_outside_of_the_gaps_are_left(kind, coverage, seed, rate_hz, start_ns):
    n = 1000
    whole = channel_set(Z=segment(np.arange(n), 0, rate_hz))
    loss = drawn(kind, coverage, 20.0, seed)
    left = [s.samples for s in inflict(whole, loss, start_ns).segments["Z"]]
    times_s = np.arange(n) / rate_hz - start_ns / NS_PER_S
    lost = np.zeros(n, np.bool_)
    near = np.zeros(n, np.bool_)
    for a, b in loss.gaps:
        lost |= (times_s >= a) & (times_s < b)
        near |= (np.abs(times_s - a) < 1e-6) | (np.abs(times_s - b) < 1e-6)
    found = np.isin(np.arange(n), np.concatenate([*left, []]))
    np.testing.assert_array_equal(found[~near], ~lost[~near])


@given(st.sampled_from(["middle", *FILLED]), st.permutations(range(4)), seeds)
def test_the_order_in_which_gaps_are_inflicted_does_not_matter(kind, order, seed):
    gaps = drawn("several", 0.6, seed=seed).gaps[:4]
    # What fills a gap is the sample before it, so that no other gap may end there.
    assume(all(later[0] - earlier[1] > 0.1 for earlier, later in pairwise(gaps)))
    whole = record(seed=1)
    together = inflict(whole, DataLoss(kind, gaps), 0)
    one_by_one = whole
    for i in order:
        if i < len(gaps):
            one_by_one = inflict(one_by_one, DataLoss(kind, (gaps[i],)), 0)
    for a, b in zip(together.segments["Z"], one_by_one.segments["Z"], strict=True):
        assert a.start_ns == b.start_ns
        np.testing.assert_array_equal(a.samples, b.samples)


@given(kinds, st.floats(0.1, 1), seeds, st.integers(1, 5999))
def test_a_record_in_two_pieces_loses_what_the_whole_one_does(kind, coverage, seed, at):
    """But for a wild sample, whose size is that of its piece, and the ends of fillings."""
    rows = noise(6000, 2)[:1]
    pieces = [segment(rows[0, :at]), segment(rows[0, at:], at * NS_PER_S // 100)]
    loss = replace(drawn(kind, coverage, seed=seed), components="Z")
    one = inflict(channel_set(Z=rows[0]), loss, 0).segments["Z"]
    two = inflict(channel_set(Z=pieces), loss, 0).segments["Z"]
    assert sum(len(s.samples) for s in one) == sum(len(s.samples) for s in two)
    if kind not in (*FILLED, "spike"):
        np.testing.assert_array_equal(
            np.concatenate([*(s.samples for s in one), []]),
            np.concatenate([*(s.samples for s in two), []]),
        )


# --- the windows that come of it ----------------------------------------------------------


@pytest.mark.parametrize("start_s", [0, 7])
@pytest.mark.parametrize("coverage", [0.9, 0.7, 0.5, 0.3])
@pytest.mark.parametrize("kind", GRADED)
def test_the_window_has_the_coverage_that_was_asked_for(kind, coverage, start_s):
    whole = record(9000, start_ns=0)
    loss = drawn(kind, coverage, seed=4)
    window = cut(inflict(whole, loss, start_s * NS_PER_S), start_s * NS_PER_S, P, 0.0)
    n_ends = 2 * len(loss.gaps) + 1  # of a filling the samples beside it are part, too
    assert window.coverage == pytest.approx(coverage, abs=n_ends / 6000)
    assert "gap" in window.flags
    flags = {"zeros": "flat:Z", "repeated": "flat:Z", "line": "line:Z"}
    assert kind not in flags or flags[kind] in window.flags


@pytest.mark.parametrize("seed", range(10))
def test_a_wild_sample_is_found_whatever_its_size(seed):
    loss = drawn("spike", 1.0, seed=seed)
    window = cut(inflict(record(), loss, 0), 0, P, 0.25)
    assert {flag[-1] for flag in window.flags if "spike" in flag} == set(loss.components)
    assert window.coverage == pytest.approx(1 - 1 / 6000, abs=1e-6)


@pytest.mark.parametrize("kind", ["short", "start", "middle", "several"])
def test_nothing_shows_in_a_gap_and_something_everywhere_else(kind):
    loss = drawn(kind, 0.6, seed=2)
    samples = cut(inflict(record(), loss, 0), 0, P, 0.25).samples
    times_s = np.arange(3000) / 50
    lost = np.zeros(3000, np.bool_)
    for a, b in loss.gaps:
        lost |= (times_s >= a + 0.02) & (times_s < b - 0.02)
        near = (np.abs(times_s - a) < 0.05) | (np.abs(times_s - b) < 0.05)
        assert b - a > 0.1
        assert not samples[:, lost & ~near].any()
    outside = np.ones(3000, np.bool_)
    for a, b in loss.gaps:
        outside &= (times_s < a - 0.02) | (times_s > b + 0.02)
    assert samples[:, outside].all()


# --- cutting ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("from_s", "to_s", "expected"),
    [
        (2, 4, [(2, list(range(20, 40)))]),
        (-5, 1, [(0, list(range(10)))]),
        (9, 50, [(9, list(range(90, 100)))]),
        (0, 10, [(0, list(range(100)))]),
        (10, 20, []),
        (-3, 0, []),
    ],
)
def test_a_record_within_two_times_by_hand(from_s, to_s, expected):
    assert of_z(within(ten_hz(np.arange(100)), from_s * NS_PER_S, to_s * NS_PER_S)) == expected


def test_segments_without_a_sample_within_are_left_out():
    two = channel_set(
        Z=[segment(np.arange(10), 0, TEN_HZ), segment(np.arange(10), 5 * NS_PER_S, TEN_HZ)]
    )
    found = within(two, 5 * NS_PER_S, 6 * NS_PER_S)
    assert of_z(found) == [(5, list(range(10)))]


def test_without_a_stretch_two_pieces_are_left_or_one_or_none():
    whole = segment(np.arange(100), 0, TEN_HZ)

    def left(a, b):
        return [p.samples.tolist() for p in without(whole, (a * NS_PER_S, b * NS_PER_S))]

    assert left(3, 5) == [list(range(30)), list(range(50, 100))]
    assert left(-3, 5) == [list(range(50, 100))]
    assert left(5, 30) == [list(range(50))]
    assert left(-1, 11) == []
    assert left(20, 30) == [list(range(100))]


@given(st.integers(-500, 1500), st.integers(0, 1000))
def test_what_lies_within_and_what_is_left_without_it_are_the_record(first, length):
    whole = segment(np.arange(1000), 0, 100.0)
    gap = (first * NS_PER_S // 100, (first + length) * NS_PER_S // 100)
    inside = within(channel_set(Z=whole), *gap).segments["Z"]
    outside = without(whole, gap)
    both = np.sort(np.concatenate([*(s.samples for s in [*inside, *outside])]))
    np.testing.assert_array_equal(both, np.arange(1000))
    for piece in [*inside, *outside]:
        assert piece.samples[0] == round(piece.start_ns * 100 / NS_PER_S)
