"""The strip below the table: what each character stands for, and when there is one."""

import io
import os
import pty
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.inference.records import WindowRecord
from quake.waveforms.times import NS_PER_S, format_time, parse_time
from quake_cli.render.hours import Hours
from quake_cli.render.strip import MOST_WINDOWS, Strip, needs_ascii, strip_lines
from quake_cli.render.window_table import TableWriter

ROOT = Path(__file__).resolve().parents[2]
CLASSES = ("earthquake", "surface_event", "noise")
DAY = parse_time("2020-05-02T00:00:00Z")


def window(start_s, earthquake=0.0, status="ok", channel_set="ML.ML02..BH?"):
    """A window of 60 s; what is not earthquake is noise."""
    start_ns = DAY + round(start_s * NS_PER_S)
    has_data = status in ("ok", "uncertain")
    probabilities = {"earthquake": earthquake, "surface_event": 0.0, "noise": 1 - earthquake}
    return WindowRecord(
        id=channel_set,
        start=format_time(start_ns),
        end=format_time(start_ns + 60 * NS_PER_S),
        label="noise" if has_data else None,
        status=status,
        probabilities=probabilities if has_data else {},
        coverage=1.0,
        components="ZNE",
        sampling_rate_hz=100.0,
        flags=(),
        model="589a6ed490a9",
    )


def drawn(records, width=80, **options):
    """Cells by name, trailing blanks left out; the heading has none."""
    lines = strip_lines(records, CLASSES, width, **options)
    return {line.name.strip(): line.cells.rstrip() for line in lines[1:]}


def test_each_step_of_a_character_is_an_eighth():
    levels = [0, 0.124, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.874, 0.875, 1]
    strip = drawn([window(30 * n, level) for n, level in enumerate(levels)])
    assert strip["earthquake"] == "▁▁▂▃▄▅▆▇▇██"
    assert strip["surface_event"] == "▁" * 11


def test_without_blocks_there_are_eight_characters_too():
    levels = [0, 0.124, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.874, 0.875, 1]
    records = [window(30 * n, level) for n, level in enumerate(levels)]
    strip = drawn([*records, window(330, status="no_data")], ascii_only=True)
    assert strip["earthquake"] == "  .:-=+**##"
    assert strip["status"] == " " * 11 + "."
    assert all(cells.isascii() for cells in strip.values())


def test_windows_without_probabilities_are_blank_and_marked():
    statuses = ["ok", "no_data", "rejected", "uncertain", "ok"]
    strip = drawn([window(30 * n, 1.0, status) for n, status in enumerate(statuses)])
    assert strip["earthquake"] == "█  ██"
    assert strip["status"] == " ·x?"


def test_where_all_is_well_there_is_no_line_of_statuses():
    assert "status" not in drawn([window(0), window(30)])


def test_a_gap_is_as_wide_as_it_is_long():
    strip = drawn([window(s, 1.0) for s in (0, 30, 60, 90, 300, 330)])
    assert strip["earthquake"] == "████      ██"


def test_windows_flush_with_the_ends_of_the_record_have_a_character_of_their_own():
    strip = drawn([window(s) for s in (17.3, 30, 60, 90, 95.5)])
    assert strip["noise"] == "█████"


def test_labels_of_the_axis_stand_below_the_window_that_begins_then():
    strip = drawn([window(570 + 30 * n, n == 11) for n in range(31)])
    assert strip["earthquake"].index("█") == strip["time (UTC)"].index("|00:15")
    assert strip["time (UTC)"] == " |00:10    |00:15    |00:20"


def test_a_record_between_two_labels_shows_its_beginning():
    assert drawn([window(63), window(78)])["time (UTC)"] == "|00:01:03"


