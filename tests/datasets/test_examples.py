"""Decoding: rows of a label table become examples, and rows that cannot are named."""

import os

import numpy as np
import pytest
from strategies import START_NS, noise, stream, trace, write

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets.decoding import decode
from quake.datasets.file_reader import FILE_READER
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


def test_values_that_are_no_numbers_are_gaps_and_a_row_of_them_is_left_out(tmp_path, labelled_span):
    rows = noise(6000).astype("f4")
    rows[:, 2000:2500] = np.nan
    write(tmp_path / "a.mseed", stream(rows))
    write(tmp_path / "nan.mseed", stream(np.full((3, 6000), np.nan, "f4")))
    (example,), ((_, reason),) = decode(
        [labelled_span(label="noise"), labelled_span("nan.mseed", "noise")], LABELS, P
    )
    assert np.isfinite(example.samples).all()
    assert not example.samples[:, 1010:1240].any()
    assert "nan.mseed" in reason


def test_an_arrival_outside_of_the_record_is_named(record, labelled_span):
    late = labelled_span(p_ns=START_NS + 400 * 10**9)
    _, ((_, reason),) = decode([late, labelled_span()], LABELS, P)
    assert "arrival at 2021-03-04T05:12:40.000000Z is outside of the record" in reason


def test_an_arrival_just_before_the_record_is_its_beginning(tmp_path, labelled_span):
    write(tmp_path / "a.mseed", stream(noise(6000)))
    assert only(labelled_span(p_ns=START_NS - 4 * 10**8)).onset == 0


def test_of_several_stations_the_one_of_the_row_is_read(tmp_path, labelled_span):
    full = stream(noise(6000), station="OTH")
    write(tmp_path / "a.mseed", full + stream(noise(6000)[:1], "Z"))
    assert only(labelled_span(label="noise")).components == "Z"
    assert only(labelled_span(label="noise", station="XX.OTH")).components == "ZNE"
    assert only(labelled_span(label="noise", station=".")).components == "ZNE"


def test_a_station_that_is_not_in_a_file_of_several_is_named(tmp_path, labelled_span):
    write(tmp_path / "a.mseed", stream(noise(6000), station="OTH") + stream(noise(6000)))
    rows = [labelled_span(station="XX.NONE"), labelled_span()]
    _, ((_, reason),) = decode(rows, LABELS, P)
    assert "has stations XX.OTH, XX.STA" in reason
    assert "not XX.NONE" in reason


def test_processes_give_what_one_process_gives(record, tmp_path, labelled_span):
    write(tmp_path / "dead.mseed", stream(np.ones((3, 6000))))
    spans = [
        labelled_span(("a.mseed", "dead.mseed")[i % 5 == 4], ("earthquake", "noise")[i % 2], row=i)
        for i in range(40)
    ]
    plain, plainly_excluded = decode(spans, LABELS, P)
    told = []
    found, excluded = decode(spans, LABELS, P, told.append, workers=2)
    assert told == list(range(1, 41))
    assert excluded == plainly_excluded
    assert len(excluded) == 8
    for one, other in zip(plain, found, strict=True):
        np.testing.assert_array_equal(one.samples, other.samples)
        assert (one.span, one.onset, one.target) == (other.span, other.onset, other.target)


class _Deadly:
    """A reader that kills the process that it is sent to."""

    def __init__(self):
        self.home = os.getpid()

    def read(self, span, margin_ns):
        if os.getpid() != self.home:
            os._exit(9)
        return FILE_READER.read(span, margin_ns)

    def fingerprint(self, span):
        return "deadly"


def test_if_a_process_dies_the_rows_are_decoded_all_the_same(record, labelled_span, caplog):
    spans = [labelled_span(row=i, reader=_Deadly()) for i in range(20)]
    found, excluded = decode(spans, LABELS, P, workers=1)
    assert (len(found), excluded) == (20, [])
    assert "has died; the other 20 rows are decoded in this one" in caplog.text


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

    from quake.waveforms.joining import join_segments
    from quake.waveforms.readers.waveform_file import read_segments
    from quake.windows.cutting import cut

    segments, _ = read_segments(record, ID)
    whole = channel_set(**{c: join_segments(s for s in segments if s.code == c) for c in "ZNE"})
    expected = cut(whole, START_NS, P, 0.7)
    found = only(labelled_span(label="noise"))
    np.testing.assert_array_equal(found.samples, expected.samples)
