"""Log files: every message is a line with its time, whatever is shown and happens to the file."""

import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer

from quake.errors import ParameterError
from quake_cli import logs
from quake_cli.command import Command
from quake_cli.messages import Messages, library_messages
from quake_cli.options.choices import LogFormat
from quake_cli.options.messages import LogFileOption, LogFormatOption

ROOT = Path(__file__).resolve().parents[2]
LINE = re.compile(
    r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) quake\[(?P<pid>\d+)\] "
    r"(?P<level>error|warning|info|debug): (?P<message>.*)"
)


@pytest.fixture
def shown():
    """Lines on standard error."""
    return []


@pytest.fixture
def messages(shown):
    """Messages whose lines are in `shown`; their log file is closed at the end."""
    made = Messages()
    made.show_line = shown.append
    yield made
    made.close_log()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "quake.log"


def parsed(path):
    """Fields of the lines of a log file; each must be whole."""
    lines = path.read_text(encoding="utf-8").split("\n")
    assert lines.pop() == ""
    return [LINE.fullmatch(line).groupdict() for line in lines]


def texts(path):
    return [(line["level"], line["message"]) for line in parsed(path)]


def say_all(messages):
    messages.error("a.mseed: damaged")
    messages.warning("b.mseed: clipped")
    messages.note("2 inputs")
    messages.detail("obspy: reading")


def test_each_message_is_a_line_with_time_process_and_level(messages, path):
    before = datetime.now(UTC).replace(microsecond=0)
    messages.open_log(path, "text")
    messages.error("a.mseed: damaged")
    (line,) = parsed(path)
    assert (line["level"], line["message"]) == ("error", "a.mseed: damaged")
    assert int(line["pid"]) == os.getpid()
    assert before <= datetime.fromisoformat(line["time"]) <= datetime.now(UTC)


def test_standard_error_stays_as_it_is_beside_a_log_file(messages, shown, path):
    say_all(messages)
    without = list(shown)
    shown.clear()
    messages.open_log(path, "json")
    say_all(messages)
    assert shown == without
    assert without == [
        "quake: error: a.mseed: damaged",
        "quake: warning: b.mseed: clipped",
        "quake: 2 inputs",
    ]


def test_a_log_file_has_what_quiet_does_not_show(messages, shown, path):
    messages.quiet = True
    messages.open_log(path, "text")
    say_all(messages)
    assert shown == ["quake: error: a.mseed: damaged"]
    assert texts(path) == [
        ("error", "a.mseed: damaged"),
        ("warning", "b.mseed: clipped"),
        ("info", "2 inputs"),
    ]


def test_details_are_said_with_debug_only(messages, shown, path):
    messages.debug = True
    messages.open_log(path, "text")
    say_all(messages)
    assert shown[-1] == "quake: debug: obspy: reading"
    assert texts(path)[-1] == ("debug", "obspy: reading")


def test_a_json_log_file_has_one_object_a_line(messages, path):
    messages.open_log(path, "json")
    say_all(messages)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [set(line) for line in lines] == 3 * [{"time", "level", "message", "pid"}]
    assert [line["level"] for line in lines] == ["error", "warning", "info"]
    assert lines[1]["message"] == "b.mseed: clipped"
    assert lines[1]["pid"] == os.getpid()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines[1]["time"])


def test_without_a_log_file_json_is_the_form_of_standard_error(messages, shown):
    messages.quiet = True
    messages.open_log(None, "json")
    say_all(messages)
    (line,) = map(json.loads, shown)
    assert (line["level"], line["message"]) == ("error", "a.mseed: damaged")


def test_names_with_line_breaks_and_bytes_that_are_no_text_stay_one_line(messages, shown, path):
    name = os.fsdecode(b"a\nb\xe9\x1b.mseed") + "\u2028é"
    messages.open_log(path, "text")
    messages.error(name)
    assert texts(path) == [("error", r"a\nb\udce9\x1b.mseed\u2028é")]

    messages.open_log(None, "json")
    messages.error(name)
    assert shown[-1].isascii()
    assert "\n" not in shown[-1]
    assert json.loads(shown[-1])["message"] == "a\nb\\udce9\x1b.mseed\u2028é"


