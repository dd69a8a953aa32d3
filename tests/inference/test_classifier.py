"""The classifier: one record a window, whatever the waveforms come as."""

import json
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from strategies import FIELDS, ID, START_NS, noise, segment, stream, trace, write

from quake.errors import LabelError, ModelError, ParameterError, WaveformError
from quake.inference import Classifier, WindowRecord
from quake.inference.config import PredictConfig
from quake.model_file.identity import model_hash
from quake.stations.orientation import Epoch, Orientations
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Segment, Span
from quake.waveforms.times import NS_PER_S
from quake.windows import blocks as module

START = "2021-03-04T05:06:00Z"


@pytest.fixture(scope="module")
def rows():
    """Three minutes at 100 Hz."""
    return noise(18_000)


def of_array(classifier, rows, rate_hz=100.0, **options):
    components = options.pop("components", "ZNE")
    config = PredictConfig(**options)
    return list(classifier.predict_array(rows, rate_hz, START, components, config))


# --- what comes out -----------------------------------------------------------------------


def test_a_record_of_three_minutes_by_hand(classifier, rows):
    found = of_array(classifier, rows)
    assert [r.start[11:19] for r in found] == [
        "05:06:00",
        "05:06:30",
        "05:07:00",
        "05:07:30",
        "05:08:00",
    ]
    assert found[0].end == "2021-03-04T05:07:00.000000Z"


def test_a_record_has_the_fields_of_the_schema(classifier, rows, random_model):
    record = of_array(classifier, rows)[0].to_dict()
    assert list(record) == FIELDS
    assert record["status"] == "ok"
    assert record["components"] == "ZNE"
    assert record["coverage"] == 1
    assert record["sampling_rate_hz"] == 100
    assert record["flags"] == ["resampled"]
    assert record["model"] == model_hash(random_model)


def test_a_record_is_plain_json(classifier, rows):
    record = of_array(classifier, rows)[0].to_dict()
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_probabilities_are_one_a_class_in_their_order_and_sum_to_one(classifier, rows):
    for record in of_array(classifier, rows):
        assert list(record.probabilities) == ["earthquake", "surface_event", "noise"]
        assert sum(record.probabilities.values()) == pytest.approx(1, abs=2e-6)


def test_the_label_is_the_most_probable_class(classifier, rows):
    for record in of_array(classifier, rows):
        assert record.probabilities[record.label] == max(record.probabilities.values())


def test_the_answers_depend_on_the_waveforms(classifier, rows):
    # Without this the tests of invariance would prove nothing.
    values = [record.probabilities["noise"] for record in of_array(classifier, rows)]
    assert max(values) - min(values) > 0.01


def test_the_id_is_the_channel_set(classifier, rows):
    whole = stream(rows, location="00")
    assert {r.id for r in classifier.predict(whole)} == {"XX.STA.00.HH?"}


def test_a_path_a_list_of_paths_and_a_stream_give_the_same(classifier, rows, tmp_path):
    whole = stream(rows.astype(np.float32))
    path = write(tmp_path / "a.mseed", whole)
    expected = list(classifier.predict(whole))
    assert expected
    assert list(classifier.predict(path)) == expected
    assert list(classifier.predict(str(path))) == expected
    assert list(classifier.predict([path])) == expected


def test_an_array_gives_what_its_stream_gives(classifier, rows):
    from_array = of_array(classifier, rows)
    from_stream = list(classifier.predict(stream(rows)))
    assert [r.probabilities for r in from_array] == [r.probabilities for r in from_stream]


def test_miniseed_and_sac_of_the_same_samples_give_the_same(classifier, rows, tmp_path):
    whole = stream(rows.astype(np.float32))
    mseed = write(tmp_path / "a.mseed", whole)
    sac = [write(tmp_path / t.id, t, format="SAC") for t in whole]
    assert list(classifier.predict(sac)) == list(classifier.predict(mseed))


def test_z12_is_taken_as_zne(quick, rows):
    found = of_array(quick, rows, components="Z12")
    assert [r.probabilities for r in found] == [r.probabilities for r in of_array(quick, rows)]


def test_a_prediction_can_be_iterated_over_again(quick, rows):
    prediction = quick.predict(stream(rows))
    assert list(prediction) == list(prediction)
    assert prediction.summary.input_s == 180


def test_nothing_is_read_before_the_iteration(quick, tmp_path):
    prediction = quick.predict(tmp_path / "none.mseed")
    assert prediction.problems == []
    assert list(prediction) == []
    assert len(prediction.problems) == 1


