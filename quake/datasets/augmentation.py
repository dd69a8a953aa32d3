"""Which random changes are made to training windows, how often and how strongly: numbers alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Augmentation:
    """Probabilities of the random changes to a training window, and their ranges.

    Attributes
    ----------
    joint : float
        A stretch of the window away from the onset is replaced.
    surrogate : float
        What is lacking or replaced is made with the spectrum of the example's own noise; else it
        is noise of the same station or source.
    stretch, stretch_factor : float, (float, float)
        The example is played slower or faster by a factor.
    swell : float
        In a window of noise, bands of it swell and fade.
    coda : float
        The window begins within the coda of the event.
    synthetic : float
        Of the events, so many are synthetic ones on real noise, see `quake.synth`.
    disturbance : float
        A synthetic disturbance is put on a window of noise.
    noise : float
        Noise of any source is added, `noise_snr_db` below the window's amplitude.
    components, polarity, rotation : float
        Components are lost; the sign is changed; the horizontals are turned.
    band : float
        The band is limited to a corner drawn from `band_corner_hz`.
    loss : float
        Something of the window is missing: one of `quake.windows.missing.KINDS`, as often as
        `loss_weights` say, of which a share of the window drawn from `loss_coverage` is left.
    raw : float
        The window is cut out of the record as it was read, where that shows all that is not
        missing; else out of one that is prolonged, stretched, mixed.
    earliest_onset_s : float
        The onset lies at least that long after the window's start (negative: before it).
    latest_onset : float
        At least this share of the window follows the onset.
    early : float
        The onset lies at most `early_onset_s` after the window's start: records of events are
        often cut at the onset, and at prediction some windows begin there.
    """

    joint: float = 0.4
    surrogate: float = 0.7
    stretch: float = 0.5
    stretch_factor: tuple[float, float] = (0.6, 1.6)
    swell: float = 0.5
    coda: float = 0.15
    synthetic: float = 0.0
    disturbance: float = 0.0
    noise: float = 0.3
    noise_snr_db: tuple[float, float] = (0.0, 20.0)
    components: float = 0.3
    polarity: float = 0.5
    rotation: float = 0.5
    band: float = 0.3
    band_corner_hz: tuple[float, float] = (8.0, 20.0)
    loss: float = 0.55
    loss_weights: tuple[float, ...] = (5.0, 1.5, 3.0, 2.0, 2.0, 0.3, 0.3, 0.3, 0.3)
    loss_coverage: tuple[float, float] = (0.25, 1.0)
    raw: float = 0.5
    earliest_onset_s: float = -3.0
    latest_onset: float = 0.25
    early: float = 0.2
    early_onset_s: float = 3.0


NO_AUGMENTATION = Augmentation(
    joint=0,
    surrogate=1,
    stretch=0,
    swell=0,
    coda=0,
    synthetic=0,
    disturbance=0,
    noise=0,
    components=0,
    polarity=0,
    rotation=0,
    band=0,
    loss=0,
    raw=1,
    early=0,
    earliest_onset_s=2.0,
)
