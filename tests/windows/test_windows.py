"""Windows: every row of the table "From records to windows", each with its truth."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from strategies import ID, START_NS, channel_set, noise, segment, sine

from quake.data.preprocessing import Preprocessing
from quake.errors import ParameterError
from quake.waveforms.joining import join_segments
from quake.waveforms.segments import Segment, Span, component_map
from quake.waveforms.times import NS_PER_S
from quake.windows.cutting import cut
from quake.windows.grid import WindowGrid, recordings

P = Preprocessing()
SHORT = replace(P, window_s=4.0)
MIDDLE = slice(750, 2250)  # of 3000 samples: far from what filters do at the ends


def window(channels, start_ns=0, preprocessing=P, min_coverage=0.7):
    return cut(channels, start_ns, preprocessing, min_coverage)


def of_z(samples, rate_hz=100.0, start_ns=0, **kwargs):
    """The window at the epoch of a record that has a vertical component only."""
    return window(channel_set(Z=segment(samples, start_ns, rate_hz)), **kwargs)


def counts(n_samples=6000, seed=0):
    return noise(n_samples, seed, 1)[0]


def span(code, start_ns=0, end_ns=60 * NS_PER_S):
    return Span(ID, code, start_ns, end_ns, 100.0, "file")


def amplitude(samples, frequency_hz, rate_hz=50.0):
    """Of the sine of that frequency that fits best."""
    t = np.arange(len(samples)) / rate_hz
    waves = np.stack([np.sin(2 * np.pi * frequency_hz * t), np.cos(2 * np.pi * frequency_hz * t)])
    return np.hypot(*np.linalg.lstsq(waves.T, samples, rcond=None)[0])


# --- components ---------------------------------------------------------------------------


def test_components_come_in_the_order_z_n_e():
    waves = {"E": sine(3, 6000, 100), "Z": sine(7, 6000, 100), "N": sine(11, 6000, 100)}
    samples = window(channel_set(**waves)).samples
    for row, frequency_hz in zip(samples, (7, 11, 3), strict=True):
        assert amplitude(row[MIDDLE], frequency_hz) == pytest.approx(1, rel=0.01)


def test_a_window_has_the_samples_of_the_model():
    assert of_z(counts()).samples.shape == (3, 3000)
    assert of_z(counts()).samples.dtype == np.float32


def test_1_is_n_and_2_is_e():
    assert component_map([span("Z"), span("1"), span("2")]) == {"Z": "Z", "1": "N", "2": "E"}


def test_3_is_z():
    assert component_map([span("1"), span("2"), span("3")]) == {"1": "N", "2": "E", "3": "Z"}


def test_of_n_and_1_at_the_same_time_n_is_taken():
    assert component_map([span("Z"), span("N"), span("1")]) == {"Z": "Z", "N": "N"}


def test_where_1_came_after_n_both_are_taken():
    later = span("1", 60 * NS_PER_S, 120 * NS_PER_S)
    assert component_map([span("N"), later]) == {"N": "N", "1": "N"}


def test_other_components_are_left_out():
    assert component_map([span("Z"), span("H"), span("")]) == {"Z": "Z"}


@pytest.mark.parametrize("there", ["Z", "N", "E", "ZN", "ZE", "NE"])
def test_missing_components_are_zeros_and_the_real_ones_are_named(there):
    found = window(channel_set(**{c: counts(seed=i) for i, c in enumerate(there)}))
    assert found.components == there
    assert [bool(row.any()) for row in found.samples] == [c in there for c in "ZNE"]


def test_a_missing_component_does_not_lower_the_coverage():
    assert of_z(counts()).coverage == 1


def test_a_model_that_needs_all_components_rejects_a_window_without():
    strict = replace(P, accepts_missing_components=False)
    found = of_z(counts(), preprocessing=strict)
    assert found.status == "rejected"
    assert "missing_components" in found.flags


def test_a_model_that_needs_all_components_takes_a_window_with_all():
    strict = replace(P, accepts_missing_components=False)
    whole = channel_set(Z=counts(seed=0), N=counts(seed=1), E=counts(seed=2))
    assert window(whole, preprocessing=strict).status == "usable"


# --- gaps ---------------------------------------------------------------------------------


def two_pieces(first, second, gap):
    """A window with `gap` samples missing between two pieces."""
    begin = (len(first) + gap) * NS_PER_S // 100
    return channel_set(Z=[segment(first), segment(second, begin)])


def test_each_piece_is_detrended_by_itself():
    # Two ramps of different offset and slope: one line through both would leave steps of 1e5.
    ramps = two_pieces(1e5 + np.arange(2800.0), -1e5 - 2 * np.arange(2800.0), 400)
    found = window(ramps)
    assert "gap" in found.flags
    np.testing.assert_allclose(found.samples, 0, atol=1e-5)


def test_a_gap_is_zeros_at_its_place():
    found = window(two_pieces(counts(2800), counts(2800, 1), 400))
    missing = slice(1400, 1600)
    assert not found.samples[0, missing].any()
    assert np.delete(found.samples[0], np.arange(1400, 1600)).all()


def test_coverage_is_the_share_that_is_there():
    assert window(two_pieces(counts(3000), counts(1500, 1), 1500)).coverage == 0.75


def test_coverage_is_that_of_the_worst_component_used():
    parts = channel_set(Z=counts(), N=segment(counts(4800), code="N"))
    assert window(parts).coverage == 0.8


def test_a_component_below_the_coverage_asked_for_is_not_used():
    parts = channel_set(Z=counts(), N=segment(counts(4000), code="N"))
    found = window(parts)
    assert (found.components, found.coverage) == ("Z", 1)
    assert not found.samples[1].any()
    assert "gap" in found.flags


def test_a_window_below_the_coverage_asked_for_is_no_data():
    found = window(two_pieces(counts(2000), counts(2000), 2000), min_coverage=0.7)
    assert (found.status, found.components) == ("no_data", "")
    assert "low_coverage" in found.flags


def test_a_window_just_at_the_coverage_asked_for_is_used():
    assert of_z(counts(4200), min_coverage=0.7).status == "usable"


def test_a_whole_window_is_not_flagged():
    assert of_z(counts(3000), 50.0).flags == ()


def test_a_time_without_data_is_no_data():
    found = of_z(counts(), start_ns=600 * NS_PER_S)
    assert (found.status, found.coverage, found.sampling_rate_hz) == ("no_data", 0, 0)


@pytest.mark.parametrize("rate_hz", [100.0, 125.0, 200.0, 250.0, 500.0])
def test_one_lost_sample_costs_no_more_than_itself(rate_hz):
    # The pieces' ends fall between the samples of the model in all possible ways.
    n = round(60 * rate_hz)
    for lost in range(n // 2, n // 2 + 12):
        samples = counts(n)
        samples[lost] = np.nan
        found = of_z(samples, rate_hz)
        assert found.coverage == round(1 - 1 / n, 6)
        assert np.count_nonzero(found.samples[0]) >= 2998


def test_a_piece_of_a_single_sample_is_no_trouble():
    lonely = channel_set(Z=[segment(counts(5000)), segment([5.0], 55 * NS_PER_S)])
    found = window(lonely)
    assert found.status == "usable"
    assert np.isfinite(found.samples).all()


def test_a_change_of_rate_within_a_window_loses_nothing():
    t = np.arange(3000) / 100
    fast = segment(np.sin(2 * np.pi * 5 * t))
    slow = segment(np.sin(2 * np.pi * 5 * np.arange(1500) / 50), 30 * NS_PER_S, 50.0)
    found = window(channel_set(Z=join_segments([fast, slow])))
    assert (found.coverage, found.sampling_rate_hz) == (1, 50)
    assert amplitude(found.samples[0, 300:1200], 5) == pytest.approx(1, rel=0.01)
    assert amplitude(found.samples[0, 1800:2700], 5) == pytest.approx(1, rel=0.01)


def test_a_short_segment_of_another_rate_hides_nothing():
    long, short = segment(counts(100_000)), segment(counts(500), 10 * NS_PER_S, 50.0)
    found = window(channel_set(Z=join_segments([long, short])), 500 * NS_PER_S)
    assert (found.status, found.coverage) == ("usable", 1)


# --- sampling rates -----------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [40, 62.5, 75, 99.9987, 100, 125, 200, 250, 500])
def test_a_5_hz_sine_keeps_its_amplitude_at_any_rate(rate_hz):
    found = of_z(sine(5, round(60 * rate_hz), rate_hz), rate_hz)
    assert amplitude(found.samples[0, MIDDLE], 5) == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("rate_hz", [40, 62.5, 75, 100, 125, 200, 250, 500])
def test_a_5_hz_sine_keeps_its_phase_at_any_rate(rate_hz):
    found = of_z(sine(5, round(60 * rate_hz), rate_hz), rate_hz)
    expected = sine(5, 3000, 50)
    np.testing.assert_allclose(found.samples[0, MIDDLE], expected[MIDDLE], atol=0.01)


@pytest.mark.parametrize(("frequency_hz", "rate_hz"), [(40, 100), (30, 100), (40, 200), (99, 250)])
def test_what_the_model_cannot_see_does_not_come_back_as_an_alias(frequency_hz, rate_hz):
    found = of_z(sine(frequency_hz, 60 * rate_hz, rate_hz), rate_hz)
    assert abs(found.samples[0, MIDDLE]).max() < 1e-3


def test_resampling_adds_no_impulse_at_the_beginning_of_a_window():
    # Microseism a thousand times stronger than what is looked for; not zero where it begins.
    def record(rate_hz):
        strong = 1000 * sine(0.15, round(60 * rate_hz), rate_hz, offset_s=1.0)
        return strong + sine(3.0, round(60 * rate_hz), rate_hz)

    at_100, at_50 = (of_z(record(r), rate_hz=r).samples[0] for r in (100.0, 50.0))
    np.testing.assert_allclose(at_100[:1500], at_50[:1500], atol=0.05)


def test_a_rate_of_99_9987_hz_fills_a_window():
    assert of_z(counts(), 99.9987).coverage == 1


def test_a_rate_that_is_not_the_models_is_flagged():
    assert "resampled" in of_z(counts(6000), 100.0).flags
    assert "resampled" not in of_z(counts(3000), 50.0).flags


def test_the_rate_reported_is_the_records():
    assert of_z(counts(), 125.0).sampling_rate_hz == 125


def test_of_different_rates_the_lowest_is_reported():
    mixed = channel_set(Z=counts(), N=segment(counts(4800), rate_hz=80.0, code="N"))
    assert window(mixed).sampling_rate_hz == 80


@pytest.mark.parametrize(("rate_hz", "narrow"), [(20, True), (30, True), (39.9, True), (40, False)])
def test_a_band_narrower_than_the_models_is_flagged(rate_hz, narrow):
    found = of_z(counts(round(60 * rate_hz)), rate_hz)
    assert found.status == "usable"
    assert ("narrow_band" in found.flags) == narrow


@pytest.mark.parametrize("rate_hz", [0.1, 1.0, 10.0, 19.9])
def test_a_rate_below_half_of_the_models_band_is_rejected_with_the_reason(rate_hz):
    found = of_z(counts(round(60 * rate_hz)), rate_hz)
    assert (found.status, found.components) == ("rejected", "")
    assert "sampling_rate_too_low" in found.flags


def test_a_rate_that_is_rejected_is_not_resampled(monkeypatch):
    """Of 0.003 Hz, each sample would become sixteen thousand, and minutes would pass."""

    def apply(self, padded):
        raise AssertionError("the filter was asked")

    monkeypatch.setattr("quake.windows.filtering.RecordingFilter.apply", apply)
    assert of_z(counts(60), 1.0).status == "rejected"
    with pytest.raises(AssertionError, match="the filter was asked"):
        of_z(counts(1200), 20.0)


def test_a_rate_far_above_the_models_is_resampled_at_its_true_ratio():
    rate_hz = 60_000
    found = of_z(sine(5, 60 * rate_hz, rate_hz), rate_hz)
    np.testing.assert_allclose(found.samples[0, MIDDLE], sine(5, 3000, 50)[MIDDLE], atol=0.01)


# --- dead and clipped ---------------------------------------------------------------------


def test_a_constant_component_is_dead_and_not_used():
    found = window(channel_set(Z=counts(), N=np.full(6000, 7), E=counts(seed=1)))
    assert found.components == "ZE"
    assert "dead:N" in found.flags
    assert not found.samples[1].any()


@pytest.mark.parametrize("value", [0, 7, -1.5e9, 1e-9])
def test_all_components_dead_is_no_data(value):
    found = window(channel_set(**dict.fromkeys("ZNE", np.full(6000, value))))
    assert (found.status, found.components) == ("no_data", "")
    assert {"all_dead", "dead:Z", "dead:N", "dead:E"} <= set(found.flags)


def test_pieces_that_are_constant_each_by_itself_are_dead():
    assert "dead:Z" in window(two_pieces(np.full(2900, 3), np.full(2900, 5), 200)).flags


def test_one_count_of_difference_is_not_dead():
    samples = np.zeros(6000, np.int32)
    samples[::100] = 1
    assert of_z(samples).status == "usable"


def test_a_stretch_of_one_value_is_a_gap():
    samples = np.random.default_rng(0).normal(size=6000) + 50
    samples[1000:2500] = 50
    window = of_z(samples)
    assert window.coverage == 0.75
    assert "flat:Z" in window.flags
    assert not window.samples[0, 500:1250].any()
    assert window.samples[0, :500].all()


def test_where_a_fill_value_ends_there_is_no_step():
    samples = np.random.default_rng(0).normal(size=6000) + 5e6
    samples[:1500] = 0
    assert np.abs(of_z(samples).samples).max() < 10


def test_a_value_repeated_for_less_than_a_second_is_data():
    samples = np.random.default_rng(0).normal(size=6000)
    samples[1000:1099] = 0
    assert of_z(samples).coverage == 1


def test_a_saturated_component_is_flagged_as_clipped_and_used():
    samples = np.clip(1000 * sine(2, 6000, 100) + counts() / 100, -700, 700)
    found = of_z(samples)
    assert "clipped:Z" in found.flags
    assert found.components == "Z"


def test_a_component_that_saturates_on_one_side_is_clipped():
    samples = np.minimum(1000 * sine(2, 6000, 100) + counts() / 100, 700)
    assert "clipped:Z" in of_z(samples).flags


def test_a_whole_sine_is_not_clipped():
    assert "clipped:Z" not in of_z(np.round(1e6 * sine(2, 6000, 100))).flags


def test_quiet_data_of_few_counts_are_not_clipped():
    quiet = np.random.default_rng(0).integers(-1, 2, 6000)
    quiet[100:110] = 1
    assert of_z(quiet.astype(np.int32)).flags == ("resampled",)


# --- short records and the grid -----------------------------------------------------------


def test_a_short_record_is_padded_with_zeros_and_has_its_coverage():
    found = of_z(counts(4500), min_coverage=0.5)
    assert (found.status, found.coverage) == ("usable", 0.75)
    assert not found.samples[0, 2250:].any()


def test_a_short_record_below_the_coverage_is_no_data():
    assert of_z(counts(3000), min_coverage=0.7).status == "no_data"


def grid(overlap=0.5, window_s=60.0):
    return WindowGrid.from_overlap(window_s, overlap)


def seconds(starts):
    return [start / NS_PER_S for start in starts]


def test_windows_of_a_record_on_the_grid_by_hand():
    assert seconds(grid().starts(60 * NS_PER_S, 180 * NS_PER_S)) == [60, 90, 120]


def test_the_first_and_last_window_are_flush_with_the_record():
    assert seconds(grid().starts(70 * NS_PER_S, 200 * NS_PER_S)) == [70, 90, 120, 140]


def test_a_record_of_one_window_off_the_grid_has_one_window():
    assert seconds(grid().starts(70 * NS_PER_S, 130 * NS_PER_S)) == [70]


def test_a_record_a_little_longer_than_a_window_off_the_grid_has_one_at_each_end():
    assert seconds(grid().starts(70 * NS_PER_S, 140 * NS_PER_S)) == [70, 80]


def test_a_record_shorter_than_a_window_has_one_that_begins_with_it():
    assert seconds(grid().starts(71 * NS_PER_S, 99 * NS_PER_S)) == [71]


def test_a_rounding_error_in_the_length_makes_no_second_window():
    # 6000 samples at 99.9987 Hz last 0.78 ms longer than a minute.
    starts = grid().starts(NS_PER_S, 61 * NS_PER_S + 780_000, tolerance_ns=5_000_000)
    assert len(starts) == 1


def test_a_record_that_begins_a_fraction_of_a_sample_off_the_grid_lies_on_it():
    starts = grid().starts(3_000_000, 180 * NS_PER_S + 3_000_000, tolerance_ns=5_000_000)
    assert seconds(starts) == [0, 30, 60, 90, 120]


def test_the_grid_goes_on_before_the_epoch():
    assert seconds(grid().starts(-90 * NS_PER_S, 0)) == [-90, -60]


@pytest.mark.parametrize(
    ("overlap", "hop_s"), [(0, 60), (0.5, 30), (1 / 3, 40), (2 / 3, 20), (0.9, 6)]
)
def test_the_overlap_gives_the_step(overlap, hop_s):
    assert grid(overlap).hop_ns == hop_s * NS_PER_S


@pytest.mark.parametrize("overlap", [-0.1, 1, 1.5, float("nan"), 0.999999])
def test_an_overlap_that_leaves_no_step_is_refused(overlap):
    with pytest.raises(ParameterError, match="overlap"):
        grid(overlap)


records_of_time = st.tuples(
    st.integers(-(2 * 10**18), 3 * 10**18),  # 1906 to 2065
    st.integers(1, 1000 * NS_PER_S),
    st.sampled_from([0, 0.25, 1 / 3, 0.5, 0.9]),
)


@given(records_of_time)
def test_windows_cover_a_record_without_a_hole(drawn):
    start_ns, length_ns, overlap = drawn
    lattice = grid(overlap)
    starts = lattice.starts(start_ns, start_ns + length_ns)
    assert starts[0] <= start_ns
    assert starts[-1] + lattice.window_ns >= start_ns + length_ns
    assert all(0 < b - a <= lattice.window_ns for a, b in pairwise(starts))


@given(records_of_time)
def test_all_starts_but_those_flush_with_the_record_are_multiples_of_the_step(drawn):
    start_ns, length_ns, overlap = drawn
    lattice = grid(overlap)
    off = [s for s in lattice.starts(start_ns, start_ns + length_ns) if s % lattice.hop_ns]
    assert set(off) <= {start_ns, start_ns + length_ns - lattice.window_ns}


@given(records_of_time, st.integers(0, 400 * NS_PER_S))
def test_a_record_that_begins_earlier_has_the_same_windows_on_the_grid(drawn, earlier_ns):
    start_ns, length_ns, overlap = drawn
    lattice = grid(overlap)
    end_ns = start_ns + length_ns
    late = {s for s in lattice.starts(start_ns, end_ns) if s % lattice.hop_ns == 0}
    early = set(lattice.starts(start_ns - earlier_ns, end_ns))
    inside = {s for s in late if s + lattice.window_ns <= end_ns}
    assert inside <= early


@pytest.mark.parametrize("index", [0, 6010, 13_456])
def test_no_sample_of_a_record_is_left_out(index):
    samples = counts(13_457)
    samples[max(index - 2, 0) : index + 3] += 1e6  # a single one would be wild
    record = channel_set(Z=segment(samples, 17_123_456_789))
    starts = grid().starts(17_123_456_789, 17_123_456_789 + 134_570_000_000, 5_000_000)
    assert max(np.abs(window(record, start).samples).max() for start in starts) > 1e4


def test_records_are_divided_at_gaps_of_a_windows_length():
    minute = 60 * NS_PER_S
    spans = [span("Z"), span("Z", 2 * minute - 1, 3 * minute), span("Z", 4 * minute, 5 * minute)]
    found = [(r.start_ns, r.end_ns) for r in recordings(spans, minute)]
    assert found == [(0, 3 * minute), (4 * minute, 5 * minute)]


def test_a_gap_in_one_component_does_not_divide_a_record():
    minute = 60 * NS_PER_S
    spans = [span("N"), span("N", 8 * minute, 9 * minute), span("Z", 0, 9 * minute)]
    assert [(r.start_ns, r.end_ns) for r in recordings(spans, minute)] == [(0, 9 * minute)]


# --- places in time -----------------------------------------------------------------------


@pytest.mark.parametrize("shift_ns", [-4_999_999, -1, 1, 2_500_000, 4_999_999])
def test_an_offset_below_half_a_sample_changes_no_sample(shift_ns):
    samples = counts()
    moved = of_z(samples, start_ns=shift_ns)
    np.testing.assert_array_equal(moved.samples, of_z(samples).samples)
    assert moved.coverage == 1


@given(st.integers(0, 9_999_999), st.integers(0, 2998))
@settings(deadline=None, max_examples=25)
def test_windows_inside_a_record_are_full_wherever_its_samples_lie(offset_ns, first):
    record = channel_set(Z=segment(counts(9_000), offset_ns - 40 * NS_PER_S))
    assert window(record, (first - 3999) * NS_PER_S // 100).coverage == 1


@pytest.mark.parametrize(
    "start_ns",
    [-300_000_000 * NS_PER_S, 0, 30 * NS_PER_S, START_NS, 2_524_608_000 * NS_PER_S],
    ids=["1960", "1970", "30 s into 1970", "2021", "2050"],
)
@pytest.mark.parametrize("rate_hz", [99.9987, 100.0, 62.5])
def test_a_window_is_the_same_in_any_year(start_ns, rate_hz):
    samples = counts(20_000)
    here = window(channel_set(Z=segment(samples, start_ns, rate_hz)), start_ns + 90 * NS_PER_S)
    there = window(channel_set(Z=segment(samples, 0, rate_hz)), 90 * NS_PER_S)
    np.testing.assert_array_equal(here.samples, there.samples)
    assert here.end_ns - here.start_ns == 60 * NS_PER_S


def test_a_window_does_not_depend_on_what_lies_around_it():
    samples = counts(30_000)
    whole = window(channel_set(Z=samples), 120 * NS_PER_S)
    alone = window(channel_set(Z=segment(samples[12_000:18_000], 120 * NS_PER_S)), 120 * NS_PER_S)
    np.testing.assert_array_equal(whole.samples, alone.samples)


# --- bad values ---------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, -1e30, 1e300])
def test_a_bad_value_is_flagged_and_is_a_gap(value):
    samples = counts()
    samples[3000:3600] = value
    found = of_z(samples)
    assert {"bad_values:Z", "gap"} <= set(found.flags)
    assert found.coverage == 0.9
    assert np.isfinite(found.samples).all()
    assert not found.samples[0, 1500:1800].any()


def test_a_bad_value_before_a_good_piece_is_flagged():
    first = counts(2800)
    first[100] = np.nan
    assert "bad_values:Z" in window(two_pieces(first, counts(2800), 400)).flags


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_nothing_but_bad_values_is_no_data(value):
    found = of_z(np.full(6000, value))
    assert (found.status, found.coverage) == ("no_data", 0)
    assert "bad_values:Z" in found.flags
    assert not found.samples.any()


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e19])
def test_tiny_and_huge_amplitudes_keep_their_shape(scale):
    unit = of_z(counts() / 1000).samples[0]
    scaled = of_z(counts() / 1000 * scale).samples[0].astype(np.float64)
    np.testing.assert_allclose(scaled / scaled.std(), unit / unit.std(), atol=1e-5)


@pytest.mark.parametrize("dtype", ["i2", "i4", ">i4", "f4", ">f4", "f8", "u4"])
def test_the_type_in_the_file_does_not_matter(dtype):
    samples = np.round(counts()) + 10_000
    np.testing.assert_array_equal(of_z(samples.astype(dtype)).samples, of_z(samples).samples)


@given(
    arrays(
        np.float64,
        st.integers(1, 420),
        elements=st.floats(allow_nan=True, allow_infinity=True),
        fill=st.floats(-1e6, 1e6),
    ),
    st.sampled_from([40.0, 50.0, 62.5, 100.0]),
)
@settings(deadline=None, max_examples=60)
def test_no_input_gives_a_sample_that_is_not_finite(samples, rate_hz):
    found = window(channel_set(Z=segment(samples, 0, rate_hz)), preprocessing=SHORT, min_coverage=0)
    assert np.isfinite(found.samples).all()
    assert 0 <= found.coverage <= 1


# --- rotation -----------------------------------------------------------------------------


def test_a_rotation_turns_the_samples():
    swap = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
    parts = {c: counts(seed=i) for i, c in enumerate("ZNE")}
    turned, plain = window(channel_set(**parts, rotation=swap)), window(channel_set(**parts))
    np.testing.assert_array_equal(turned.samples, plain.samples[[0, 2, 1]])
    assert "rotated" in turned.flags


def test_a_rotation_that_turns_nothing_is_not_flagged():
    parts = {c: counts(seed=i) for i, c in enumerate("ZNE")}
    assert "rotated" not in window(channel_set(**parts, rotation=np.eye(3))).flags


def test_without_all_three_components_nothing_is_rotated_and_this_is_said():
    found = window(channel_set(Z=counts(), N=counts(seed=1), rotation=np.eye(3)[[0, 2, 1]]))
    assert "not_rotated" in found.flags
    assert found.samples[1].any()


def test_a_segment_says_when_it_ends():
    assert Segment("Z", 5, 100.0, np.zeros(200)).end_ns == 2 * NS_PER_S + 5


# --- straight lines, and gaps under rotation ----------------------------------------------


def test_a_straight_line_is_dead_because_nothing_is_left_of_it():
    found = of_z(np.arange(6000) * 3 + 1_000_000)
    assert found.status == "no_data"
    assert "dead:Z" in found.flags


def test_weak_signals_on_a_large_offset_are_not_dead():
    found = of_z(1e6 + 1e-3 * noise(6000, 0, 1)[0])
    assert found.status == "usable"


def test_a_gap_in_one_component_is_a_gap_of_all_that_it_is_rotated_into():
    waves = {c: segment(counts(seed=i), 0, 100.0) for i, c in enumerate("ZNE")}
    whole = channel_set(**waves)
    gappy = replace(
        whole,
        segments={
            **whole.segments,
            "N": [
                segment(counts(seed=1)[:3000], 0, 100.0),
                segment(counts(seed=1)[3500:], 35 * NS_PER_S, 100.0),
            ],
        },
        rotation=np.array([[1.0, 0, 0], [0, 0.6, -0.8], [0, 0.8, 0.6]]),
    )
    samples = window(gappy).samples
    assert not samples[:, 1505:1745].any()
    assert samples[:, :1495].any(axis=1).all()
