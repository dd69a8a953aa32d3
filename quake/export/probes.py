"""Windows that an exported file is checked on: real ones, random ones, and odd ones."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from quake.data.preprocessing import Preprocessing
from quake.waveforms.assembly import read_channel_set
from quake.waveforms.ids import COMPONENTS
from quake.waveforms.sources import FileSource
from quake.waveforms.times import NS_PER_S
from quake.windows.cutting import cut

Windows = NDArray[np.float32]

_SEED = 20080205
_STEP_NS = 10 * NS_PER_S
_N_RANDOM = 20


def probe_windows(preprocessing: Preprocessing) -> Windows:
    """All windows of the check, (n, 3, N); the same ones at each call."""
    return np.concatenate([real_windows(preprocessing), random_windows(preprocessing)])


def real_windows(preprocessing: Preprocessing) -> Windows:
    """Windows of the bundled record of an earthquake, (n, 3, N), n > 0.

    With noise, arrivals and coda, and where the window reaches beyond the record, with zeros. Once
    more with the vertical component alone, as if the others were missing.
    """
    source = FileSource([Path(str(files("quake") / "bundled" / "BK.MHC.mseed"))])
    ((key, spans),) = source.spans().items()
    start_ns, end_ns = min(s.start_ns for s in spans), max(s.end_ns for s in spans)
    window_ns = preprocessing.window_ns
    channel_set = read_channel_set(source, spans, key, start_ns, end_ns)
    last_ns = max(end_ns - window_ns // 2, start_ns + 1)
    starts = range(start_ns, last_ns, _STEP_NS)
    whole = np.stack([cut(channel_set, start, preprocessing, 0).samples for start in starts])
    vertical = whole.copy()
    vertical[:, 1:] = 0
    return np.concatenate([whole, vertical])


def random_windows(preprocessing: Preprocessing) -> Windows:
    """Noise, and what tends to go wrong, (n, 3, N): zeros, gaps, spikes, tiny and huge numbers."""
    rng = np.random.default_rng(_SEED)
    n = preprocessing.n_samples
    windows = rng.standard_normal((_N_RANDOM, len(COMPONENTS), n))
    red, dead, gap, spike, small, large, steady = range(7)
    windows[red] = windows[red].cumsum(-1)
    windows[dead, 1] = 0
    windows[gap, :, n // 3 : n // 2] = 0
    windows[gap, 0, : n // 8] = 0
    windows[spike, :, rng.integers(0, n, 3)] += 1000
    windows[small] *= 1e-9
    windows[large] *= 1e9
    windows[steady, 0] = 7  # a constant is no signal
    windows[-1] = 0
    return windows.astype(np.float32)
