"""CITATION.cff says what the program says of itself."""

from pathlib import Path

import pytest

from quake import __version__

ROOT = Path(__file__).resolve().parents[2]


def test_the_citation_is_of_this_version():
    yaml = pytest.importorskip("yaml")
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert found["cff-version"] == "1.2.0"
    assert found["version"] == __version__
    assert (found["type"], found["license"]) == ("software", "MIT")
    assert found["authors"] == [{"name": "The quake developers"}]
    assert found["title"].startswith("quake")
    assert found["message"]
