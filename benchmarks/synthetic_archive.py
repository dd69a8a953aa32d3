"""SDS archives of synthetic noise: stations and days in, day files and their true windows out.

    python benchmarks/synthetic_archive.py ROOT --stations 50 --days 30 --hours 0.5

Noise is drawn and compressed once, record by record of miniSEED. A file is a stretch of these
records under other codes and times, which starts somewhere else for every station (and day):
its samples are its own, and making it costs little more than writing it. What `quake predict` has
to find in it is computed from times alone, apart from all code of quake.

Files of whole days are cut as recorders cut them: a record belongs to the day in which it starts,
so a file begins some samples after midnight and reaches some seconds beyond the next. Files of
fewer hours begin some samples after midnight, and stop.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NETWORK = "XX"
FIRST_DAY = date(2021, 1, 1)
RECORD_BYTES = 512  # as SeedLink and so most SDS archives; data centres keep 4096
COMPONENTS = "ZNE"
KINDS = ("noise", "earthquakes")

# By how many samples the components of a short file begin after midnight.
_LATE_SAMPLES = (3, 7, 12)

# Differences of some counts, as of a quiet station: seven in a word of Steim-2. A day at 100 Hz has
# 18.4 MB in three components in records of 512 bytes, and 16.1 MB in records of 4096.
_NOISE_COUNTS, _MEMORY = 2.4, 0.98
_EVENTS_PER_HOUR = 4

_GAP_S = 90  # longer than a window, so that it divides the record
_KEPT = 0.6  # of a truncated file
_WRONG_STATION = "WRONG"

_SECOND_NS = 1_000_000_000
_TICK_NS = 100_000  # what headers of records count in
_DAY_NS = 86_400 * _SECOND_NS
_WINDOW_NS, _HOP_NS = 60 * _SECOND_NS, 30 * _SECOND_NS
_EPOCH = date(1970, 1, 1)

# First byte and length of what is replaced in a record.
_STATION, _LOCATION, _CHANNEL, _NETWORK = (8, 5), (13, 2), (15, 3), (18, 2)
_TIME_AT, _COUNT_AT = 20, 30

Interval = tuple[int, int]


@dataclass(frozen=True)
class Damage:
    """Shares of the files, and of the station-days for `gaps`, that are not as they should be.

    Attributes
    ----------
    truncated : float
        Cut off in the middle of a record.
    duplicated : float
        In the folder of the next year as well.
    misnamed : float
        Named after another station.
    gaps : float
        With a gap of 90 s, at the same time in all components.
    """

    truncated: float = 0.0
    duplicated: float = 0.0
    misnamed: float = 0.0
    gaps: float = 0.0


@dataclass
class Archive:
    """What was written, and what is to be found in it.

    Attributes
    ----------
    root : Path
    files : list of Path
        Copies included.
    n_bytes : int
    rows : dict of (station, date) to number of windows
        Of 60 s every 30 s, by the UTC day in which they start; days without any are left out.
    damaged : dict of kind to list of Path
    """

    root: Path
    files: list[Path] = field(default_factory=list)
    n_bytes: int = 0
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    damaged: dict[str, list[Path]] = field(default_factory=lambda: defaultdict(list))

    @property
    def n_station_days(self) -> int:
        """Station-days with windows."""
        return len(self.rows)

    @property
    def n_windows(self) -> int:
        """Windows of all station-days."""
        return sum(self.rows.values())


class Pool(NamedTuple):
    """Records of one component, bytes (R, B), and the samples before each and in all (R + 1)."""

    records: NDArray[np.uint8]
    before: NDArray[np.int64]


def main() -> None:
    options = parse_options()
    begin_s = time.perf_counter()
    archive = make_archive(
        options.root,
        stations=options.stations,
        days=options.days,
        rate_hz=options.rate_hz,
        hours=options.hours,
        record_bytes=options.record_bytes,
        seed=options.seed,
        kind=options.kind,
        damage=Damage(options.truncated, options.duplicated, options.misnamed, options.gaps),
    )
    if options.truth:
        options.truth.write_text(json.dumps(truth(archive), indent=1) + "\n")
    print(
        f"{archive.n_station_days} station-days with {archive.n_windows} windows in "
        f"{len(archive.files)} files, {archive.n_bytes / 1e6:.0f} MB, "
        f"in {time.perf_counter() - begin_s:.1f} s"
    )


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("root", type=Path, help="folder of the years; made if it is not there")
    parser.add_argument("--stations", type=int, default=10)
    parser.add_argument("--days", type=int, default=10)
    parser.add_argument("--hours", type=float, default=24.0, help="of each day; 24 are continuous")
    parser.add_argument("--rate-hz", type=int, default=100)
    parser.add_argument("--record-bytes", type=int, default=RECORD_BYTES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", choices=KINDS, default="noise")
    parser.add_argument("--truth", type=Path, help="write the windows by station and day there")
    for name in ("truncated", "duplicated", "misnamed"):
        parser.add_argument(f"--{name}", type=float, default=0.0, help="share of the files")
    parser.add_argument("--gaps", type=float, default=0.0, help="share of the station-days")
    return parser.parse_args()


def make_archive(
    root: Path | str,
    *,
    stations: int,
    days: int,
    rate_hz: int = 100,
    hours: float = 24,
    record_bytes: int = RECORD_BYTES,
    seed: int = 0,
    kind: str = "noise",
    damage: Damage | None = None,
) -> Archive:
    """Write an SDS archive of Steim-2 day files, three components a station.

    Parameters
    ----------
    root : folder of the years
    stations, days : int
    rate_hz : int
        Its interval must be a whole number of 0.1 ms, which is what headers of records count in.
    hours : float
        Of data a day; 24 are continuous from day to day.
    record_bytes : int
        A power of two, from 256.
    seed : int
        The same arguments give the same bytes.
    kind : {"noise", "earthquakes"}
        Noise, or noise with four earthquakes an hour.
    damage : Damage, optional

    Raises
    ------
    ValueError
        If an argument is out of its range.
    """
    _check(stations, days, rate_hz, hours, kind)
    pools = _pools(rate_hz, hours, record_bytes, seed, kind)
    writer = _Writer(Path(root), pools, rate_hz, hours, seed, days)
    chosen = _choose(damage or Damage(), stations * days, seed)
    for station in range(stations):
        spans = [s for day in range(days) for s in writer.write_day(station, day, chosen)]
        for day_ns, n_windows in windows_by_day(spans, rate_hz).items():
            writer.archive.rows[_station(station), _date(day_ns).isoformat()] = n_windows
    return writer.archive


def truth(archive: Archive) -> dict[str, object]:
    """What is to be found in an archive, as JSON types."""
    root = archive.root
    return {
        "rows": [[station, day, n] for (station, day), n in sorted(archive.rows.items())],
        "damaged": {
            kind: [str(path.relative_to(root)) for path in paths]
            for kind, paths in sorted(archive.damaged.items())
        },
    }


def _check(stations: int, days: int, rate_hz: int, hours: float, kind: str) -> None:
    if stations < 1 or days < 1 or stations > 9999:
        raise ValueError(f"from 1 to 9999 stations, and 1 day or more: got {stations} and {days}")
    if rate_hz < 1 or 10_000 % rate_hz:
        raise ValueError(f"rate_hz: a divisor of 10,000 was expected, got {rate_hz}")
    if not 0 < hours <= 24:
        raise ValueError(f"hours: more than 0 and at most 24 were expected, got {hours:g}")
    if kind not in KINDS:
        raise ValueError(f"kind: one of {', '.join(KINDS)} was expected, got {kind}")


# Truth


def windows_by_day(spans: Iterable[Interval], rate_hz: float) -> dict[int, int]:
    """Number of windows that start in each UTC day, by the ns of its midnight.

    Parameters
    ----------
    spans : (start, end) of all components of one channel set, ns, the end exclusive
    rate_hz : float
    """
    tolerance_ns = round(_SECOND_NS / rate_hz / 2)
    counted: Counter[int] = Counter()
    for start_ns, end_ns in _pieces(spans):
        starts = _window_starts(start_ns, end_ns, tolerance_ns)
        days, counts = np.unique(starts // _DAY_NS, return_counts=True)
        counted.update(dict(zip((days * _DAY_NS).tolist(), counts.tolist(), strict=True)))
    return dict(sorted(counted.items()))


def _pieces(spans: Iterable[Interval]) -> list[Interval]:
    """What lies between gaps of a window's length or more."""
    pieces: list[Interval] = []
    for start, end in sorted(spans):
        if pieces and start - pieces[-1][1] < _WINDOW_NS:
            pieces[-1] = (pieces[-1][0], max(pieces[-1][1], end))
        else:
            pieces.append((start, end))
    return pieces


