"""docs/output.md and docs/events.md: fields, flags, statuses and the summary are those of the code.

The columns of windows in a store are compared with docs/output.md by tests/store.
"""

import ast
import csv
import dataclasses
import io
import json
import re

import pyarrow
import pytest
from fenced_blocks import ROOT

from quake.events.event import Arrival, Event
from quake.inference.records import WindowRecord
from quake.output.events import columns, event_schema, write_events
from quake.output.windows import windows_as_bytes
from quake_cli.exits import Exit
from quake_cli.options.choices import Format

OUTPUT = (ROOT / "docs" / "output.md").read_text(encoding="utf-8")
EVENTS = (ROOT / "docs" / "events.md").read_text(encoding="utf-8")
CLASSES = ("earthquake", "surface_event", "noise")
WINDOW = WindowRecord(
    "IU.ANMO.00.BH?",
    "2020-05-02T20:01:00.000000Z",
    "2020-05-02T20:02:00.000000Z",
    "earthquake",
    "ok",
    dict(zip(CLASSES, (0.75, 0.125, 0.125), strict=True)),
    0.5,
    "ZNE",
    40.0,
    ("gap", "resampled"),
    "589a6ed490a9",
)
EMPTY = dataclasses.replace(WINDOW, label=None, status="no_data", probabilities={})


def arrival(channel_set, **changes):
    """What one channel set saw of an event."""
    values = {
        "channel_set": channel_set,
        "label": "earthquake",
        "onset": WINDOW.start,
        "onset_uncertainty_s": 0.1,
        "end": WINDOW.end,
        "probability": 0.75,
        "probabilities": WINDOW.probabilities,
        "phase_probability": 0.9,
        "snr_db": 20.0,
        "peak_amplitude": 100.0,
        "peak_component": "Z",
        "peak_velocity_m_s": None,
        "dominant_frequency_hz": 5.0,
        "s_onset": None,
        "s_onset_uncertainty_s": None,
        "components": "ZNE",
        "flags": ("gap",),
        "windows": (WINDOW.start,),
        "model": WINDOW.model,
    }
    return Arrival(**{**values, **changes})


EVENT = Event("earthquake", (arrival(WINDOW.id), arrival("IU.ANMO.10.BH?")))
FULL = Event(
    "earthquake",
    (arrival(WINDOW.id, s_onset=WINDOW.end, s_onset_uncertainty_s=0.2, peak_velocity_m_s=1e-6),),
)

# Words of the pages for types of JSON, and how Parquet's are written there.
TYPES = {
    "text": str,
    "number": (int, float),
    "object": dict,
    "list of text": list,
    "list": list,
    "text or null": (str, type(None)),
    "number or null": (int, float, type(None)),
}


def rows(page, heading):
    """Cells of the rows of the first table below a heading, without its head."""
    section = re.split(rf"^#+ {heading}$", page, flags=re.MULTILINE)[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE).group()
    return [re.split(r" \| ", line.strip("| ")) for line in table.splitlines()[2:]]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


# Windows ----------------------------------------------------------------------------------------


def window_fields():
    return [
        (name, row[1])
        for row in rows(OUTPUT, "What `quake predict` writes")
        for name in names(row[0])
    ]


@pytest.mark.parametrize("record", [WINDOW, EMPTY])
def test_a_json_line_of_a_window_has_the_fields_and_types_of_the_page(record):
    written = json.loads(windows_as_bytes("jsonl", [record], CLASSES, 30 * 10**9))
    assert list(written) == [name for name, _ in window_fields()]
    for name, kind in window_fields():
        assert isinstance(written[name], TYPES[kind]), name


def test_the_columns_of_csv_are_the_fields_with_one_a_class():
    text = windows_as_bytes("csv", [WINDOW, EMPTY], CLASSES, 30 * 10**9).decode()
    first, second = csv.DictReader(io.StringIO(text))
    expected = []
    for name, _ in window_fields():
        expected += [f"p_{c}" for c in CLASSES] if name == "probabilities" else [name]
    assert list(first) == expected
    assert first["flags"] == "gap;resampled"
    assert {second[f"p_{c}"] for c in CLASSES} == {""}


# Events -----------------------------------------------------------------------------------------


def event_fields():
    """Name, and types in CSV, JSON lines and Parquet."""
    return [(name, *row[2:5]) for row in rows(EVENTS, "Fields") for name in names(row[0])]


@pytest.mark.parametrize("event", [EVENT, FULL])
def test_a_json_line_of_an_event_has_the_fields_and_types_of_the_page(event):
    written = json.loads(events_as_bytes("jsonl", event))
    assert list(written) == [name for name, *_ in event_fields()]
    for name, _, kind, _ in event_fields():
        assert isinstance(written[name], TYPES[kind]), name


def test_the_columns_of_csv_are_the_fields_of_an_event():
    (row,) = csv.DictReader(io.StringIO(events_as_bytes("csv").decode()))
    assert list(row) == columns_of_the_page()
    assert row["channel_sets"] == ";".join(EVENT.channel_sets)