def test_lines_are_appended_to_what_is_there(messages, path):
    path.write_text("2020-05-02T20:00:00.000Z quake[1] info: an earlier run\n")
    messages.open_log(path, "text")
    messages.note("this run")
    assert [message for _, message in texts(path)] == ["an earlier run", "this run"]


def test_lines_can_be_read_at_once(messages, path):
    messages.open_log(path, "text")
    for n in range(3):
        messages.note(str(n))
        assert len(parsed(path)) == n + 1


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/quake.log", "No such file or directory"),
        ("", "Is a directory"),
        ("text/quake.log", "Not a directory"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_at_once(messages, tmp_path, name, reason):
    (tmp_path / "text").touch()
    with pytest.raises(ParameterError) as raised:
        messages.open_log(tmp_path / name, "text")
    assert f"--log-file {tmp_path / name}: cannot be written ({reason})" in str(raised.value)


def test_a_file_that_was_moved_away_is_made_again(messages, path):
    messages.open_log(path, "text")
    messages.note("before")
    path.rename(path.with_suffix(".1"))
    messages.note("after")
    assert texts(path.with_suffix(".1")) == [("info", "before")]
    assert texts(path) == [("info", "after")]


def test_a_file_that_another_one_has_replaced_is_left(messages, path, tmp_path):
    messages.open_log(path, "text")
    messages.note("before")
    (tmp_path / "new").touch()
    (tmp_path / "new").rename(path)
    messages.note("after")
    assert texts(path) == [("info", "after")]


def test_a_file_that_was_removed_is_made_again(messages, path):
    messages.open_log(path, "text")
    messages.note("before")
    path.unlink()
    messages.note("after")
    assert texts(path) == [("info", "after")]


def test_a_file_that_was_emptied_is_filled_from_its_beginning(messages, path):
    messages.open_log(path, "text")
    messages.note("before")
    os.truncate(path, 0)
    messages.note("after")
    assert texts(path) == [("info", "after")]


def test_a_relative_path_stays_where_it_was(messages, path, monkeypatch, tmp_path):
    monkeypatch.chdir(path.parent)
    messages.open_log(Path(path.name), "text")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    messages.note("here")
    assert texts(path) == [("info", "here")]
    assert not Path(path.name).exists()


def test_a_folder_that_goes_away_is_said_once_and_not_waited_for(messages, shown, path):
    folder = path.parent / "logs"
    folder.mkdir()
    messages.open_log(folder / path.name, "text")
    (folder / path.name).unlink()
    folder.rmdir()
    messages.note("one")
    messages.note("two")
    assert shown[1:] == ["quake: one", "quake: two"]
    assert "cannot be written (No such file or directory)" in shown[0]
    folder.mkdir()
    messages.note("three")
    assert texts(folder / path.name) == [("info", "three")]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_a_full_disk_is_said_once_quiet_or_not(messages, shown):
    messages.quiet = True
    messages.open_log(Path("/dev/full"), "text")
    messages.note("one")
    messages.warning("two")
    messages.error("three")
    assert shown == [
        "quake: error: --log-file /dev/full: cannot be written (No space left on device); "
        "messages are missing there",
        "quake: error: three",
    ]


def test_a_line_that_a_full_disk_cut_off_does_not_run_into_the_next(messages, path, monkeypatch):
    messages.open_log(path, "text")
    free = [10, 0]
    write = os.write

    def write_what_fits(fd, data):
        if not free:
            return write(fd, data)
        n_bytes = free.pop(0)
        if not n_bytes:
            raise OSError(28, "No space left on device")
        return write(fd, data[:n_bytes])

    monkeypatch.setattr(logs.os, "write", write_what_fits)
    messages.note("lost")
    messages.note("one")
    messages.note("two")
    first, *others, end = path.read_text().split("\n")
    assert len(first) == 10
    assert [LINE.fullmatch(line)["message"] for line in others] == ["one", "two"]
    assert end == ""


def test_times_are_those_of_utc_in_any_time_zone(messages, path, monkeypatch):
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    before = datetime.now(UTC).replace(microsecond=0)
    try:
        messages.open_log(path, "text")
        messages.note("now")
    finally:
        monkeypatch.undo()
        time.tzset()
    (line,) = parsed(path)
    assert before <= datetime.fromisoformat(line["time"]) <= datetime.now(UTC)


def test_a_log_file_is_utf_8_in_any_locale(path):
    code = """
import sys
from pathlib import Path
from quake_cli.messages import Messages
messages = Messages()
messages.open_log(Path(sys.argv[1]), "text")
messages.note("Z\\xfcrich \\u03bcm/s")
"""
    subprocess.run(
        [sys.executable, "-c", code, path],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii:replace"},
        check=True,
    )
    assert texts(path) == [("info", "Zürich μm/s")]


def test_processes_that_append_to_one_file_tear_no_line(path):
    # Longer than the buffers of Python and of pipes, and of many lengths.
    code = """
import sys
from pathlib import Path
from quake_cli.messages import Messages
messages = Messages()
messages.quiet = True
messages.open_log(Path(sys.argv[1]), "text")
sys.stdout.write("ready\\n")
sys.stdout.flush()
sys.stdin.readline()
for n in range(1000):
    messages.note(f"{n} " + sys.argv[2] * (37 * n % 12_000))
"""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, path, letter],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for letter in "ab"
    ]
    for process in running:
        assert process.stdout.readline() == "ready\n"
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in running:
        process.communicate()
        assert process.returncode == 0
    lines = parsed(path)
    for letter, process in zip("ab", running, strict=True):
        found = [line["message"] for line in lines if int(line["pid"]) == process.pid]
        assert found == [f"{n} " + letter * (37 * n % 12_000) for n in range(1000)]
    assert len(lines) == 2000


