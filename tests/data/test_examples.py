"""Decoding: rows of a label table become examples, and rows that cannot are named."""

import numpy as np
import pytest
from strategies import START_NS, noise, stream, trace, write

from quake.data.examples import decode
from quake.data.labels import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.errors import LabelError

P = Preprocessing()
LABELS = LabelSet(("earthquake", "noise"))


@pytest.fixture
def record(tmp_path):
    """A file of five minutes at 100 Hz that begins two minutes before the rows of the tests."""
    start_ns = START_NS - 120 * 10**9
    return write(tmp_path / "a.mseed", stream(noise(30_000).astype("f4"), start_ns=start_ns))


def only(span):
    (example,), excluded = decode([span], LABELS, P)
    assert excluded == []
    return example


def test_a_row_of_noise_is_decoded_as_far_as_it_is_labelled(record, labelled_span):
    example = only(labelled_span(label="noise", end_s=90))
    assert example.samples.shape == (3, 4500)
    assert (example.target, example.onset, example.components) == (1, None, "ZNE")


def test_a_row_of_an_event_has_a_windows_length_of_the_record_on_either_side(record, labelled_span):
    example = only(labelled_span(end_s=60))
    assert example.samples.shape == (3, 3 * 3000)
    assert example.target == 0


def test_the_margin_ends_where_the_record_does(record, labelled_span):
    example = only(labelled_span(start_s=-110, end_s=170))
    assert example.samples.shape == (3, 15_000)


def test_the_onset_is_the_arrival_of_the_p_wave(record, labelled_span):
    example = only(labelled_span(p_ns=START_NS + 12 * 10**9))
    assert example.onset == (60 + 12) * 50


def test_without_an_arrival_the_onset_is_the_start_of_the_row(record, labelled_span):
    assert only(labelled_span()).onset == 60 * 50


def test_the_onset_is_where_the_amplitude_jumps(tmp_path, labelled_span):
    rows = noise(30_000)
    rows[:, 13_000:] *= 50
    write(tmp_path / "a.mseed", stream(rows, start_ns=START_NS - 120 * 10**9))
    example = only(labelled_span(p_ns=START_NS + 10 * 10**9))
    before, after = (
        example.samples[:, : example.onset - 50],
        example.samples[:, example.onset + 50 :],
    )
    assert (after.std(1) > 20 * before.std(1)).all()


def test_samples_are_finite_and_missing_components_zero(tmp_path, labelled_span):
    write(tmp_path / "a.mseed", trace(noise(12_000)[0]))
    example = only(labelled_span(label="noise"))
    assert example.components == "Z"
    assert np.isfinite(example.samples).all()
    assert example.samples.any(axis=1).tolist() == [True, False, False]


def test_of_two_channel_sets_the_one_with_more_components_is_taken(tmp_path, labelled_span):
    both = stream(noise(6000)[:1], "Z", "EH") + stream(noise(6000), "ZNE", "HN")
    write(tmp_path / "a.mseed", both)
    assert only(labelled_span(label="noise")).components == "ZNE"


def test_rows_that_cannot_be_used_are_returned_with_the_reason(record, tmp_path, labelled_span):
    (tmp_path / "text.mseed").write_text("no waveforms here")
    write(tmp_path / "dead.mseed", stream(np.ones((3, 6000))))
    write(tmp_path / "slow.mseed", stream(noise(600), rate_hz=10.0))
    write(tmp_path / "deep.mseed", stream(noise(6000), "HFX"))
    gappy = stream(noise(2000)) + stream(noise(1000), start_ns=START_NS + 50 * 10**9)
    write(tmp_path / "gappy.mseed", gappy)
    reasons = {
        "missing.mseed": "no such file",
        "text.mseed": "neither miniSEED nor SAC",
        "dead.mseed": "all_dead",
        "slow.mseed": "sampling_rate_too_low",
        "deep.mseed": "components F, H, X, but",
        "gappy.mseed": "low_coverage",
    }
    bad = [labelled_span(path, "noise") for path in reasons]
    late = labelled_span("a.mseed", "noise", start_s=5000, end_s=6000)
    short = labelled_span("a.mseed", "noise", start_s=0, end_s=1)
    examples, excluded = decode([*bad, late, short, labelled_span()], LABELS, P)
    assert len(examples) == 1
    assert [span for span, _ in excluded] == [*bad, late, short]
    expected = [*reasons.values(), "no data between the row's start and end", "1.0 s of data"]
    for (span, found), reason in zip(excluded, expected, strict=True):
        assert reason in found
        assert str(span.path) in found


def test_a_row_of_an_unknown_class_is_excluded_by_name(record, labelled_span):
    _, ((_, reason),) = decode([labelled_span(), labelled_span(label="tremor")], LABELS, P)
    assert "unknown class 'tremor'" in reason


def test_a_table_of_which_no_row_can_be_used_is_an_error(labelled_span):
    with pytest.raises(LabelError, match=r"none of 2 rows can be used; the first one: .*no such"):
        decode([labelled_span(), labelled_span()], LABELS, P)


def test_progress_is_told_row_by_row(record, labelled_span):
    told = []
    decode([labelled_span(), labelled_span("missing")], LABELS, P, told.append)
    assert told == [1, 2]


def test_decoding_gives_what_the_classifier_would_cut(record, labelled_span):
    from strategies import ID, channel_set

    from quake.data.join import join_segments
    from quake.data.readers import read_segments
    from quake.data.windows import cut

    segments, _ = read_segments(record, ID)
    whole = channel_set(**{c: join_segments(s for s in segments if s.code == c) for c in "ZNE"})
    expected = cut(whole, START_NS, P, 0.7)
    found = only(labelled_span(label="noise"))
    np.testing.assert_array_equal(found.samples, expected.samples)
