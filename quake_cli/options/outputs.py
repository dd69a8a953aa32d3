"""Name the heading of options on outputs; each command declares its own."""

from __future__ import annotations

OUTPUT = "Output"
