"""Request of a run over an archive: what is read, with which model, and what is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import ParameterError, WaveformError
from quake.inference.config import PredictConfig
from quake.inputs.naming import MARGIN_DAYS, collect
from quake.inputs.scheme import Wanted
from quake.inputs.selection import Selection, of_whole_sets
from quake.inputs.station_metadata import fetch_stations
from quake.inputs.walk import Inputs
from quake.store.lock import Shard

if TYPE_CHECKING:
    from quake.events import EventOptions
    from quake.model_file.card import ModelCard
    from quake.pictures.album import Album
    from quake.stations.orientation import Orientations


@dataclass(frozen=True)
class ArchiveRequest:
    """What a run over an archive is to do.

    Attributes
    ----------
    inputs : path, paths, or Inputs
        Files, folders and patterns; or what was found before.
    output : path
        Folder of the result store; made where it is not there.
    model : path
        Model file, see `quake.model_file.registry.find_model`.
    card : ModelCard, optional
        That of the model file, where it was read before.
    sds : paths
        Roots of SDS archives that are read too.
    selection : Selection
        Taken as whole channel sets and whole days, see `quake.store.plan`.
    newer_than_ns : int, optional
        Only station-days with a file that was modified then or later, ns since the epoch.
    config : PredictConfig
    device, engine, threads : as `quake.Classifier` takes them
    formats : tuple of str
        Of the windows: ``parquet``, ``csv``, ``jsonl``, ``mseed``.
    events : EventOptions, optional
        How onsets become events; without it there are neither.
    event_formats : tuple of str
        Of the events, see `quake.output.events`.
    inventory : path, optional
        StationXML. It turns components to true Z, N, E, and says where stations are and how
        sensitive.
    metadata_of : str, optional
        Name of what the inventory came along with; it is then no parameter of the results.
    orientations : Orientations, optional
        Those of the inventory, where it was read before.
    album : Album, optional
        Where each station-day is drawn.
    resume : bool
        Leave out what the store has already.
    retry_failed : bool
        Try again what failed before.
    scan_only : bool
        Read headers, and say what there is to do.
    shard : Shard, optional
        Do this part of the station-days only. With `events`, their onsets are kept; a run without
        a shard makes events of the onsets of all stations.
    workers : int
        Processes of this machine that do station-days.
    scheduler : str, optional
        Address of a Dask scheduler, whose workers do them instead.
    dask_local : int, optional
        Workers of a Dask cluster that is started for the run.

    Raises
    ------
    ParameterError
        If options exclude each other, or a number makes no sense.
    """

    inputs: str | Path | Sequence[str | Path] | Inputs
    output: str | Path
    model: str | Path
    card: ModelCard | None = None
    sds: Sequence[str | Path] = ()
    selection: Selection = field(default_factory=Selection)
    newer_than_ns: int | None = None
    config: PredictConfig = field(default_factory=PredictConfig)
    device: str = "auto"
    engine: str = "auto"
    threads: int | None = None
    formats: tuple[str, ...] = ("parquet",)
    events: EventOptions | None = None
    event_formats: tuple[str, ...] = ("parquet",)
    inventory: str | Path | None = None
    metadata_of: str | None = None
    orientations: Orientations | None = None
    album: Album | None = None
    resume: bool = True
    retry_failed: bool = False
    scan_only: bool = False
    shard: Shard | None = None
    workers: int = 1
    scheduler: str | None = None
    dask_local: int | None = None

    def __post_init__(self) -> None:
        """Check what can be checked without reading anything."""
        object.__setattr__(self, "selection", of_whole_sets(self.selection))
        for name in ("workers", "dask_local"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ParameterError(f"{name} must be 1 or more, got {number}")
        where = (self.workers > 1, self.scheduler is not None, self.dask_local is not None)
        if sum(where) > 1:
            raise ParameterError("workers, scheduler and dask_local exclude each other")
        _check_formats(self.formats, self.event_formats if self.events is not None else ())

    def find_inputs(self) -> Inputs:
        """Find the files, unless that has been done.

        Raises
        ------
        ParameterError
            If one of them is a copy of a stream, of which a journal can keep no account.
        """
        given = self.inputs
        names = [] if isinstance(given, Inputs) else given
        names = [names] if isinstance(names, str | Path) else names
        found = collect(
            list(map(str, names)),
            sds=list(map(str, self.sds)),
            selection=self.selection,
            margin_days=MARGIN_DAYS,
            found=given if isinstance(given, Inputs) else None,
        )
        for name in found.names.values():  # copies, which have another name in the next run
            raise ParameterError(
                f"{name}: is a pipe; a result store keeps a journal of files: save what comes out "
                "of it first"
            )
        return found

    def with_stations(self, inputs: Inputs, folder: Path) -> ArchiveRequest:
        """Take along what servers say of their stations, unless there is an inventory.

        Parameters
        ----------
        inputs : Inputs
            As they were found.
        folder : Path
            Where the StationXML goes.

        Raises
        ------
        ParameterError
            If a server does not answer: a store holds no results with and without.
        """
        if self.inventory is not None or not inputs.uris:
            return self
        wanted = Wanted(self.selection, MARGIN_DAYS)
        try:
            path = fetch_stations(inputs.uris, wanted, folder)
        except WaveformError as error:
            raise ParameterError(
                f"{error}; a store is not begun without them: give --inventory, or run again later"
            ) from error
        if path is None:
            return self
        return replace(self, inventory=path, orientations=None, metadata_of="web services")

    def find_orientations(self) -> Orientations | None:
        """Read how components are turned, unless that has been done; None where they are not.

        Raises
        ------
        ParameterError
            If the inventory cannot be read.
        """
        if self.orientations is not None or self.inventory is None:
            return self.orientations
        from quake.stations.orientation import read_orientations

        try:
            return read_orientations(self.inventory)
        except WaveformError as error:
            raise ParameterError(f"--inventory: {error}") from error


def _check_formats(formats: Sequence[str], of_events: Sequence[str]) -> None:
    from quake.output.events import SUFFIXES as EVENT_SUFFIXES
    from quake.output.windows import SUFFIXES

    for what, names, known in (
        ("windows", formats, SUFFIXES),
        ("events", of_events, EVENT_SUFFIXES),
    ):
        unknown = [name for name in names if name not in known]
        if unknown:
            raise ParameterError(
                f"{unknown[0]}: is no format of {what}; known formats are {', '.join(known)}"
            )
