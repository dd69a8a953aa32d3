"""Pages of documentation in, their fenced blocks out; and a place where shell blocks are run.

A block is run unless the line above its fence says why not: ``<!-- not run: needs Slurm -->``.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SHELL = ("bash", "sh", "console")

_FENCE = re.compile(
    r"(?:^<!-- not run: (?P<reason>[^\n]+?) -->\n)?"
    r"^```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: str
    line: int
    kind: str
    text: str
    reason: str | None

    def __str__(self):
        return f"{self.page}:{self.line}"

    @property
    def commands(self):
        """What of it a shell is to run: of a console, what follows the prompt."""
        if self.kind != "console":
            return self.text
        return "".join(f"{line[2:]}\n" for line in self.text.splitlines() if line[:2] == "$ ")


def blocks(page):
    """All fenced blocks of a page in docs/."""
    text = (DOCS / page).read_text()
    return [
        Block(page, text[: m.start("kind")].count("\n") + 1, m["kind"], m["text"], m["reason"])
        for m in _FENCE.finditer(text)
    ]


def shell_blocks(page, *, run, slow=()):
    """Blocks of shell commands that are run, or those that are not, as test parameters.

    Those in which one of the texts `slow` occurs are marked so.
    """
    chosen = [b for b in blocks(page) if b.kind in SHELL and (b.reason is None) == run]
    return [
        pytest.param(
            block,
            id=str(block),
            marks=[pytest.mark.slow] if any(text in block.text for text in slow) else [],
        )
        for block in chosen
    ]


@dataclass
class Place:
    """A folder with an archive and a store, and documented paths that stand for them.

    Attributes
    ----------
    folder : Path
        Where commands run.
    paths : mapping of a path in the documentation to one that exists here
    environment : mapping
        Variables of the commands.
    """

    folder: Path
    paths: dict[str, Path]
    environment: dict[str, str]

    def here(self, text):
        """The text with the paths of this place."""
        for documented in sorted(self.paths, key=len, reverse=True):
            text = text.replace(documented, str(self.paths[documented]))
        return text

    def run(self, commands, **variables):
        """Run commands in bash; the first one that fails ends them."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", self.here(commands)],
            cwd=self.folder,
            env={**os.environ, **self.environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )


def tree(store):
    """Files of a store and their bytes, without the lock."""
    files = [p for p in sorted(store.rglob("*")) if p.is_file() and p.name != "lock"]
    return {str(p.relative_to(store)): p.read_bytes() for p in files}