def test_threads_lose_no_line_while_the_file_is_moved_away(messages, path):
    messages.quiet = True
    messages.open_log(path, "text")

    def write():
        for n in range(200):
            messages.note(str(n))

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    n_moved = 0
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            path.rename(path.with_suffix(f".{n_moved}"))
            n_moved += 1
    for thread in threads:
        thread.join()
    found = [line["message"] for file in path.parent.glob("quake.*") for line in parsed(file)]
    assert sorted(found) == sorted(4 * [str(n) for n in range(200)])


def test_what_the_library_logs_goes_to_the_log_file(messages, shown, path):
    messages.quiet = True
    messages.open_log(path, "text")
    with library_messages(messages):
        logging.getLogger("quake.data").warning("%s: two sampling rates", "a.mseed")
        logging.getLogger("quake.data").info("read")
        logging.getLogger("obspy").warning("not ours")
    assert shown == []
    assert texts(path) == [("warning", "a.mseed: two sampling rates")]


def test_with_debug_all_that_is_logged_goes_to_the_log_file(messages, path):
    messages.debug = True
    messages.open_log(path, "text")
    with library_messages(messages):
        logging.getLogger("quake.data").info("read")
        logging.getLogger("obspy").debug("parsed")
    assert texts(path) == [("debug", "quake.data: read"), ("debug", "obspy: parsed")]


def test_python_warnings_go_to_the_log_file_and_stay_on_standard_error(messages, path):
    messages.debug = True
    messages.open_log(path, "text")
    with warnings.catch_warnings(record=True) as seen, library_messages(messages):
        warnings.warn("a name will change", DeprecationWarning, stacklevel=1)
    assert [str(warning.message) for warning in seen] == ["a name will change"]
    ((level, message),) = texts(path)
    assert level == "warning"
    assert re.fullmatch(
        r".*test_log_files\.py:\d+: DeprecationWarning: a name will change", message
    )


