"""Write the probabilities of window records as an ObsPy stream, one trace a class."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from quake.events import parse_channel_set
from quake.inference.records import WindowRecord
from quake.output.mseed_traces import WindowSample, runs_on_grid, samples_of
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.times import NS_PER_S

if TYPE_CHECKING:
    from obspy import Stream, Trace


def probability_stream(
    records: Iterable[WindowRecord], classes: Sequence[str], hop_ns: int
) -> Stream:
    """Make a trace of each class, with a sample at the middle of each window.

    Parameters
    ----------
    records : iterable of WindowRecord
        One channel set after the other, each by time.
    classes : names, in the order of the model
    hop_ns : int
        Step of the windows' grid; its inverse is the sampling rate.

    Returns
    -------
    Stream
        Traces with the codes of the data and the channel ``<band and instrument>_<class>``, as in
        ``BH_earthquake``; float32, by channel set, class and time. Windows without probabilities
        are gaps, which divide traces. A window off the grid, as the last one of a record is, is
        a trace of one sample.
    """
    from obspy import Stream

    stream = Stream()
    for text, some in groupby(samples_of(records, hop_ns), lambda sample: sample.record.id):
        samples = [sample for sample in some if sample.record.probabilities]
        alone = [[sample] for sample in samples if sample.number is None]
        runs = sorted(runs_on_grid(samples) + alone, key=lambda run: run[0].time_ns)
        for name in classes:
            key = parse_channel_set(text)
            stream.extend([_trace(key, name, run, hop_ns) for run in runs])
    return stream


def _trace(key: ChannelSetId, name: str, run: Sequence[WindowSample], hop_ns: int) -> Trace:
    from obspy import Trace, UTCDateTime

    header = {
        "network": key.network,
        "station": key.station,
        "location": key.location,
        "channel": f"{key.band_instrument}_{name}",
        "sampling_rate": NS_PER_S / hop_ns,
        "starttime": UTCDateTime(ns=run[0].time_ns),
    }
    return Trace(
        np.array([sample.record.probabilities[name] for sample in run], np.float32), header
    )
