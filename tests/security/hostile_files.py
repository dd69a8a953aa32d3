"""Files of somebody who means harm: codes that are paths or escapes, pickles that would run."""

import io
import pickle
from pathlib import Path

import numpy as np
from obspy.io.sac import SACTrace
from strategies import noise, stream

RECORD_BYTES = 512
MINUTE = 6000  # samples at 100 Hz


def mseed(path, *, network="XX", station="STA", location="", channel="HH", n_samples=MINUTE):
    """Three components whose records have these codes, which ObsPy would not write."""
    whole = io.BytesIO()
    stream(noise(n_samples).astype(np.int32)).write(whole, format="MSEED", reclen=RECORD_BYTES)
    content = bytearray(whole.getvalue())
    for at in range(0, len(content), RECORD_BYTES):
        content[at + 8 : at + 13] = station.encode("latin-1").ljust(5)
        content[at + 13 : at + 15] = location.encode("latin-1").ljust(2)
        content[at + 15 : at + 17] = channel.encode("latin-1").ljust(2)
        content[at + 18 : at + 20] = network.encode("latin-1").ljust(2)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def sac(folder, *, network="XX", station="STA", location="", channel="HH"):
    """Three files, whose codes have up to eight characters."""
    folder.mkdir(parents=True, exist_ok=True)
    begin = {"nzyear": 2021, "nzjday": 63, "nzhour": 5, "nzmin": 6, "nzsec": 0, "nzmsec": 0}
    for component, row in zip("ZNE", noise(MINUTE).astype(np.float32), strict=True):
        codes = {"kstnm": station, "knetwk": network, "khole": location}
        trace = SACTrace(data=row, delta=0.01, kcmpnm=channel + component, **codes, **begin)
        trace.write(str(folder / f"{component}.sac"))
    return folder


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return Path.touch, (self.marker,)


def evil_pickle(marker, protocol=2):
    return pickle.dumps({"model": Payload(marker)}, protocol)
