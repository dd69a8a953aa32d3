"""Kinds of input that trackers tell of: a clean record in, a file (or some) of each kind out.

The table in docs/fuzzing.md says where each kind was met. All are our own, small and made here.
"""

import io
import struct

import numpy as np
from strategies import START_NS, noise, stream, trace

from quake.waveforms.times import NS_PER_S

RATE_HZ = 100.0
N_SAMPLES = 15_000
RECORD = 512


def rows(seed=0):
    """Integer noise of three components, 150 s."""
    return noise(N_SAMPLES, seed).astype(np.int32)


def packed(some, **options):
    """Bytes of miniSEED of traces, or of rows."""
    traces = some if not isinstance(some, np.ndarray) else stream(some)
    buffer = io.BytesIO()
    traces.write(buffer, format="MSEED", **{"reclen": RECORD, **options})
    return buffer.getvalue()


def records(data, length=RECORD):
    """Records, each apart."""
    return [bytearray(data[at : at + length]) for at in range(0, len(data), length)]


def joined(some):
    """The opposite."""
    return b"".join(map(bytes, some))


def piece(first, last, seed=0, location="", dtype=np.int32, **options):
    """Bytes of the samples from one to another, of the same noise."""
    part = rows(seed)[:, first:last].astype(dtype)
    start_ns = START_NS + round(first / RATE_HZ * NS_PER_S)
    return packed(stream(part, start_ns=start_ns, location=location), **options)


def clean():
    return {"a.mseed": packed(rows())}


def single_spikes():
    some = rows()
    some[:, 4000::5000] = 10_000_000
    return {"a.mseed": packed(some)}


def missing_as_lowest_integer():
    some = rows()
    some[:, 6000:6300] = -(2**31)
    return {"a.mseed": packed(some, encoding="INT32")}


def wild_floats():
    some = rows().astype(np.float32)
    some[:, 6000:6200] = 1e36
    return {"a.mseed": packed(some)}


def nan_samples():
    some = rows().astype(np.float32)
    some[:, 6000:6400] = np.nan
    return {"a.mseed": packed(some)}


def records_without_samples():
    """As a calibration (blockette 320) has them: between others, 0 samples, rate 0."""
    some = records(packed(rows()))
    empty = bytearray(some[0])
    struct.pack_into(">Hhh", empty, 30, 0, 0, 1)
    return {"a.mseed": joined([*some[:3], empty, *some[3:]])}


def mass_positions():
    slow = [
        trace(np.full(40, 120 + n, np.int32), f"VM{code}", rate_hz=0.1)
        for n, code in enumerate("ZNE")
    ]
    return {"a.mseed": packed(rows()) + b"".join(map(packed_of, slow))}


def packed_of(one):
    buffer = io.BytesIO()
    one.write(buffer, format="MSEED", reclen=RECORD)
    return buffer.getvalue()


def reversed_polarity():
    return {"a.mseed": packed(-rows())}


def swapped_components():
    return {"a.mseed": packed(rows()[[0, 2, 1]])}


def wrong_gain():
    return {"a.mseed": packed((rows() * 1e-9).astype(np.float32))}


def negative_rates():
    """Factor and multiplier of a rate below zero are divisors, SEED says: 100 = -1 / -100... ."""
    some = records(packed(rows()))
    for one in some:
        struct.pack_into(">hh", one, 32, 1000, -10)
    return {"a.mseed": joined(some)}


def rate_in_blockette_100():
    """The fixed header has no rate (factor 0); blockette 100, behind 1000, has the right one."""
    begin, n_samples = 128, (RECORD - 128) // 4
    found = []
    for code, row in zip("ZNE", rows(), strict=True):
        template = records(packed(stream(row[None], codes=code), encoding="INT32"))[0]
        for first in range(0, N_SAMPLES, n_samples):
            some = row[first : first + n_samples]
            one = bytearray(template[:56]).ljust(RECORD, b"\0")
            ticks = first * 100  # of 0.0001 s, 0.01 s a sample
            minute, ticks = divmod(ticks, 600_000)
            second, ticks = divmod(ticks, 10_000)
            struct.pack_into(">BBBxH", one, 24, 5, 6 + minute, second, ticks)
            struct.pack_into(">Hhh", one, 30, len(some), 0, 1)
            one[39] = 2
            struct.pack_into(">H", one, 44, begin)
            struct.pack_into(">H", one, 50, 56)
            struct.pack_into(">HHf4x", one, 56, 100, 0, RATE_HZ)
            one[begin : begin + 4 * len(some)] = some.astype(">i4").tobytes()
            found.append(one)
    return {"a.mseed": joined(found)}


def negative_rate_of_sac():
    return {"a.sac": sac(delta=-0.01)}


def nan_step_of_sac():
    return {"a.sac": sac(delta=float("nan"))}


def nan_begin_of_sac():
    return {"a.sac": sac(begin=float("nan"))}


def sac(delta=None, begin=None, order="<"):
    one = stream(rows())[0]
    buffer = io.BytesIO()
    one.write(buffer, format="SAC", byteorder=order)
    data = bytearray(buffer.getvalue())
    for value, offset in ((delta, 0), (begin, 20)):
        if value is not None:
            struct.pack_into(f"{order}f", data, offset, value)
    return bytes(data)


def zero_length():
    return {"a.mseed": b""}


def duplicated_records():
    some = records(packed(rows()))
    return {"a.mseed": joined(one for record in some for one in (record, record))}


def overlapping_files():
    return {"a.mseed": piece(0, 9000), "b.mseed": piece(8000, N_SAMPLES)}


