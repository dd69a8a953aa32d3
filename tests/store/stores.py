"""Runs of the program and the stores they leave: what happened, what is there, what differs."""

import contextlib
import json
import os
import re
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from archives import around_midnight

# Long enough for the slowest machine: what hangs fails.
PATIENCE_S = 120


@dataclass
class Run:
    """How a run of the program ended."""

    status: int
    out: str
    err: str

    @property
    def errors(self):
        return [line for line in self.err.splitlines() if line.startswith("quake: error: ")]

    @property
    def summary(self):
        (line,) = [line for line in self.err.splitlines() if " s of input = " in line]
        return line

    @property
    def seconds(self):
        """Seconds of input by what became of them, of the summary; `input` is their total."""
        total, parts = re.search(r"([\d.]+) s of input = ([^;]*)", self.summary).groups()
        values = {name: float(value) for value, name in re.findall(r"([\d.]+) (\w+)", parts)}
        return {"input": float(total), **values}


def finished(process):
    """Wait for a process, and say how it ended."""
    out, err = (text.decode() for text in process.communicate(timeout=PATIENCE_S))
    return checked(Run(process.returncode, out, err))


def checked(run):
    """No run shows a traceback, whatever it was given."""
    assert "Traceback" not in run.err, run.err
    return run


def assert_status(run, status):
    """Compare how a run ended; show what it said."""
    assert run.status == status, run.err


def kill_group(process, number=signal.SIGKILL):
    """Send a signal to a process and all that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def wait_until(condition, process):
    """Wait until something is so; fail if it never is, or the process ends before."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)


# --- archives -----------------------------------------------------------------------------

ALFA = [
    around_midnight("ALFA", "2021-03-04", shock_s=-20),
    around_midnight("ALFA", "2021-03-05"),
]
BETA = [
    around_midnight("BETA", "2021-03-04", location="00", shock_s=-18),
    around_midnight("BETA", "2021-03-05", location="00"),
]
STRETCHES = [*ALFA, *BETA]

DATES = ("2021-03-03", "2021-03-04", "2021-03-05")
FOLDERS = [
    f"windows/network=XX/station={codes}/date={date}"
    for codes in ("ALFA/channels=.HH", "BETA/channels=00.HH")
    for date in DATES
]
"""Folders of the six station-days."""


ALL_FORMATS = ("--format", "parquet", "--format", "jsonl", "--format", "csv")


# --- stores -------------------------------------------------------------------------------


def tree(store):
    """Contents of all files of a store, but for locks; and its folders, as None.

    Parameters
    ----------
    store : Path
    """
    return {
        str(path.relative_to(store)): path.read_bytes() if path.is_file() else None
        for path in Path(store).rglob("*")
        if not path.name.startswith("lock")
    }


def results(store):
    """Contents of all results of a store, without what it keeps for itself."""
    return {name: content for name, content in tree(store).items() if "_quake" not in name}


def lines(store):
    """All lines of the windows of a store, by channel set and date."""
    files = sorted(Path(store).glob("windows/**/windows.jsonl"))
    return [line for file in files for line in file.read_text().splitlines()]


def records(store):
    """All windows of a store, as they are in its JSON lines."""
    return [json.loads(line) for line in lines(store)]


def read_json_lines(path):
    """Objects of a file, one a line."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def identities(store):
    """What tells of each result file whether it was written again: inode and time."""
    found = {}
    for path in Path(store).rglob("windows.*"):
        status = path.stat()
        found[str(path.relative_to(store))] = (status.st_ino, status.st_mtime_ns)
    return found


def written_again(before, after):
    """Names of result files that are new or other ones than before."""
    return sorted(name for name in after if before.get(name) != after[name])


def redone(before, store):
    """Folders of windows that are new or were written again since `identities` gave `before`."""
    return sorted({name.rpartition("/")[0] for name in written_again(before, identities(store))})


def assert_same_tree(one, other):
    """Compare stores byte for byte; show names, not contents."""
    assert differences(tree(one), tree(other)) == []


def differences(one, other):
    """Names of what is missing or different."""
    return sorted(
        name
        for name in one.keys() | other.keys()
        if name not in one or name not in other or one[name] != other[name]
    )