def test_the_columns_of_parquet_have_the_types_of_the_page():
    as_written = {
        pyarrow.string(): "`string`",
        pyarrow.timestamp("us", tz="UTC"): "`timestamp[us, tz=UTC]`",
        pyarrow.float64(): "`double`",
        pyarrow.int64(): "`int64`",
        pyarrow.list_(pyarrow.string()): "`list<string>`",
    }
    found = {field.name: as_written[field.type] for field in event_schema(CLASSES)}
    expected = {name: kind for name, _, _, kind in event_fields()}
    classes = {f"p_{name}": expected.pop("probabilities") for name in CLASSES[:1]}
    classes = dict.fromkeys((f"p_{name}" for name in CLASSES), *classes.values())
    assert found == {**expected, **classes}


def columns_of_the_page():
    assert columns(()) == [n for n, *_ in event_fields() if n != "probabilities"]
    return columns(CLASSES)


def events_as_bytes(name, event=EVENT):
    file = io.BytesIO()
    write_events(file, name, [event], classes=CLASSES)
    return file.getvalue()


# Words ------------------------------------------------------------------------------------------


def texts_in(path):
    """Texts of a module."""
    nodes = ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
    return {node.value for node in nodes if isinstance(node, ast.Constant)}


def test_flags_of_the_page_are_given_by_the_code():
    listed = {name.partition(":")[0] for row in rows(OUTPUT, "Flags") for name in names(row[0])}
    assert listed == set(flags_of_the_code())


def flags_of_the_code():
    """Texts that are appended to flags, or returned as flags or as a reason."""
    source = (ROOT / "quake" / "windows" / "cutting.py").read_text(encoding="utf-8")
    yield from re.findall(r'flags\.append\("(\w+)"\)', source)
    yield from re.findall(r'return "(?:no_data|rejected)", "(\w+)"', source)
    yield from re.findall(r'return \["(\w+)"\]', source)
    yield from re.findall(r'\("(\w+)", (?:any\(|not dead|dead\))', source)
    source = (ROOT / "quake" / "windows" / "task_cutter.py").read_text(encoding="utf-8")
    yield from re.findall(r'f"(\w+):\{component\}"', source)


def test_statuses_of_windows_are_those_of_the_code():
    listed = [name for row in rows(OUTPUT, "Status") for name in names(row[0])]
    from quake_cli.run_report import _STATUSES

    assert listed == list(_STATUSES)


def test_exit_statuses_are_those_of_the_program():
    assert [int(row[0]) for row in rows(OUTPUT, "Exit status")] == [int(status) for status in Exit]


def test_formats_are_those_of_the_option():
    listed = [name for row in rows(OUTPUT, "Formats") for name in names(row[0])]
    assert sorted(listed) == sorted(str(name) for name in Format)


# The summary ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """The line that a run into a store ends with, and the numbers beside it."""
    from contextlib import redirect_stderr

    from quake_cli.app import main

    folder = tmp_path_factory.mktemp("summary")
    record = ROOT / "examples" / "BK.MHC.mseed"
    command = ["predict", record, "--output", folder / "store", "--events"]
    shown = io.StringIO()
    with redirect_stderr(shown), pytest.raises(SystemExit):
        main([*map(str, command), "--summary-json", str(folder / "summary.json")])
    (line,) = shown.getvalue().splitlines()
    return line, json.loads((folder / "summary.json").read_text())


def test_the_summary_line_of_the_page_has_the_words_of_one_that_was_printed(summary):
    (shown,) = re.findall(r"^quake: \d.*$", OUTPUT, re.MULTILINE)
    assert words_of(shown) == words_of(summary[0])


def words_of(line):
    """The line with a letter for each number, and without the plural."""
    return re.sub(r"s\b", "", re.sub(r"\d+(\.\d+)?", "N", line))


def test_the_numbers_of_the_summary_line_of_the_page_add_up():
    (shown,) = re.findall(r"^quake: \d.*$", OUTPUT, re.MULTILINE)
    windows, parts, days = shown.split("; ")[1:4]
    for text in (windows, days):
        first, *others = map(int, re.findall(r"\d+", text))
        assert first == sum(others)
    total_s, *parts_s = map(float, re.findall(r"[\d.]+", parts))
    assert total_s == pytest.approx(sum(parts_s))


def test_keys_of_the_summary_are_those_of_the_page(summary):
    listed = [name for row in rows(OUTPUT, "Summary") for name in names(row[0])]
    only_sometimes = {"shard", "scanned_only", "todo", "to_do"}
    only_sometimes |= {"text_channels", "empty_channels", "clock_drift_s"}
    assert set(listed) - only_sometimes == summary[1].keys()
    known = set().union(
        *map(
            texts_in,
            (
                "quake_cli/run_report.py",
                "quake_cli/commands/predict/store_run.py",
                "quake_cli/commands/predict/command.py",
            ),
        )
    )
    source = "".join(
        (ROOT / "quake_cli" / name).read_text()
        for name in ("commands/predict/store_run.py", "run_report.py")
    )
    assert all(name in known or f"{name}=" in source for name in only_sometimes)