def mixed_encodings():
    return {
        "a.mseed": piece(0, 5000, encoding="STEIM2")
        + piece(5000, 9000, dtype=np.float32)
        + piece(9000, 12_000, encoding="INT32")
        + piece(12_000, N_SAMPLES, encoding="STEIM1")
    }


def mixed_record_lengths():
    return {
        "a.mseed": piece(0, 5000, reclen=256)
        + piece(5000, 10_000, reclen=4096)
        + piece(10_000, N_SAMPLES, reclen=512)
    }


def samples_of_other_byte_order():
    """Headers are as blockette 1000 says, samples are not."""
    some = records(packed(rows(), encoding="INT32", byteorder=">"))
    for one in some:
        begin = struct.unpack_from(">H", one, 44)[0]
        values = np.frombuffer(bytes(one[begin:]), ">i4").astype("<i4")
        one[begin:] = values.tobytes()
    return {"a.mseed": joined(some)}


def mixed_byte_orders():
    return {
        "a.mseed": piece(0, 7000, byteorder="<"),
        "b.mseed": piece(7000, N_SAMPLES, byteorder=">"),
    }


def location_changes():
    return {"a.mseed": piece(0, 7500, location="00") + piece(7500, N_SAMPLES, location="10")}


def leap_second():
    """A record that begins in the second 60 of the last minute of 2016, as the clock had it."""
    midnight_ns = 1_483_228_800 * NS_PER_S
    before = packed(stream(rows()[:, :6000], start_ns=midnight_ns - 60 * NS_PER_S))
    during = records(packed(stream(rows()[:, 6000:6100], start_ns=midnight_ns)))
    after = packed(stream(rows()[:, 6100:], start_ns=midnight_ns))
    for one in during:
        struct.pack_into(">HHBBB", one, 20, 2016, 366, 23, 59, 60)
    return {"a.mseed": before + joined(during) + after}


def epoch_zero():
    return {"a.mseed": packed(stream(rows(), start_ns=0))}


def far_future():
    return {"a.mseed": packed(stream(rows(), start_ns=4_100_000_000 * NS_PER_S))}


def clock_jumps():
    """A minute of 2021, a minute of 2037, and on in 2021."""
    later = packed(stream(rows(1)[:, :6000], start_ns=2_130_000_000 * NS_PER_S))
    return {"a.mseed": piece(0, 7500) + later + piece(7500, N_SAMPLES)}


def shuffled_records():
    some = records(packed(rows()))
    order = np.random.default_rng(0).permutation(len(some))
    return {"a.mseed": joined(some[n] for n in order)}


def small_letters():
    return {"a.mseed": packed(stream(rows(), codes="zne"))}


def names_of_japan():
    traces = stream(rows())
    for one, name in zip(traces, ("UD", "NS", "EW"), strict=True):
        one.stats.channel = name
    return {"a.mseed": packed(traces)}


def hydrophone_beside():
    return {"a.mseed": packed(rows()) + packed_of(trace(rows(3)[0], "HHH"))}


def no_channel_code():
    traces = stream(rows())
    for one in traces:
        one.stats.channel = ""
    return {"a.mseed": packed(traces[:1])}


def components_off_by_part_of_a_sample():
    traces = stream(rows())
    traces[1].stats.starttime += 0.004
    return {"a.mseed": packed(traces)}


def no_blockette_1000():
    some = records(packed(rows(), encoding="STEIM1", byteorder=">"))
    for one in some:
        one[39] = 0
        struct.pack_into(">H", one, 46, 0)
    return {"a.mseed": joined(some)}


def blank_bytes_between():
    some = records(packed(rows()))
    return {"a.mseed": joined([*some[:4], bytes(512), *some[4:8], b" " * 512, *some[8:]])}


def rates_that_waver():
    """Each record has a rate of its own, as of a digitiser that measures it."""
    data = b""
    for number, first in enumerate(range(0, N_SAMPLES, 500)):
        part = rows()[:, first : first + 500]
        rate_hz = RATE_HZ + 0.001 * (number % 3 - 1)
        start_ns = START_NS + round(first / RATE_HZ * NS_PER_S)
        data += packed(stream(part, start_ns=start_ns, rate_hz=rate_hz))
    return {"a.mseed": data}


def other_station_in_the_file():
    return {"XX.OTHER..HHZ.D.2021.063": packed(stream(rows()[:1], codes="Z"))}


def other_day_in_the_file():
    return {"XX.STA..HHZ.D.2021.100": packed(stream(rows()[:1], codes="Z"))}


def interleaved_sac_byte_orders():
    one = stream(rows())
    files = {}
    for number, order in enumerate("<>"):
        part = (
            one[0]
            .copy()
            .trim(
                one[0].stats.starttime + 75 * number, one[0].stats.starttime + 75 * number + 74.99
            )
        )
        buffer = io.BytesIO()
        part.write(buffer, format="SAC", byteorder=order)
        files[f"{number}.sac"] = buffer.getvalue()
    return files


def step_of_a_calibration():
    """A step of 40 s, in records whose activity flags say that a calibration is going on."""
    some = rows()
    some[:, 5000:9000] += 2_000_000
    found = records(packed(some))
    for one in found:
        one[36] |= tuple(one[25:27]) >= (6, 50)
    return {"a.mseed": joined(found)}


KINDS = {
    name: value
    for name, value in list(globals().items())
    if callable(value)
    and getattr(value, "__module__", "") == __name__
    and name not in {"rows", "packed", "records", "joined", "piece", "packed_of", "sac"}
}
