"""`quake evaluate`: figures on standard output, the rest on standard error, and its exit status."""

import csv
import json

import pytest
from bursts import write_labelled, write_table


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    return write_labelled(tmp_path_factory.mktemp("labelled"))


@pytest.fixture
def evaluate(quake, model_path):
    """Run `quake evaluate` with the random model on the CPU, and nothing in the user's cache."""
    fixed = ("--model", model_path, "--device", "cpu", "--cache", "none")
    return lambda *arguments: quake("evaluate", *fixed, *arguments)


def changed(labelled, name, **changes):
    """A table like the labelled one, columns of its second row changed."""
    with labelled.open(newline="") as file:
        rows = list(csv.DictReader(file))
    rows[1].update(changes)
    return write_table(labelled.with_name(name), rows)


def test_json_holds_all_that_was_measured(evaluate, labelled, model_path):
    run = evaluate(labelled, "--json")
    report = json.loads(run.out)
    assert run.status == 0
    assert report["model"]["path"] == str(model_path)
    assert report["data"]["windows"] == report["figures"]["rows"] == 8
    assert report["classes"] == ["earthquake", "surface_event", "noise"]
    assert sum(map(sum, report["figures"]["confusion"])) == 8
    assert "no row shows surface_event" in run.err


def test_the_table_names_model_data_and_figures(evaluate, labelled, model_path):
    run = evaluate(labelled, "--part", "test", "--quiet")
    assert (run.status, run.err) == (0, "")
    for text in (
        "Evaluation",
        model_path.name,
        "labels.csv",
        "4 (row)",
        "macro F1",
        "event against",
    ):
        assert text in run.out, text
    assert "(?: too few negatives to tell 1 %)" in run.out


def test_a_folder_gets_report_predictions_and_pictures(evaluate, labelled, tmp_path):
    run = evaluate(labelled, "--output", tmp_path / "out", "--json")
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report == json.loads(run.out)
    with (tmp_path / "out" / "predictions.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 8
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json", ".csv", ".png"}


def test_missing_shows_what_losses_do_and_writes_it_into_the_report(evaluate, labelled, tmp_path):
    with labelled.open(newline="") as file:
        two = list(csv.DictReader(file))[:2]
    table = write_table(labelled.with_name("two.csv"), two)
    run = evaluate(table, "--missing", "2", "--output", tmp_path)
    missing = json.loads((tmp_path / "report.json").read_text())["missing"]
    assert run.status == 0
    for text in ("Called an event where data are missing", "The same by source, all kinds"):
        assert text in run.out
    assert set(missing["sources"]) == {"here"}
    for kind, graded in missing["kinds"].items():
        assert kind in run.out
        levels = ["1"] if kind == "spike" else ["0.9", "0.8", "0.7", "0.6", "0.5"]
        assert list(graded) == levels
        assert all(counts["noise"]["trials"] == 1 for counts in graded.values())
    assert missing["all"]["noise"]["trials"] == 8 * 5 + 1


def test_without_missing_the_report_says_nothing_of_it(evaluate, labelled):
    assert "missing" not in json.loads(evaluate(labelled, "--part", "test", "--json").out)


def test_the_model_may_stand_before_the_data(quake, labelled, model_path):
    fixed = ("--device", "cpu", "--cache", "none", "--json")
    report = json.loads(quake("evaluate", model_path, labelled, *fixed).out)
    assert report["model"]["path"] == str(model_path)
    assert report["data"]["windows"] == 8
    alone = quake("evaluate", model_path, *fixed)
    assert (alone.status, "no DATA" in alone.err) == (2, True)
    twice = quake("evaluate", model_path, labelled, "--backbone", "b0", *fixed)
    assert (twice.status, "a second model" in twice.err) == (2, True)


def test_several_collections_are_taken_together(evaluate, labelled, tmp_path):
    report = json.loads(evaluate(labelled, write_labelled(tmp_path), "--json").out)
    assert (report["data"]["windows"], report["figures"]["events"]) == (16, 16)


def test_rows_that_cannot_be_read_are_named_and_status_1(evaluate, labelled):
    run = evaluate(changed(labelled, "gone.csv", path="gone.mseed"), "--json")
    report = json.loads(run.out)
    assert run.status == 1
    assert any("row 3 is excluded" in line and "gone.mseed" in line for line in run.warnings)
    assert report["data"]["excluded"] == 1
    assert report["data"]["excluded_rows"][0]["row"] == 3


def test_labels_that_the_model_lacks_are_counted(evaluate, labelled):
    table = changed(labelled, "explosion.csv", label="explosion", p_time="")
    run = evaluate(table, "--json")
    assert json.loads(run.out)["data"]["left_out"] == {"explosion": 1}
    assert "not among the model's classes: 1 rows: 1 explosion" in run.err
    counted = evaluate(table, "--json", "--count-as", "px=earthquake")
    assert json.loads(counted.out)["data"]["windows"] == 8


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["{}/none.csv"], 3, "none.csv"),
        (["{}/labels.csv", "--part", "validation"], 3, "no row of the part"),
        (["{}/labels.csv", "--missing", "-1"], 2, "missing must be 0 or more rows"),
        (["{}/labels.csv", "--count-as", "px"], 2, "LABEL=CLASS was expected"),
        (["{}/labels.csv", "--count-as", "px=banana"], 3, "unknown class 'banana'"),
        (["{}/labels.csv", "--model", "no_such_model"], 4, "no_such_model"),
        (["{}/labels.csv", "--output", "{}/0.mseed"], 2, "no folder to write to"),
        ([], 2, "DATA"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_a_status(evaluate, labelled, arguments, status, words):
    run = evaluate(*(text.format(labelled.parent) for text in arguments))
    assert (run.status, run.out) == (status, "")
    assert len(run.errors) == 1
    assert words in run.errors[0]


def test_a_process_of_its_own_leaves_standard_output_to_the_figures(process, labelled, model_path):
    fixed = ("--model", model_path, "--device", "cpu", "--cache", "none", "--json")
    run = process("evaluate", labelled, *fixed)
    out, err = run.communicate(timeout=240)
    assert run.returncode == 0, err
    assert json.loads(out)["data"]["windows"] == 8
    assert b"no row shows surface_event" in err


def test_help_shows_the_default_of_the_library(quake):
    assert "64" in quake("evaluate", "--help").out


@pytest.mark.parametrize("part", ["test", "held out"])
def test_an_older_report_is_shown_as_far_as_it_goes(part):
    from quake_cli.render.cards import metric_sections

    old = {
        "rows": 2,
        "events": 2,
        "accuracy": [0.5, 0.2, None],
        "per_class": {"noise": {"rows": 2}},
    }
    sections = metric_sections({part: old}, ("noise", "earthquake"))
    assert sections[0].rows[2] == ("accuracy", "0.500 (0.200 to -)")