def test_a_bad_file_is_a_problem_and_the_others_go_on(quick, rows, tmp_path):
    good = write(tmp_path / "good.mseed", stream(rows))
    (tmp_path / "bad.mseed").write_text("nothing")
    prediction = quick.predict([tmp_path / "bad.mseed", good])
    assert list(prediction) == list(quick.predict(good))
    assert [p.source for p in prediction.problems] == [str(tmp_path / "bad.mseed")]


def test_an_empty_stream_is_an_error(quick):
    with pytest.raises(WaveformError, match="it is empty"):
        list(quick.predict(stream([], "")))


def test_seconds_done_grow_to_the_total(quick, rows):
    from quake.waveforms.sources import StreamSource

    heard = []
    source = StreamSource(stream(rows) + stream(rows, station="OTHER"))
    list(quick.predict_source(source, on_seconds=lambda done, total: heard.append((done, total))))
    done = [d for d, _ in heard]
    assert done == sorted(done)
    assert heard[-1] == (360, 360)


# --- options ------------------------------------------------------------------------------


@pytest.mark.parametrize(("overlap", "n_windows"), [(0, 3), (0.5, 5), (0.75, 9)])
def test_the_overlap_gives_the_number_of_windows(quick, rows, overlap, n_windows):
    assert len(of_array(quick, rows, overlap=overlap)) == n_windows


def test_another_overlap_does_not_change_the_windows_both_have(quick, rows):
    half = {r.start: r for r in of_array(quick, rows, overlap=0.5)}
    none = of_array(quick, rows, overlap=0)
    assert [half[r.start] for r in none] == none


def test_channels_choose_channel_sets(quick, rows):
    both = stream(rows) + stream(rows, band_instrument="HN")
    found = quick.predict(both, PredictConfig(channels=("HN?",)))
    assert {r.id for r in found} == {"XX.STA..HN?"}


def test_a_component_chosen_alone_is_used_alone(quick, rows):
    found = quick.predict(stream(rows), PredictConfig(channels=("HHZ",)))
    assert {r.components for r in found} == {"Z"}


@pytest.mark.parametrize(("threshold", "status"), [(0.0, "ok"), (1.0, "uncertain")])
def test_a_window_below_its_threshold_is_uncertain(quick, rows, threshold, status):
    found = of_array(quick, rows, thresholds={"": threshold})
    assert {r.status for r in found} == {status}
    assert all(r.label for r in found)


def test_a_threshold_of_a_class_applies_to_it_alone(quick, rows):
    found = of_array(quick, rows, thresholds={"": 1.0, "noise": 0.0}, overlap=0.9)
    assert len({r.label for r in found}) > 1
    assert all((r.status == "ok") == (r.label == "noise") for r in found)


def test_a_threshold_may_be_given_by_an_alias(quick, rows):
    by_alias = of_array(quick, rows, thresholds={"no": 1.0})
    assert by_alias == of_array(quick, rows, thresholds={"noise": 1.0})


def test_the_thresholds_do_not_change_the_probabilities(quick, rows):
    strict, mild = (of_array(quick, rows, thresholds={"": t}) for t in (1.0, 0.0))
    assert [r.probabilities for r in strict] == [r.probabilities for r in mild]


def test_a_threshold_of_an_unknown_class_is_an_error(quick, rows):
    with pytest.raises(LabelError, match="unknown class 'tremor'"):
        of_array(quick, rows, thresholds={"tremor": 0.5})


@pytest.mark.parametrize(
    "options",
    [
        {"overlap": 1.0},
        {"overlap": -0.1},
        {"overlap": float("nan")},
        {"min_coverage": 1.1},
        {"min_coverage": float("nan")},
        {"thresholds": {"noise": 2.0}},
        {"batch_size": 0},
    ],
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(ParameterError, match=next(iter(options))[:9]):
        PredictConfig(**options)


def test_an_unknown_device_is_refused_and_the_known_ones_are_listed(random_model):
    with pytest.raises(ParameterError, match="auto, cpu, cuda"):
        Classifier(random_model, device="tpu")


def test_a_missing_model_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ModelError, match=r"none\.safetensors"):
        Classifier(tmp_path / "none.safetensors")


# --- windows without an answer ------------------------------------------------------------


def without_answer(record):
    return record.label is None and record.probabilities == {}


def test_silence_is_no_data(quick):
    found = of_array(quick, np.zeros((3, 18_000)))
    assert {r.status for r in found} == {"no_data"}
    assert all(without_answer(r) for r in found)
    assert all("all_dead" in r.flags for r in found)


def test_a_slow_record_is_rejected_with_the_reason(quick):
    found = of_array(quick, noise(1800), rate_hz=10.0)
    assert {r.status for r in found} == {"rejected"}
    assert all(without_answer(r) for r in found)
    assert all("sampling_rate_too_low" in r.flags for r in found)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30])
