"""The table of events fits a terminal and tells what happened."""

import io

import pytest
from event_builders import event

from quake_cli.render.event_table import EventTableWriter

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
    names, line = table([event(0.25, 12.5, p=0.98765)])
    assert names.split() == ["onset", "(UTC)", "label", "prob.", "SNR", "S-P", "length", "stations"]
    assert line.split() == [
        *("2020-05-02T20:00:00.250", "earthquake", "0.988", "20", "-", "12.2", "XX.STA")
    ]


def test_headings_come_once():
    assert len(table([event(0), event(500), event(900)])) == 4


def test_without_events_nothing_is_printed():
    assert table([]) == []


def test_80_columns_hold_an_event_in_a_line(in_terminal):
    lines = in_terminal(80, [event(0, label="surface_event", keys=SETS[:2])])
    assert len(lines) == 2
    assert max(map(len, lines)) <= 80
    assert lines[1].endswith("surface_event 0.900   20     -   20.0 IU.ANMO IU.COLA")


def test_many_stations_take_more_lines_and_none_is_lost(in_terminal):
    lines = in_terminal(80, [event(0, keys=SETS)])
    assert lines[1].split()[-2:] == ["IU.ANMO", "IU.COLA"]
    assert lines[2].split() == ["IU.HRV", "IU.KONO"]


def test_a_narrow_terminal_keeps_the_stations(in_terminal):
    assert "IU.KONO" in "".join(in_terminal(60, [event(0, keys=SETS)]))
