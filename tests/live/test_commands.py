"""Commands for events: what they are given, how many run at once, and what becomes of bad ones."""

import json
import logging
import os
import sys
import time

import psutil
import pytest
from event_builders import event

from quake.errors import ParameterError
from quake.live.commands import CommandOptions, Commands
from quake.live.revisions import Revision

PATIENCE_S = 20


def revision(number=1, seconds=100):
    found = event(seconds)
    return Revision(found.id, number, "preliminary", found, "2020-05-02T20:02:00Z")


@pytest.fixture
def script(tmp_path):
    """A Python program, as a command."""

    def write(text, name="script.py"):
        path = tmp_path / name
        path.write_text(text)
        return f"{sys.executable} {path}"

    return write


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.DEBUG, "quake.live.commands")
    return lambda: [f"{r.levelname}: {r.getMessage()}" for r in caplog.records]


def until(is_true):
    until_s = time.monotonic() + PATIENCE_S
    while not is_true():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def test_a_command_gets_the_json_of_each_revision(script, tmp_path):
    out = tmp_path / "out"
    command = script(
        "import os, sys\n"
        f"open({str(out)!r}, 'a').write(sys.stdin.read() + os.environ['QUAKE_EVENT_STATE'] + "
        "os.environ['QUAKE_EVENT_REVISION'] + os.environ['QUAKE_EVENT_ID'] + '\\n')\n"
    )
    with Commands(CommandOptions(command)) as commands:
        commands.run(revision())
    line, variables = out.read_text().splitlines()
    assert json.loads(line) == revision().to_dict()
    assert variables == f"preliminary1{revision().id}"
    assert commands.counts["ok"] == 1


def test_arguments_are_divided_as_a_shell_does_and_no_shell_is_asked(script, tmp_path):
    out = tmp_path / "out"
    command = script(f"import sys; open({str(out)!r}, 'w').write(repr(sys.argv[1:]))")
    with Commands(CommandOptions(f"{command} 'a b' $HOME ';' c")) as commands:
        commands.run(revision())
    assert out.read_text() == repr(["a b", "$HOME", ";", "c"])


def test_a_failure_is_logged_with_what_was_said(script, logged):
    command = script("import sys; sys.stderr.write('no route to host\\nreally\\n'); sys.exit(3)")
    with Commands(CommandOptions(command)) as commands:
        commands.run(revision(2))
    assert logged() == [
        "WARNING: --exec: ended with status 3 (no route to host; really) for "
        f"{revision().id}, revision 2"
    ]
    assert (commands.counts["ok"], commands.counts["failed"]) == (0, 1)


def test_what_takes_too_long_is_ended_with_its_children(script, tmp_path, logged):
    pids = tmp_path / "pids"
    command = script(
        "import os, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(pids)!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)\n"
    )
    with Commands(CommandOptions(command, timeout_s=1.5)) as commands:
        commands.run(revision())
        until(lambda: commands.counts["timed_out"] == 1)
    for pid in map(int, pids.read_text().split()):
        until(lambda pid=pid: not is_running(pid))
    (line,) = logged()
    assert "took more than 1.5 s" in line


def is_running(pid):
    """Whether there is such a process that is not a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_no_more_run_at_once_than_allowed_and_nobody_waits_for_them(script, tmp_path):
    command = script(
        "import os, sys, time\n"
        f"name = os.path.join({str(tmp_path)!r}, f'running-{{os.getpid()}}')\n"
        "open(name, 'w').close()\n"
        f"while not os.path.exists(os.path.join({str(tmp_path)!r}, 'go')): time.sleep(0.01)\n"
        "os.remove(name)\n"
    )
    with Commands(CommandOptions(command, at_a_time=2)) as commands:
        for n in range(6):
            commands.run(revision(seconds=100 * n))
        until(lambda: len(list(tmp_path.glob("running-*"))) == 2)
        time.sleep(0.2)
        assert len(list(tmp_path.glob("running-*"))) == 2
        assert commands.counts["ok"] == 0
        (tmp_path / "go").touch()
    assert commands.counts["ok"] == 6


def test_revisions_of_one_event_run_one_after_the_other(script, tmp_path):
    out = tmp_path / "out"
    command = script(
        "import os, time\n"
        "number = os.environ['QUAKE_EVENT_REVISION']\n"
        "time.sleep(0.3 if number == '1' else 0)\n"
        f"open({str(out)!r}, 'a').write(number)\n"
    )
    with Commands(CommandOptions(command, at_a_time=3)) as commands:
        for number in (1, 2, 3):
            commands.run(revision(number))
    assert out.read_text() == "123"


def test_of_too_many_that_wait_the_oldest_are_left_out_with_an_error(script, monkeypatch, logged):
    monkeypatch.setattr("quake.live.commands._MOST_WAITING", 2)
    monkeypatch.setattr("quake.live.commands._END_S", 0.0)
    command = script("import time; time.sleep(600)")
    with Commands(CommandOptions(command, at_a_time=1)) as commands:
        commands.run(revision())
        until(lambda: commands._running)
        for n in range(1, 5):
            commands.run(revision(seconds=100 * n))
    assert commands.counts["left_out"] == 4
    assert (
        logged()[:2] == ["ERROR: --exec: was not run for 1 revisions of events: 2 others wait"] * 2
    )
    assert "the run has ended" in logged()[2]


def test_a_command_that_does_not_read_is_no_failure(script):
    with Commands(CommandOptions(script("pass"))) as commands:
        commands.run(revision())
    assert commands.counts["ok"] == 1


def test_a_program_that_is_gone_is_a_failure(tmp_path, logged):
    path = tmp_path / "program"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    options = CommandOptions(str(path))
    path.unlink()
    with Commands(options) as commands:
        commands.run(revision())
    assert "cannot be run (No such file" in logged()[0]


@pytest.mark.parametrize(
    ("command", "changes", "message"),
    [
        ("", {}, "is empty"),
        ("no-such-program-here x", {}, "no-such-program-here: is no program"),
        ("echo 'a", {}, "No closing quotation"),
        ("true", {"at_a_time": 0}, "must be 1 or more, got 0"),
        ("true", {"timeout_s": 0.0}, "must be more than 0, got 0"),
        ("true", {"timeout_s": float("nan")}, "must be more than 0, got nan"),
    ],
)
def test_what_cannot_be_run_is_refused(command, changes, message):
    with pytest.raises(ParameterError, match=message):
        CommandOptions(command, **changes)


def test_no_thread_is_left(script):
    import threading

    with Commands(CommandOptions(script("pass"))) as commands:
        commands.run(revision())
    assert not [t.name for t in threading.enumerate() if t.name.startswith("quake-exec")]
    assert os.environ.get("QUAKE_EVENT_ID") is None
