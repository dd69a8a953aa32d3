"""Measure events at the live edge: how soon they are told of, and whether `predict` finds the same.

    python benchmarks/live_events.py ../shared/data/sds

Replays an SDS archive, one station after the other, in records of 512 bytes that each come a
second after their last sample, by a clock of its own, as fast as the machine allows. Prints
Markdown: the delay from an onset to the first line about the event, how many of these lines were
withdrawn, how many complete events are those of `quake predict --events`, and the processor time.
"""

import argparse
import io
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import obspy

from quake import Classifier
from quake.events import EventOptions, find_events
from quake.inference.classifier import PredictConfig
from quake.inference.onsets import find_onsets
from quake.live.follow import Follower, FollowOptions
from quake.live.live_events import LiveEventOptions
from quake.model_file.registry import find_model
from quake.store.result_store import Store
from quake.waveforms.times import NS_PER_S, parse_time

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "live"))

from replay import replayed

RECORD_BYTES = 512
FOREVER = FollowOptions(end_after_s=1e9, stop_after_s=1e9)
AT_END = FollowOptions(end_after_s=0.0, stop_after_s=0.0)


@dataclass(frozen=True)
class Replayed:
    """What a replay told, and what `predict` says of the same record."""

    name: str
    length_s: float
    processor_s: float
    told: list
    predicted: list


def records_of(path):
    """Records of 512 bytes of a file."""
    found = []
    for trace in obspy.read(str(path)):
        file = io.BytesIO()
        trace.write(file, format="MSEED", reclen=RECORD_BYTES)
        content = file.getvalue()
        found += [content[at : at + RECORD_BYTES] for at in range(0, len(content), RECORD_BYTES)]
    return found


def replay(paths, classifier, options):
    """Follow the files of one station as if they were recorded now."""
    records = [record for path in paths for record in records_of(path)]
    feed, arrivals = replayed(records)
    labels = {"classes": list(classifier.card.labels.names)}
    told, begin_s = [], time.process_time()
    with tempfile.TemporaryDirectory() as root, Store(Path(root), labels) as store, arrivals:
        follower = Follower(
            classifier,
            PredictConfig(),
            arrivals,
            store,
            FOREVER,
            events=LiveEventOptions(options),
            tell=told.append,
            now_ns=lambda: feed.now_ns,
        )
        feed.at_end = lambda: setattr(follower, "options", AT_END)
        for _ in follower.run(0.0):
            pass
    segments = [arrival.segment for arrival in feed.arrivals]
    length_ns = max(s.end_ns for s in segments) - min(s.start_ns for s in segments)
    return told, length_ns / NS_PER_S, time.process_time() - begin_s


def measured(name, paths, classifier):
    config = PredictConfig()
    names = classifier.card.labels.names
    thresholds = dict(zip(names, classifier.thresholds(config), strict=True))
    thresholds.pop("noise", None)
    options = EventOptions(thresholds)
    told, length_s, processor_s = replay(paths, classifier, options)
    predicted = find_events(find_onsets(classifier, paths, config), options)
    return Replayed(name, length_s, processor_s, told, predicted)


def row(found):
    last = {revision.id: revision for revision in found.told}
    firsts = [revision for revision in found.told if revision.number == 1]
    delays = sorted((parse_time(r.written) - parse_time(r.event.onset)) / NS_PER_S for r in firsts)
    complete = {r.event.id for r in last.values() if r.state == "complete"}
    withdrawn = sum(r.state == "withdrawn" for r in last.values())
    same = len(complete & {event.id for event in found.predicted})
    middle = f"{statistics.median(delays):.1f}" if delays else ""
    late = f"{delays[int(0.9 * (len(delays) - 1))]:.1f}" if delays else ""
    return (
        f"| {found.name} | {found.length_s / 60:.0f} min | {len(last)} | {middle} | {late} | "
        f"{withdrawn} | {len(complete)} | {len(found.predicted)} | {same} | "
        f"{100 * found.processor_s / found.length_s:.2f} % |"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=Path)
    arguments = parser.parse_args()
    classifier = Classifier(find_model(backbone="b0"))
    stations = sorted({path.parent for path in arguments.root.glob("*/*/*/*.D")})
    print(
        "| record | length | told of | median delay, s | 90 % | withdrawn | complete | "
        "of predict | the same | of a core |"
    )
    print("| --- | --: | --: | --: | --: | --: | --: | --: | --: | --: |")
    for station in stations:
        paths = sorted(path for path in station.glob("*.D/*") if path.is_file())
        print(row(measured(f"{station.parent.name}.{station.name}", paths, classifier)), flush=True)


if __name__ == "__main__":
    main()
