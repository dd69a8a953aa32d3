"""A small archive in SDS layout, and places with a store in which documented commands run."""

import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from obspy import read
from page_blocks import ROOT, Place
from strategies import noise, trace

from quake.waveforms.times import parse_time

# Ten minutes of noise across the midnight that follows the earthquake of the example.
_MIDNIGHT_NS = parse_time("2008-02-06T00:00:00Z")
_HALF_NS = 300 * 10**9
_RATE_HZ = 50


@pytest.fixture(scope="session")
def archive(tmp_path_factory):
    """An SDS archive: a real earthquake at BK.MHC, noise at XX.STA; two days."""
    root = tmp_path_factory.mktemp("srv") / "archive"
    for recorded in read(str(ROOT / "examples" / "BK.MHC.mseed")):
        _put(root, recorded)
    rows = noise(2 * 300 * _RATE_HZ).astype(np.int32)
    for row, component in zip(rows, "ZNE", strict=True):
        for half, start_ns in (
            (row[: row.size // 2], _MIDNIGHT_NS - _HALF_NS),
            (row[row.size // 2 :], _MIDNIGHT_NS),
        ):
            _put(root, trace(half, f"HH{component}", start_ns, _RATE_HZ))
    return root


def _put(root, recorded):
    header = recorded.stats
    day = f"{header.starttime.year}.{header.starttime.julday:03d}"
    folder = (
        root / str(header.starttime.year) / header.network / header.station / f"{header.channel}.D"
    )
    folder.mkdir(parents=True, exist_ok=True)
    recorded.write(str(folder / f"{recorded.id}.D.{day}"), format="MSEED")


@pytest.fixture(scope="session")
def environment(tmp_path_factory):
    """Variables of commands: the program of this environment first, and nothing of the tester."""
    bin_folder = Path(sys.executable).parent
    return {
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "QUAKE_MODEL_DIR": os.devnull,
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    }


def _place(folder, archive, environment):
    paths = {
        "/srv/seedlink/archive": archive,
        "/srv/quake": folder / "quake",
        "/var/log/quake": folder / "log",
        "/opt/quake/bin": Path(sys.executable).parent,
    }
    for name in ("quake", "log"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return Place(folder, paths, dict(environment))


@pytest.fixture(scope="session")
def finished(tmp_path_factory, archive, environment):
    """A place where the archive has been classified; not to be changed."""
    place = _place(tmp_path_factory.mktemp("finished"), archive, environment)
    done = place.run(
        "quake predict --sds /srv/seedlink/archive --output /srv/quake/store/ --events"
        " --summary-json /var/log/quake/predict.json"
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture
def place(tmp_path, finished, archive, environment):
    """A place of the test's own where the archive has been classified."""
    shutil.copytree(finished.folder, tmp_path, dirs_exist_ok=True)
    return _place(tmp_path, archive, environment)


@pytest.fixture
def empty_place(tmp_path, archive, environment):
    """A place of the test's own without a store."""
    return _place(tmp_path, archive, environment)
