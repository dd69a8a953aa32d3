"""Learning rate, size of the spectrograms and regularisation in the course of a run."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.training.schedule import ProgressiveStage, learning_rate_factor, phase_factor, stage_of


def test_the_learning_rate_is_largest_after_a_twentieth_and_zero_at_the_end():
    assert learning_rate_factor(0.05) == 1
    assert learning_rate_factor(1.0) == pytest.approx(0)


def test_the_learning_rate_is_half_in_the_middle_of_its_fall():
    assert learning_rate_factor((0.05 + 1) / 2) == pytest.approx(0.5)


def test_the_first_step_learns_already():
    assert 0 < learning_rate_factor(0.0) < 0.05


def test_steps_beyond_the_estimate_do_not_learn_backwards():
    assert learning_rate_factor(1.2) == pytest.approx(0)


@given(st.floats(0, 1.5))
def test_the_factor_stays_between_none_and_all(progress):
    assert 0 <= learning_rate_factor(progress) <= 1


@given(st.floats(0.05, 0.99), st.floats(0.001, 0.01))
def test_the_learning_rate_falls_after_the_warm_up(progress, later):
    assert learning_rate_factor(progress + later) <= learning_rate_factor(progress)


def test_what_learns_later_does_not_learn_before():
    assert phase_factor(0.24, 0.25) == 0


def test_what_learns_later_has_the_whole_schedule_in_what_is_left():
    assert phase_factor(0.25 + 0.75 * 0.05, 0.25) == pytest.approx(1)
    assert phase_factor(1.0, 0.25) == pytest.approx(0)


def test_one_stage_is_full_size_throughout():
    assert {stage_of(epoch, 10, 1) for epoch in range(10)} == {ProgressiveStage(1.0, 1.0)}


def test_the_stages_go_from_half_size_and_a_third_of_the_strength_to_all():
    stages = [stage_of(epoch, 9, 3) for epoch in range(9)]
    assert [stage.fraction for stage in stages] == [0.5] * 3 + [0.75] * 3 + [1.0] * 3
    assert [stage.strength for stage in stages[::3]] == pytest.approx([1 / 3, 2 / 3, 1])


@given(st.integers(1, 60), st.data())
def test_every_stage_has_an_epoch_and_the_last_epoch_is_full_size(epochs, data):
    n_stages = data.draw(st.integers(1, epochs))
    stages = [stage_of(epoch, epochs, n_stages) for epoch in range(epochs)]
    assert len(set(stages)) == n_stages
    assert stages[-1] == ProgressiveStage(1.0, 1.0)
    assert stages == sorted(stages, key=lambda stage: stage.fraction)
