"""An archive by one call of the library: the store is the program's, and the counts add up."""

import shutil

import pytest
from stores import FOLDERS, assert_same_tree

import quake
from quake.classes import NOISE
from quake.errors import ParameterError
from quake.events import EventOptions
from quake.inference.classifier import effective_thresholds
from quake.inputs.selection import Selection, parse_moment
from quake.inputs.walk import Inputs
from quake.model_file.registry import find_model
from quake.model_file.safetensors_file import load_card
from quake.store import ArchiveRequest, run_archive

FORMATS = ("parquet", "jsonl", "csv")


@pytest.fixture(scope="module")
def model():
    return find_model(backbone="b0")


@pytest.fixture(scope="module")
def events(model):
    """All classes but noise, at the thresholds of the model, as the program has them."""
    card = load_card(model)
    thresholds = dict(zip(card.labels.names, effective_thresholds(card, {}), strict=True))
    thresholds.pop(NOISE)
    return EventOptions(thresholds=thresholds)


@pytest.fixture(scope="module")
def whole(model, events, archive, tmp_path_factory):
    """Request and result of a run over the archive, and the calls of its `on_progress`."""
    store = tmp_path_factory.mktemp("library") / "store"
    request = ArchiveRequest(
        (), store, model, sds=[archive], formats=FORMATS, events=events, event_formats=FORMATS
    )
    calls = []
    return request, run_archive(request, calls.append), calls


@pytest.fixture
def damaged(small):
    """An archive of three days, one of whose files holds nothing that can be read."""
    bad = sorted(small.rglob("*HHZ*063"))[-1]
    bad.write_bytes(b"no waveform")
    return small, bad


def test_the_store_is_that_of_the_program(whole, undisturbed):
    assert_same_tree(whole[0].output, undisturbed)


def test_the_library_offers_it_under_its_own_name():
    assert (quake.predict_archive, quake.ArchiveRequest) == (run_archive, ArchiveRequest)


def test_all_station_days_are_done_once(whole):
    _, result, _ = whole
    assert result.station_days == {"done": len(FOLDERS), "done before": 0, "failed": 0}
    assert result.n_events == 2  # one at each station
    assert not result.problems
    assert not result.has_failed


def test_seconds_of_channel_sets_add_up_to_those_of_the_summary(whole):
    _, result, _ = whole
    assert [str(key) for key in result.channel_sets] == ["XX.ALFA..HH?", "XX.BETA.00.HH?"]
    parts = [found.seconds for found in result.channel_sets.values()]
    for one in parts:
        assert one.input_s == one.scored_s + one.rejected_s + one.no_data_s + one.failed_s
    assert sum(one.input_s for one in parts) == result.summary.input_s
    assert sum(one.scored_s for one in parts) == result.summary.scored_s


def test_windows_of_channel_sets_add_up_to_those_of_the_summary(whole):
    _, result, _ = whole
    found = result.channel_sets.values()
    assert sum(one.windows.total() for one in found) == result.summary.windows.total()
    assert sum(one.labels.total() for one in found) == result.summary.labels.total()


def test_progress_reaches_its_end_in_every_stage(whole):
    *_, calls = whole
    last = {call.stage: (call.done, call.total) for call in calls if call.total}
    assert last.keys() == {"reading headers", "classifying"}
    assert all(done == total for done, total in last.values())


def test_the_same_request_again_counts_the_same_and_does_nothing(whole):
    request, first, _ = whole
    again = run_archive(request)
    assert again.station_days == {"done": 0, "done before": len(FOLDERS), "failed": 0}
    assert again.summary == first.summary
    assert again.n_events == first.n_events


def test_a_scan_says_what_there_is_to_do(model, archive, tmp_path):
    request = ArchiveRequest((), tmp_path / "store", model, sds=[archive], scan_only=True)
    result = run_archive(request)
    to_do = result.to_do
    assert (to_do.planned, to_do.station_days, to_do.channel_sets, to_do.done) == (6, 6, 2, 0)
    assert (to_do.first, to_do.last) == ("2021-03-03", "2021-03-05")
    assert result.station_days == {"done": 0, "done before": 0, "failed": 0}
    assert not list(tmp_path.rglob("windows*"))


def test_a_file_that_cannot_be_read_is_a_problem_and_the_others_are_done(model, damaged, tmp_path):
    small, bad = damaged
    told = []
    result = run_archive(
        ArchiveRequest(str(small), tmp_path / "store", model),
        lambda progress: told.extend(progress.problems),
    )
    assert result.has_failed
    assert [problem.source for problem in result.problems] == [str(bad)]
    assert told == result.problems
    assert result.station_days["done"] == 3


def test_inputs_that_were_found_before_are_taken_as_they_are(model, small, tmp_path):
    found = Inputs()
    found.add_sds(small)
    result = run_archive(ArchiveRequest(found, tmp_path / "store", model))
    assert result.station_days["done"] == 3


def test_a_selection_takes_whole_days_and_whole_channel_sets(model, small, tmp_path):
    selection = Selection(channels=("HHZ",), start_ns=parse_moment("2021-03-04T12:00"))
    request = ArchiveRequest(small, tmp_path / "store", model, selection=selection)
    assert request.selection.channels == ("HH?",)
    assert run_archive(request).station_days["done"] == 2


def test_nothing_new_is_told_from_nothing(model, small, tmp_path):
    request = ArchiveRequest(
        small, tmp_path / "store", model, newer_than_ns=parse_moment("2200-01-01")
    )
    result = run_archive(request)
    assert result.nothing_new
    assert result.summary.input_s == 0


def test_workers_leave_the_same_store(whole, model, events, archive, undisturbed, tmp_path):
    request = ArchiveRequest(
        (),
        tmp_path / "store",
        model,
        sds=[archive],
        formats=FORMATS,
        events=events,
        event_formats=FORMATS,
        workers=2,
    )
    assert run_archive(request).station_days["done"] == len(FOLDERS)
    assert_same_tree(request.output, undisturbed)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"workers": 0}, "workers must be 1 or more, got 0"),
        ({"dask_local": 0}, "dask_local must be 1 or more, got 0"),
        ({"workers": 2, "dask_local": 2}, "exclude each other"),
        ({"scheduler": "tcp://head:8786", "dask_local": 2}, "exclude each other"),
        ({"formats": ("quakeml",)}, "quakeml: is no format of windows"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(options, message):
    with pytest.raises(ParameterError, match=message):
        ArchiveRequest("a.mseed", "store", "model.safetensors", **options)


def test_events_that_cannot_be_are_refused(events):
    with pytest.raises(ParameterError, match="mseed: is no format of events"):
        ArchiveRequest(
            "a.mseed", "store", "model.safetensors", events=events, event_formats=("mseed",)
        )


def test_a_store_of_another_model_is_refused(whole, model, tmp_path):
    copy = tmp_path / "store"
    shutil.copytree(whole[0].output, copy)
    other = quake.ArchiveRequest(
        (), copy, model, config=quake.inference.classifier.PredictConfig(overlap=0.25)
    )
    with pytest.raises(ParameterError, match="--overlap"):
        run_archive(other)


def test_what_is_no_request_is_refused():
    with pytest.raises(ParameterError, match="an ArchiveRequest was expected, got 'sds'"):
        quake.predict_archive("sds", "pa")