def test_bad_values_never_give_a_probability_that_is_none(classifier, rows, value):
    damaged = rows.copy()
    damaged[:, 7000:9000] = value
    damaged[0, ::37] = value
    found = of_array(classifier, damaged, min_coverage=0.0)
    assert len(found) == 5
    assert all(np.isfinite(list(r.probabilities.values())).all() for r in found)
    assert any("bad_values:Z" in r.flags for r in found)


def test_windows_with_and_without_an_answer_come_in_the_order_of_time(quick, rows):
    damaged = rows.copy()
    damaged[:, 6000:12_000] = 0
    found = of_array(quick, damaged, batch_size=2, overlap=0.75)
    assert [r.start for r in found] == sorted(r.start for r in found)
    assert {r.status for r in found} == {"ok", "no_data"}


def test_a_short_record_is_not_silent(quick):
    (record,) = of_array(quick, noise(1400))
    assert (record.status, record.coverage) == ("no_data", 0.233333)


def test_a_record_of_half_a_minute_is_classified(quick):
    (record,) = of_array(quick, noise(3000))
    assert (record.status, record.coverage) == ("ok", 0.5)


# --- rotation -----------------------------------------------------------------------------


def oriented(azimuth_1, azimuth_2):
    def always(azimuth, dip):
        return [Epoch(-(2**63), 2**63, azimuth, dip)]

    return Orientations(
        {
            (ID, "Z"): always(0, -90),
            (ID, "1"): always(azimuth_1, 0),
            (ID, "2"): always(azimuth_2, 0),
        }
    )


def test_a_turned_sensor_gives_the_answers_of_one_that_is_not(quick, rows):
    z, n, e = rows
    turned = quick.predict(stream([z, e, -n], "Z12"), orientations=oriented(90, 180))
    true = list(quick.predict(stream(rows)))
    found = list(turned)
    for a, b in zip(found, true, strict=True):
        assert "rotated" in a.flags
        assert list(a.probabilities.values()) == pytest.approx(
            list(b.probabilities.values()), abs=1e-5
        )


def test_a_sensor_of_unknown_orientation_is_flagged(quick, rows):
    other = stream(rows, "Z12", station="OTHER")
    found = list(quick.predict(other, orientations=oriented(0, 90)))
    assert all("not_rotated" in r.flags for r in found)


