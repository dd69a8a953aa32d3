"""Clocks that drift within a file: sample times follow the headers of the records."""

import io
import json

import numpy as np
import pytest
from obspy import Stream
from strategies import ID, START_NS, trace

from quake.waveforms.readers import file_index
from quake.waveforms.readers.waveform_file import contents_of, read_segments
from quake.waveforms.sources import FileSource
from quake.waveforms.times import NS_PER_S

RATE_HZ = 100.0
N_SAMPLES = 200  # of a record
N_RECORDS = 300


def drifting(shift_samples, codes="Z", n_records=N_RECORDS, jitter=None, noise=None):
    """Records each of which begins so many samples later than the one before promises.

    The value of a sample is its time in samples since the start, times 1000; or noise, of a
    generator, since a straight line is no recording.
    """
    content = io.BytesIO()
    for number in range(n_records):
        offset = 0 if jitter is None else jitter[number]
        begin = number * (N_SAMPLES + shift_samples) + offset
        values = np.rint(1000 * (begin + np.arange(N_SAMPLES))).astype(np.int32)
        if noise is not None:
            values = noise.integers(-1000, 1000, N_SAMPLES, np.int32)
        start_ns = START_NS + round(begin / RATE_HZ * NS_PER_S / 1000) * 1000
        pieces = [trace(values, f"HH{code}", start_ns, RATE_HZ) for code in codes]
        Stream(pieces).write(content, format="MSEED", reclen=1024, encoding="INT32")
    return content.getvalue()


@pytest.fixture
def file(tmp_path):
    def write(content, name="a.mseed"):
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def errors_in_samples(segments):
    """How far the time of each sample is from that which its value tells."""
    for segment in segments:
        at = (segment.start_ns - START_NS) / NS_PER_S * RATE_HZ + np.arange(len(segment.samples))
        yield np.abs(at - segment.samples / 1000)


@pytest.mark.parametrize("shift", [-0.4, -0.06, -0.01, 0.01, 0.3, 0.45])
def test_each_sample_is_at_its_time_to_one_sample(file, shift):
    path = file(drifting(shift))
    segments, problems = read_segments(path, ID)
    assert problems == []
    assert len(segments) == 1
    assert max(errors.max() for errors in errors_in_samples(segments)) <= 1.0
    (span,) = contents_of(path).spans
    end_samples = N_RECORDS * (N_SAMPLES + shift) - shift
    assert (span.end_ns - START_NS) / NS_PER_S * RATE_HZ == pytest.approx(end_samples, abs=0.1)
    assert abs(segments[0].end_ns - span.end_ns) <= NS_PER_S / RATE_HZ


@pytest.mark.parametrize("piece_bytes", [8192, 100_000])
def test_in_pieces_too(file, monkeypatch, piece_bytes):
    monkeypatch.setattr(file_index, "PIECE_BYTES", piece_bytes)
    monkeypatch.setattr(file_index, "_RANGE_BYTES", 2 * piece_bytes)
    path = file(drifting(-0.4, "ZNE"))
    index = contents_of(path).index
    segments, _ = read_segments(path, ID, index=index)
    assert {segment.code for segment in segments} == {"Z", "N", "E"}
    assert max(errors.max() for errors in errors_in_samples(segments)) <= 1.0


def test_an_hour_of_it_is_at_its_time(file):
    path = file(drifting(-0.4))
    start_ns = START_NS + 300 * NS_PER_S
    segments, _ = read_segments(path, ID, start_ns, start_ns + 60 * NS_PER_S)
    assert max(errors.max() for errors in errors_in_samples(segments)) <= 1.0
    assert abs(segments[0].start_ns - start_ns) <= NS_PER_S / RATE_HZ


def test_the_drift_is_a_remark_of_each_channel(file):
    remarks = contents_of(file(drifting(-0.4, "ZN"))).remarks
    drift_s = -0.4 * (N_RECORDS - 1) / RATE_HZ
    assert [(r.kind, r.name) for r in remarks] == [
        ("drift", "XX.STA..HHN"),
        ("drift", "XX.STA..HHZ"),
    ]
    assert [r.value for r in remarks] == pytest.approx([drift_s] * 2, abs=1e-5)


def test_the_summary_says_the_drift_and_windows_end_with_the_record(quake, file, tmp_path):
    path = file(drifting(-0.4, noise=np.random.default_rng(0)))
    options = ("--format", "jsonl", "--summary-json", "sum.json")
    run = quake("predict", path, *options)
    assert (run.status, run.errors) == (0, [])
    assert "clocks drift, and were followed: XX.STA..HH? -1.196 s" in run.summary
    drift = json.loads((tmp_path / "sum.json").read_text())["clock_drift_s"]
    assert drift == {"XX.STA..HH?": pytest.approx(-1.196)}
    assert run.records[-1]["end"].startswith("2021-03-04T05:15:58.8")
    assert {record["coverage"] for record in run.records} == {1.0}


def test_jitter_is_no_drift(file):
    """Records that begin a fraction of a sample early or late, by chance, stay as they are."""
    jitter = np.random.default_rng(0).uniform(-0.2, 0.2, N_RECORDS)
    jitter[0] = 0
    path = file(drifting(0.0, jitter=jitter))
    contents = contents_of(path)
    (segment,) = read_segments(path, ID)[0]
    assert contents.remarks == ()
    assert len(segment.samples) == N_RECORDS * N_SAMPLES
    assert contents.spans[0].end_ns == segment.end_ns


def test_a_time_correction_that_was_not_applied_is_applied(file):
    """The header has it in 0.0001 s; drift is measured with it."""
    content = bytearray(drifting(0.0))
    for number, at in enumerate(range(0, len(content), 1024)):
        content[at + 40 : at + 44] = (-40 * number).to_bytes(4, "big", signed=True)
    path = file(bytes(content))
    (remark,) = contents_of(path).remarks
    assert remark.value == pytest.approx(-0.004 * (N_RECORDS - 1), abs=1e-5)
    (segment,) = read_segments(path, ID)[0]
    lost = N_RECORDS * N_SAMPLES - len(segment.samples)
    assert lost == pytest.approx(0.4 * (N_RECORDS - 1), abs=1)


def test_a_second_that_was_counted_twice_is_a_gap_and_no_drift(file):
    """Records over the end of 2016: second 60 lasts from 60 s to 61 s after 23:59:00."""
    begin_ns = 1_483_228_740 * NS_PER_S
    samples = np.random.default_rng(0).integers(-1000, 1000, 12_000, np.int32)
    content = io.BytesIO()
    for first in range(0, 12_000 - 370, 370):
        late_ns = (NS_PER_S if first >= 6100 else 0) - first * NS_PER_S // 100
        piece = trace(samples[first : first + 370], "HHZ", begin_ns - late_ns, RATE_HZ)
        piece.write(content, format="MSEED", reclen=4096, encoding="INT32")
    source = FileSource([file(content.getvalue())])
    spans = source.spans()[ID]
    first, second = spans
    segments = source.read(spans, ID, first.start_ns, second.end_ns)
    (problem,) = source.problems
    assert source.remarks == {}
    assert second.start_ns == first.end_ns - NS_PER_S
    assert sum(len(segment.samples) for segment in segments) == 32 * 370
    assert "as around a leap second; that second counts as a gap" in problem.message
    assert not problem.failed
