"""The map of the code: what it names is there, and what is there is on it."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
NAMED = {
    name for name in re.findall(r"`([\w./]+)`", PAGE) if name.startswith(("quake/", "quake_cli/"))
}


def test_what_the_map_names_is_there():
    assert len(NAMED) > 40
    missing = [name for name in sorted(NAMED) if not (ROOT / name).exists()]
    assert missing == []


def test_every_package_is_on_the_map():
    there = {
        f"{path.parent.relative_to(ROOT).as_posix()}/"
        for top in ("quake", "quake_cli")
        for path in (ROOT / top).glob("*/__init__.py")
    }
    assert there <= NAMED


def test_the_map_tells_the_layers_in_their_order():
    """A package is named below all that it imports, or in the same row."""
    rows = [row for row in PAGE.splitlines() if row.startswith("| `quake/")]
    place = {name: k for k, row in enumerate(rows) for name in re.findall(r"`quake/(\w+)/", row)}
    wrong = []
    for path in (ROOT / "quake").glob("*/**/*.py"):
        package = path.relative_to(ROOT / "quake").parts[0]
        text = path.read_text(encoding="utf-8").split("if TYPE_CHECKING:")
        for imported in re.findall(r"^\s*(?:from|import) quake\.(\w+)", text[0], re.MULTILINE):
            if imported in place and place[imported] > place[package]:
                wrong.append((package, imported))
    assert sorted(set(wrong)) == []
