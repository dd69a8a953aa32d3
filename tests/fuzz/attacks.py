"""Inputs made to do harm, by name: which target they are for, and a function that makes the bytes.

Most are a good record with one lie in it. Offsets are those of the SEED manual 2.4: the fixed
header (48 bytes) and a blockette 1000 behind it.
"""

import gzip
import io
import json
import struct
import zipfile

import numpy as np
from fuzz_seeds import EXAMPLE, TABLE, card_text, journal_lines, safetensors

STATION, CHANNEL, YEAR, N_SAMPLES, RATE_FACTOR, RATE_MULTIPLIER = 8, 15, 20, 30, 32, 34
N_BLOCKETTES, DATA_AT, BLOCKETTE_AT = 39, 44, 46
KIND, FOLLOWING, ENCODING, EXPONENT = 48, 50, 52, 54


def example():
    return EXAMPLE.read_bytes()


def record(**numbers):
    """The first record of the example, with other numbers in its header.

    >>> len(record(N_SAMPLES=65535))
    512
    """
    return changed(example()[:512], **numbers)


def changed(data, **numbers):
    """Bytes with numbers overwritten, by the names above."""
    data = bytearray(data)
    for name, number in numbers.items():
        width = "B" if name in ("N_BLOCKETTES", "ENCODING", "EXPONENT") else "H"
        width = width.lower() if number < 0 else width
        struct.pack_into(f">{width}", data, globals()[name], number)
    return bytes(data)


def every(data, **numbers):
    """All records of 512 bytes changed."""
    return b"".join(changed(data[at : at + 512], **numbers) for at in range(0, len(data), 512))


def second_length():
    """A second blockette 1000, which says that the record has 2^31 bytes."""
    data = bytearray(record(N_BLOCKETTES=2, FOLLOWING=56, DATA_AT=64))
    data[56:64] = struct.pack(">HHBBBB", 1000, 0, 10, 1, 31, 0)
    return bytes(data) + example()[512:]


def blockette(kind, length=0):
    """A blockette that claims a length, at the end of a record of 128 bytes."""
    data = bytearray(record(FOLLOWING=120, N_BLOCKETTES=2, EXPONENT=7, N_SAMPLES=1)[:128])
    data[120:128] = struct.pack(">HHHH", kind, 0, length, 0)
    return bytes(data)


