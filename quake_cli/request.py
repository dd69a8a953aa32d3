"""Check the options of `quake predict`, and hold what the library needs of them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import ParameterError

if TYPE_CHECKING:
    from quake.events import EventOptions
    from quake.inference.classifier import Classifier
    from quake.inference.config import PredictConfig
    from quake.inputs.selection import Selection
    from quake.model_file.card import ModelCard
    from quake.pictures.album import Album
    from quake.stations.orientation import Orientations
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

    def with_stations(self, inputs: Inputs, spool: Path) -> PredictRequest:
        """Take along what servers say of their stations, unless the user gave an inventory.

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
        path = fetch_stations(inputs.uris, Wanted(self.inputs.selection), spool)
        if path is None:
            return self
        return replace(self, inventory=path, orientations=read_orientations(path))


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
    thresholds: dict[str, float],
    min_snr_db: float | None,
    min_stations: int | None,
    within_s: float | None,
) -> EventOptions:
    """How onsets become events: all classes but noise.

    Raises
    ------
    ParameterError
        If an option makes no sense, or no class is left.
    """
    from quake.inference.event_options import event_options

    return event_options(
        card,
        thresholds,
        min_snr_db=min_snr_db,
        min_stations=min_stations,
        within_s=within_s,
    )


def _patterns(texts: Sequence[str] | None) -> tuple[str, ...]:
    """Patterns, also where several of them were given at once, with commas."""
    return tuple(part.strip() for text in texts or () for part in text.split(","))
