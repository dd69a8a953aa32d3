"""docs/troubleshooting.md: each message that it quotes is one that the program can print."""

import ast
import re
from functools import cache

import pytest
from fenced_blocks import ROOT

PAGE = ROOT / "docs" / "troubleshooting.md"
TEXT = PAGE.read_text(encoding="utf-8")
DOCTOR = ROOT / "docs" / "doctor.md"
PACKAGES = ("quake", "quake_cli")
LEAST_LETTERS = 8

# What is not our own to say, in the words of the program that says it.
FOREIGN = {"operator torchvision::nms does not exist"}

# What stands in a literal where a value is put in.
VALUE = "\0"


def quoted():
    """Messages in the first column, with `...` where something was left out."""
    found = []
    for row in re.findall(r"^\| (`.*)$", TEXT, re.MULTILINE):
        cell = re.split(r" \| ", row, maxsplit=1)[0]
        found += _messages(cell)
    return found


def _messages(cell):
    """Code spans between commas; one may have back-quotes of its own."""
    return [part.strip("`") for part in re.split(r"(?<=`), (?=`)", cell)]


@cache
def literals():
    """All texts of both packages as they are joined: implicit concatenation, f-strings, +."""
    texts = set()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
            constants = _constants(nodes)
            prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}  # docstrings
            said = (node for node in nodes if id(node) not in prose)
            texts |= {text for node in said if (text := _text(node, constants))}
    return frozenset(texts)


def _constants(nodes):
    """Texts of names that are assigned once at the top, such as advice that messages share."""
    assigned = [
        n for n in nodes if isinstance(n, ast.Assign) and isinstance(n.targets[0], ast.Name)
    ]
    return {n.targets[0].id: text for n in assigned if (text := _text(n.value, {}))}


def _text(node, constants):
    """Text of an expression; `VALUE` for what is put in, empty where it is no text."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, constants) or VALUE for part in node.values)
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
        return constants.get(node.value.id, "")
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        sides = _text(node.left, constants), _text(node.right, constants)
        return "".join(side or VALUE for side in sides) if any(sides) else ""
    return ""


def pattern_of(message):
    """What finds a message in a literal: each ``...`` is a value, or more than one."""
    parts = (re.escape(part.strip()) for part in message.split("..."))
    return re.compile(r"[^\n]*?".join(parts), re.DOTALL)


def can_be_printed(message):
    pattern = pattern_of(message)
    return any(pattern.search(re.sub(r"%[sdr]", VALUE, text)) for text in literals())


@pytest.mark.parametrize("message", quoted())
def test_a_message_that_is_quoted_is_in_the_source(message):
    assert can_be_printed(message) or message in FOREIGN


def test_most_message_families_are_there():
    assert len(set(quoted())) >= 40


def test_what_is_quoted_is_long_enough_to_be_found():
    assert all(len(max(m.split("..."), key=len)) >= LEAST_LETTERS for m in quoted())


def test_no_message_is_quoted_twice():
    assert len(quoted()) == len(set(quoted()))


@pytest.mark.parametrize("message", ["no such fle", "of ... bytes could not be wrapped"])
def test_a_message_that_nobody_prints_is_noticed(message):
    assert not can_be_printed(message)


@pytest.mark.parametrize(
    "topic",
    [
        "torchvision::nms", "CUDA out of memory", "holds the lock", "another fingerprint",
        "cannot be read", "`no_data`", "`rejected`", "sampling rate", "SeedLink", "Dask",
    ],
)  # fmt: skip
def test_the_topics_that_people_ask_about_are_there(topic):
    assert topic in TEXT


# docs/doctor.md shows two texts, both of which the program recognises or prints ------------------


def test_the_text_of_a_mismatch_on_the_page_of_doctor_is_the_one_that_is_recognised():
    from quake.errors import ModelError
    from quake.models.torch_pair import explained

    (line,) = re.findall(
        r"^RuntimeError: (.*torchvision::nms.*)$", DOCTOR.read_text(), re.MULTILINE
    )
    assert isinstance(explained(RuntimeError(line)), ModelError)


def test_the_command_on_the_page_of_doctor_is_the_one_that_is_shown():
    from quake.models.torch_pair import mismatch

    (line,) = re.findall(r"^pip install .*$", DOCTOR.read_text(), re.MULTILINE)
    assert mismatch().endswith(line)
