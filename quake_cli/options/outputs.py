"""Headings of options on outputs; what they mean, each command says."""

from __future__ import annotations

OUTPUT = "Output"