def test_the_heading_names_channel_set_and_times():
    records = [window(30 * n) for n in range(3)]
    heading = strip_lines(records, CLASSES, 80)[0].name
    assert heading.rstrip() == (
        "ML.ML02..BH?, 2020-05-02T00:00:00 to 00:02:00, 1 window a character"
    )
    over_midnight = [window(86_370), window(86_400)]
    heading = strip_lines(over_midnight, CLASSES, 80)[0].name
    assert "2020-05-02T23:59:30 to 2020-05-03T00:01:00" in heading


def test_where_it_is_narrow_a_character_stands_for_the_highest_of_some_windows():
    records = [window(30 * n, 1.0 if n == 31 else 0.0) for n in range(92)]
    records[60] = window(1800, status="rejected")
    heading = strip_lines(records, CLASSES, 60)[0].name
    assert heading.rstrip().endswith("2 windows a character")
    strip = drawn(records, width=60)  # 14 for names, 46 for windows
    assert strip["earthquake"] == "▁" * 15 + "█" + "▁" * 30
    assert strip["noise"] == "█" * 46
    assert strip["status"] == " " * 30 + "x"


@given(
    st.lists(st.tuples(st.integers(1, 200), st.floats(0, 1)), min_size=2, max_size=MOST_WINDOWS),
    st.integers(60, 300),
    st.booleans(),
)
def test_no_line_is_wider_than_the_terminal_and_nothing_high_is_lost(steps, width, ascii_only):
    records, at_s = [], 0
    for step_s, probability in steps:
        at_s += step_s
        records.append(window(at_s, probability))
    lines = strip_lines(records, CLASSES, width, ascii_only=ascii_only)
    for line in lines[1:]:
        assert len(line.name) + 1 + len(line.cells) <= min(width, 200)
    if lines and any(record.probabilities["earthquake"] >= 0.875 for record in records):
        assert ("#" if ascii_only else "█") in lines[1].cells


def test_nothing_is_drawn_of_one_window_or_of_pieces_that_are_far_apart():
    assert strip_lines([], CLASSES, 80) == []
    assert strip_lines([window(0)], CLASSES, 80) == []
    assert strip_lines([window(0), window(30), window(60), window(86_400)], CLASSES, 80) == []


def lines_of(records):
    strip = Strip()
    for record in records:
        strip.add(record)
    return strip.lines(CLASSES, 200, ascii_only=False)


def test_long_runs_and_several_channel_sets_have_no_strip():
    records = [window(30 * n) for n in range(MOST_WINDOWS + 1)]
    assert lines_of(records[:-1])
    assert lines_of(records) == []
    assert lines_of([*records[:5], window(150, channel_set="ML.ML03..BH?")]) == []


class Terminal(io.TextIOWrapper):
    """A terminal that keeps what it is shown."""

    def __init__(self, encoding):
        super().__init__(io.BytesIO(), encoding=encoding)

    def isatty(self):
        return True

    def shown(self):
        self.flush()
        return self.buffer.getvalue().decode(self.encoding)


def test_the_encoding_decides_on_blocks():
    assert not needs_ascii(Terminal("utf-8"))
    assert needs_ascii(Terminal("ascii"))
    assert needs_ascii(Terminal("latin-1"))
    assert not needs_ascii(Terminal("utf-16"))


