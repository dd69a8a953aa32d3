"""Check the options of `quake predict`, and hold what the library needs of them."""

from __future__ import annotations

import errno
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import ParameterError

if TYPE_CHECKING:
    from quake.events import Event, EventOptions, Onset
    from quake.events.amplitude import Sensitivities
    from quake.inference.classifier import Classifier, PredictConfig
    from quake.inputs.selection import Selection
    from quake.model_file.card import ModelCard
    from quake.pictures.album import Album
    from quake.stations.orientation import Orientations
    from quake.stations.travel_times import Site
    from quake.store.lock import Shard
    from quake_cli.inputs import Inputs


@dataclass(frozen=True)
class ModelRequest:
    """A model, and what is to run it, before it is loaded."""

    path: Path
    card: ModelCard
    device: str
    engine: str
    threads: int | None

    def load(self) -> Classifier:
        """Load it."""
        from quake.inference.classifier import Classifier

        return Classifier(self.path, self.device, self.engine, self.threads)


@dataclass(frozen=True)
class InputRequest:
    """What is to be read."""

    arguments: Sequence[str]
    sds: Sequence[str]
    files_from: str | None
    null: bool
    selection: Selection
    newer_than_ns: int | None
    read_any: bool = False

    def collect(self, spool: Path, margin_days: int = 0) -> Inputs:
        """Find the files.

        Parameters
        ----------
        spool : Path
            Folder for copies of what can be read only once.
        margin_days : int
            Days beside the selected ones that results depend on.
        """
        from quake_cli.inputs import collect

        return collect(
            self.arguments,
            spool,
            sds=self.sds,
            files_from=self.files_from,
            null=self.null,
            selection=self.selection,
            margin_days=margin_days,
            read_any=self.read_any,
        )


@dataclass(frozen=True)
class ArchiveRequest:
    """How the station-days of a store are done."""

    resume: bool
    retry_failed: bool
    scan_only: bool
    workers: int
    scheduler: str | None
    dask_local: int | None
    shard: Shard | None


@dataclass(frozen=True)
class PredictRequest:
    """All of it."""

    inputs: InputRequest
    model: ModelRequest
    config: PredictConfig
    orientations: Orientations | None
    inventory: Path | None
    events: EventOptions | None
    archive: ArchiveRequest
    album: Album | None = None
    metadata_of: str | None = None

    def with_stations(self, inputs: Inputs, spool: Path, margin_days: int = 0) -> PredictRequest:
        """Take what servers say of the stations, unless the user gave an inventory.

        Raises
        ------
        WaveformError
            If a server does not say it.
        """
        from quake.inputs.scheme import Wanted
        from quake.inputs.station_metadata import fetch_stations
        from quake.stations.orientation import read_orientations

        if self.inventory is not None or not inputs.uris:
            return self
        wanted = Wanted(self.inputs.selection, margin_days)
        path = fetch_stations(inputs.uris, wanted, spool)
        if path is None:
            return self
        return replace(
            self, inventory=path, orientations=read_orientations(path), metadata_of="web services"
        )


def selection_of(
    network: Sequence[str] | None,
    station: Sequence[str] | None,
    location: Sequence[str] | None,
    channels: Sequence[str] | None,
    start: str | None,
    end: str | None,
) -> Selection:
    """Codes and times that are wanted.

    Raises
    ------
    ParameterError
        If a time is none, or they are in the wrong order.
    """
    from quake.inputs.selection import Selection, parse_moment

    return Selection(
        networks=_patterns(network),
        stations=_patterns(station),
        locations=_patterns(location),
        channels=_patterns(channels),
        start_ns=None if start is None else parse_moment(start),
        end_ns=None if end is None else parse_moment(end),
    )


def of_whole_sets(request: InputRequest) -> InputRequest:
    """What a store is asked for: channel sets, not components of them, so ``HHZ`` is ``HH?``."""
    channels = tuple(
        pattern if pattern.endswith("*") else f"{pattern[:-1]}?"
        for pattern in request.selection.channels
    )
    return replace(request, selection=replace(request.selection, channels=channels))


def newer_than_of(text: str | None) -> int | None:
    """Time since which files have to have changed, ns since the epoch.

    Raises
    ------
    ParameterError
        If it is neither an age nor a time.
    """
    from quake.inputs.selection import parse_age

    return None if text is None else parse_age(text, time.time_ns())


