"""Small SDS archives: stations and minutes in, day files of noise (and a few shocks) out.

The samples are a function of channel and time alone, so that one stretch of time is the same in
whatever files it lies.
"""

import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from obspy import Stream, Trace, UTCDateTime

from quake.waveforms.times import NS_PER_S, parse_time

RATE_HZ = 50.0
MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 60 * MINUTE_NS
DAY_NS = 24 * HOUR_NS

NETWORK = "XX"

# Decay of a shock, and how long it is written.
_DECAY_S, _SHOCK_S = 8.0, 40.0


@dataclass(frozen=True)
class Stretch:
    """What one channel set records, without a gap.

    Attributes
    ----------
    station, location, band_instrument : str
    start_ns, end_ns : int
        Whole minutes, the end exclusive.
    rate_hz : float
    kind : str
        "noise" or "dead", which is one value for all time.
    shocks_ns : tuple of int
        Times at which something like a small earthquake arrives.
    """

    station: str
    start_ns: int
    end_ns: int
    location: str = ""
    band_instrument: str = "HH"
    rate_hz: float = RATE_HZ
    kind: str = "noise"
    shocks_ns: tuple[int, ...] = ()

    @property
    def length_s(self):
        return (self.end_ns - self.start_ns) / NS_PER_S

    def traces(self, start_ns=None, end_ns=None):
        """Three traces, of all of it or of what lies between two whole minutes."""
        start_ns = max(self.start_ns, start_ns or self.start_ns)
        end_ns = min(self.end_ns, end_ns or self.end_ns)
        return [self._trace(code, start_ns, end_ns) for code in "ZNE" if start_ns < end_ns]

    def _trace(self, code, start_ns, end_ns):
        channel = self.band_instrument + code
        name = f"{NETWORK}.{self.station}.{self.location}.{channel}"
        minutes = range(start_ns // MINUTE_NS, end_ns // MINUTE_NS)
        if self.kind == "dead":
            samples = np.full(len(minutes) * round(60 * self.rate_hz), 7.0)
        else:
            samples = np.concatenate([_noise(name, minute, self.rate_hz) for minute in minutes])
        for shock_ns in self.shocks_ns:
            samples = samples + self._shock((start_ns - shock_ns) / NS_PER_S, len(samples), code)
        header = {
            "network": NETWORK,
            "station": self.station,
            "location": self.location,
            "channel": channel,
            "sampling_rate": self.rate_hz,
            "starttime": UTCDateTime(ns=start_ns),
        }
        return Trace(samples.astype(np.int32), header)

    def _shock(self, first_s, n_samples, code):
        """P waves and, 5 s later, S waves, of samples that begin `first_s` after the arrival."""
        t_s = first_s + np.arange(n_samples) / self.rate_hz
        p, s = (4e4, 1e4) if code == "Z" else (1e4, 6e4)
        return p * _wavelet(t_s, 6.0) + s * _wavelet(t_s - 5, 4.0)


def _wavelet(t_s, frequency_hz):
    is_on = (t_s >= 0) & (t_s < _SHOCK_S)
    t_s = np.where(is_on, t_s, 0)
    phase = 2 * np.pi * frequency_hz * t_s + 3 * np.sin(2.1 * t_s)
    return is_on * np.minimum(t_s / 0.2, 1) * np.exp(-t_s / _DECAY_S) * np.sin(phase)


@lru_cache(maxsize=4096)
def _noise(name, minute, rate_hz):
    seed = zlib.crc32(f"{name} {minute}".encode())
    return 1000 * np.random.default_rng(seed).standard_normal(round(60 * rate_hz))


def around_midnight(station, date, minutes=4, shock_s=None, **options):
    """A stretch of so many minutes before and behind the midnight at which a date begins.

    Parameters
    ----------
    station, date : str
    minutes : int
    shock_s : float, optional
        Seconds from midnight to a shock.
    """
    midnight_ns = parse_time(f"{date}T00:00:00Z")
    half_ns = minutes * MINUTE_NS
    shocks = () if shock_s is None else (midnight_ns + round(shock_s * NS_PER_S),)
    return Stretch(
        station, midnight_ns - half_ns, midnight_ns + half_ns, shocks_ns=shocks, **options
    )


def write_sds(root, stretches, every_ns=DAY_NS):
    """Write stretches into an SDS tree, one file a channel and day, and return the files.

    Parameters
    ----------
    root : Path
    stretches : iterable of Stretch
    every_ns : int
        Time in one file. Files of less than a day have the hour behind their name.
    """
    parts = {}
    for stretch in stretches:
        for first in range(stretch.start_ns // every_ns, -(-stretch.end_ns // every_ns)):
            for trace in stretch.traces(first * every_ns, (first + 1) * every_ns):
                path = sds_path(root, trace)
                if every_ns < DAY_NS:
                    path = path.with_name(f"{path.name}.{trace.stats.starttime.hour:02}")
                parts.setdefault(path, []).append(trace)
    return [write_mseed(path, traces) for path, traces in sorted(parts.items())]


def write_one_file(path, stretches):
    """Write all of some stretches into one file."""
    return write_mseed(path, [trace for stretch in stretches for trace in stretch.traces()])


def write_mseed(path, traces):
    """Write traces in their order, make the folders, and return the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Stream(traces).write(str(path), format="MSEED", reclen=512)
    return path


def sds_path(root, trace):
    """Where a trace belongs in an SDS tree, by the day in which it begins."""
    stats = trace.stats
    time = stats.starttime
    return (
        Path(root)
        / f"{time.year}"
        / stats.network
        / stats.station
        / f"{stats.channel}.D"
        / f"{trace.id}.D.{time.year}.{time.julday:03}"
    )