def _window_starts(start_ns: int, end_ns: int, tolerance_ns: int) -> NDArray[np.int64]:
    """Every 30 s of the clock, and one flush with either end where these leave samples out."""
    last_ns = end_ns - _WINDOW_NS
    first = -((tolerance_ns - start_ns) // _HOP_NS) * _HOP_NS
    final = (last_ns + tolerance_ns) // _HOP_NS * _HOP_NS
    starts = set(range(first, final + 1, _HOP_NS))
    if not starts:
        starts = {start_ns, last_ns} if last_ns > start_ns + tolerance_ns else {start_ns}
        return np.array(sorted(starts))
    if first > start_ns + tolerance_ns:
        starts.add(start_ns)
    if final < last_ns - tolerance_ns:
        starts.add(last_ns)
    return np.array(sorted(starts))


# Damage


@dataclass(frozen=True)
class _Chosen:
    """Numbers of the files of each kind, and of the station-days with gaps."""

    truncated: frozenset[int]
    duplicated: frozenset[int]
    misnamed: frozenset[int]
    gaps: frozenset[int]


def _choose(damage: Damage, n_days: int, seed: int) -> _Chosen:
    """Each file has one kind of damage at most."""
    rng = np.random.default_rng((seed, 1))
    n_files = 3 * n_days
    shares = (damage.truncated, damage.duplicated, damage.misnamed)
    if min(*shares, damage.gaps) < 0 or sum(shares) > 1 or damage.gaps > 1:
        raise ValueError(f"shares from 0 to 1, of files 1 in all, were expected: got {damage}")
    order = rng.permutation(n_files).tolist()
    kinds = []
    for share in shares:
        n = round(share * n_files)
        kinds.append(frozenset(order[:n]))
        order = order[n:]
    gaps = rng.permutation(n_days)[: round(damage.gaps * n_days)].tolist()
    return _Chosen(kinds[0], kinds[1], kinds[2], frozenset(gaps))


# Records


def _pools(rate_hz: int, hours: float, record_bytes: int, seed: int, kind: str) -> list[Pool]:
    """Records of noise, one pool a component; longer than a file unless that is a day."""
    pool_hours = min(24.0, max(1.0, 2 * hours))
    samples = _samples(np.random.default_rng((seed, 0)), rate_hz, pool_hours, kind)
    return [_records(row, rate_hz, record_bytes) for row in samples]


def _samples(rng: np.random.Generator, rate_hz: int, hours: float, kind: str) -> NDArray[np.int32]:
    """Red noise in counts (3, N); it does not wander, so that its end fits on its beginning."""
    from scipy.signal import lfilter

    n_samples = round(hours * 3600 * rate_hz)
    samples = lfilter([_NOISE_COUNTS], [1, -_MEMORY], rng.standard_normal((3, n_samples)))
    if kind == "earthquakes":
        _add_earthquakes(rng, samples, rate_hz, round(_EVENTS_PER_HOUR * hours))
    counts: NDArray[np.int32] = np.round(samples).astype(np.int32)
    return counts


def _add_earthquakes(
    rng: np.random.Generator, samples: NDArray[np.float64], rate_hz: int, n_events: int
) -> None:
    from quake import synth

    n_minute = 60 * rate_hz
    for minute in rng.integers(samples.shape[1] // n_minute, size=n_events):
        window = samples[:, minute * n_minute : (minute + 1) * n_minute]
        event = synth.draw(
            rng, "earthquake", window_s=60, sampling_rate_hz=rate_hz, background=window
        )
        window[:] = np.clip(np.nan_to_num(event.samples), -1e7, 1e7)


def _records(samples: NDArray[np.int32], rate_hz: int, record_bytes: int) -> Pool:
    """Compress samples; the last record is not full, and left out."""
    from obspy import Stream, Trace

    file = io.BytesIO()
    trace = Trace(samples, {"sampling_rate": rate_hz})
    Stream([trace]).write(file, format="MSEED", encoding="STEIM2", reclen=record_bytes)
    records = np.frombuffer(file.getvalue(), np.uint8).reshape(-1, record_bytes)[:-1]
    counts = records[:, _COUNT_AT : _COUNT_AT + 2].copy().view(">u2")[:, 0]
    return Pool(records, np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]))


