"""docs/cron.md and examples/cron: commands run, units and crontab are what their readers take."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from page_blocks import ROOT, blocks, shell_blocks

PAGE = "cron.md"
CRON = ROOT / "examples" / "cron"
UNITS = ("quake.service", "quake.timer", "quake-watch.service")

# Least and largest value of the five fields of a crontab line.
FIELDS = {"minute": (0, 59), "hour": (0, 23), "day": (1, 31), "month": (1, 12), "weekday": (0, 7)}


@pytest.mark.parametrize("block", shell_blocks(PAGE, run=True))
def test_blocks_of_the_cron_page_run(block, place):
    done = place.run(block.commands)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", shell_blocks(PAGE, run=False))
def test_blocks_of_the_cron_page_that_do_not_run_are_shell(block):
    done = subprocess.run(
        ["bash", "-n"], input=block.commands, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_texts_of_the_cron_page_are_those_of_the_examples():
    files = [path.read_text() for path in CRON.iterdir()]
    for block in blocks(PAGE):
        if block.kind == "text":
            assert any(block.text in text for text in files), block


# Crontab ----------------------------------------------------------------------------------------


def crontab():
    """Variables, and pairs of five fields and a command."""
    variables, jobs = {}, []
    for line in (CRON / "crontab").read_text().splitlines():
        if assignment := re.fullmatch(r"([A-Z_]+) *= *(.*)", line):
            variables[assignment[1]] = assignment[2]
        elif line and not line.startswith("#"):
            *fields, command = line.split(maxsplit=5)
            jobs.append((fields, command))
    return variables, jobs


def values_of(field, least, largest):
    """What a field means: numbers from *, a-b, lists and steps; ValueError if it is none."""
    found = set()
    for part in field.split(","):
        match = re.fullmatch(r"(\*|(\d+)(?:-(\d+))?)(?:/([1-9]\d*))?", part)
        if match is None:
            raise ValueError(field)
        first = least if match[1] == "*" else int(match[2])
        last = largest if match[1] == "*" else int(match[3] or match[2])
        if not least <= first <= last <= largest:
            raise ValueError(field)
        found.update(range(first, last + 1, int(match[4] or 1)))
    return found


@pytest.mark.parametrize("field", ["60", "5-1", "*/0", "a", "1,", "-"])
def test_the_parser_of_crontab_fields_refuses_what_is_none(field):
    with pytest.raises(ValueError, match=re.escape(field)):
        values_of(field, 0, 59)


def test_crontab_lines_have_five_fields_that_cron_understands():
    _, jobs = crontab()
    nightly, weekly = (
        [values_of(f, *bounds) for f, bounds in zip(fields, FIELDS.values(), strict=True)]
        for fields, _ in jobs
    )
    assert nightly == [{40}, {1}, set(range(1, 32)), set(range(1, 13)), set(range(8))]
    assert weekly == [{40}, {5}, set(range(1, 32)), set(range(1, 13)), {0}]


def test_no_percent_sign_divides_a_crontab_command():
    _, jobs = crontab()
    assert not [command for _, command in jobs if "%" in command.replace(r"\%", "")]


def test_the_weekly_command_is_the_nightly_one_and_retries():
    _, [(_, nightly), (_, weekly)] = crontab()
    assert weekly == f"{nightly} --retry-failed"


def test_the_nightly_command_runs_as_cron_runs_it(empty_place):
    """With the variables of the crontab and no others but HOME."""
    variables, jobs = crontab()
    place = empty_place
    given = {name: place.here(value) for name, value in variables.items()}
    given |= {"HOME": str(place.folder), "QUAKE_MODEL_DIR": place.environment["QUAKE_MODEL_DIR"]}
    done = subprocess.run(
        [variables["SHELL"], "-c", place.here(jobs[0][1])],
        cwd=place.folder,
        env=given,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (place.folder / "quake" / "store" / "_quake" / "run.json").exists()
    assert (place.folder / "log" / "predict.json").stat().st_mode & 0o777 == 0o640


# systemd ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """Copies of the units that start the program of this environment."""
    folder = tmp_path_factory.mktemp("units")
    for name in UNITS:
        text = (CRON / name).read_text()
        assert name.endswith(".timer") or "ExecStart=/opt/quake/bin/quake " in text
        program = Path(sys.executable).parent / "quake"
        (folder / name).write_text(text.replace("/opt/quake/bin/quake", str(program)))
    return folder


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
@pytest.mark.parametrize("name", UNITS)
def test_systemd_has_nothing_to_say_about_the_units(name, units):
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", units / name],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    ours = [line for line in done.stderr.splitlines() if "quake" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_finds_a_misspelt_setting(units):
    """So that the test before can fail."""
    text = (units / "quake.service").read_text()
    wrong = units / "quake-wrong.service"
    wrong.write_text(text.replace("KillSignal=", "KilSignal="))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", wrong],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "KilSignal" in done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_the_timer_elapses_after_midnight_utc_whatever_the_zone():
    (when,) = re.findall(r"^OnCalendar=(.*)$", (CRON / "quake.timer").read_text(), re.MULTILINE)
    done = subprocess.run(
        ["systemd-analyze", "calendar", when],
        env={"PATH": "/usr/bin:/bin", "TZ": "Asia/Tokyo"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "(in UTC):" in done.stdout or "UTC" in done.stdout
    assert re.search(r"00:40:00 UTC", done.stdout)


def test_the_command_of_the_service_runs(empty_place):
    (command,) = re.findall(r"^ExecStart=(.*)$", (CRON / "quake.service").read_text(), re.MULTILINE)
    done = empty_place.run(command, LOGS_DIRECTORY=str(empty_place.folder / "log"))
    assert done.returncode == 0, done.stderr
    assert (empty_place.folder / "quake" / "store" / "_quake" / "run.json").exists()


# Log rotation -----------------------------------------------------------------------------------


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="no logrotate here")
def test_logrotate_takes_the_snippet(tmp_path):
    snippet = (CRON / "quake.logrotate").read_text()
    config = tmp_path / "quake"
    config.write_text(
        snippet.replace("/var/log/quake", str(tmp_path)).replace("su quake quake", "")
    )
    config.chmod(0o644)
    done = subprocess.run(
        ["logrotate", "--debug", "--state", tmp_path / "state", config],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "error:" not in done.stderr
