"""The glossary of docs/concepts.md: the words of the code, each with one meaning."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in PAGE.partition("## Glossary")[2].splitlines()
    if line.startswith("| ") and not line.startswith(("| term", "| ---"))
]
CLASSES = Counter(
    node.name
    for path in (ROOT / "quake").rglob("*.py")
    for node in ast.parse(path.read_text(encoding="utf-8")).body
    if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
)


def test_the_glossary_names_classes_that_are_there():
    named = [name for _, classes, _ in ROWS for name in re.findall(r"`(\w+)`", classes)]
    assert len(named) > 30
    assert [name for name in named if name not in CLASSES] == []


def test_terms_are_in_the_order_of_the_alphabet_and_come_once():
    terms = [term for term, _, _ in ROWS]
    assert terms == sorted(set(terms))


def test_every_term_is_told_in_one_sentence_without_a_full_stop():
    told = [meaning for _, _, meaning in ROWS]
    assert all(told)
    assert [text for text in told if text.endswith(".")] == []


def test_no_two_classes_of_the_library_share_a_name():
    # A selection of what a user wants, and one of what is read of a file. The classifier that
    # Python gets is one that judges windows, with more methods.
    assert {name for name, n in CLASSES.items() if n > 1} <= {"Classifier", "Selection"}