def many_traces(n_records, name=None):
    """Records that do not go together: of other stations, or a minute apart."""
    head, data = record(), bytearray()
    for n in range(n_records):
        one = bytearray(head)
        if name is None:
            struct.pack_into(">HHBB", one, YEAR, 2008, 1 + n // 1440 % 366, n // 60 % 24, n % 60)
        else:
            one[STATION : STATION + 5] = name(n)
        data += one
    return bytes(data)


def odd_station(n):
    """A code with letters that no code has, another one for each number."""
    return bytes([33 + n % 14, 33 + n // 14 % 14, 33 + n // 196 % 14, 33 + n // 2744 % 14, 45])


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.mseed", example())
    return file.getvalue()


def sac(order="<", n_samples=100, delta=0.01, begin=0.0, claimed=None, text=None, **numbers):
    """A SAC file; numbers are places in the integer header (70 floats before it)."""
    floats = np.full(70, -12345.0, f"{order}f4")
    whole = np.full(40, -12345, f"{order}i4")
    floats[0], floats[5] = delta, begin
    whole[:6] = 2020, 123, 0, 0, 0, 0
    whole[6], whole[9], whole[15], whole[35:40] = 6, n_samples, 1, (1, 1, 1, 1, 0)
    if claimed is not None:
        whole[9] = claimed
    for place, number in numbers.items():
        whole[int(place[1:])] = number
    text = text or b"STA     " + b"-12345  " * 18 + b"HHZ     XX      " + b"-12345  " * 3
    samples = np.random.default_rng(0).standard_normal(max(n_samples, 0)).astype(f"{order}f4")
    return floats.tobytes() + whole.tobytes() + text.ljust(192)[:192] + samples.tobytes()


def table(**columns):
    """A label table of one row, some columns of which are something else."""
    header, row = TABLE.splitlines()[:2]
    cells = dict(zip(header.split(","), row.split(","), strict=True)) | columns
    return f"{','.join(cells)}\n{','.join(cells.values())}\n".encode()


def quakeml(kind="earthquake", declaration=""):
    return (
        f'<?xml version="1.0"?>{declaration}<q:quakeml xmlns:q="http://quakeml.org/xmlns/quakeml/1.2"'
        ' xmlns="http://quakeml.org/xmlns/bed/1.2"><eventParameters publicID="smi:a/b">'
        f'<event publicID="smi:a/c"><type>{kind}</type></event></eventParameters></q:quakeml>'
    ).encode()


def stationxml(n_channels=1, network="XX", declaration=""):
    channel = (
        '<Channel code="HHZ" locationCode="" startDate="2020-01-01T00:00:00">'
        "<Azimuth>0.0</Azimuth><Dip>-90.0</Dip></Channel>"
    )
    return (
        f'<?xml version="1.0"?>{declaration}<FDSNStationXML '
        'xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.1"><Source>s</Source>'
        f'<Created>2020-01-01T00:00:00</Created><Network code="{network}"><Station code="STA">'
        f"{channel * n_channels}</Station></Network></FDSNStationXML>"
    ).encode()


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>"
)
BLOW_UP = f'<!DOCTYPE x [<!ENTITY a "{"A" * 50_000}">]>'
OUTSIDE = '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'


def card(**values):
    """Metadata of a model, some values of whose card are something else."""
    return {"quake_format": "1", "quake": json.dumps(json.loads(card_text()) | values)}


def tensors(*offsets, dtype="F32", shape=(1,)):
    """A model file with a table of tensors at these offsets, and 64 bytes."""
    rows = {
        f"t{n}": {"dtype": dtype, "shape": list(shape), "data_offsets": list(pair)}
        for n, pair in enumerate(offsets)
    }
    return safetensors(card(), rows, bytes(64))


def journal(**values):
    """The lines of a good journal, some values of which are something else."""
    lines = [json.loads(line) for line in journal_lines().splitlines()]
    for line in lines:
        line.update({name: value for name, value in values.items() if name in line})
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


DEEP = b"[" * 100_000
DIGITS = b"9" * 1_000_000

ATTACKS = {
    # miniSEED: lengths and numbers
    "int32_over_the_end": ("waveform", lambda: record(ENCODING=3, N_SAMPLES=65535)),
    "float32_over_the_end": ("waveform", lambda: record(ENCODING=4, N_SAMPLES=65535)),
    "float64_over_the_end": ("waveform", lambda: record(ENCODING=5, N_SAMPLES=65535)),
    "gigabytes_of_samples": (
        "waveform",
        lambda: record(ENCODING=3, N_SAMPLES=65535, EXPONENT=7)[:128] * 32768,
    ),
    "two_to_the_31_samples": (
        "waveform",
        lambda: every(record() * 40_000, N_SAMPLES=65535, ENCODING=11),
    ),
    "two_lengths": ("waveform", second_length),
    **{
        f"length_2^{n}": ("waveform", lambda n=n: record(EXPONENT=n) + example()[512:])
        for n in (0, 6, 7, 8, 10, 13, 20, 21, 31, 32, 255)
    },
    "steim_frames_lie": ("waveform", lambda: record(N_SAMPLES=890)),
    "data_outside": ("waveform", lambda: record(DATA_AT=65535)),
    "data_in_the_header": ("waveform", lambda: record(DATA_AT=1)),
    **{
        f"encoding_{n}": ("waveform", lambda n=n: record(ENCODING=n))
        for n in (0, 2, 15, 19, 33, 99, 255)
    },
    # miniSEED: blockettes
    "blockette_is_its_own_next": ("waveform", lambda: record(FOLLOWING=48)),
    "blockettes_go_backwards": ("waveform", lambda: record(FOLLOWING=20)),
    "blockette_outside": ("waveform", lambda: record(BLOCKETTE_AT=65535)),
    "blockette_at_the_end": ("waveform", lambda: record(BLOCKETTE_AT=511)),
    "blockette_of_nothing": ("waveform", lambda: blockette(2000, 1)),
    "blockette_500_is_cut": ("waveform", lambda: blockette(500)),
    "chain_of_blockettes": (
        "waveform",
        lambda: (
            record(BLOCKETTE_AT=64, EXPONENT=16)[:64]
            + b"".join(struct.pack(">HHI", 1001, at, 0) for at in range(72, 65528, 8))
        ),
    ),
    # miniSEED: times and rates
    **{f"year_{n}": ("predict", lambda n=n: record(YEAR=n)) for n in (0, 1900, 2100, 2500, 65535)},
    **{f"rate_{n}": ("predict", lambda n=n: record(RATE_FACTOR=n)) for n in (0, -1, -32768, 32767)},
    "rate_1e9": ("predict", lambda: record(RATE_FACTOR=32767, RATE_MULTIPLIER=32767)),
    "rate_0.003": ("predict", lambda: record(RATE_FACTOR=-32767, RATE_MULTIPLIER=100)),
    "rate_9.99": ("predict", lambda: record(RATE_FACTOR=999, RATE_MULTIPLIER=-100)),
    "times_go_backwards": (
        "predict",
        lambda: b"".join(example()[at : at + 512] for at in range(120_832, -1, -512)),
    ),
    "every_record_twice": ("predict", lambda: example() * 2),
    "100000_traces": ("predict", lambda: many_traces(100_000)),
    # miniSEED: codes
    **{
        f"channel_{number}": ("predict", lambda code=code: record()[:15] + code + record()[18:])
        for number, code in enumerate(
            (b"ZZ?", b"   ", b"\0\0\0", b"\xff\xfe\xfd", b"HH\xff", b"\n\r\x1b")
        )
    },
    "station_of_no_letters": ("predict", lambda: record()[:8] + b"\xe9\xff*?[" + record()[13:]),
    "odd_stations": ("waveform", lambda: many_traces(4096, odd_station)),
    "odd_stations_with_a_zero": ("waveform", lambda: record()[:8] + b"A\0\0B\0" + record()[13:]),
    # miniSEED: files
    **{f"first_{n}_bytes": ("waveform", lambda n=n: example()[:n]) for n in (0, 63, 64, 127, 700)},
    "all_ff": ("waveform", lambda: b"\xff" * 100_000),
    "all_zero": ("waveform", lambda: bytes(100_000)),
    "all_blank": ("waveform", lambda: b" " * 1_000_000),
    "gzip": ("waveform", lambda: gzip.compress(example())),
    "zip": ("waveform", zipped),
    "miniseed_3": ("waveform", lambda: b"MS\x03" + bytes(200)),
    "pickle": ("waveform", lambda: b"\x80\x04cos\nsystem\n(S'exit 1'\ntR."),
    "full_seed_without_end": ("waveform", lambda: b"000001V 0110000" + bytes(497) + example()),
    "full_seed_backwards": ("waveform", lambda: b"000001V 011-006" + bytes(497) + example()),
    "full_seed_of_single_bytes": (
        "waveform",
        lambda: b"000001V 010009502.1 0 1992".ljust(512) + b"0" * 1_000_000,
    ),
    "garbage_of_4_MB": (
        "waveform",
        lambda: example() + np.random.default_rng(0).bytes(4 << 20) + example(),
    ),
    # SAC
    **{
        f"sac_{order}_{name}": (
            "predict",
            lambda order=order, options=options: sac(order, **options),
        )
        for order in "<>"
        for name, options in {
            "good": {},
            "2^31_samples": {"claimed": 2**31 - 1},
            "negative_samples": {"claimed": -5},
            "no_samples": {"n_samples": 0},
            "undefined_samples": {"claimed": -12345},
            "delta_0": {"delta": 0.0},
            "delta_nan": {"delta": np.nan},
            "delta_inf": {"delta": np.inf},
            "delta_negative": {"delta": -1.0},
            "delta_undefined": {"delta": -12345.0},
            "delta_1e-9": {"delta": 1e-9},
            "delta_1e9": {"delta": 1e9},
            "delta_137": {"delta": 137.0},
            "begin_nan": {"begin": np.nan},
            "begin_1e30": {"begin": 1e30},
            "begin_1e11": {"begin": 1e11},
            "year_0": {"_0": 0},
            "year_9999": {"_0": 9999},
            "year_negative": {"_0": -5},
            "day_0": {"_1": 0},
            "day_400": {"_1": 400},
            "undefined_time": {f"_{n}": -12345 for n in range(6)},
            "uneven": {"_35": 0},
            "texts_of_ff": {"text": b"\xff" * 192},
            "texts_of_nul": {"text": bytes(192)},
            "texts_of_a_path": {"text": b"../../x\n" * 24},
        }.items()
    },
    # label tables
    "a_million_columns": ("label_table", lambda: ",".join(map(str, range(10**6))).encode()),
    "a_million_columns_and_a_row": (
        "label_table",
        lambda: b"path,start,end,label," + b"x," * 10**6 + b"\n" + table().splitlines()[1] + b"\n",
    ),
    "nul_in_a_path": ("label_table", lambda: table(path="a\0b")),
    "bom_and_crlf": ("label_table", lambda: b"\xef\xbb\xbf" + table().replace(b"\n", b"\r\n")),
    "nul_everywhere": ("label_table", lambda: TABLE.encode().replace(b",", b"\0,")),
    "no_newline": ("label_table", lambda: b"x" * (40 << 20)),
    "a_quote_without_end": ("label_table", lambda: table() + b'"' + b"x" * 1_000_000),
    "a_huge_label": ("label_table", lambda: table(label="earthqake" * 10_000)),
    "a_huge_time": ("label_table", lambda: table(start="2020-01-01T00:00:00." + "1" * 100_000)),
    "a_huge_number": ("label_table", lambda: table(snr_db="9" * 100_000)),
    "no_utf8": ("label_table", lambda: b"\xff\xfe\x00" + TABLE.encode("utf-16")),
    "latin_1": ("label_table", lambda: table(label="s\xe9isme").replace(b"\xc3\xa9", b"\xe9")),
    "year_10000": ("label_table", lambda: table(end="10000-01-01T00:00:00Z")),
    "year_1": ("label_table", lambda: table(start="0001-01-01T00:00:00+23:59")),
    "rows_of_other_lengths": ("label_table", lambda: TABLE.encode() + b"a\n,,,,,,,,,,,,,,,\n\n"),
    "zeros_as_parquet": ("parquet_table", lambda: b"PAR1" + bytes(1000) + b"PAR1"),
    # catalogues and inventories
    "laughs_in_quakeml": ("catalogue", lambda: quakeml("&a9;", LAUGHS)),
    "blow_up_in_quakeml": ("catalogue", lambda: quakeml("&a;" * 9000, BLOW_UP)),
    "outside_in_quakeml": ("catalogue", lambda: quakeml("&e;", OUTSIDE)),
    "outside_in_utf16": (
        "catalogue",
        lambda: quakeml("&e;", OUTSIDE).decode().replace("1.0", "1.0", 1).encode("utf-16"),
    ),
    "deep_quakeml": ("catalogue", lambda: quakeml("<a>" * 100_000)),
    "laughs_in_stationxml": ("inventory", lambda: stationxml(1, "&a9;", LAUGHS)),
    "blow_up_in_stationxml": ("inventory", lambda: stationxml(1, "&a;" * 9000, BLOW_UP)),
    "outside_in_stationxml": ("inventory", lambda: stationxml(1, "&e;", OUTSIDE)),
    "deep_stationxml": ("inventory", lambda: b"<FDSNStationXML>" + b"<a>" * 200_000),
    "100000_channels": ("inventory", lambda: stationxml(100_000)),
    "inventory_of_zeros": ("inventory", lambda: bytes(100_000)),
    "azimuth_of_words": ("inventory", lambda: stationxml().replace(b"0.0<", b"north<")),
    "azimuth_nan": ("inventory", lambda: stationxml().replace(b">0.0<", b">nan<")),
    "date_of_words": ("inventory", lambda: stationxml().replace(b"2020-01-01T", b"soon")),
    # models
    "header_of_2^60": ("model", lambda: struct.pack("<Q", 2**60) + b"{}"),
    "header_of_2^64": ("model", lambda: b"\xff" * 16),
    "deep_header": ("model", lambda: struct.pack("<Q", len(DEEP)) + DEEP),
    "deep_card": ("model", lambda: safetensors({"quake_format": "1", "quake": DEEP.decode()})),
    "tensors_overlap": ("model", lambda: tensors((0, 4), (2, 6))),
    "tensors_outside": ("model", lambda: tensors((0, 2**40), shape=(2**38,))),
    "tensors_backwards": ("model", lambda: tensors((8, 4))),
    "shape_overflows": ("model", lambda: tensors((0, 4), shape=(2**62, 2**62))),
    "unknown_dtype": ("model", lambda: tensors((0, 4), dtype="O")),
    "format_of_digits": (
        "model",
        lambda: safetensors({"quake_format": "9" * 5000, "quake": "{}"}),
    ),
    "window_of_a_year": (
        "model",
        lambda: safetensors(
            card(preprocessing=json.loads(card_text())["preprocessing"] | {"window_s": 3e7})
        ),
    ),
    "rate_of_digits": (
        "model",
        lambda: safetensors(
            card(
                preprocessing=json.loads(card_text())["preprocessing"]
                | {"sampling_rate_hz": 10**400}
            )
        ),
    ),
    "temperature_of_digits": (
        "model",
        lambda: safetensors(
            card(calibration=json.loads(card_text())["calibration"] | {"temperature": 10**400})
        ),
    ),
    "card_of_a_list": ("graph_metadata", lambda: b"[1, 2]"),
    "classes_of_null": ("graph_metadata", lambda: json.dumps(card(classes=None)).encode()),
    "a_million_classes": (
        "graph_metadata",
        lambda: json.dumps(card(classes=[str(n) for n in range(10**6)])).encode(),
    ),
    "graph_of_zeros": ("graph", lambda: bytes(10_000)),
    # journals and parameters of a run
    "deep_journal": ("journal", lambda: DEEP + b"\n" + journal_lines()),
    "journal_of_digits": ("journal", lambda: b'{"kind":"file","size":' + DIGITS + b"}\n"),
    "size_of_digits": ("journal", lambda: journal().replace(b"512", b"9" * 4000)),
    "size_infinite": ("journal", lambda: journal().replace(b"512", b"Infinity")),
    "size_nan": ("journal", lambda: journal().replace(b"512", b"NaN")),
    "rate_nan": ("journal", lambda: journal().replace(b"100.0", b"NaN")),
    "interval_of_digits": ("journal", lambda: journal(input=[[0, 10**300]])),
    "format_is_a_path": ("journal", lambda: journal(outputs={"../../../etc/x": 1})),
    "date_is_a_path": ("journal", lambda: journal(date="../../etc/x")),
    "date_of_other_digits": ("journal", lambda: journal(date="\u0662\u0660\u0662\u0660-05-02")),
    "nul_in_codes": ("journal", lambda: journal(id=["X\0", "../..", "", "HH"])),
    "no_newline_in_journal": ("journal", lambda: b"x" * 1_000_000),
    "run_is_a_list": ("run_json", lambda: b"[]"),
    "run_is_null": ("run_json", lambda: b"null"),
    "run_is_huge": ("run_json", lambda: json.dumps({"model": "x" * 10**6}).encode()),
    "run_of_digits": ("run_json", lambda: b'{"overlap":' + DIGITS + b"}"),
    # SeedLink
    "packets_of_nothing": ("seedlink", lambda: b"SL000000" * 2000),
    "packets_of_liars": (
        "seedlink",
        lambda: b"".join(b"SL%06X" % n + record(ENCODING=5, N_SAMPLES=890) for n in range(20)),
    ),
    "packets_of_other_lengths": (
        "seedlink",
        lambda: b"".join(b"SL%06X" % n + record(EXPONENT=n) for n in range(32)),
    ),
}
