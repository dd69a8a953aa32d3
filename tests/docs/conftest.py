"""A folder with small inputs under the names that the pages use, and how commands run there."""

import contextlib
import io
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import page_inputs
import pytest
from accounts import ADAPTED
from fenced_blocks import ROOT, words

# Whole folders of the documentation, and where they lie in a place.
ABSOLUTE = ("/srv", "/data", "/archive", "/var/log/quake")


@dataclass(frozen=True)
class Run:
    """How a command ended."""

    command: str
    status: int
    out: str
    err: str

    def __str__(self):
        return f"`{self.command}` ended with status {self.status}\n{self.out[-2000:]}{self.err}"


@dataclass(frozen=True)
class Place:
    """A folder in which the commands of one page are run, one after the other."""

    folder: Path

    def here(self, page, command):
        """The command with paths of this place, and what must be other words in a test."""
        for entry in ADAPTED:
            if page.startswith(entry.page) and entry.text in command:
                for old, new in entry.replaced.items():
                    command = command.replace(old, new)
                command = f"{command} {entry.added}".strip()
        return self.inside(command)

    def inside(self, text):
        """The text with absolute paths of the documentation inside of this place."""
        for path in ABSOLUTE:
            text = text.replace(f" {path}/", f" {self.folder}{path}/")
            for quote in "'\"":
                text = text.replace(f"{quote}{path}/", f"{quote}{self.folder}{path}/")
        return text

    def run(self, page, command):
        """Run one command of a page: what is ``quake`` in this process, but pipes of README."""
        here = self.here(page, command)
        plain, _, target = here.partition(" > ")
        first, pipe, rest = here.partition(" | ")
        if _is_quake(plain) and "|" not in target:
            return self._quake(here, words(plain)[1:], target.strip())
        if pipe and page != "README.md" and _is_quake(first):
            run = self._quake(here, words(first)[1:], "")
            return self._shell(rest, run.out) if run.status == 0 else run
        return self._shell(here)

    def python(self, block):
        """Run a block of Python as a program of its own would be, in this process."""
        out = io.StringIO()
        code = compile(self.inside(block.text), str(block), "exec")
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out):
            exec(code, {"__name__": "__main__"})
        return Run(str(block), 0, out.getvalue(), "")

    def query(self, block):
        """Run a block of SQL over the stores of this place."""
        duckdb = pytest.importorskip("duckdb")
        with contextlib.chdir(self.folder), duckdb.connect() as connection:
            connection.execute(self.inside(block.text))

    def _quake(self, command, arguments, target):
        from quake_cli.app import main

        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in "oe")
        status = 0
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.chdir(self.folder))
            stack.enter_context(contextlib.redirect_stdout(out))
            stack.enter_context(contextlib.redirect_stderr(err))
            try:
                main(arguments)
            except SystemExit as ended:
                status = int(ended.code or 0)
        printed = out.buffer.getvalue()
        if target:
            (self.folder / target).write_bytes(printed)
            printed = b""
        return Run(command, status, printed.decode(), err.buffer.getvalue().decode())

    def _shell(self, command, given=""):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", command],
            cwd=self.folder,
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=250,
        )
        return Run(command, done.returncode, done.stdout, done.stderr)


def _is_quake(command):
    try:
        return (words(command) or [""])[0] == "quake"
    except ValueError:  # cut in the middle of a text in quotes
        return False


@pytest.fixture(scope="session")
def given(tmp_path_factory):
    """The inputs, once; places have copies."""
    return page_inputs.write_all(tmp_path_factory.mktemp("given"))


@pytest.fixture
def place(tmp_path, given, monkeypatch):
    """A folder with the inputs, the examples and the benchmarks; nothing of the tester."""
    folder = tmp_path / "here"
    shutil.copytree(given, folder)
    for name in ("examples", "docs"):
        (folder / name).symlink_to(ROOT / name)
    bin_folder = Path(sys.executable).parent
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("QUAKE_MODEL_DIR", str(tmp_path / "models"))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("MKL_NUM_THREADS", "1")
    return Place(folder)
