"""What archives hold beside waveforms is no fault: it is left out, counted, and the status is 0."""

import json

import numpy as np
import pytest
from field_records import (
    LOGICAL,
    RECORD,
    blank_record,
    control_header,
    empty_record,
    full_seed,
    samples,
    text_record,
)
from strategies import stream, trace, write

from quake.errors import WaveformError
from quake.waveforms.readers.waveform_file import contents_of, scan


def test_text_between_the_data_is_counted(predict, tmp_path):
    logs = b"".join(text_record(code) for code in ("LOG", "ACE", "OCF"))
    data = samples()
    half = len(data) // RECORD // 2 * RECORD
    (tmp_path / "q330.mseed").write_bytes(logs + data[:half] + logs + data[half:])
    run = predict("q330.mseed")
    assert (run.status, run.errors, run.warnings) == (0, [], [])
    assert "3 channels of text (ACE, LOG, OCF)" in run.summary
    assert {record["status"] for record in run.records} <= {"ok", "uncertain"}
    (tmp_path / "plain.mseed").write_bytes(data)
    assert predict("plain.mseed").out == run.out


def test_files_of_text_in_an_archive_are_counted(quake, tmp_path):
    """As in the folders LOG.D of an SDS archive; also when the journal knows them already."""
    for channel, content in (("LOG", text_record()), ("HHZ", samples())):
        folder = tmp_path / "sds" / "2021" / "XX" / "STA" / f"{channel}.D"
        folder.mkdir(parents=True)
        (folder / f"XX.STA..{channel}.D.2021.063").write_bytes(content)
    for _ in range(2):
        run = quake("predict", "--sds", "sds", "--output", "store/", "--summary-json", "sum.json")
        assert (run.status, run.errors) == (0, [])
        assert "1 channel of text (LOG)" in run.summary
        assert json.loads((tmp_path / "sum.json").read_text())["text_channels"] == 1


def test_text_alone_is_nothing_usable_and_called_by_its_name(predict, tmp_path):
    (tmp_path / "log.mseed").write_bytes(text_record() + text_record("ACE"))
    run = predict("log.mseed")
    assert run.status == 3
    (error,) = run.errors
    assert "log.mseed: 2 channels of text (ACE, LOG), and no waveforms" in error
    assert "damaged" not in run.err


def test_records_without_samples_are_counted(predict, tmp_path):
    (tmp_path / "a.mseed").write_bytes(empty_record("TIM") + samples() + empty_record("TIM"))
    run = predict("a.mseed")
    assert (run.status, run.errors) == (0, [])
    assert "1 channel without samples (TIM)" in run.summary


def test_a_full_seed_volume_is_no_damage(predict, tmp_path):
    data = samples()
    (tmp_path / "plain.mseed").write_bytes(data)
    (tmp_path / "volume.seed").write_bytes(full_seed(data))
    run = predict("volume.seed")
    assert (run.status, run.errors, run.warnings) == (0, [], [])
    assert "5 control headers" in run.summary
    assert run.out == predict("plain.mseed").out


@pytest.mark.parametrize("at", [0, 3 * RECORD, -RECORD])
def test_a_blank_record_in_between_is_no_damage(predict, tmp_path, at):
    data = samples()
    at %= len(data)
    (tmp_path / "volume.seed").write_bytes(full_seed(data, blank_at=at))
    run = predict("volume.seed")
    assert (run.status, run.errors) == (0, [])


def test_control_headers_between_data_are_no_damage(tmp_path):
    data = samples()
    middle = len(data) // RECORD // 2 * RECORD
    station = control_header("S", 7, b"0500098")
    path = tmp_path / "a.seed"
    path.write_bytes(data[:middle] + station + blank_record() + data[middle:])
    contents = contents_of(path)
    assert contents.problems == []
    assert [(r.kind, r.value) for r in contents.remarks] == [("control", 1)]


def test_garbage_beside_control_headers_is_still_damage(tmp_path):
    garbage = np.random.default_rng(1).bytes(2 * LOGICAL)
    path = tmp_path / "a.seed"
    path.write_bytes(full_seed(samples()) + garbage)
    (problem,) = contents_of(path).problems
    assert f"{len(garbage)} of " in problem


def test_text_under_the_name_of_a_data_channel_is_a_fault(tmp_path):
    path = tmp_path / "a.mseed"
    path.write_bytes(samples() + text_record("HHZ", rate_hz=100))
    assert "text" not in {remark.kind for remark in contents_of(path).remarks}


def test_a_rate_of_0_of_samples_is_a_fault(tmp_path):
    path = write(tmp_path / "a.mseed", trace(np.arange(100, dtype=np.int32), rate_hz=0.0))
    with pytest.raises(WaveformError, match="sampling rate 0 Hz"):
        scan(path)


def test_state_of_health_channels_are_no_fault(predict, tmp_path):
    health = stream([np.arange(60, dtype=np.int32)] * 2, "MK", "VE", rate_hz=1.0)
    health.write(str(tmp_path / "soh.mseed"), format="MSEED")
    (tmp_path / "a.mseed").write_bytes(samples())
    run = predict("soh.mseed", "a.mseed")
    assert (run.status, run.errors) == (0, [])
