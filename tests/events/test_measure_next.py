"""What is measured of an event ends where the next one begins."""

import numpy as np
import pytest

from quake.events.measure import measure

RATE_HZ = 100.0


@pytest.fixture
def two_events():
    """Noise of 1, an event of 10 at 20 s, one of 1000 at 26 s."""
    samples = np.random.default_rng(0).normal(size=(3, 9000))
    samples[:, 2000:2400] += 10
    samples[:, 2600:3000] += 1000
    return samples


def test_the_peak_is_not_that_of_the_next_event(two_events):
    alone = measure(two_events, 2000, RATE_HZ, 2550)
    assert 10 <= alone.peak_amplitude < 16


def test_without_a_next_event_the_peak_is_the_largest_up_to_the_end(two_events):
    together = measure(two_events, 2000, RATE_HZ)
    assert together.peak_amplitude > 1000