def test_a_terminal_of_ascii_gets_no_other_character(monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("NO_COLOR", "1")
    file = Terminal("ascii")
    writer = TableWriter(file, CLASSES)
    for record in (window(0, 1.0), window(30, 0.0)):
        writer.write(record)
    writer.close()
    (line,) = [line for line in file.shown().splitlines() if line.startswith("earthquake ")]
    assert line.split() == ["earthquake", "#"]


def test_a_file_has_the_table_alone():
    file = io.StringIO()
    writer = TableWriter(file, CLASSES)
    for n in range(3):
        writer.write(window(30 * n))
    writer.close()
    assert len(file.getvalue().splitlines()) == 4
    assert "time (UTC)" not in file.getvalue()


def day_on(file, n_windows=2880):
    """Write a day of noise with an event of two windows at 07:30, and a window without data."""
    writer = TableWriter(file, CLASSES)
    writer.expect(n_windows)
    for n in range(n_windows):
        status = "no_data" if n == 5 else "ok"
        record = window(30 * n, 0.9 if n in (900, 901) else 0.0, status)
        writer.write(replace(record, label="earthquake") if n in (900, 901) else record)
    writer.close()


def test_of_a_day_a_terminal_shows_what_is_not_noise_and_a_row_an_hour(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    file = Terminal("utf-8")
    day_on(file)
    lines = [line.rstrip() for line in file.shown().splitlines()]
    assert len(lines) == 1 + 2 + 1 + 1 + 25  # 24 hours, and the minute that the last one ends in
    assert "2 windows shown, not shown: 2,877 noise, 1 no_data; a pipe or a file gets all" in lines
    assert lines[4].startswith("ML.ML02..BH?, a row: 1 hour, a character: a minute")
    assert lines[5] == "2020-05-02 00:00 " + "▁" * 60
    assert lines[12] == "2020-05-02 07:00 " + "▁" * 30 + "██" + "▁" * 28
    assert [line for line in lines[1:] if len(line) > 80] == []  # the first one is bold


def test_of_a_day_a_file_gets_all():
    file = io.StringIO()
    day_on(file)
    assert len(file.getvalue().splitlines()) == 2881


def test_of_more_than_two_days_there_is_a_row_a_day():
    hours = Hours(CLASSES)
    for n in range(3 * 2880):
        hours.add(window(30 * n, 1.0 if n == 2880 else 0.0))
    heading, *rows = hours.rows(80, ascii_only=True)
    assert "a row: 1 day, a character: 24 minutes" in heading.name
    assert [row.name.strip() for row in rows[:3]] == ["2020-05-02", "2020-05-03", "2020-05-04"]
    assert rows[1].cells == "#" + " " * 59
    assert rows[1].classes[0] == "earthquake"


def test_hours_of_two_channel_sets_are_not_drawn():
    hours = Hours(CLASSES)
    hours.add(window(0))
    hours.add(window(0, channel_set="ML.ML03..BH?"))
    assert hours.rows(80, ascii_only=False) == []


def test_hours_without_a_window_have_no_row_and_status_is_marked():
    hours = Hours(CLASSES)
    for record in (window(0, 1.0), window(240, status="rejected"), window(7200)):
        hours.add(record)
    rows = hours.rows(40, ascii_only=False)[1:]
    assert [row.name.strip()[11:] for row in rows] == ["00:00", "02:00"]
    assert rows[0].cells == "█x" + " " * 13  # four minutes a character


@pytest.mark.parametrize("options", [[], ["--quiet"]])
def test_the_program_shows_the_strip_below_the_table(options):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "quake_cli", "predict", "examples/BK.MHC.mseed", *options],
        cwd=ROOT,
        env={
            **os.environ,
            **{"OMP_NUM_THREADS": "1", "QUAKE_MODEL_DIR": os.devnull, "COLUMNS": "80"},
            **{"NO_COLOR": "1", "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
        },
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    shown = b""
    while piece := _read(leader):
        shown += piece
    os.close(leader)
    assert process.wait() == 0
    lines = [line.rstrip() for line in shown.decode().splitlines()]
    strip = [
        "BK.MHC..BH?, 2008-02-05T06:38:45 to 06:40:15, 1 window a character",
        "earthquake    ███",
        "surface_event ▁▁▁",
        "noise         ▁▁▁",
        "time (UTC)    |06:38:45",
    ]
    first = lines.index(strip[0])
    assert lines[first : first + 5] == strip
    table = [n for n, line in enumerate(lines) if line.endswith("resampled")]
    assert len(table) == 3
    assert max(table) < first
    if not options:  # the summary is the last thing, and is not shown with --quiet
        assert any(line.startswith("quake: 1 input") for line in lines[first + 5 :])


def _read(leader):
    try:
        return os.read(leader, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""
