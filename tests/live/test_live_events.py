"""Events while samples come in: when they are told of, and what a store holds in the end.

Two stations around a midnight, with a shock before it and another one after it; the clock is that
of a replay.
"""

import json
from collections import defaultdict

import pytest
from archives import around_midnight, write_sds
from obspy import Stream
from replay import Replay, replayed
from seedlink_server import records_of

from quake import Classifier
from quake.events import EventOptions, find_events
from quake.events.onset import onsets_of_bytes
from quake.inference.classifier import PredictConfig
from quake.inference.onsets import find_onsets
from quake.live.follow import Follower, FollowOptions, needed_from
from quake.live.live_events import LiveEventOptions
from quake.model_file.registry import find_model
from quake.store.result_store import Store
from quake.waveforms.times import NS_PER_S, parse_time

DATE = "2021-03-04"
STRETCHES = (
    around_midnight("ALFA", DATE, minutes=6, shock_s=-20.0),
    around_midnight("BETA", DATE, minutes=6, shock_s=-18.0),
    around_midnight("GAMA", DATE, minutes=6, shock_s=200.0),
)
EVENTS = EventOptions({"earthquake": 0.5, "surface_event": 0.5})
FOREVER = FollowOptions(formats=("parquet",), end_after_s=1e9, stop_after_s=1e9)
AT_END = FollowOptions(end_after_s=0.0, stop_after_s=0.0)
STOPPED = FollowOptions(end_after_s=1e9, stop_after_s=0.0)
SHOCK_NS = STRETCHES[2].shocks_ns[0]


@pytest.fixture(scope="module")
def classifier():
    return Classifier(find_model(backbone="b0"), threads=1)


@pytest.fixture(scope="module")
def records():
    return records_of(Stream([trace for s in STRETCHES for trace in s.traces()]))


@pytest.fixture(scope="module")
def onsets(classifier, tmp_path_factory):
    """What `quake predict --events` finds in the same samples."""
    files = write_sds(tmp_path_factory.mktemp("archive"), STRETCHES)
    return list(find_onsets(classifier, files))


class Run:
    """A run over a replay, and what it told."""

    def __init__(
        self, classifier, root, records, events=EVENTS, until_ns=None, at_end=AT_END, **options
    ):
        self.told = []
        feed, arrivals = replayed(records, step_s=3.0, **options)
        self.feed = feed
        fingerprint = {"classes": list(classifier.card.labels.names)}
        with Store(root, fingerprint) as store, arrivals:
            follower = Follower(
                classifier,
                PredictConfig(),
                arrivals,
                store,
                FOREVER,
                events=LiveEventOptions(events, ("jsonl",)),
                tell=self.told.append,
                now_ns=lambda: feed.now_ns,
            )
            feed.at_end = lambda: setattr(follower, "options", at_end)
            self.n_windows = 0
            for record in follower.run(0.0):
                self.n_windows += 1
                if until_ns is not None and parse_time(record.end) > until_ns:
                    break

    @property
    def by_id(self):
        found = defaultdict(list)
        for revision in self.told:
            found[revision.id].append(revision)
        return dict(found)


@pytest.fixture(scope="module")
def undisturbed(classifier, records, tmp_path_factory):
    root = tmp_path_factory.mktemp("live")
    return root, Run(classifier, root, records)


