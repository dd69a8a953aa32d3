"""Classify an archive into a result store from a program, with events; the same again goes on.

    python examples/predict_archive.py INPUT... STORE

It does what `quake predict INPUT... --output STORE/ --events` does.
"""

import sys

import quake
from quake.events import EventOptions
from quake.model_file.registry import find_model
from quake.store import ArchiveProgress


def show(progress: ArchiveProgress) -> None:
    for problem in progress.problems:
        print(problem.message, file=sys.stderr)


def main() -> None:
    *inputs, store = sys.argv[1:]
    request = quake.ArchiveRequest(
        inputs,
        store,
        find_model(backbone="b0"),
        events=EventOptions(thresholds={"earthquake": 0.5, "surface_event": 0.5}),
    )
    result = quake.predict_archive(request, show)
    print(*(f"{number} {what}" for what, number in result.station_days.items()), sep=", ")
    for channel_set, found in result.channel_sets.items():
        seconds = found.seconds
        print(channel_set, dict(found.labels), f"{seconds.scored_s:g} of {seconds.input_s:g} s")
    print(f"{result.n_events} events")
    sys.exit(1 if result.has_failed else 0)


if __name__ == "__main__":
    main()
