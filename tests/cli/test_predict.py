"""`quake predict` in this process: formats, options and where results go."""

import csv
import io
import json

import numpy as np
import pytest
from strategies import FIELDS, noise, stream, write, write_station_xml

CLASSES = ["earthquake", "surface_event", "noise"]
# 150 s from 05:06:00, windows of 60 s on a grid of 30 s.
STARTS = [f"2021-03-04T05:{minute}.000000Z" for minute in ("06:00", "06:30", "07:00", "07:30")]


# --- formats ------------------------------------------------------------------------------


def test_a_pipe_gets_json_lines_with_the_schema_in_its_order(predict, good_file):
    run = predict(good_file)
    assert run.status == 0
    assert [list(record) for record in run.records] == [FIELDS] * 4
    assert [record["start"] for record in run.records] == STARTS


def test_probabilities_are_one_object_by_class(predict, good_file):
    probabilities = predict(good_file).records[0]["probabilities"]
    assert list(probabilities) == CLASSES
    assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)


def test_csv_has_a_header_and_one_column_a_class(predict, good_file):
    rows = list(csv.DictReader(io.StringIO(predict(good_file, "--format", "csv").out)))
    assert list(rows[0]) == [
        *FIELDS[:5],
        *(f"p_{name}" for name in CLASSES),
        *FIELDS[6:],
    ]
    assert [row["start"] for row in rows] == STARTS
    assert rows[0]["flags"] == "resampled"


def test_csv_cells_of_what_is_missing_are_empty(predict, tmp_path):
    path = write(tmp_path / "short.mseed", stream(noise(100)))
    (row,) = csv.DictReader(io.StringIO(predict(path, "--format", "csv").out))
    assert row["status"] == "no_data"
    assert row["label"] == row["p_noise"] == ""


def test_csv_has_its_header_without_windows(predict, tmp_path):
    run = predict(tmp_path / "missing", "--format", "csv")
    assert run.status == 3
    assert run.out.startswith("id,start,end,label,status,p_earthquake")


def test_a_table_is_for_people(predict, good_file):
    run = predict(good_file, "--format", "table")
    header, *lines = run.out.splitlines()
    assert header.split()[:3] == ["id", "start", "(UTC)"]
    assert len(lines) == 4
    assert "XX.STA..HH?" in lines[0]
    assert "2021-03-04T05:06:00.0" in lines[0]
    assert "\x1b" not in run.out


def test_a_table_is_readable_at_80_columns(predict, good_file, monkeypatch):
    monkeypatch.setattr("quake_cli.render.sections._FILE_WIDTH", 80)
    lines = predict(good_file, "--format", "table").out.splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) <= 80


# --- where results go ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("suffix", "begins"), [(".csv", "id,start"), (".jsonl", '{"id"'), (".txt", "id  ")]
)
def test_the_suffix_of_the_output_gives_the_format(predict, good_file, tmp_path, suffix, begins):
    output = tmp_path / f"results{suffix}"
    run = predict(good_file, "--output", output)
    assert (run.status, run.out) == (0, "")
    assert output.read_text().startswith(begins)
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def test_format_wins_over_the_suffix(predict, good_file, tmp_path):
    output = tmp_path / "results.txt"
    predict(good_file, "--output", output, "--format", "jsonl")
    assert json.loads(output.read_text().splitlines()[0])["id"] == "XX.STA..HH?"


def test_an_unknown_suffix_is_wrong_usage(predict, good_file, tmp_path):
    run = predict(good_file, "--output", tmp_path / "results.xlsx")
    assert run.status == 2
    assert "say --format" in run.err


def test_several_formats_go_to_a_folder(predict, good_file, tmp_path):
    folder = tmp_path / "results"
    run = predict(good_file, "--output", folder, "--format", "csv", "--format", "jsonl")
    assert (run.status, run.out) == (0, "")
    names = sorted(p.name for p in (folder / "windows").rglob("*") if p.is_file())
    assert names == ["windows.csv", "windows.jsonl"]


def test_several_formats_on_standard_output_are_wrong_usage(predict, good_file):
    assert predict(good_file, "--format", "csv", "--format", "jsonl").status == 2


def test_results_never_replace_an_input(predict, tmp_path):
    path = write(tmp_path / "a.mseed", stream(noise(15_000)))
    before = path.read_bytes()
    run = predict(path, "--output", path, "--format", "csv")
    assert run.status == 2
    assert path.read_bytes() == before


def test_an_output_in_a_missing_folder_is_wrong_usage(predict, good_file, tmp_path):
    assert predict(good_file, "--output", tmp_path / "no" / "results.csv").status == 2


def test_a_run_that_breaks_off_leaves_the_old_output(predict, good_file, tmp_path, monkeypatch):
    output = tmp_path / "results.csv"
    output.write_text("old")

    def broken(*arguments):
        raise RuntimeError("a bug")

    monkeypatch.setattr("quake.output.text.CsvWriter.write", broken)
    run = predict(good_file, "--output", output)
    assert run.status == 1
    assert "RuntimeError: a bug; --debug" in run.err
    assert output.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]


def test_an_output_that_is_no_file_is_written_to_as_it_is(predict, good_file):
    assert predict(good_file, "--output", "/dev/null", "--format", "csv").status == 0


# --- options ------------------------------------------------------------------------------


def statuses(run):
    return {record["status"] for record in run.records}


def test_a_threshold_for_all_classes(predict, good_file):
    assert statuses(predict(good_file, "--threshold", "0")) == {"ok"}
    assert statuses(predict(good_file, "--threshold", "1")) == {"uncertain"}


def test_thresholds_by_class_replace_that_of_all(predict, good_file):
    best = {record["label"] for record in predict(good_file).records}
    low = ",".join(f"{name}=0" for name in best)
    assert statuses(predict(good_file, "--threshold", "1", "--threshold", low)) == {"ok"}


