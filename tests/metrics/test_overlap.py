"""The sketch of a training knows its events, and takes little room."""

import json

import pytest

from quake.metrics.overlap import LARGEST_SKETCH, event_digest, event_sketch, overlap


def test_events_of_a_small_training_are_all_known():
    sketch = event_sketch(["a", "b", "a"])
    found = overlap(sketch, ["a", "c", "b", "a"])
    assert sketch["events"] == 2
    assert (found.looked_up, found.seen, found.rows) == (3, 2, (0, 2, 3))


def test_the_number_of_a_merged_collection_does_not_matter():
    assert event_digest("2:event-1") == event_digest("event-1")


def test_a_large_training_has_a_sample_that_tells_the_share():
    trained = [f"event {i}" for i in range(20_000)]
    sketch = event_sketch(trained)
    assert len(json.dumps(sketch)) < 6 * LARGEST_SKETCH
    half_new = overlap(sketch, trained[:5_000] + [f"new {i}" for i in range(5_000)])
    assert 500 < half_new.looked_up < 1600  # a tenth of ten thousand
    assert half_new.seen / half_new.looked_up == pytest.approx(0.5, abs=0.06)
    nothing = overlap(sketch, [f"new {i}" for i in range(5_000)])
    assert nothing.seen <= 1


@pytest.mark.parametrize("damaged", [None, {}, {"digests": "%%", "largest": 1}, {"digests": 3}])
def test_without_a_usable_sketch_nothing_is_claimed(damaged):
    assert overlap(damaged, ["a"]) is None