def test_python_warnings_are_json_where_all_else_is(messages, shown):
    messages.debug = True
    messages.open_log(None, "json")
    with warnings.catch_warnings(record=True) as seen, library_messages(messages):
        warnings.warn("a name will change", DeprecationWarning, stacklevel=1)
    assert seen == []
    assert json.loads(shown[0])["message"].endswith("DeprecationWarning: a name will change")


def test_python_warnings_are_left_alone_without_debug(messages, shown, path):
    messages.open_log(path, "text")
    before = warnings.showwarning
    with library_messages(messages):
        warnings.warn("a name will change", DeprecationWarning, stacklevel=1)
    assert warnings.showwarning is before
    assert shown == []
    assert texts(path) == []


def raised_error():
    try:
        raise ValueError("3 components")
    except ValueError as error:
        return error


def test_a_traceback_is_one_line_of_the_log_and_as_ever_on_standard_error(messages, shown, path):
    messages.open_log(path, "text")
    messages.trace(raised_error())
    assert shown == []
    messages.debug = True
    messages.trace(raised_error())
    ((level, message),) = texts(path)
    assert level == "debug"
    assert message.startswith(r"Traceback (most recent call last):\n  File ")
    assert shown[0].splitlines()[0] == "Traceback (most recent call last):"
    assert shown[0].splitlines()[-1] == "ValueError: 3 components"


def test_a_traceback_is_json_where_all_else_is(messages, shown):
    messages.debug = True
    messages.open_log(None, "json")
    messages.trace(raised_error())
    assert json.loads(shown[0])["message"].endswith("\nValueError: 3 components")


class Terminal:
    def isatty(self):
        return True


def test_no_bar_is_drawn_between_lines_of_json(messages, monkeypatch, path):
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert messages.may_draw
    messages.open_log(path, "json")
    assert messages.may_draw
    messages.open_log(None, "json")
    assert not messages.may_draw


def test_whoever_takes_the_lines_takes_no_line_from_the_log(messages, path):
    messages.open_log(path, "text")
    above_the_bar = []
    messages.show_line = above_the_bar.append
    messages.note("one")
    assert above_the_bar == ["quake: one"]
    assert texts(path) == [("info", "one")]


def test_another_log_file_takes_the_place_of_the_first(messages, path, tmp_path):
    messages.open_log(path, "text")
    messages.open_log(tmp_path / "other.log", "text")
    messages.note("one")
    messages.close_log()
    messages.close_log()
    messages.note("two")
    assert texts(path) == []
    assert texts(tmp_path / "other.log") == [("info", "one")]


@pytest.fixture
def command(messages):
    """A command with the options of log files, as `quake_cli.command` reads them."""
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)

    @alone.command("fake", cls=Command)
    def fake(
        context: typer.Context,
        log_file: LogFileOption = None,
        log_format: LogFormatOption = LogFormat.TEXT,
    ) -> None:
        context.obj.open_log(log_file, log_format)
        context.obj.note("done")

    def run(*arguments):
        made = typer.main.get_command(alone)
        with made.make_context("fake", [*map(str, arguments)], obj=messages) as context:
            made.invoke(context)

    return run


def test_options_name_the_file_and_its_form(command, path, shown):
    command("--log-file", path, "--log-format", "json")
    assert json.loads(path.read_text())["message"] == "done"
    assert shown == ["quake: done"]


def test_options_are_for_standard_error_without_a_file(command, shown):
    command("--log-format", "json")
    assert json.loads(shown[0])["message"] == "done"


def test_without_options_all_is_as_ever(command, shown):
    command()
    assert shown == ["quake: done"]


def test_another_form_is_refused(command):
    with pytest.raises(typer.BadParameter, match="xml: one of text, json was expected"):
        command("--log-format", "xml")
