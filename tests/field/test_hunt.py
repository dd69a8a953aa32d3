"""Kinds of input that trackers tell of have the answer of the clean record, or a true sentence.

The program runs in this process, or all of them would take minutes. See docs/fuzzing.md.
"""

import json
from dataclasses import dataclass

import hunted
import pytest

from quake.waveforms.leap_seconds import is_leap_second
from quake.waveforms.times import parse_time
from quake_cli.app import main

# Kinds whose windows are those of the clean record, to the last digit but for rounding.
AS_CLEAN = (
    "records_without_samples",
    "negative_rates",
    "rate_in_blockette_100",
    "duplicated_records",
    "overlapping_files",
    "mixed_encodings",
    "mixed_record_lengths",
    "samples_of_other_byte_order",
    "mixed_byte_orders",
    "shuffled_records",
    "small_letters",
    "hydrophone_beside",
    "components_off_by_part_of_a_sample",
    "no_blockette_1000",
    "blank_bytes_between",
    "rates_that_waver",
    "wrong_gain",
)

# Kinds that end with a status other than 0, or with a sentence.
TOLD = {
    "mass_positions": (0, "XX.STA..VM?: 13 windows, none scored; sampling_rate_too_low"),
    "negative_rate_of_sac": (3, "its step DELTA is -0.01 s, one above 0 was expected"),
    "nan_step_of_sac": (3, "its step DELTA is nan s, one above 0 was expected"),
    "nan_begin_of_sac": (3, "its begin B is nan, seconds from the reference time were expected"),
    "zero_length": (3, "empty file (0 bytes)"),
    "samples_of_other_byte_order": (1, "in another byte order than its headers say, and were"),
    "leap_second": (0, "two seconds of samples have the time 2017-01-01T00:00:00.000000Z"),
    "epoch_zero": (0, "records of 1970-01-01, where the count of a clock begins"),
    "far_future": (0, "records of 2099-12-03, a day that is still to come"),
    "clock_jumps": (0, "records of 2037-06-30, a day that is still to come"),
    "names_of_japan": (3, "component D is none of Z, N, E, 1, 2, 3; nothing of it can be used"),
    "hydrophone_beside": (0, "component H is none of Z, N, E, 1, 2, 3; left out"),
    "no_channel_code": (3, "no channel code, so its component is unknown"),
    "other_station_in_the_file": (0, "it holds XX.STA..HHZ, its name tells other codes"),
    "other_day_in_the_file": (0, "records are of 2021-03-04 to 2021-03-04, its name tells another"),
    "step_of_a_calibration": (0, "of a calibration, as the digitiser marks them"),
}

# Kinds of which some samples count as gaps, whatever else the windows are.
FLAGGED = {
    "single_spikes": "spike:Z",
    "missing_as_lowest_integer": "flat:Z",
    "wild_floats": "bad_values:Z",
    "nan_samples": "bad_values:Z",
}

# Kinds that nothing can be told of, and that are scored as what they look like.
SCORED = ("reversed_polarity", "swapped_components", "location_changes")


@dataclass
class Run:
    """How a run ended."""

    status: int
    records: list
    err: str


@pytest.fixture
def predict(tmp_path, monkeypatch, capsys, model_path):
    """Write the files of a kind, and predict."""
    monkeypatch.chdir(tmp_path)

    def run(name):
        files = hunted.KINDS[name]()
        for file, content in files.items():
            (tmp_path / file).write_bytes(content)
        with pytest.raises(SystemExit) as ended:
            main(["predict", *files, *f"--model {model_path} --format jsonl --threads 1".split()])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        assert "unexpected" not in err
        return Run(ended.value.code, [json.loads(line) for line in out.splitlines()], err)

    return run


def test_each_kind_is_looked_at():
    assert {*AS_CLEAN, *TOLD, *FLAGGED, *SCORED, "interleaved_sac_byte_orders", "clean"} == {
        *hunted.KINDS
    }


@pytest.mark.parametrize("kind", AS_CLEAN)
def test_what_hides_nothing_has_the_answer_of_the_clean_record(predict, kind):
    clean, run = predict("clean"), predict(kind)
    assert [record["start"] for record in run.records] == [r["start"] for r in clean.records]
    for record, expected in zip(run.records, clean.records, strict=True):
        assert record["probabilities"] == pytest.approx(expected["probabilities"], abs=0.01)
        assert record["coverage"] == 1.0
        assert record["components"] == "ZNE"
        assert record["flags"] == expected["flags"]
    if kind not in TOLD:
        assert run.status == 0
        assert "warning: " not in run.err


@pytest.mark.parametrize("kind", TOLD)
def test_what_somebody_should_see_to_is_said(predict, kind):
    status, sentence = TOLD[kind]
    run = predict(kind)
    assert sentence in run.err
    assert run.status == status
    assert "too few samples" not in run.err


@pytest.mark.parametrize("kind", FLAGGED)
def test_samples_that_are_none_are_flagged_and_count_as_gaps(predict, kind):
    run = predict(kind)
    assert run.status == 0
    flagged = [record for record in run.records if FLAGGED[kind] in record["flags"]]
    assert flagged
    assert all(0.9 < record["coverage"] < 1 for record in flagged)
    assert all(record["coverage"] == 1 for record in run.records if record not in flagged)


@pytest.mark.parametrize("kind", SCORED)
def test_what_nobody_can_tell_is_scored_from_beginning_to_end(predict, kind):
    run = predict(kind)
    assert run.status == 0
    assert len(run.records) == 4
    assert {record["coverage"] for record in run.records} == {1.0}
    assert " 150 scored + 0 no_data" in run.err


def test_sac_files_in_two_byte_orders_are_one_record(predict):
    run = predict("interleaved_sac_byte_orders")
    assert run.status == 0
    assert [record["coverage"] for record in run.records] == [1.0] * 4


def test_zeros_behind_half_a_record_hide_no_damage(tmp_path, monkeypatch, capsys, model_path):
    data = hunted.packed(hunted.rows())
    (tmp_path / "a.mseed").write_bytes(data[: 8 * 512] + bytes(512) + b"\x07" * 512 + data[4096:])
    with pytest.raises(SystemExit) as ended:
        main(["predict", str(tmp_path / "a.mseed"), "--model", str(model_path)])
    assert ended.value.code == 1
    assert "512 of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("time", "length_s", "is_one"),
    [
        ("2017-01-01T00:00:00", 1.0, True),
        ("2016-12-31T23:59:10", 1.0, True),
        ("2015-07-01T00:00:00", 1.0, True),
        ("2017-01-01T00:00:00", 2.0, False),
        ("2017-01-01T00:03:00", 1.0, False),
        ("2018-01-01T00:00:00", 1.0, False),
    ],
)
def test_a_second_that_is_there_twice_is_one_only_at_a_leap_second(time, length_s, is_one):
    assert is_leap_second(parse_time(f"{time}Z"), length_s) is is_one
