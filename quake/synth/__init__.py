"""Synthetic three-component records whose truth is known.

Earthquakes, surface events, noise and what fools detectors; for tests, and for training where real
records are few. NumPy alone, no torch.

>>> import numpy as np
>>> from quake import synth
>>> record = synth.draw(np.random.default_rng(0), "noise", window_s=60, sampling_rate_hz=50)
>>> record.samples.shape
(3, 3000)
"""

from quake.synth.background import NoiseModel, draw_noise_model, noise
from quake.synth.disturbances import DISTURBANCES, disturbance, teleseism
from quake.synth.draws import draw
from quake.synth.earthquakes import Earthquake, Phase, draw_earthquake, earthquake
from quake.synth.faults import FAULTS
from quake.synth.mixing import add_to, loudest_span, measure_snr_db
from quake.synth.path import Crust, Scattering
from quake.synth.records import LABELS, SyntheticRecord
from quake.synth.stations import Instrument, SiteResponse, draw_instrument, draw_site
from quake.synth.surface_events import Pulse, SurfaceEvent, draw_surface_event, surface_event

__all__ = [
    "DISTURBANCES",
    "FAULTS",
    "LABELS",
    "Crust",
    "Earthquake",
    "Instrument",
    "NoiseModel",
    "Phase",
    "Pulse",
    "Scattering",
    "SiteResponse",
    "SurfaceEvent",
    "SyntheticRecord",
    "add_to",
    "disturbance",
    "draw",
    "draw_earthquake",
    "draw_instrument",
    "draw_noise_model",
    "draw_site",
    "draw_surface_event",
    "earthquake",
    "loudest_span",
    "measure_snr_db",
    "noise",
    "surface_event",
    "teleseism",
]
