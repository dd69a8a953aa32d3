"""Predict in one call: `quake.predict`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from quake.inference.config import OVERLAP
from quake.results.classifier import Classifier
from quake.results.nothing import refuse_nothing
from quake.results.records import Records
from quake.results.waveform_inputs import Waveforms
from quake.windows.grid import MIN_COVERAGE


def predict(
    waveforms: Waveforms,
    *,
    model: str | Path | None = None,
    backbone: str | None = None,
    overlap: float = OVERLAP,
    min_coverage: float = MIN_COVERAGE,
    thresholds: Mapping[str, float] | None = None,
    channels: Sequence[str] = (),
    inventory: str | Path | None = None,
    device: str = "auto",
    engine: str = "auto",
    threads: int | None = None,
) -> Records:
    """Say of each window of seismic records how probable each class is.

    Parameters
    ----------
    waveforms : ObsPy stream, path, folder, pattern with ``*``, or several of the latter
    model : path, name or address, optional
        As `quake predict --model` takes it. An address is fetched, once.
    backbone : str, optional
        The installed or bundled model of this backbone; "b0" if neither is given.
    overlap : float
        Share of a window that the next one repeats.
    min_coverage : float
        Components with data in a smaller share of a window are unused.
    thresholds : mapping of class to float, optional
        Probability below which a window is uncertain; the key "" stands for all classes.
    channels : patterns, optional
        Only channels that match, as ``"BH?"`` or ``"IU.ANMO.*.BH?"``.
    inventory : path of a StationXML file, optional
        Turns components to true Z, N, E.
    device, engine, threads
        See `quake.Classifier`.

    Returns
    -------
    Records
        A sequence of `WindowRecord`, with `to_arrow`, `to_pandas` and `to_polars`. All of it is in
        memory: for archives, there are result stores (docs/archives.md).

    Raises
    ------
    ModelError
        If there is no such model, or it is damaged.
    ParameterError
        If an option makes no sense.
    WaveformError
        If nothing of the input can be used. Where a part of it can, `Records.problems` and the log
        say of the others why not.

    Examples
    --------
    >>> records = predict("examples/BK.MHC.mseed")
    >>> records[1].start, records[1].label
    ('2008-02-05T06:39:00.000000Z', 'earthquake')
    """
    from quake.model_file.identity import model_hash
    from quake.model_file.registry import find_model

    path = find_model(model, backbone, may_download=True)
    classifier = _opened(str(path), model_hash(path), device, engine, threads)
    records = classifier.records(
        waveforms,
        inventory=inventory,
        overlap=overlap,
        min_coverage=min_coverage,
        thresholds=thresholds,
        channels=tuple(channels),
    )
    refuse_nothing(records)
    return records


@lru_cache(maxsize=4)
def _opened(path: str, digest: str, device: str, engine: str, threads: int | None) -> Classifier:
    """A classifier, kept for the next call; the digest tells when the file has changed."""
    return Classifier(path, device, engine, threads)