# --- the summary --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def damaged_stream():
    """Make a stream of two stations with gaps, dead spans and a slow channel set."""

    def make(seed):
        rng = random.Random(seed)
        n = rng.randrange(4000, 20_000)
        rows = noise(n, seed)
        if rng.random() < 0.5:
            a = rng.randrange(n)
            rows[:, a : a + 9000] = 5
        parts = stream(rows[:, : n // 2])
        gap_ns = rng.randrange(200) * NS_PER_S
        later = START_NS + n // 2 * NS_PER_S // 100 + gap_ns
        parts += stream(rows[:, n // 2 :], start_ns=later)
        parts += stream(noise(rng.randrange(1, 3000), seed), rate_hz=10.0, band_instrument="BH")
        return parts

    return make


@given(st.integers(0, 10_000), st.sampled_from([0, 0.5, 0.8]))
@settings(
    deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_the_seconds_of_the_summary_add_up(quick, damaged_stream, seed, overlap):
    prediction = quick.predict(damaged_stream(seed), PredictConfig(overlap=overlap))
    found = list(prediction)
    summary = prediction.summary
    parts = summary.scored_s + summary.rejected_s + summary.no_data_s
    assert parts == pytest.approx(summary.input_s, abs=1e-6)
    assert sum(summary.windows.values()) == len(found)
    assert sum(summary.labels.values()) == summary.windows["ok"] + summary.windows["uncertain"]
    assert summary.channel_sets == len({r.id for r in found})


def test_the_summary_by_hand(quick):
    # Two minutes of noise, two of silence, one record of 60 s at a rate that is too low.
    rows = np.concatenate([noise(12_000), np.zeros((3, 12_000))], axis=1)
    both = stream(rows) + stream(noise(600), rate_hz=10.0, band_instrument="BH")
    prediction = quick.predict(both, PredictConfig(overlap=0))
    list(prediction)
    s = prediction.summary
    assert (s.input_s, s.scored_s, s.rejected_s, s.no_data_s) == (300, 120, 60, 120)
    assert s.windows == {"ok": 2, "no_data": 2, "rejected": 1}
    assert s.channel_sets == 2


def test_a_second_that_is_scored_once_counts_as_scored(quick):
    rows = np.concatenate([noise(9000), np.zeros((3, 9000))], axis=1)
    config = PredictConfig(overlap=0.5, min_coverage=0.7)
    prediction = quick.predict_array(rows, 100.0, START, config=config)
    statuses = [r.status for r in prediction]
    # The third window is half silence, which is a gap; its other half is in the second one too.
    assert statuses == ["ok", "ok", "no_data", "no_data", "no_data"]
    assert (prediction.summary.scored_s, prediction.summary.no_data_s) == (90, 90)


def test_a_gap_as_long_as_a_window_is_not_input(quick):
    parts = stream(noise(6000)) + stream(noise(6000), start_ns=START_NS + 3600 * NS_PER_S)
    prediction = quick.predict(parts)
    assert len(list(prediction)) == 2
    assert prediction.summary.input_s == 120


# --- memory -------------------------------------------------------------------------------


class CountingSource:
    """Three components from START_NS on, of a given rate and length; remembers its reads."""

    def __init__(self, rate_hz, length_s, rows=None):
        self.problems = []
        self.reads = []
        self.rate_hz, self.rows = rate_hz, rows
        self.end_ns = START_NS + round(length_s * NS_PER_S)

    def spans(self):
        return {ID: [Span(ID, c, START_NS, self.end_ns, self.rate_hz, "made up") for c in "ZNE"]}

    def read(self, spans, channel_set: ChannelSetId, start_ns, end_ns) -> list[Segment]:
        self.reads.append((start_ns, end_ns))
        if self.rows is None:
            return []
        step_ns = NS_PER_S / self.rate_hz
        first = max(round((start_ns - START_NS) / step_ns), 0)
        stop = max(round((end_ns - START_NS) / step_ns), 0)
        return [
            segment(row[first:stop], START_NS + round(first * step_ns), self.rate_hz, c)
            for c, row in zip("ZNE", self.rows, strict=True)
        ]


def test_a_record_of_days_is_read_at_most_a_day_at_a_time(quick):
    source = CountingSource(20.0, 5.3 * 86_400)
    for _ in quick.predict_source(source, PredictConfig(overlap=0)):
        pass
    assert len(source.reads) == 6 * 2  # it touches six days, each read in two halves
    margin_ns = 60 * NS_PER_S + 4 * NS_PER_S // 20
    assert all(end - start <= 86_400 * NS_PER_S + margin_ns for start, end in source.reads)


def test_a_record_of_a_high_rate_is_read_in_shorter_blocks(quick):
    source = CountingSource(1000.0, 86_400)
    for _ in quick.predict_source(source, PredictConfig(overlap=0)):
        pass
    longest_s = max(end - start for start, end in source.reads) / NS_PER_S
    assert longest_s * 1000 <= 8_640_000 + 61 * 1000


@pytest.mark.parametrize(("rate_hz", "block_s"), [(50.0, 300), (99.9987, 77), (100.0, 61)])
def test_blocks_give_what_a_single_read_gives(quick, monkeypatch, rate_hz, block_s):
    rows = noise(round(900 * rate_hz))
    whole = list(quick.predict_source(CountingSource(rate_hz, 900, rows)))
    monkeypatch.setattr(module, "_BLOCK_SAMPLES", block_s * rate_hz)
    source = CountingSource(rate_hz, 900, rows)
    assert list(quick.predict_source(source)) == whole
    assert len(source.reads) >= 3


def test_blocks_of_a_file_give_what_a_single_read_gives(quick, monkeypatch, tmp_path):
    path = write(tmp_path / "a.mseed", stream(noise(60_000).astype("f4"), start_ns=START_NS + 7))
    whole = list(quick.predict(path))
    monkeypatch.setattr(module, "_BLOCK_SAMPLES", 12_000)
    assert list(quick.predict(path)) == whole


# --- damaged files ------------------------------------------------------------------------


def test_a_flipped_bit_never_stops_a_run(quick, tmp_path):
    good = write(tmp_path / "good", stream(noise(7000).astype("f4")))
    whole = write(tmp_path / "one", trace(noise(7000)[0].astype("f4"), station="BAD")).read_bytes()
    rng = random.Random(0)
    expected = list(quick.predict(good))
    for position in [rng.randrange(8 * 64) for _ in range(40)]:
        content = bytearray(whole)
        content[position // 8] ^= 1 << position % 8
        bad = tmp_path / "bad"
        bad.write_bytes(content)
        found = list(quick.predict([bad, good]))
        assert all(isinstance(record, WindowRecord) for record in found)
        assert [r for r in found if r.id == "XX.STA..HH?"][-len(expected) :] == expected
