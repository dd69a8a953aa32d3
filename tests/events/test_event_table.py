"""The table of events fits a terminal and tells what happened."""

import io

import pytest
from event_builders import event

from quake_cli.render import EventTableWriter

SETS = tuple(f"IU.{name}.00.BH?" for name in ("ANMO", "COLA", "HRV", "KONO"))


def table(events):
    file = io.StringIO()
    writer = EventTableWriter(file)
    for one in events:
        writer.write(one)
    writer.close()
    return [line.rstrip() for line in file.getvalue().splitlines()]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def in_terminal(monkeypatch):
    """Lines of a table in a terminal of some width."""

    def draw(width, events):
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "dumb")
        file = Terminal()
        writer = EventTableWriter(file)
        for one in events:
            writer.write(one)
        return [line.rstrip() for line in file.getvalue().splitlines()]

    return draw


def test_an_event_is_a_line_below_the_headings():
    head, names, line = table([event(0, 90, p=0.98765, n_windows=2)])
    assert head.split() == ["peak"]
    assert names.split() == ["start", "(UTC)", "end", "label", "prob.", "windows", "stations"]
    assert line.split() == [
        "2020-05-02T20:00:00.0",
        "20:01:30.0",
        "earthquake",
        "0.988",
        "2",
        "XX.STA",
    ]


def test_headings_come_once():
    assert len(table([event(0), event(500), event(900)])) == 5


def test_without_events_nothing_is_printed():
    assert table([]) == []


def test_an_end_on_another_day_has_its_date():
    lines = table([event(4 * 3600 - 30, 4 * 3600 + 30)])
    assert "2020-05-03 earthquake" in lines[2]
    assert lines[3].strip() == "00:00:30.0"


def test_80_columns_hold_an_event_in_a_line(in_terminal):
    lines = in_terminal(80, [event(0, label="surface_event", n_windows=1234567, keys=SETS[:2])])
    assert len(lines) == 3
    assert max(map(len, lines)) <= 80
    assert lines[2].endswith("surface_event  0.900 1234567 IU.ANMO IU.COLA")


def test_many_stations_take_more_lines_and_none_is_lost(in_terminal):
    lines = in_terminal(80, [event(0, keys=SETS)])
    assert lines[2].split()[-2:] == ["IU.ANMO", "IU.COLA"]
    assert lines[3].split() == ["IU.HRV", "IU.KONO"]


def test_a_narrow_terminal_keeps_the_stations(in_terminal):
    assert "IU.KONO" in "".join(in_terminal(60, [event(0, keys=SETS)]))
