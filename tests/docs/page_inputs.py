"""An empty folder in, small inputs under the names that pages of documentation use out."""

import csv
import os
import shutil

import numpy as np
from fenced_blocks import ROOT
from strategies import noise, stream, write

from quake.waveforms.times import format_time, parse_time

RECORD = ROOT / "examples" / "BK.MHC.mseed"

RATE_HZ = 50
_FIRST_NS = parse_time("2021-03-04T00:00:00Z")
_HOUR_NS = 3600 * 10**9
_ROW_S, _P_S = 90, 30
_N_ROWS = 24
_CLASSES = ("earthquake", "surface_event", "noise")
_SOURCES = ("phasenet", "deepdenoiser", "nnsn")
_PARTS = ("train", "train", "validation", "test")
# Eleven events, enough to train, to validate and to test on, and quiet times around them.
_LONG_S, _LONG_P_S = 10_800, tuple(range(600, 10_000, 900))


def write_all(folder):
    """Write everything, and return the folder."""
    _write_records(folder)
    _write_archives(folder)
    _write_labelled(folder)
    _write_stead(folder / "STEAD")
    shutil.copy(ROOT / "quake" / "bundled" / "b0.safetensors", folder / "model.safetensors")
    os.utime(_touched(folder / "stamp"), (1, 1))
    return folder


def _touched(path):
    path.touch()
    return path


def _write_records(folder):
    for name in ("station.mseed", "event.mseed", "BK.MHC.mseed"):
        shutil.copy(RECORD, folder / name)
    two_minutes = _quiet(120)
    (folder / "day").mkdir()
    for name in ("day.mseed", "day/00.mseed"):
        write(folder / name, two_minutes)


def _write_archives(folder):
    for root in ("srv/archive", "srv/seedlink/archive", "data/incoming"):
        _copy_into(folder / root, RECORD, "2008/BK/MHC/BHZ.D/BK.MHC..BHZ.D.2008.036")
    quiet = _quiet(120, network="IU", station="ANMO", location="00")
    anmo = folder / "srv/archive/2021/IU/ANMO/HHZ.D/IU.ANMO.00.HHZ.D.2021.063"
    anmo.parent.mkdir(parents=True)
    write(anmo, quiet)
    for name in ("srv/quake", "srv/stores", "var/log/quake", "archive/2019", "archive/sds"):
        (folder / name).mkdir(parents=True)
    rows = noise(_LONG_S * RATE_HZ, seed=1)
    for p_s in _LONG_P_S:
        rows[:, p_s * RATE_HZ :] += _burst(rows.shape[1] - p_s * RATE_HZ)
    long = stream(rows.astype(np.int32), start_ns=_FIRST_NS, rate_hz=RATE_HZ)
    for name in ("archive/2019", "archive/sds"):
        write(folder / name / "XX.STA.mseed", long)
    _write_catalogues(folder)


def _copy_into(root, path, name):
    target = root / name
    target.parent.mkdir(parents=True)
    shutil.copy(path, target)


def _write_catalogues(folder):
    from obspy import UTCDateTime
    from obspy.core.event import Catalog, Event, Pick, WaveformStreamID

    catalogue = Catalog()
    lines = ["event_id,time,network,station,phase"]
    for p_s in _LONG_P_S:
        time_ns = _FIRST_NS + p_s * 10**9
        lines.append(f"{p_s},{format_time(time_ns)},XX,STA,P")
        where = WaveformStreamID(network_code="XX", station_code="STA")
        pick = Pick(time=UTCDateTime(ns=time_ns), waveform_id=where, phase_hint="P")
        catalogue.append(Event(picks=[pick]))
    for name in ("events.xml", "picks.xml"):
        catalogue.write(str(folder / name), format="QUAKEML")
    (folder / "picks.csv").write_text("\n".join(lines) + "\n")
    (folder / "stations.xml").write_text(_STATIONS)


def _write_labelled(folder):
    records = folder / "records"
    records.mkdir()
    table = []
    for i in range(_N_ROWS):
        label = _CLASSES[i % 3]
        start_ns = _FIRST_NS + i * _HOUR_NS
        path = write(records / f"{i}.mseed", _row(i, label, start_ns))
        by_class = folder / "by_class" / label
        by_class.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, by_class / path.name)
        table.append(
            {
                "path": f"records/{i}.mseed",
                "start": format_time(start_ns),
                "end": format_time(start_ns + _ROW_S * 10**9),
                "label": label,
                "network": "XX",
                "station": "STA",
                "source": _SOURCES[i // 3 % 3],
                "snr_db": 9,
                "split": _PARTS[i // 3 % 4],
            }
        )
    _write_table(folder / "labels.csv", table)
    _write_table(folder / "RUN" / "split.csv", [{**r, "path": f"../{r['path']}"} for r in table])


def _write_table(path, rows):
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def _row(seed, label, start_ns):
    rows = noise(_ROW_S * RATE_HZ, seed=seed)
    if label != "noise":
        hz = 6 if label == "earthquake" else 2
        rows[:, _P_S * RATE_HZ :] += _burst(rows.shape[1] - _P_S * RATE_HZ, hz)
    return stream(rows.astype(np.int32), start_ns=start_ns, rate_hz=RATE_HZ)


def _burst(n_samples, frequency_hz=6):
    seconds = np.arange(n_samples) / RATE_HZ
    return 30_000 * np.exp(-seconds / 8) * np.sin(2 * np.pi * frequency_hz * seconds)


def _quiet(length_s, network="XX", **codes):
    rows = noise(length_s * RATE_HZ).astype(np.int32)
    traces = stream(rows, start_ns=_FIRST_NS, rate_hz=RATE_HZ, **codes)
    for trace in traces:
        trace.stats.network = network
    return traces


def _write_stead(folder):
    import h5py

    folder.mkdir()
    labels = {"earthquake_local": "earthquake", "noise": "noise"}
    lines = ["trace_name,trace_category,trace_p_arrival_sample,trace_start_time,source_id,split"]
    with h5py.File(folder / "waveforms.hdf5", "w") as file:
        file["data_format/component_order"] = "ZNE"
        file["data_format/sampling_rate"] = RATE_HZ
        for i in range(_N_ROWS):
            written = list(labels)[i % 2]
            start_ns = _FIRST_NS + (100 + i) * _HOUR_NS
            traces = _row(i, labels[written], start_ns)
            file[f"data/{i}"] = np.array([trace.data for trace in traces])
            p_sample = "" if written == "noise" else _P_S * RATE_HZ
            lines.append(
                f"{i},{written},{p_sample},{format_time(start_ns)},{i},{_PARTS[i // 3 % 4]}"
            )
    (folder / "metadata.csv").write_text("\n".join(lines) + "\n")


_STATIONS = """<?xml version="1.0" encoding="UTF-8"?>
<FDSNStationXML xmlns="http://www.fdsn.org/xml/station/1" schemaVersion="1.2">
  <Source>quake</Source>
  <Created>2021-01-01T00:00:00Z</Created>
  <Network code="XX">
    <Station code="STA" startDate="2021-01-01T00:00:00Z">
      <Latitude>0</Latitude>
      <Longitude>0</Longitude>
      <Elevation>0</Elevation>
      <Site><Name>made</Name></Site>
    </Station>
  </Network>
</FDSNStationXML>
"""