def archive_of(
    *,
    is_store: bool,
    resume: bool | None,
    retry_failed: bool,
    scan_only: bool,
    workers: int | None,
    scheduler: str | None,
    dask_local: int | None,
    shard: str | None,
) -> ArchiveRequest:
    """Check the options that need a result store.

    Raises
    ------
    ParameterError
        If there is none, or they exclude each other.
    """
    given = {
        "--resume": resume is not None,
        "--retry-failed": retry_failed,
        "--scan-only": scan_only,
        "--workers": workers is not None,
        "--scheduler": scheduler is not None,
        "--dask-local": dask_local is not None,
        "--shard": shard is not None,
    }
    named = [name for name, is_given in given.items() if is_given]
    if named and not is_store:
        raise ParameterError(
            f"{', '.join(named)}: is for result stores; name a folder with --output DIR/"
        )
    where = [name for name in ("--workers", "--scheduler", "--dask-local") if given[name]]
    if len(where) > 1:
        raise ParameterError(f"{' and '.join(where)}: exclude each other; give one of them")
    for name, number in (("--workers", workers), ("--dask-local", dask_local)):
        if number is not None and number < 1:
            raise ParameterError(f"{name} must be 1 or more, got {number}")
    from quake.store.lock import Shard

    return ArchiveRequest(
        resume=resume is not False,
        retry_failed=retry_failed,
        scan_only=scan_only,
        workers=workers or 1,
        scheduler=scheduler,
        dask_local=dask_local,
        shard=None if shard is None else Shard.parse(shard),
    )


def events_of(
    card: ModelCard,
    config: PredictConfig,
    thresholds: dict[str, float],
    min_snr_db: float | None,
    min_stations: int | None,
    within_s: float | None,
) -> EventOptions:
    """How onsets become events: all classes but noise, at the thresholds of the windows.

    Raises
    ------
    ParameterError
        If an option makes no sense, or no class is left.
    """
    from quake.classes import NOISE
    from quake.events import EventOptions
    from quake.inference.classifier import effective_thresholds

    of_windows = effective_thresholds(card, config.thresholds or {})
    effective = dict(zip(card.labels.names, of_windows, strict=True))
    if "" in thresholds:
        effective = dict.fromkeys(effective, thresholds[""])
    effective.update({name: p for name, p in thresholds.items() if name})
    effective.pop(NOISE, None)
    given = {
        "min_snr_db": min_snr_db,
        "min_stations": min_stations,
        "within_s": within_s,
    }
    return EventOptions(
        thresholds=effective,
        **{k: v for k, v in given.items() if v is not None},  # type: ignore[arg-type]
    )


def events_from(
    onsets: Iterable[Onset], options: EventOptions, inventory: Path | None
) -> list[Event]:
    """Events of onsets, with what a StationXML file says of places and amplitudes."""
    from quake.events import find_events
    from quake.events.amplitude import with_velocities

    sites, sensitivities = stations_of(inventory)
    events = find_events(onsets, options, sites)
    return events if sensitivities is None else [with_velocities(e, sensitivities) for e in events]


def stations_of(
    inventory: Path | None,
) -> tuple[Mapping[str, Site] | None, Sensitivities | None]:
    """Where the stations are, and how sensitive; None where nobody says.

    Raises
    ------
    ParameterError
        If the file cannot be read.
    """
    if inventory is None:
        return None, None
    from quake.errors import WaveformError
    from quake.events.amplitude import read_sensitivities
    from quake.stations.travel_times import read_sites

    try:
        return read_sites(inventory), read_sensitivities(inventory)
    except WaveformError as error:
        raise ParameterError(f"--inventory: {error}") from error


def album_of(
    folder: Path,
    card: ModelCard,
    config: PredictConfig,
    events: EventOptions,
    fingerprint: Mapping[str, object],
) -> Album:
    """Where pictures go, and what is drawn in them.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    card : ModelCard
    config : PredictConfig
    events : EventOptions
    fingerprint : mapping
        All that windows depend on besides the data.

    Raises
    ------
    ParameterError
        If nothing can be written there.
    """
    from quake.inference.classifier import effective_thresholds
    from quake.pictures.album import Album

    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"--plot {folder}: is a file, a folder was expected; name another one")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ParameterError(
            f"--plot {folder}: no folder that can be written to ({error.strerror or error}); name "
            "another one"
        ) from error
    thresholds = tuple(effective_thresholds(card, config.thresholds or {}))
    settings = json.dumps(fingerprint, sort_keys=True)
    return Album(str(folder.absolute()), card, thresholds, events, settings)


def _patterns(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Patterns, also where several of them were given at once, with commas."""
    return tuple(part.strip() for text in texts or () for part in text.split(","))


def fingerprint_of(
    model: ModelRequest, config: PredictConfig, inventory: Path | str | None = None
) -> dict[str, object]:
    """What all results of a store have in common."""
    from quake.inference.engine import resolve_engine
    from quake.model_file.identity import model_hash
    from quake.store.fingerprint import fingerprint

    engine, device = resolve_engine(model.path, model.engine, model.device)
    return fingerprint(model_hash(model.path), model.card, config, engine, device, inventory)
