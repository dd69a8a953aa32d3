"""Good inputs for each target, small ones, to be made bad: a dictionary of lists of bytes."""

import io
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "BK.MHC.mseed"
SHARED = ROOT.parent / "shared" / "data"

_SHARED_FILES = (
    "sds/2020/ML/ML02/*/*",
    "sds/2017/UT/STN12/*/*",
    "coal/*",
    "nnsn/*",
    "pnw_surface/*",
    "dprk/*",
)


def records(n_bytes=4096):
    """Beginnings of real files: records of 512 and 4096 bytes, several encodings."""
    found = [EXAMPLE.read_bytes()[:n_bytes]]
    if SHARED.is_dir():
        for pattern in _SHARED_FILES:
            path = next(iter(sorted(SHARED.glob(pattern))), None)
            if path is not None:
                found.append(path.read_bytes()[: 2 * n_bytes])
    return found


def made_records():
    """Every encoding that ObsPy writes, both byte orders, and SAC in both."""
    from obspy import Stream, Trace, UTCDateTime

    found = []
    counts = np.random.default_rng(0).normal(0, 1000, 300)
    encodings = {
        "STEIM1": np.int32,
        "STEIM2": np.int32,
        "INT16": np.int16,
        "INT32": np.int32,
        "FLOAT32": np.float32,
        "FLOAT64": np.float64,
    }
    header = {"network": "XX", "station": "STA", "sampling_rate": 100.0}
    header["starttime"] = UTCDateTime("2020-05-02T23:59:00Z")
    for number, (encoding, dtype) in enumerate(encodings.items()):
        rows = [Trace(counts.astype(dtype), {**header, "channel": f"HH{c}"}) for c in "ZNE"]
        file = io.BytesIO()
        Stream(rows).write(file, "MSEED", reclen=512, encoding=encoding, byteorder="<>"[number % 2])
        found.append(file.getvalue())
    for order in (0, 1):
        file = io.BytesIO()
        trace = Trace(counts.astype(np.float32), {**header, "channel": "HHZ"})
        trace.write(file, "SAC", byteorder=order)
        found.append(file.getvalue())
    return found


def version_3(data, n_records=None):
    """Records of miniSEED 2 as miniSEED 3, by libmseed."""
    from pymseed import MS3Record

    found = []
    for record in MS3Record.from_buffer(data, unpack_data=True):
        record.formatversion, record.reclen = 3, 2 * record.reclen
        found += record.generate()
    return b"".join(found[:n_records])


def records_3():
    """Several encodings in miniSEED 3, and both versions in one file."""
    made = [data for data in made_records() if data[6:7] == b"D"]
    example = EXAMPLE.read_bytes()[:4096]
    return [*map(version_3, made), version_3(example), example + version_3(example) + example]


def full_seed():
    """A volume header and a station header before data records."""
    volume = b"000001V 010009502.1121992,001,00:00:00.0000~2006,001,00:00:00.0000~~IRIS~X~"
    return volume.ljust(512) + EXAMPLE.read_bytes()[:4096]


def seedlink_stream():
    """Packets of one record each."""
    data = EXAMPLE.read_bytes()
    return b"".join(b"SL%06X" % n + data[512 * n : 512 * n + 512] for n in range(4))


TABLE = (
    "path,start,end,label,event_id,p_time,network,station,source,snr_db,split\n"
    "a.mseed,2020-05-02T00:00:00Z,2020-05-02T00:01:00Z,earthquake,e1,2020-05-02T00:00:10Z,"
    "XX,STA,here,3.5,train\n"
    '"b,c.mseed",2020-05-02T01:00:00.5+02:00,2020-05-02T01:01:00,noise,,,XX,STB,here,nan,test\n'
)

ORIGINS = (
    "#EventID | Time | Latitude | Longitude | Depth/km | EventType\n"
    "1|2020-05-02T00:00:00|46.1|7.5|3.2|earthquake\n2|2020-05-02T01:00:00|46|7|5|quarry blast\n"
)

PICKS = (
    "time,phase,network,station,event_id,event_type\n"
    "2020-05-02T00:00:00Z,P,XX,STA,e1,earthquake\n2020-05-02T00:00:03Z,S,XX,STA,e1,earthquake\n"
    "2020-05-02T00:10:00Z,iPg,XX,STB,,\n"
)


def parquet_tables():
    import pyarrow as pa
    from pyarrow import parquet

    table = pa.table(
        {
            "path": ["a", "b"],
            "start": ["2020-05-02T00:00:00Z"] * 2,
            "end": ["2020-05-02T00:01:00Z"] * 2,
            "label": ["earthquake", "noise"],
        }
    )
    file = io.BytesIO()
    parquet.write_table(table, file)
    return [file.getvalue()]


