"""Checks of `quake doctor` as people read them."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from quake_cli.logs import one_line
from quake_cli.render.sections import console

if TYPE_CHECKING:
    from quake.doctor.check import Check


# In the order in which they are counted.
_CHECK_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def show_checks(checks: Sequence[Check], file: TextIO | None = None) -> None:
    """Show what `quake doctor` found: a table on a terminal, a line a check elsewhere."""
    file = file or sys.stdout
    counts = Counter(check.status.value for check in checks)
    verdict = "not sound" if counts["failed"] else "sound"
    numbers = ", ".join(f"{counts[name]} {name}" for name in _CHECK_STYLES)
    if not (file.isatty() and _draw_checks(checks, file)):
        for check in checks:
            advice = f"; to do: {check.advice}" if check.advice else ""
            file.write(one_line(f"{check.status}: {check.name}: {check.found}{advice}") + "\n")
    file.write(f"{verdict}: {numbers}\n")


def _draw_checks(checks: Sequence[Check], file: TextIO) -> bool:
    """Draw the table; False if Rich, which may be what is broken, cannot be loaded."""
    try:
        from rich.table import Table
        from rich.text import Text
    except Exception:  # a broken package may raise anything
        return False
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("check", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("found, and what to do", overflow="fold")
    for check in checks:
        found = Text(one_line(check.found))
        if check.advice:
            found.append(f"\nto do: {one_line(check.advice)}", style="bold")
        table.add_row(check.name, Text(check.status, style=_CHECK_STYLES[check.status]), found)
    console(file).print(table)
    return True
