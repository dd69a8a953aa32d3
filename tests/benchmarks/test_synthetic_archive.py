"""The archives on which benchmarks run hold what they say they hold."""

import importlib.util
import os
import subprocess
import sys
import warnings
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import obspy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.times import NS_PER_S, parse_time
from quake.windows.grid import WindowGrid
from quake.windows.station_days import station_days

PROJECT = Path(__file__).resolve().parents[2]


def load(name):
    """A module of the folder `benchmarks`, which is no package."""
    spec = importlib.util.spec_from_file_location(name, PROJECT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


synthetic = load("synthetic_archive")
Damage, make_archive = synthetic.Damage, synthetic.make_archive

MIDNIGHT_NS = parse_time("2021-01-02T00:00:00Z")
DAY_S = 86_400


def windows(*spans_s, rate_hz=100):
    """Windows a day of spans in seconds from a midnight; days are counted from it."""
    spans = [(MIDNIGHT_NS + round(a * 1e9), MIDNIGHT_NS + round(b * 1e9)) for a, b in spans_s]
    found = synthetic.windows_by_day(spans, rate_hz)
    return {(day_ns - MIDNIGHT_NS) // (DAY_S * NS_PER_S): n for day_ns, n in found.items()}


def traces(path):
    """Traces of a file, without those that ObsPy would join."""
    return obspy.read(str(path), format="MSEED")


def contents(archive):
    return {path.relative_to(archive.root): path.read_bytes() for path in archive.files}


# Windows, by hand


@pytest.mark.parametrize(
    ("spans_s", "expected"),
    [
        ([(0, 600)], {0: 19}),  # starts at 0, 30, ..., 540
        ([(0.004, 600)], {0: 19}),  # less than half a sample late
        ([(0.03, 600)], {0: 19}),  # flush with the beginning instead of midnight
        ([(0.03, 604)], {0: 20}),  # and one flush with the end
        ([(0, 59)], {0: 1}),
        ([(0, 61)], {0: 2}),
        ([(10, 80)], {0: 2}),  # no start of the grid fits: flush with both ends
        ([(10, 70)], {0: 1}),
        ([(0, 120), (179, 300)], {0: 9}),  # a gap shorter than a window
        ([(0, 120), (180, 300)], {0: 6}),
        ([(0, 600), (3, 580)], {0: 19}),  # components
        ([(-60, 60)], {-1: 2, 0: 1}),
        ([(0, DAY_S)], {0: 2879}),
        ([(0.03, DAY_S + 3)], {0: 2880}),  # 0.03, 30, ..., 86340, 86343
        ([(0.03, DAY_S + 40)], {0: 2881}),  # 0.03, 30, ..., 86370, 86380
        ([(0.03, DAY_S + 70)], {0: 2880, 1: 2}),
    ],
)
def test_windows_of_a_day_are_counted(spans_s, expected):
    assert windows(*spans_s) == expected


@given(
    st.lists(st.tuples(st.integers(-400, 400), st.integers(1, 600)), min_size=1, max_size=4),
    st.sampled_from([1, 20, 100]),
)
def test_windows_are_counted_as_quake_cuts_them(pieces, rate_hz):
    key, step_ns = ChannelSetId("XX", "S0000", "", "HH"), NS_PER_S // rate_hz
    spans = [
        Span(key, "Z", MIDNIGHT_NS + a * NS_PER_S + 3 * step_ns, end_ns, rate_hz, "file")
        for a, length in pieces
        for end_ns in [MIDNIGHT_NS + (a + length) * NS_PER_S + 3 * step_ns]
    ]
    grid = WindowGrid(60 * NS_PER_S, 30 * NS_PER_S)
    expected = {}
    for day in station_days({key: spans}, grid):
        n_windows = sum(len(starts) for _, starts in day.windows(grid))
        if n_windows:
            expected[day.day_ns] = n_windows
    found = synthetic.windows_by_day([(s.start_ns, s.end_ns) for s in spans], rate_hz)
    assert found == expected


# Files


def test_a_file_has_the_codes_and_the_time_of_its_name(tmp_path):
    archive = make_archive(tmp_path, stations=2, days=2, hours=0.05)
    assert len(archive.files) == 12
    for path in archive.files:
        (trace,) = traces(path)
        stats = trace.stats
        year_day = f"{stats.starttime.year}.{stats.starttime.julday:03}"
        assert path.name == f"{trace.id}.D.{year_day}"
        folder = f"{stats.starttime.year}/XX/{stats.station}/{stats.channel}.D"
        assert path.parent.relative_to(tmp_path).as_posix() == folder
        assert (stats.sampling_rate, stats.mseed.encoding) == (100, "STEIM2")


def test_short_files_begin_some_samples_after_midnight_and_end_in_a_full_record(tmp_path):
    archive = make_archive(tmp_path, stations=1, days=2, hours=0.05)
    n_samples = round(0.05 * 3600 * 100)
    late_s = set()
    for path in archive.files:
        (trace,) = traces(path)
        late_s.add(trace.stats.starttime - obspy.UTCDateTime(trace.stats.starttime.date))
        assert n_samples - 12 <= trace.stats.npts < n_samples + 800
        assert path.stat().st_size % 512 == 0
    assert late_s == {0.03, 0.07, 0.12}
    assert archive.n_bytes == sum(path.stat().st_size for path in archive.files)


def test_full_days_follow_on_each_other_across_midnight(tmp_path):
    archive = make_archive(tmp_path, stations=1, days=3, rate_hz=1)
    late_s = []
    for component in "ZNE":
        files = sorted(p for p in archive.files if f"BH{component}" in p.name)
        days = [trace.stats for path in files for trace in traces(path)]
        assert len(days) == 3
        for before, after in pairwise(days):
            assert after.starttime - before.endtime == 1
            late_s.append(after.starttime - obspy.UTCDateTime(after.starttime.date))
    # The last record of a day, of some 700 samples, reaches into the next.
    assert 0 <= min(late_s) < max(late_s) < 800


def test_samples_are_those_of_the_noise_whatever_the_codes_and_times(tmp_path):
    archive = make_archive(tmp_path, stations=2, days=1, hours=0.05)
    pool, _, _ = synthetic._pools(100, 0.05, 512, 0, "noise")
    noise = synthetic._samples(np.random.default_rng((0, 0)), 100, 1, "noise")[0]
    noise = noise[: pool.before[-1]]
    vertical = [traces(p)[0].data for p in archive.files if p.name.endswith("HHZ.D.2021.001")]
    assert len(vertical) == 2
    for samples in vertical:
        places = [
            np.array_equal(np.take(noise, np.arange(at, at + len(samples)), mode="wrap"), samples)
            for at in pool.before[:-1]
        ]
        assert sum(places) == 1
    assert not np.array_equal(vertical[0][:1000], vertical[1][:1000])


def test_earthquakes_are_larger_than_the_noise(tmp_path):
    largest = {}
    for kind in ("noise", "earthquakes"):
        archive = make_archive(tmp_path / kind, stations=1, days=1, hours=1, kind=kind)
        largest[kind] = max(abs(traces(path)[0].data).max() for path in archive.files)
    assert largest["earthquakes"] > 2 * largest["noise"]


@pytest.mark.parametrize("record_bytes", [512, 4096])
def test_the_same_arguments_give_the_same_bytes(tmp_path, record_bytes):
    options = {"stations": 2, "days": 2, "hours": 0.1, "record_bytes": record_bytes}
    damage = Damage(0.2, 0.2, 0.2, 0.5)
    one = make_archive(tmp_path / "one", **options, damage=damage)
    other = make_archive(tmp_path / "other", **options, damage=damage)
    assert contents(one) == contents(other)
    assert one.rows == other.rows
    third = make_archive(tmp_path / "third", **options, damage=damage, seed=1)
    assert contents(third) != contents(one)


# Damage


def test_a_truncated_file_ends_in_the_middle_of_a_record(tmp_path):
    whole = make_archive(tmp_path / "whole", stations=1, days=1, hours=0.1)
    archive = make_archive(
        tmp_path / "cut", stations=1, days=1, hours=0.1, damage=Damage(truncated=1)
    )
    assert len(archive.damaged["truncated"]) == 3
    for path, before in zip(archive.files, whole.files, strict=True):
        assert path.stat().st_size % 512 == 256
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            (trace,) = traces(path)
        (complete,) = traces(before)
        assert np.array_equal(trace.data, complete.data[: len(trace)])
        assert 0.5 < len(trace) / len(complete) < 0.7
    assert archive.n_windows == 7  # 0.6 of 6 min and a little: flush, 30, ..., 150, flush
    assert whole.n_windows == 12


def test_a_duplicated_file_lies_in_the_next_year_as_well(tmp_path):
    archive = make_archive(
        tmp_path, stations=1, days=2, hours=0.05, damage=Damage(duplicated=1 / 3)
    )
    assert len(archive.files) == 8
    for path in archive.damaged["duplicated"]:
        copy = tmp_path / "2022" / path.relative_to(tmp_path / "2021")
        assert copy in archive.files
        assert copy.read_bytes() == path.read_bytes()


def test_a_misnamed_file_still_says_whose_it_is(tmp_path):
    archive = make_archive(tmp_path, stations=1, days=1, hours=0.05, damage=Damage(misnamed=1 / 3))
    (path,) = archive.damaged["misnamed"]
    assert ".WRONG." in path.name
    assert traces(path)[0].stats.station == "S0000"


def test_a_gap_divides_all_components_at_once(tmp_path):
    archive = make_archive(tmp_path, stations=1, days=2, hours=0.5, damage=Damage(gaps=0.5))
    counts = {path.name: len(traces(path)) for path in archive.files}
    assert sorted(counts.values()) == [1, 1, 1, 2, 2, 2]
    (gap_day,) = {name[-3:] for name, n_traces in counts.items() if n_traces == 2}
    bounds = [traces(p) for p in archive.files if p.name.endswith(gap_day)]
    for first, second in bounds:
        assert 80 < second.stats.starttime - first.stats.endtime < 100
    with_gap, without = sorted(archive.rows.values())
    assert without == 60  # flush with the beginning, 30, 60, ..., 1740, or the last flush
    assert 55 <= with_gap < without


def test_the_shares_of_damage_are_kept(tmp_path):
    damage = Damage(0.1, 0.2, 0.3, 0.5)
    archive = make_archive(tmp_path, stations=2, days=5, hours=0.02, damage=damage)
    counts = {kind: len(paths) for kind, paths in archive.damaged.items()}
    assert counts == {"truncated": 3, "duplicated": 6, "misnamed": 9}
    assert len({p for paths in archive.damaged.values() for p in paths}) == 18


@pytest.mark.parametrize(
    "options",
    [
        {"stations": 0},
        {"days": 0},
        {"hours": 0},
        {"hours": 25},
        {"rate_hz": 30},
        {"kind": "music"},
        {"damage": Damage(truncated=0.6, misnamed=0.6)},
        {"damage": Damage(gaps=-0.1)},
    ],
)
def test_what_cannot_be_made_is_refused(tmp_path, options):
    with pytest.raises(ValueError, match=r"expected|1 day or more"):
        make_archive(tmp_path / "root", **{"stations": 1, "days": 1, "hours": 0.1, **options})
    assert not (tmp_path / "root").exists()


# With the program


def test_the_program_finds_what_the_archive_says_it_holds(tmp_path):
    import pyarrow.dataset

    archive = make_archive(
        tmp_path / "sds",
        stations=2,
        days=3,
        hours=0.1,
        damage=Damage(truncated=0.15, duplicated=0.15, misnamed=0.15, gaps=0.3),
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "quake_cli", "predict", "--threads", "1", "--device", "cpu"),
            *("--sds", archive.root, "--output", tmp_path / "store"),
        ],
        cwd=PROJECT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "QUAKE_MODEL_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert run.returncode == 1, run.stderr  # of the truncated files
    table = pyarrow.dataset.dataset(tmp_path / "store" / "windows", partitioning="hive")
    rows = table.to_table(columns=["station", "date"]).to_pylist()
    assert Counter((row["station"], str(row["date"])) for row in rows) == archive.rows
