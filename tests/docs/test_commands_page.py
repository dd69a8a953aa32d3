"""docs/commands.md is what the help of all commands says."""

import runpy

from fenced_blocks import ROOT

SCRIPT = ROOT / "docs" / "site" / "generate_commands.py"


def test_the_page_of_commands_is_up_to_date():
    written = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    generated = runpy.run_path(str(SCRIPT))["page"]()
    assert written == generated, "run: python docs/site/generate_commands.py"


def test_the_page_does_not_depend_on_the_terminal(monkeypatch):
    page = runpy.run_path(str(SCRIPT))["page"]
    monkeypatch.setenv("COLUMNS", "300")
    wide = page()
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("NO_COLOR", "1")
    assert page() == wide
