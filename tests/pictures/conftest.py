"""Cards, records and figures without any model, and the program in this process."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from strategies import START_NS

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.inference.records import WindowRecord
from quake.model_file.card import Calibration, ModelCard
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.sources import ArraySource
from quake.waveforms.times import NS_PER_S, format_time

ROOT = Path(__file__).resolve().parents[2]
KEY = ChannelSetId("XX", "STA", "", "HH")


@dataclass
class Run:
    """How a run of the program ended."""

    status: int
    out: str
    err: str

    def lines(self, level):
        return [line for line in self.err.splitlines() if line.startswith(f"quake: {level}: ")]


@pytest.fixture(scope="session")
def card():
    return ModelCard(
        network={},
        labels=LabelSet(("earthquake", "surface_event", "noise")),
        preprocessing=Preprocessing(),
        calibration=Calibration(1.0, (0.5, 0.6, 0.5)),
    )


@pytest.fixture
def record():
    """Make the record of a window that begins some seconds after the start of all records here."""

    def make(start_s=0.0, earthquake=0.1, surface_event=0.2, **changes):
        start_ns = START_NS + round(start_s * NS_PER_S)
        probabilities = {
            "earthquake": earthquake,
            "surface_event": surface_event,
            "noise": round(1 - earthquake - surface_event, 6),
        }
        values = {
            "id": str(KEY),
            "start": format_time(start_ns),
            "end": format_time(start_ns + 60 * NS_PER_S),
            "label": max(probabilities, key=probabilities.get),
            "status": "ok",
            "probabilities": probabilities,
            "coverage": 1.0,
            "components": "ZNE",
            "sampling_rate_hz": 100.0,
            "flags": (),
            "model": "0123456789ab",
        }
        return WindowRecord(**{**values, **changes})

    return make


@pytest.fixture
def unscored(record):
    """Make the record of a window without probabilities."""

    def make(start_s=0.0, status="no_data", *flags):
        return record(start_s, label=None, status=status, probabilities={}, flags=flags)

    return make


@pytest.fixture
def array_source():
    """Make a source of an array, one row a component."""

    def make(rows, rate_hz=100.0, components="ZNE"):
        rows = np.asarray(rows)
        return ArraySource(rows, rate_hz, format_time(START_NS), components, KEY)

    return make


@pytest.fixture
def quake(capsys):
    """Run the program in this process."""
    from quake_cli.app import main

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        assert "Traceback" not in err, err
        return Run(ended.value.code, out, err)

    return run


@pytest.fixture
def process():
    """Run the program as users do."""

    def run(*arguments, env=None, **options):
        done = subprocess.run(
            [sys.executable, "-m", "quake_cli", *map(str, arguments)],
            cwd=ROOT,
            capture_output=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", **(env or {})},
            timeout=120,
            check=False,
            **options,
        )
        return Run(done.returncode, done.stdout.decode(), done.stderr.decode())

    return run
