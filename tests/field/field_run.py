"""How a run of the program ended, for tests."""

import json
from dataclasses import dataclass


@dataclass
class Run:
    """How a run of the program ended."""

    status: int
    out: str
    err: str

    @property
    def records(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def errors(self):
        return [line for line in self.err.splitlines() if line.startswith("quake: error: ")]

    @property
    def warnings(self):
        return [line for line in self.err.splitlines() if line.startswith("quake: warning: ")]

    @property
    def summary(self):
        (line,) = [line for line in self.err.splitlines() if " s of input = " in line]
        return line
