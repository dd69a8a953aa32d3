"""What missing data do to a model: networks of which it is known what they call an event."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from quake.classes import LabelSet
from quake.datasets.decoding import decode
from quake.datasets.opening import open_collection
from quake.errors import LabelError, ParameterError
from quake.evaluation import EvaluateOptions, evaluate
from quake.evaluation.losses import COVERAGES, Trial, summarise_losses, trials
from quake.evaluation.options import EvaluateProgress
from quake.windows.missing import KINDS

GRADED = [kind for kind in KINDS if kind != "spike"]


class AlwaysEvent(torch.nn.Module):
    def forward(self, spectrograms):
        return torch.tensor([[1.0, 0.0]]).repeat(len(spectrograms), 1)


class GapDetector(torch.nn.Module):
    """Calls an event whatever lacks more than a tenth of the columns of a component.

    Of the 48 columns of 30 s three are incomplete where nothing is missing, at the ends.
    """

    def forward(self, spectrograms):
        empty = (spectrograms == 0).all(2).float().mean(-1).amax(1)
        return torch.stack([empty - 0.1, torch.zeros_like(empty)], dim=1)


@pytest.fixture(scope="module")
def rows(labelled):
    """The eight rows, decoded for windows of 30 s: events begin 20 s after the row."""
    from quake.data.preprocessing import Preprocessing

    spans = open_collection(labelled).spans
    labels = LabelSet(("earthquake", "noise"))
    return decode(spans, labels, Preprocessing(window_s=30.0))[0]


def test_a_network_that_calls_everything_an_event_is_not_changed_by_any_loss(card, rows):
    found = trials(card, AlwaysEvent(), rows, 2)
    assert all(t.event_before and t.event_after for t in found)
    for kind, graded in summarise_losses(found)["kinds"].items():
        for counts in graded.values():
            assert counts["noise"] == {"trials": 4, "whole": 1.0, "loss": 1.0}, kind


def test_a_network_that_looks_at_the_coverage_alone_is_found_out(card, rows):
    found = summarise_losses(trials(card, GapDetector(), rows, 2))
    for kind in GRADED:
        assert list(found["kinds"][kind]) == ["0.9", "0.8", "0.7", "0.6", "0.5"]
        for counts in found["kinds"][kind].values():
            assert counts["noise"] == {"trials": 4, "whole": 0.0, "loss": 1.0}, kind
    # A wild sample takes no column with it.
    assert found["kinds"]["spike"]["1"]["noise"] == {"trials": 4, "whole": 0.0, "loss": 0.0}
    n_graded = 4 * len(GRADED) * len(COVERAGES)
    assert found["all"]["noise"] == {
        "trials": n_graded + 4,
        "whole": 0.0,
        "loss": round(n_graded / (n_graded + 4), 4),
    }


def test_events_are_tried_only_with_what_leaves_their_onset(card, rows):
    found = trials(card, AlwaysEvent(), rows, 2)
    counts = Counter((t.kind, t.coverage) for t in found if t.is_event)
    # Of 30 s the onset is at 15 s, as it would not show at 20 s, and the twelve seconds after it
    # are what tells: three seconds can be lost at the end, not quite fifteen at the start.
    assert [c for kind, c in sorted(counts) if kind == "short"] == [0.9]
    assert [c for kind, c in sorted(counts) if kind == "start"] == [0.6, 0.7, 0.8, 0.9]
    assert counts["short", 0.9] == counts["start", 0.6] == 4
    assert counts["spike", 1.0] == 4
    assert Counter(t.kind for t in found if not t.is_event) == {
        **dict.fromkeys(GRADED, 4 * len(COVERAGES)),
        "spike": 4,
    }


def test_so_many_rows_of_each_source_and_class_are_tried(card, rows):
    found = trials(card, AlwaysEvent(), rows, 1)
    assert Counter((t.source, t.is_event) for t in found if t.kind == "spike") == {
        (source, is_event): 1 for source in ("here", "there") for is_event in (True, False)
    }


def test_the_same_seed_tries_the_same_and_another_seed_others(card, rows):
    seen = []

    class Watched(GapDetector):
        def forward(self, spectrograms):
            seen.append(spectrograms.sum().item())
            return super().forward(spectrograms)

    first = trials(card, Watched(), rows, 1, seed=1)
    sums = list(seen)
    seen.clear()
    assert trials(card, Watched(), rows, 1, seed=1) == first
    assert seen == sums
    seen.clear()
    trials(card, Watched(), rows, 1, seed=2)
    assert seen != sums


def test_a_model_without_a_class_of_noise_calls_nothing_an_event(card, rows):
    other = replace(card, labels=LabelSet(("earthquake", "explosion")))
    with pytest.raises(LabelError, match="no class 'noise'"):
        trials(other, AlwaysEvent(), rows, 1)


def test_progress_goes_to_the_last_window(card, rows):
    told = []
    progress = EvaluateProgress(lambda *at: None, lambda *at: told.append(at))
    found = trials(card, AlwaysEvent(), rows, 1, 0, progress)
    n_windows = len(found) + 4  # and each of the rows whole
    assert told[-1] == (n_windows, n_windows)


def test_trials_are_counted_by_hand():
    found = [
        Trial("a", False, "middle", 0.9, False, True),
        Trial("a", False, "middle", 0.9, True, True),
        Trial("a", True, "middle", 0.9, True, False),
        Trial("b", True, "middle", 0.5, True, True),
        Trial("b", False, "spike", 1.0, False, False),
    ]
    summary = summarise_losses(found)
    assert list(summary["kinds"]) == list(KINDS)
    assert summary["kinds"]["middle"] == {
        "0.9": {
            "noise": {"trials": 2, "whole": 0.5, "loss": 1.0},
            "events": {"trials": 1, "whole": 1.0, "loss": 0.0},
        },
        "0.5": {"events": {"trials": 1, "whole": 1.0, "loss": 1.0}},
    }
    assert summary["kinds"]["spike"] == {"1": {"noise": {"trials": 1, "whole": 0.0, "loss": 0.0}}}
    assert summary["kinds"]["short"] == {}
    assert summary["sources"]["a"]["noise"] == {"trials": 2, "whole": 0.5, "loss": 1.0}
    assert summary["sources"]["b"]["events"] == {"trials": 1, "whole": 1.0, "loss": 1.0}
    assert summary["all"]["noise"] == {"trials": 3, "whole": 0.3333, "loss": 0.6667}


def test_an_evaluation_has_the_losses_that_were_asked_for_and_none_else(detector, labelled):
    options = EvaluateOptions(device="cpu", missing=1)
    found = evaluate(detector, open_collection(labelled), options)
    assert found.missing["all"]["noise"]["whole"] == 0.0
    assert found.missing["all"]["events"]["whole"] == 1.0
    assert (
        evaluate(detector, open_collection(labelled), replace(options, missing=0)).missing is None
    )
    with pytest.raises(ParameterError, match="missing must be 0 or more"):
        EvaluateOptions(missing=-1)