@dataclass(frozen=True)
class _Stretch:
    """Consecutive records of a pool, which begins anew at its end.

    Attributes
    ----------
    pool : Pool
    numbers : int64 array
        Of the records, from 0 to any number.
    starts_ns : int64 array
        Time of the first sample of each.
    """

    pool: Pool
    numbers: NDArray[np.int64]
    starts_ns: NDArray[np.int64]

    def __getitem__(self, kept: NDArray[np.bool_] | slice) -> _Stretch:
        """Some of the records."""
        return _Stretch(self.pool, self.numbers[kept], self.starts_ns[kept])

    def spans(self, interval_ns: int) -> list[Interval]:
        """(start, end) of what has no gap, ns, the end exclusive."""
        counts = np.diff(self.pool.before)[self.numbers % len(self.pool.records)]
        ends_ns = self.starts_ns + counts * interval_ns
        breaks = np.flatnonzero(self.starts_ns[1:] != ends_ns[:-1]) + 1
        firsts, lasts = [0, *breaks], [*(breaks - 1), len(ends_ns) - 1]
        return [
            (int(self.starts_ns[a]), int(ends_ns[b])) for a, b in zip(firsts, lasts, strict=True)
        ]

    def as_bytes(self, codes: dict[tuple[int, int], str]) -> bytes:
        """The records under other codes, at their times."""
        records = self.pool.records[self.numbers % len(self.pool.records)]
        for (at, length), code in codes.items():
            records[:, at : at + length] = np.frombuffer(code.ljust(length).encode(), np.uint8)
        records[:, _TIME_AT : _TIME_AT + 10] = _times(self.starts_ns)
        return records.tobytes()


