"""Bytes that data centres and digitisers write: records of samples and of text, headers of SEED."""

import io
import struct

import numpy as np
from strategies import START_NS, noise, stream

RECORD = 512
LOGICAL = 4096


def samples(n_samples=6000, seed=0, **options):
    """miniSEED of three components of integer noise, 100 Hz."""
    buffer = io.BytesIO()
    rows = noise(n_samples, seed).astype(np.int32)
    stream(rows, **options).write(buffer, format="MSEED", reclen=RECORD)
    return buffer.getvalue()


def text_record(channel="LOG", text=b"GPS locked\r\n", rate_hz=0, station="STA"):
    """A record of text, as loggers write; rate 0 unless told otherwise."""
    head = _head(station, channel, len(text), rate_hz)
    blockette = struct.pack(">HHBBBB", 1000, 0, 0, 1, 9, 0)
    return (head + blockette).ljust(64, b"\0") + text.ljust(RECORD - 64, b"\0")


def empty_record(channel="HHZ", rate_hz=100):
    """A record without samples, as timing and detections have."""
    blockette = struct.pack(">HHBBBB", 1000, 0, 11, 1, 9, 0)
    return (_head("STA", channel, 0, rate_hz) + blockette).ljust(RECORD, b"\0")


def _head(station, channel, n_samples, rate_hz):
    begin = struct.pack(">HHBBBBH", 2021, 63, 5, 6, 0, 0, 0)
    codes = station.encode().ljust(5) + b"  " + channel.encode() + b"XX"
    rate = struct.pack(">hh", rate_hz, 1)
    rest = struct.pack(">BBBBlHH", 0, 0, 0, 1, 0, 64, 48)
    return b"000001D " + codes + begin + struct.pack(">H", n_samples) + rate + rest


def control_header(kind, number, text=b"0100087 2.4122021,063,00:00:00.0000~2021,064~", more=" "):
    """A logical record of a volume (V), abbreviations (A), a station (S) or a time span (T)."""
    return f"{number:06d}{kind}{more}".encode() + text.ljust(LOGICAL - 8)


def blank_record():
    """A record that is there to fill up a block of a tape."""
    return b"000009".ljust(LOGICAL)


def full_seed(data, blank_at=None):
    """A volume: V, A, S (twice as long), T, and data."""
    headers = [
        control_header("V", 1),
        control_header("A", 2, b"0310072"),
        control_header("S", 3, b"0500098"),
        control_header("S", 4, b"of the one before", "*"),
        control_header("T", 5, b"0700054"),
    ]
    if blank_at is not None:
        data = data[:blank_at] + blank_record() + data[blank_at:]
    return b"".join(headers) + data


def seconds(iso):
    """Seconds of a time of day from the start of the records."""
    from quake.waveforms.times import parse_time

    return (parse_time(iso) - START_NS) / 1e9