def test_a_threshold_of_an_unknown_class_is_wrong_usage_with_a_suggestion(predict, good_file):
    run = predict(good_file, "--threshold", "earthqake=0.8")
    assert run.status == 2
    assert "did you mean 'earthquake'?" in run.err


@pytest.mark.parametrize("text", ["high", "noise=", "1.5", "nan", "noise=0.5,,"])
def test_a_threshold_that_is_no_probability_is_wrong_usage(predict, good_file, text):
    run = predict(good_file, "--threshold", text)
    assert run.status == 2
    assert len(run.errors) == 1


@pytest.mark.parametrize(
    "options",
    [
        ["--overlap", "1"],
        ["--overlap", "half"],
        ["--min-coverage", "2"],
        ["--batch-size", "0"],
        ["--format", "xml"],
        ["--device", "tpu"],
        ["--no-such-option"],
        ["--inventory", "missing.xml"],
        ["--backbone", "b9"],
    ],
)
def test_wrong_usage_is_one_line_and_status_2(predict, good_file, options):
    run = predict(good_file, *options)
    assert run.status == 2
    assert len(run.errors) == len(run.err.splitlines()) == 1
    assert run.out == ""


def test_without_input_the_user_is_told_what_to_give(predict):
    run = predict()
    assert run.status == 2
    assert "standard input" in run.err


def test_an_inventory_turns_components_to_true_north_and_east(predict, tmp_path):
    record = write(tmp_path / "z12.mseed", stream(noise(6000), codes="Z12"))
    inventory = write_station_xml(tmp_path / "station.xml")
    (turned,) = predict(record, "--inventory", inventory).records
    (as_recorded,) = predict(record).records
    assert "rotated" in turned["flags"]
    assert "rotated" not in as_recorded["flags"]


def test_what_the_inventory_does_not_know_is_flagged(predict, tmp_path):
    record = write(tmp_path / "other.mseed", stream(noise(6000), codes="Z12", station="OTHER"))
    inventory = write_station_xml(tmp_path / "station.xml")
    (found,) = predict(record, "--inventory", inventory).records
    assert "not_rotated" in found["flags"]


def test_channels_select(predict, tmp_path):
    both = stream(noise(15_000), station="ONE") + stream(noise(15_000), station="TWO")
    path = write(tmp_path / "two.mseed", both)
    run = predict(path, "--channels", "XX.TWO.*")
    assert {record["id"] for record in run.records} == {"XX.TWO..HH?"}


def test_channels_that_select_nothing_name_what_there_is(predict, good_file):
    run = predict(good_file, "--channels", "BH?")
    assert run.status == 3
    assert "--channels BH?: no channel matches; there are XX.STA..HH?" in run.err


def test_a_smaller_step_gives_more_windows(predict, good_file):
    assert len(predict(good_file, "--overlap", "0.75").records) == 7


def test_the_batch_size_changes_nothing(predict, good_file):
    assert predict(good_file, "--batch-size", "1").out == predict(good_file).out


def test_quiet_is_quiet_but_for_errors(predict, good_file, tmp_path):
    assert predict(good_file, "--quiet").err == ""
    run = predict(good_file, tmp_path / "missing", "--quiet")
    assert run.errors == run.err.splitlines()
    assert len(run.errors) == 1


# --- models -------------------------------------------------------------------------------


def test_a_missing_model_is_found_out_before_inputs_are_read(quake, tmp_path):
    run = quake("predict", tmp_path / "missing", "--model", tmp_path / "no.safetensors")
    assert run.status == 4
    assert len(run.err.splitlines()) == 1
    assert "no.safetensors: no such model file" in run.err


def test_a_damaged_model_is_refused(quake, good_file, model_path, tmp_path):
    damaged = tmp_path / "damaged.safetensors"
    damaged.write_bytes(model_path.read_bytes()[:100_000])
    run = quake("predict", good_file, "--model", damaged)
    assert (run.status, run.out) == (4, "")
    assert "truncated" in run.err


def test_a_model_of_another_backbone_than_asked_for_is_refused(predict, good_file):
    assert predict(good_file, "--backbone", "b1").status == 4


def test_an_installed_model_is_found_by_name_and_backbone(
    quake, good_file, model_path, no_installed_models
):
    (no_installed_models / "mine.safetensors").write_bytes(model_path.read_bytes())
    by_name = quake("predict", good_file, "--model", "mine")
    by_backbone = quake("predict", good_file, "--backbone", "B0")
    assert by_name.status == by_backbone.status == 0
    assert by_name.out == by_backbone.out


# --- the summary --------------------------------------------------------------------------


def test_the_summary_adds_up(predict, good_file, tmp_path):
    short = write(tmp_path / "short.mseed", stream(noise(1000), station="SHORT"))
    slow = write(tmp_path / "slow.mseed", stream(noise(120), station="SLOW", rate_hz=1.0))
    run = predict(good_file, short, slow, tmp_path / "missing")
    assert run.status == 1
    assert run.summary == (
        "quake: 4 inputs (1 failed); 8 windows: 0 ok, 4 uncertain, 1 no_data, 3 rejected; "
        "280 s of input = 150 scored + 10 no_data + 120 rejected + 0 failed"
    )
    assert len(run.records) == 8


def test_a_channel_set_without_a_score_is_warned_of(predict, good_file, tmp_path):
    dead = write(tmp_path / "dead.mseed", stream(np.ones((3, 9000), np.int32), station="DEAD"))
    run = predict(good_file, dead)
    assert run.status == 0
    (warning,) = run.warnings
    assert f"{dead}, XX.DEAD..HH?: 2 windows, none scored; all_dead (2)" in warning