def _stretch(pool: Pool, first: int, origin_ns: int, bounds: Interval, step_ns: int) -> _Stretch:
    """Records that start between two times, if record `first` starts at `origin_ns`."""
    n_records, n_samples = len(pool.records), int(pool.before[-1])
    numbers = []
    for bound_ns in bounds:
        sample = int(pool.before[first]) - (origin_ns - bound_ns) // step_ns
        cycles, rest = divmod(sample, n_samples)
        numbers.append(cycles * n_records + int(np.searchsorted(pool.before[:-1], rest)))
    chosen = np.arange(max(numbers[0], first), numbers[1])
    samples = pool.before[chosen % n_records] + chosen // n_records * n_samples
    return _Stretch(pool, chosen, origin_ns + (samples - pool.before[first]) * step_ns)


def _times(starts_ns: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Times of one UTC day as they are in headers, bytes (R, 10)."""
    day = _date(int(starts_ns[0]))
    ticks = starts_ns % _DAY_NS // _TICK_NS
    times = np.zeros(len(ticks), _HEADER_TIME)
    times["year"], times["day"] = day.year, day.timetuple().tm_yday
    times["hour"] = ticks // 36_000_000
    times["minute"] = ticks // 600_000 % 60
    times["second"] = ticks // 10_000 % 60
    times["tick"] = ticks % 10_000
    return times.view(np.uint8).reshape(-1, 10)


_HEADER_TIME = np.dtype(
    [
        ("year", ">u2"),
        ("day", ">u2"),
        ("hour", "u1"),
        ("minute", "u1"),
        ("second", "u1"),
        ("unused", "u1"),
        ("tick", ">u2"),
    ]
)


# Files


class _Writer:
    """Writes station-days, and takes note of them in `archive`."""

    def __init__(
        self, root: Path, pools: Sequence[Pool], rate_hz: int, hours: float, seed: int, days: int
    ) -> None:
        self.archive = Archive(root)
        self._pools = pools
        self._interval_ns = _SECOND_NS // rate_hz
        self._band = "HH" if rate_hz >= 80 else "BH"
        self._hours = hours
        self._seed = seed
        self._days = days
        self._folders: set[Path] = set()

    def write_day(self, station: int, day: int, chosen: _Chosen) -> Iterator[Interval]:
        """Write the files of a station-day; yields what they hold, of all components."""
        number = station * self._days + day
        gap = self._gap(number, day) if number in chosen.gaps else None
        for component, _ in enumerate(COMPONENTS):
            stretch = self._stretch(station, component, day)
            if gap is not None:
                starts_ns = stretch.starts_ns
                stretch = stretch[(starts_ns < gap[0]) | (starts_ns >= gap[1])]
            yield from self._write(3 * number + component, station, component, day, stretch, chosen)

    def _stretch(self, station: int, component: int, day: int) -> _Stretch:
        """The records of a file."""
        pool, is_continuous = self._pools[component], self._hours == 24
        key = (self._seed, 2, station, component, -1 if is_continuous else day)
        first = np.random.default_rng([k + 1 for k in key]).integers(len(pool.records))
        midnight_ns = _midnight(day)
        end_ns = midnight_ns + round(self._hours * 3600) * _SECOND_NS
        late_ns = _LATE_SAMPLES[component] * self._interval_ns
        origin_ns = (_midnight(0) if is_continuous else midnight_ns) + late_ns
        return _stretch(pool, int(first), origin_ns, (midnight_ns, end_ns), self._interval_ns)

    def _gap(self, number: int, day: int) -> Interval:
        """A time in the middle three fifths of a station-day."""
        share = np.random.default_rng((self._seed, 3, number)).uniform(0.2, 0.8)
        start_ns = _midnight(day) + round(share * self._hours * 3600) * _SECOND_NS
        return start_ns, start_ns + _GAP_S * _SECOND_NS

    def _write(
        self,
        number: int,
        station: int,
        component: int,
        day: int,
        stretch: _Stretch,
        chosen: _Chosen,
    ) -> list[Interval]:
        """Write one file, damaged or not, and say what can be read from it."""
        name, channel = _station(station), self._band + COMPONENTS[component]
        codes = {_STATION: name, _LOCATION: "", _CHANNEL: channel, _NETWORK: NETWORK}
        content, wanted = stretch.as_bytes(codes), name
        if number in chosen.truncated:
            n_whole = int(_KEPT * len(stretch.numbers))
            record_bytes = self._pools[component].records.shape[1]
            content = content[: n_whole * record_bytes + record_bytes // 2]
            stretch = stretch[slice(n_whole)]
        if number in chosen.misnamed:
            wanted = _WRONG_STATION
        path = _path(self.archive.root, name, wanted, channel, day)
        self._write_file(path, content)
        self._note(number, path, chosen)
        return stretch.spans(self._interval_ns) if len(stretch.numbers) else []

    def _note(self, number: int, path: Path, chosen: _Chosen) -> None:
        """Take note of damage, and make the copy that a duplicated file is."""
        for kind in ("truncated", "duplicated", "misnamed"):
            if number in getattr(chosen, kind):
                self.archive.damaged[kind].append(path)
        if number in chosen.duplicated:
            year, *rest = path.relative_to(self.archive.root).parts
            copy = self.archive.root.joinpath(f"{int(year) + 1}", *rest)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            self._count(copy, path.stat().st_size)

    def _write_file(self, path: Path, content: bytes) -> None:
        if path.parent not in self._folders:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(path.parent)
        path.write_bytes(content)
        self._count(path, len(content))

    def _count(self, path: Path, n_bytes: int) -> None:
        self.archive.files.append(path)
        self.archive.n_bytes += n_bytes


def _path(root: Path, station: str, named: str, channel: str, day: int) -> Path:
    """Place in the archive; only in the name of the file the station may be another one."""
    time_ = _date(_midnight(day))
    year_day = f"{time_.year}.{time_.timetuple().tm_yday:03}"
    folder = root / f"{time_.year}" / NETWORK / station / f"{channel}.D"
    return folder / f"{NETWORK}.{named}..{channel}.D.{year_day}"


def _station(number: int) -> str:
    return f"S{number:04}"


def _midnight(day: int) -> int:
    return ((FIRST_DAY - _EPOCH).days + day) * _DAY_NS


def _date(time_ns: int) -> date:
    return _EPOCH + timedelta(days=time_ns // _DAY_NS)


if __name__ == "__main__":
    main()
