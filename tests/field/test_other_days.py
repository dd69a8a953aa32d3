"""Files that hold other days than their names tell; copies that disagree under `quake watch`."""

import json

import numpy as np
import pytest
from archives import around_midnight, write_sds
from strategies import noise, stream, write

from quake.inputs.sds import misnamed
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span


@pytest.fixture
def archive(tmp_path):
    """Eight minutes around a midnight; the files of the second day are named a month later."""
    root = tmp_path / "archive"
    write_sds(root, [around_midnight("STA", "2024-02-03")])
    for path in sorted(root.rglob("*.2024.034")):
        path.rename(path.with_name(path.name.replace("2024.034", "2024.064")))
    return root


def test_such_files_are_read_and_named(predict, archive):
    run = predict("--sds", archive)
    assert run.status == 0
    assert {record["start"][:10] for record in run.records} == {"2024-02-02", "2024-02-03"}
    named = [line for line in run.warnings if "its name tells another day" in line]
    assert len(named) == 3
    assert "HHZ.D.2024.064: its records are of 2024-02-03 to 2024-02-03" in named[2]
    assert "rename it, or look after the clock" in named[2]


def test_a_day_that_no_name_tells_is_said_to_be_looked_for_in_names(predict, archive):
    run = predict("--sds", archive, "--start", "2024-02-20", "--end", "2024-02-21")
    assert run.status == 3
    assert "nothing from 2024-02-20" in run.err
    assert "in this archive; days are those that the names of its files tell" in run.err


def test_a_store_names_them_too(quake, archive):
    run = quake("predict", "--sds", archive, "--output", "store/", "--start", "2024-03-04")
    assert len([line for line in run.warnings if "its name tells another day" in line]) == 3


@pytest.mark.parametrize(
    ("name", "hours", "is_misnamed"),
    [
        ("XX.STA..HHZ.D.2020.002", (24, 48), False),
        ("XX.STA..HHZ.D.2020.002.gz", (24, 48), False),
        ("XX.STA..HHZ.D.2020.002", (23.9, 48.1), False),
        ("XX.STA..HHZ.D.2020.002", (0, 72), False),
        ("XX.STA..HHZ.D.2020.002", (24, 73), True),
        ("XX.STA..HHZ.D.2020.002", (-1, 48), True),
        ("XX.STA..HHZ.D.2021.002", (24, 48), True),
        ("sta.2020.002.mseed", (240, 248), False),  # no name of SDS: nothing goes by it
    ],
)
def test_a_day_before_and_behind_is_no_other_day(name, hours, is_misnamed):
    year_ns = 1_577_836_800 * 10**9
    start_ns, end_ns = (year_ns + round(h * 3600e9) for h in hours)
    span = Span(
        id=ChannelSetId("XX", "STA", "", "HH"),
        code="Z",
        start_ns=start_ns,
        end_ns=end_ns,
        sampling_rate_hz=100.0,
        source=f"/data/{name}",
    )
    found = [(f"/data/{name}", start_ns, end_ns)] if is_misnamed else []
    assert misnamed([span]) == found


def test_watch_names_files_that_contradict_each_other_once(quake, tmp_path):
    folder = tmp_path / "incoming"
    folder.mkdir()
    rows = noise(30_000).astype(np.int32)
    write(folder / "raw.mseed", stream(rows))
    write(folder / "velocity.mseed", stream((rows * 1e-9).astype(np.float32)))
    run = quake("watch", folder, "--print", "--stop-after", 3, "--end-after", 1)
    assert run.status == 0
    (named,) = [line for line in run.warnings if "contradict each other" in line]
    assert "raw.mseed and " in named
    assert "velocity.mseed" in named
    assert all("disputed:Z" in json.loads(line)["flags"] for line in run.out.splitlines())
