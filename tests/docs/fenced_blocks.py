"""Pages of documentation in, their fenced blocks and the commands in these out."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELL = ("bash", "sh", "console")
PROGRAMS = ("quake", "python", "make", "pip", "cat", "find", "dask", "docker", "trtexec")

_FENCE = re.compile(
    r"(?:^ *<!-- not run: (?P<reason>[^\n]+?) -->\n)?"
    r"^(?P<indent> *)```(?P<kind>\w*)[^\n]*\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes
    ----------
    page : str
        Path from the root of the repository.
    line : int
        Of the fence, from 1.
    kind : str
        What follows the fence; ``bash`` where nothing does and its lines are commands.
    text : str
    reason : str or None
        Why it is not run, if the page says so above the fence.
    """

    page: str
    line: int
    kind: str
    text: str
    reason: str | None

    def __str__(self):
        return f"{self.page}:{self.line}"

    @property
    def commands(self):
        """Commands of a shell block, each one line; a block with more than these is one command."""
        text = "\n".join(_typed(self.text)) if self.kind == "console" else self.text
        if re.search(r"<<|^ *(if|for|case|while)\b|^\w+=", text, re.MULTILINE):
            return [text]
        joined = re.sub(r"\\\n\s*", "", text)
        joined = re.sub(r"(\||&&)\n\s*", r"\1 ", joined)
        stripped = (re.sub(r"(^|\s)# .*$", "", line).strip() for line in joined.splitlines())
        lines = [line for line in stripped if line]
        return lines if all(map(_closed, lines)) else [text]

    @property
    def answers(self):
        """What a console shows below each of its commands."""
        shown = []
        for line in self.text.splitlines(keepends=True):
            if line.startswith("$ "):
                shown.append("")
            elif shown:
                shown[-1] += line
        return shown


def _closed(line):
    try:
        shlex.split(line)
    except ValueError:
        return False
    return True


def _typed(text):
    return (line[2:] for line in text.splitlines() if line.startswith("$ "))


def pages():
    """README and all pages of docs/, from the root of the repository."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    return ["README.md", *(path.relative_to(ROOT).as_posix() for path in found)]


def blocks_of(page):
    """All fenced blocks of a page."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [_block(page, text, match) for match in _FENCE.finditer(text)]


def _block(page, text, match):
    indent = len(match["indent"])
    body = "".join(line[indent:] or "\n" for line in match["text"].splitlines(keepends=True))
    line = text[: match.start("kind")].count("\n") + 1
    return Block(page, line, match["kind"] or _kind_of(body), body, match["reason"])


def _kind_of(text):
    first = text.split(maxsplit=1)[0] if text.strip() else ""
    return "bash" if first in PROGRAMS else "console" if first == "$" else "text"


def words(command):
    """Words of a simple command as a shell sees them; None where it takes a shell to run it."""
    found = _tokens(command)
    return None if any(map(_is_operator, found)) or "$" in command else found


def quake_calls(command):
    """Argument lists of ``quake`` anywhere in a shell command."""
    calls, call, begins = [], None, True
    for word in [*_tokens(re.sub(r" \d>&\d", "", command)), "\n"]:
        if _is_operator(word):
            calls += [call] if call else []
            call, begins = None, True
        elif call is not None:
            call.append(word)
        elif begins and word == "quake":
            call = []
        else:
            begins = begins and re.fullmatch(r"do|then|else|sudo|exec|\w+=.*", word) is not None
    return calls


def _tokens(command):
    lexer = shlex.shlex(command, posix=True, punctuation_chars="|&;<>()\n")
    lexer.whitespace, lexer.whitespace_split, lexer.commenters = " \t", True, ""
    return list(lexer)


def _is_operator(word):
    return bool(word) and set(word) <= set("|&;<>()\n")