def live_lines(root):
    paths = sorted(root.glob("live/date=*/events.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def until(records, time_ns):
    """Records that were there at a time."""
    return [r for r in Replay(records).arrivals if r.segment.end_ns <= time_ns]


def stored_onsets(root):
    paths = sorted(root.glob("onsets/**/onsets.jsonl"))
    return [onset for path in paths for onset in onsets_of_bytes(path.read_bytes())]


def stored_events(root):
    paths = sorted(root.glob("events/*/events.jsonl"))
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


def in_order(onsets):
    return sorted(onsets, key=lambda o: (o.id, o.time_ns, o.is_emergent, o.windows))


def test_a_store_that_was_filled_by_a_server_has_the_onsets_of_predict(undisturbed, onsets):
    root, _ = undisturbed
    assert in_order(stored_onsets(root)) == in_order(onsets)
    assert len(onsets) > 3


def test_a_store_that_was_filled_by_a_server_has_the_events_of_predict(undisturbed, onsets):
    root, _ = undisturbed
    assert stored_events(root) == [event.to_dict() for event in find_events(onsets, EVENTS)]
    assert len(stored_events(root)) == 3


def test_each_event_is_told_of_under_half_a_minute_after_its_onset(undisturbed):
    _, run = undisturbed
    delays_s = [
        (parse_time(first.written) - parse_time(first.event.onset)) / NS_PER_S
        for first, *_ in run.by_id.values()
    ]
    assert len(delays_s) == 3
    assert all(12 < delay_s < 30 for delay_s in delays_s)


def test_each_event_is_told_of_again_when_it_is_complete_and_no_more(undisturbed):
    _, run = undisturbed
    assert [[r.state for r in several] for several in run.by_id.values()] == [
        ["preliminary", "complete"]
    ] * 3
    assert [[r.number for r in several] for several in run.by_id.values()] == [[1, 2]] * 3


def test_complete_events_are_those_of_the_files(undisturbed):
    root, run = undisturbed
    last = [several[-1].to_dict() for several in run.by_id.values()]
    assert sorted(line["event_id"] for line in last) == sorted(e["id"] for e in stored_events(root))


def test_lines_are_in_the_store_by_the_day_of_the_onset(undisturbed):
    root, run = undisturbed
    paths = sorted(root.glob("live/date=*/events.jsonl"))
    assert [path.parent.name for path in paths] == ["date=2021-03-03", "date=2021-03-04"]
    lines = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
    told = [revision.to_dict() for revision in run.told]
    assert sorted(map(json.dumps, lines)) == sorted(map(json.dumps, told))


@pytest.mark.parametrize("minutes", [5.9, 9.2])
def test_a_run_that_was_stopped_and_begun_again_tells_of_no_event_twice(
    minutes, undisturbed, classifier, records, onsets, tmp_path
):
    until_ns = STRETCHES[0].start_ns + round(minutes * 60 * NS_PER_S)
    first = Run(classifier, tmp_path, records, until_ns=until_ns)
    with Store(tmp_path, {"classes": list(classifier.card.labels.names)}) as store:
        begin_ns = min(needed_from(store).values())
    rest = [r for r in first.feed.arrivals if r.segment.end_ns > begin_ns]
    second = Run(classifier, tmp_path, rest)
    numbers = defaultdict(list)
    for revision in [*first.told, *second.told]:
        numbers[revision.id].append(revision.number)
    assert all(several == list(range(1, len(several) + 1)) for several in numbers.values())
    assert len(numbers) == 3
    assert stored_events(tmp_path) == stored_events(undisturbed[0])
    assert in_order(stored_onsets(tmp_path)) == in_order(onsets)


def test_stations_that_must_agree_make_one_event_under_one_id(classifier, records, tmp_path):
    two = EventOptions(EVENTS.thresholds, min_stations=2)
    run = Run(classifier, tmp_path, records, two)
    (several,) = run.by_id.values()
    assert several[0].event.channel_sets == ("XX.ALFA..HH?", "XX.BETA..HH?")
    assert several[-1].state == "complete"
    (event,) = stored_events(tmp_path)
    assert event["id"] == several[-1].event.id


def test_a_station_that_is_minutes_late_joins_the_event(classifier, records, tmp_path):
    one = EventOptions(EVENTS.thresholds, min_stations=2)
    run = Run(classifier, tmp_path, records, one, delays_s={"XX.BETA..HH?": 120.0})
    (several,) = run.by_id.values()
    first = several[0]
    assert 120 < (parse_time(first.written) - parse_time(first.event.onset)) / NS_PER_S < 160
    assert several[-1].state == "complete"


@pytest.fixture(scope="module")
def of_gama():
    return records_of(Stream(STRETCHES[2].traces()))


@pytest.mark.parametrize("after_s", [20, 35, 51, 65, 100, 150])
def test_an_event_before_the_start_is_told_of_at_once(after_s, classifier, of_gama, tmp_path):
    begin_ns = SHOCK_NS + after_s * NS_PER_S
    run = Run(classifier, tmp_path, of_gama, begin_ns=begin_ns)
    (several,) = run.by_id.values()
    assert [r.state for r in several] == ["preliminary", "complete"]
    assert parse_time(several[0].written) - begin_ns < 10 * NS_PER_S
    assert len(stored_events(tmp_path)) == 1


def test_an_event_is_told_of_once_however_often_a_run_is_begun_again(
    classifier, of_gama, undisturbed, tmp_path
):
    """Each run but the last one ends before it is known that the event is complete."""
    seen = []
    for after_s in (5, 51, 51):
        there = until(of_gama, SHOCK_NS + after_s * NS_PER_S)
        run = Run(classifier, tmp_path, there, at_end=STOPPED)
        seen.append([(r.number, r.state) for r in run.told])
    assert run.n_windows == 0
    assert seen == [[], [(1, "preliminary")], []]
    (line,) = live_lines(tmp_path)
    assert line["state"] == "preliminary"
    last = Run(classifier, tmp_path, of_gama)
    assert [(r.id, r.number, r.state) for r in last.told] == [(line["id"], 2, "complete")]
    (event,) = stored_events(tmp_path)
    assert event in stored_events(undisturbed[0])


def test_complete_events_are_not_told_of_again_with_one_after_them(classifier, records, tmp_path):
    """Those around midnight are settled when a run is begun again, the later one is not."""
    first, second = (
        Run(
            classifier,
            tmp_path,
            until(records, SHOCK_NS + after_s * NS_PER_S),
            at_end=STOPPED,
            at_once=True,
        )
        for after_s in (5, 51)
    )
    assert [(r.number, r.state) for r in first.told] == [(1, "complete")] * 2
    assert [(r.number, r.state) for r in second.told] == [(1, "preliminary")]


def test_a_station_that_is_new_leaves_events_of_one_that_has_ended(classifier, of_gama, tmp_path):
    of_beta = until(records_of(Stream(STRETCHES[1].traces())), STRETCHES[1].end_ns)
    first = Run(classifier, tmp_path, of_beta)
    there = until(of_gama, SHOCK_NS + 51 * NS_PER_S)
    second = Run(classifier, tmp_path, [*of_beta, *there], at_end=STOPPED, at_once=True)
    assert [r.state for r in first.told][-1] == "complete"
    assert [(r.number, r.state) for r in second.told] == [(1, "preliminary")]


def test_what_waited_is_told_of_at_once(classifier, records, onsets, tmp_path):
    """As after a break of the network: all of it comes within a second.

    Of the last event it is known later that nothing more comes.
    """
    run = Run(classifier, tmp_path, records, at_once=True)
    states = [[r.state for r in several] for several in run.by_id.values()]
    assert sorted(states) == [["complete"], ["complete"], ["preliminary", "complete"]]
    assert in_order(stored_onsets(tmp_path)) == in_order(onsets)


def test_windows_alone_leave_onsets_of_an_earlier_run(classifier, records, undisturbed, tmp_path):
    Run(classifier, tmp_path, records)
    before = stored_onsets(tmp_path)
    _, arrivals = replayed(records, step_s=1000.0)
    options = FollowOptions(end_after_s=0.0, stop_after_s=0.0)
    fingerprint = {"classes": list(classifier.card.labels.names)}
    with Store(tmp_path, fingerprint) as store, arrivals:
        follower = Follower(classifier, PredictConfig(), arrivals, store, options)
        assert list(follower.run(0.0)) == []
    assert stored_onsets(tmp_path) == before
