"""Probabilities as miniSEED: ObsPy reads back what went in, at its time, beside the data."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from obspy import UTCDateTime, read

from quake.errors import ParameterError, WaveformError
from quake.inference.records import WindowRecord
from quake.output.mseed_traces import class_codes, sampling_rate_hz, write_probability_traces
from quake.waveforms.times import NS_PER_S, format_time, parse_time
from quake.windows.grid import WindowGrid

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("earthquake", "surface_event", "noise")
DAY = "2020-05-02T00:00:00Z"
HOP_NS = 30 * NS_PER_S
LETTERS_OF_DATA = set("ZNEABCTRUVW123")


def window(start_s, values=(0.7, 0.2, 0.1), key="ML.ML02.ML.BH?", status="ok"):
    """A window that starts some seconds after midnight; no values: no data."""
    return window_at(parse_time(DAY) + round(start_s * NS_PER_S), values, key, status)


def window_at(start_ns, values=(0.7, 0.2, 0.1), key="ML.ML02.ML.BH?", status="ok"):
    """A window of 60 s, ns since the epoch."""
    return WindowRecord(
        id=key,
        start=format_time(start_ns),
        end=format_time(start_ns + 60 * NS_PER_S),
        label=CLASSES[0] if values else None,
        status=status if values else "no_data",
        probabilities=dict(zip(CLASSES, values, strict=True)) if values else {},
        coverage=1.0,
        components="ZNE",
        sampling_rate_hz=100.0,
        flags=(),
        model="589a6ed490a9",
    )


def first_on_the_grid(hop_ns):
    """Start of the first window of the day, ns since the epoch."""
    return -(-parse_time(DAY) // hop_ns) * hop_ns


def written(records, classes=CLASSES, hop_ns=HOP_NS):
    file = io.BytesIO()
    write_probability_traces(file, records, classes, hop_ns)
    return file.getvalue()


def read_back(records, **options):
    return read(io.BytesIO(written(records, **options)), format="MSEED")


def samples(traces):
    """Time in microseconds since the epoch, and value, of all samples in the order of time."""
    return sorted(
        (round(trace.stats.starttime.ns / 1000 + k * trace.stats.delta * 1e6), float(value))
        for trace in traces
        for k, value in enumerate(trace.data)
    )


def expected(records, name=CLASSES[0]):
    """The same of window records."""
    return sorted(
        (parse_time(r.start) // 1000 + 30_000_000, float(np.float32(r.probabilities[name])))
        for r in records
        if r.probabilities
    )


def test_each_class_is_a_trace_beside_the_data():
    traces = read_back([window(0, (0.7, 0.2, 0.1)), window(30, (0.5, 0.25, 0.25))])
    assert [trace.id for trace in traces] == ["ML.ML02.ML.BHH", "ML.ML02.ML.BHS", "ML.ML02.ML.BHO"]
    for trace, values in zip(traces, [(0.7, 0.5), (0.2, 0.25), (0.1, 0.25)], strict=True):
        np.testing.assert_array_equal(trace.data, np.array(values, np.float32))


def test_a_sample_lies_in_the_middle_of_its_window():
    trace = read_back([window(0), window(30)])[0]
    assert trace.stats.starttime == UTCDateTime("2020-05-02T00:00:30Z")
    assert trace.stats.endtime == UTCDateTime("2020-05-02T00:01:00Z")
    assert trace.stats.delta == 30


def test_records_are_float32_of_4096_bytes_with_the_largest_byte_first():
    data = written([window(0)])
    assert len(data) == 3 * 4096
    trace = read(io.BytesIO(data))[0]
    assert trace.stats.mseed.encoding == "FLOAT32"
    assert trace.stats.mseed.record_length == 4096
    assert trace.stats.mseed.byteorder == ">"


@pytest.mark.parametrize(
    ("classes", "codes"),
    [
        (["earthquake", "surface_event", "noise"], "HSO"),
        (["noise", "earthquake"], "OH"),
        (["quarry", "quake", "quiet"], "QKI"),  # Q; not Q, u and a are of data, K; not Q, I
        (["zebra", "tuna", "brave"], "456"),  # letters of data alone
        (["éclair", "s-1", "S_2"], "LS4"),  # é is no letter of SEED, S is taken
        ([f"{n}" for n in range(7)], "4567890"),
    ],
)
def test_the_code_of_a_class_is_its_first_free_letter_or_a_digit(classes, codes):
    assert "".join(class_codes(classes).values()) == codes


def test_codes_of_classes_differ_and_are_never_those_of_data():
    classes = [f"{letter}{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"][:20]
    codes = class_codes(classes)
    assert list(codes) == classes
    assert len(set(codes.values())) == 20
    assert not LETTERS_OF_DATA & set(codes.values())


def test_more_classes_than_characters_are_refused():
    with pytest.raises(ParameterError, match="'a7': no character is left"):
        class_codes([f"a{n}" for n in range(8)])


def test_windows_without_probabilities_are_gaps():
    records = [window(0), window(30, None), window(60), window(90), window(120, None)]
    traces = read_back(records).select(channel="BHH")
    assert [len(trace) for trace in traces] == [1, 2]
    assert samples(traces) == expected(records)


def test_uncertain_windows_are_samples_like_others():
    (trace,) = read_back([window(0), window(30, status="uncertain")]).select(channel="BHH")
    assert len(trace) == 2


def test_nothing_to_write_writes_nothing():
    assert written([]) == b""
    assert written([window(0, None)]) == b""


def test_a_run_over_midnight_is_read_as_one_trace():
    (trace,) = read_back([window(s) for s in range(86_340, 86_460, 30)]).select(channel="BHH")
    assert trace.stats.starttime == UTCDateTime("2020-05-02T23:59:30Z")
    assert len(trace) == 4


@pytest.mark.parametrize("hop_s", [30, 40.2, 7.5, 15, 40.02, 20.1, 2.997])
def test_the_last_sample_of_a_day_is_exact_to_the_microsecond(hop_s):
    hop_ns = round(hop_s * NS_PER_S)
    first_ns = first_on_the_grid(hop_ns)
    n_windows = 86_400 * NS_PER_S // hop_ns
    records = [window_at(first_ns + n * hop_ns) for n in range(n_windows)]
    (trace,) = read_back(records, hop_ns=hop_ns).select(channel="BHH")
    exact_ns = first_ns + 30 * NS_PER_S + (n_windows - 1) * hop_ns
    assert trace.stats.npts == n_windows
    assert abs(trace.stats.endtime.ns - exact_ns) < 1000
    assert trace.stats.sampling_rate == pytest.approx(1 / hop_s, rel=1e-15)


@pytest.mark.parametrize("hop_ns", [40_001_000_000, 32_767_000_000, 33_333_333, 0])
def test_a_step_that_miniseed_cannot_hold_exactly_is_refused_at_once(hop_ns):
    with pytest.raises(ParameterError, match=r"step of .* s between windows"):
        sampling_rate_hz(hop_ns)
    with pytest.raises(ParameterError, match="another format"):
        written([], hop_ns=hop_ns)


def test_windows_off_the_grid_are_traces_of_their_own_at_their_time():
    # 45 s of steps of 30 s: readers would put 15.68 s after 0 s into one trace with it.
    records = [window(-14.33), window(0), window(15.68), window(30), window(60)]
    traces = read_back(records).select(channel="BHH")
    assert sorted(len(trace) for trace in traces) == [1, 1, 3]
    assert samples(traces) == expected(records)


def test_two_windows_off_the_grid_are_not_joined():
    records = [window(7.125), window(36.5)]
    traces = read_back(records).select(channel="BHH")
    assert [len(trace) for trace in traces] == [1, 1]
    assert samples(traces) == expected(records)


def test_windows_off_the_grid_are_not_joined_over_midnight_if_days_are_written_one_by_one():
    records = [window(86_370.5), window(86_402.25)]
    data = b"".join(written([record]) for record in records)
    traces = read(io.BytesIO(data)).select(channel="BHH")
    assert samples(traces) == expected(records)


def test_a_start_that_was_rounded_to_a_microsecond_is_on_the_grid():
    hop_ns = 1_953_125  # 1/512 s
    records = [window_at(first_on_the_grid(hop_ns) + n * hop_ns) for n in range(5)]
    (trace,) = read_back(records, hop_ns=hop_ns).select(channel="BHH")
    assert len(trace) == 5


def test_channel_sets_have_traces_of_their_own():
    records = [
        window(s, key=key) for key in ("ML.A..BH?", "ML.A..HN?", "ML.B..BH?") for s in (0, 30)
    ]
    traces = read_back(records)
    assert {trace.id for trace in traces} == {
        f"{key}{code}" for key in ("ML.A..BH", "ML.A..HN", "ML.B..BH") for code in "HSO"
    }
    assert len(traces) == 9


def test_the_same_windows_give_the_same_bytes_in_one_call_or_several():
    days = [[window(s) for s in (0, 7.5, 30, 90)], [window(s) for s in (86_400, 86_430)]]
    whole = written(days[0] + days[1])
    assert whole == written(days[0] + days[1])
    assert whole == written(days[0]) + written(days[1])


def test_one_channel_set_and_day_are_in_memory_at_a_time():
    file = io.BytesIO()
    sizes = []

    def records():
        for day in range(3):
            for s in (0, 30):
                yield window(day * 86_400 + s)
                sizes.append(file.tell() // (3 * 4096))

    write_probability_traces(file, records(), CLASSES, HOP_NS)
    # What is asked for after the first window of a day comes when the day before is written.
    assert sizes == [0, 0, 1, 1, 2, 2]
    assert file.tell() == 3 * 3 * 4096


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("XX.LONGNAME..BH?", "XX.LONGNAME..BH?: station 'LONGNAME'"),
        ("XXX.STA..BH?", "XXX.STA..BH?: network 'XXX'"),
        ("XX.STA.100.BH?", "XX.STA.100.BH?: location '100'"),
        ("XX.STA..BHX?", "XX.STA..BHX?: channel 'BHXH'"),
        ("XX.STÄ..BH?", "XX.STÄ..BH?: station 'STÄ'"),
    ],
)
def test_codes_that_miniseed_cannot_hold_are_named(key, words):
    with pytest.raises(WaveformError) as raised:
        written([window(0, key=key)])
    assert str(raised.value).startswith(words)


def test_codes_of_channel_sets_without_probabilities_do_not_matter():
    assert written([window(0, None, key="XX.LONGNAME..BH?")]) == b""


def test_a_file_that_cannot_be_written_to_says_so():
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        write_probability_traces(Full(), [window(0)], CLASSES, HOP_NS)


def test_predictions_of_a_real_record_lie_within_it_and_share_no_name_with_it():
    lines = (ROOT / "tests" / "golden" / "BK.MHC.jsonl").read_text().splitlines()
    records = [WindowRecord(**json.loads(line)) for line in lines]
    data = read(ROOT / "examples" / "BK.MHC.mseed")
    traces = read_back(records)
    for name, code in class_codes(CLASSES).items():
        assert samples(traces.select(id=f"BK.MHC..BH{code}")) == expected(records, name)
    assert not {trace.id for trace in traces} & {trace.id for trace in data}
    for trace in traces:
        assert data[0].stats.starttime < trace.stats.starttime < data[0].stats.endtime


# Records: the gap before each, a window or longer, and its length, ms.
GAPS_AND_LENGTHS = st.lists(
    st.tuples(st.integers(60_010, 200_000), st.integers(1_000, 300_000)), min_size=1, max_size=8
)


@settings(max_examples=200, deadline=None)
@given(
    gaps_and_lengths=GAPS_AND_LENGTHS,
    overlap=st.sampled_from([0, 0.2, 0.33, 0.5, 0.75]),
    is_by_day=st.booleans(),
)
def test_every_window_of_any_record_is_read_back_at_its_time(gaps_and_lengths, overlap, is_by_day):
    grid = WindowGrid.from_overlap(60, overlap)
    at_ms, records = 86_100_000, []  # the first ones lie around midnight
    for gap_ms, length_ms in gaps_and_lengths:
        start_ns = parse_time(DAY) + (at_ms + gap_ms) * 1_000_000
        at_ms += gap_ms + length_ms
        for begin_ns in grid.starts(start_ns, parse_time(DAY) + at_ms * 1_000_000, 5_000_000):
            p = (len(records) + 1) / 1024  # exact as float32
            records.append(window_at(begin_ns, (p, p, p)))
    days = {}
    for record in records:
        days.setdefault(record.start[:10] if is_by_day else "", []).append(record)
    data = b"".join(written(some, hop_ns=grid.hop_ns) for some in days.values())
    traces = read(io.BytesIO(data)).select(channel="BHO")
    assert samples(traces) == expected(records, "noise")
