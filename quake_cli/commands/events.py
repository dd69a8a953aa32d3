"""``quake events``: make the events of a result store again, with other settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quake.errors import ParameterError
from quake_cli.counts import counted
from quake_cli.exits import Exit
from quake_cli.messages import Messages, library_messages
from quake_cli.options.choices import Format
from quake_cli.options.events import EventSnr, EventThreshold, MinStations, Within
from quake_cli.options.inputs import Inventory
from quake_cli.options.messages import Debug, Quiet
from quake_cli.options.outputs import OUTPUT

if TYPE_CHECKING:
    from quake.events import EventOptions
    from quake.report.run_facts import RunFacts

# Why a store has no events in these formats.
_REFUSED = {
    Format.TABLE: "a store keeps no tables",
    Format.MSEED: "holds probabilities, not events",
}


def events(
    context: typer.Context,
    store: Annotated[
        Path,
        typer.Argument(
            metavar="STORE",
            help="Result store: the folder that `quake predict --events --output DIR/` wrote.",
        ),
    ],
    event_threshold: EventThreshold = None,
    event_snr: EventSnr = None,
    min_stations: MinStations = None,
    within: Within = None,
    inventory: Inventory = None,
    formats: Annotated[
        list[Format] | None,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            rich_help_panel=OUTPUT,
            help="Write this format besides those that are there, or Parquet where there are none: "
            "csv, jsonl, parquet, quakeml, geojson, snuffler, swarm, audacity. May be repeated.",
        ),
    ] = None,
    quiet: Quiet = False,
    debug: Debug = False,
) -> int:
    """Make the events of a result store again with other settings, without waveforms."""
    from quake.events.station_facts import read_station_facts
    from quake.report.run_facts import read_run_facts
    from quake.store.events import station_days_without_onsets, write_store_events
    from quake.store.result_store import Store
    from quake_cli.outputs import check_places

    messages: Messages = context.obj
    with library_messages(messages):
        facts = read_run_facts(store)
        options = _options(facts, event_threshold or [], event_snr, min_stations, within)
        names = _formats(formats or [], facts.root)
        check_places(names, inventory)
        stations = read_station_facts(inventory)
        with Store(facts.root, facts.values) as opened:
            missing = station_days_without_onsets(opened)
            if missing:
                messages.warning(
                    f"{store}: {missing} station-days have windows and no onsets, and so no "
                    "events; run quake predict --events once"
                )
            n_events = write_store_events(opened, options, names, stations)
        messages.note(f"{store}: {counted(n_events, 'event')}")
    return Exit.SOME_FAILED if missing else Exit.OK


def _options(
    facts: RunFacts,
    thresholds: list[str],
    min_snr_db: float | None,
    min_stations: int | None,
    within_s: float | None,
) -> EventOptions:
    """As `quake predict --events` has them, of what the store says of its model."""
    from quake.events import EventOptions
    from quake.events.options import EVENT_FROM
    from quake_cli.settings import thresholds_of

    given = thresholds_of("--event-threshold", thresholds)
    unknown = sorted(set(given) - {"", *facts.classes})
    if unknown:
        raise ParameterError(
            f"--event-threshold: the store's model knows no class {', '.join(unknown)}; its "
            f"classes are {', '.join(facts.classes)}"
        )
    chosen = {n: given.get("", EVENT_FROM) for n in facts.event_classes}
    chosen.update({name: p for name, p in given.items() if name in chosen})
    numbers = {"min_snr_db": min_snr_db, "min_stations": min_stations, "within_s": within_s}
    return EventOptions(
        thresholds=chosen,
        **{name: value for name, value in numbers.items() if value is not None},  # type: ignore[arg-type]
    )


def _formats(formats: list[Format], root: Path) -> list[str]:
    from quake.output.events import SUFFIXES

    unknown = [f for f in formats if f.value not in SUFFIXES]
    if unknown:
        raise ParameterError(
            f"--format {unknown[0].value}: {_REFUSED[unknown[0]]}; known formats are "
            f"{', '.join(SUFFIXES)}"
        )
    if formats:
        return [f.value for f in formats]
    has_any = next((root / "events").glob("date=*/events.*"), None) is not None
    return [] if has_any else ["parquet"]