def quakeml():
    from obspy import UTCDateTime
    from obspy.core.event import Arrival, Catalog, Event, Origin, Pick, WaveformStreamID

    time = UTCDateTime("2020-05-02T00:00:00Z")
    pick = Pick(time=time, phase_hint="P", waveform_id=WaveformStreamID("XX", "STA"))
    origin = Origin(time=time, latitude=46.0, longitude=7.0, depth=3000.0)
    origin.arrivals = [Arrival(pick_id=pick.resource_id, phase="Pg")]
    event = Event(picks=[pick], origins=[origin], event_type="earthquake")
    file = io.BytesIO()
    Catalog([event]).write(file, "QUAKEML")
    return file.getvalue()


def stationxml(folder):
    from strategies import write_station_xml

    return write_station_xml(folder / "seed.xml").read_bytes()


def card_text():
    """The card of the bundled model, without its long lists of figures."""
    from quake.model_file.safetensors_file import load_card

    card = load_card(ROOT / "quake" / "bundled" / "b0.safetensors")
    return replace(card, training={"seed": 0}, metrics={}, versions={"quake": "1"}).to_json()


def safetensors(metadata, tensors=None, tail=b""):
    """A model file made by hand: metadata, and a table of tensors as it is."""
    header = json.dumps({"__metadata__": metadata, **(tensors or {})}).encode()
    return struct.pack("<Q", len(header)) + header + tail


def small_model():
    """The bundled model's header, its tensors shortened to one number each."""
    path = ROOT / "quake" / "bundled" / "b0.safetensors"
    with path.open("rb") as file:
        (n_header,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(n_header))
    metadata = {**header.pop("__metadata__"), "quake": card_text()}
    names = sorted(header)[:12]
    tensors = {
        name: {"dtype": "F32", "shape": [1], "data_offsets": [4 * n, 4 * n + 4]}
        for n, name in enumerate(names)
    }
    return safetensors(metadata, tensors, bytes(4 * len(names)))


def small_graph():
    """An ONNX file that answers at once, with the card of the bundled model."""
    from onnx import TensorProto, helper

    def number(name, *shape):
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)

    nodes = [
        helper.make_node("GlobalAveragePool", ["windows"], ["means"]),
        helper.make_node("Flatten", ["means"], ["rows"]),
        helper.make_node("Softmax", ["rows"], ["probabilities"]),
    ]
    ends = [number("windows", "batch", 3, 3000)], [number("probabilities", "batch", 3)]
    made = helper.make_model(
        helper.make_graph(nodes, "g", *ends),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    helper.set_model_props(made, {"quake_format": "1", "quake": card_text()})
    return made.SerializeToString()


def journal_lines():
    from quake.inference.coverage import Coverage
    from quake.store.entries import DayEntry, FileEntry, FileState, day_line, file_line
    from quake.waveforms.ids import ChannelSetId
    from quake.waveforms.segments import Span
    from quake.waveforms.sources import Problem

    key = ChannelSetId("XX", "STA", "", "HH")
    span = Span(key, "Z", 0, 10**9, 100.0, "/a/b.mseed")
    file = FileEntry(FileState("/a/b.mseed", 512, 7), (span,), ("cut off",), ((key, "0123"),))
    day = DayEntry(
        key,
        "2020-05-02",
        "abc",
        {"parquet": 123},
        {"ok": 2},
        {"noise": 2},
        {"gap": 1},
        Coverage([(0, 9)], [(0, 6)], [(0, 7)], [(8, 9)]),
        [Problem("/a/b.mseed", "damaged")],
    )
    return f"{file_line(file)}\n{day_line(day)}\n".encode()


def seeds(folder):
    """All of them, by target.

    Parameters
    ----------
    folder : Path
        Where something may be written.
    """
    waveforms = [*records(), *made_records(), *records_3(), full_seed()]
    card = {"quake_format": "1", "quake": card_text()}
    run = {"results_version": 1, "model": "0123456789ab", "overlap": 0.5, "classes": ["a", "b"]}
    return {
        "waveform": waveforms,
        "predict": [EXAMPLE.read_bytes()[:40960], *waveforms],
        "class_folder": waveforms[:3],
        "label_table": [TABLE.encode(), TABLE.replace("\n", "\r\n").encode("utf-8-sig")],
        "parquet_table": parquet_tables(),
        "catalogue": [quakeml(), ORIGINS.encode(), PICKS.encode()],
        "inventory": [stationxml(folder)],
        "model": [small_model(), safetensors(card)],
        "whole_model": [small_model()],
        "graph_metadata": [json.dumps(card).encode(), card["quake"].encode()],
        "graph": [small_graph()],
        "journal": [journal_lines()],
        "run_json": [json.dumps(run).encode(), b"{}"],
        "seedlink": [seedlink_stream()],
    }
