"""What is hidden of a spectrogram, against what the transform would have made of quiet data."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quake.explain.occlusion import (
    QUIET_QUANTILE,
    HiddenPart,
    band_parts,
    component_parts,
    hide,
    time_parts,
)


def test_a_row_that_is_quiet_from_end_to_end_is_zero():
    image = torch.tensor([[[-1.0, 3.0, -2.0], [1.0, 1.0, -2.0]]])
    found = hide(image, HiddenPart((0, 1), (0, 3)))
    assert found.tolist() == [[[0, 0, 0], [1, 1, -2]]]


def test_a_burst_that_is_made_quiet_leaves_quiet_behind():
    image = torch.tensor([[[-1.0, -1.0, -1.0, 3.0]]])  # the lower quartile is -1
    assert hide(image, HiddenPart((0, 1), (3, 4))).tolist() == [[[0, 0, 0, 0]]]


def test_what_is_hidden_is_what_quiet_data_would_have_given():
    """Logarithms of which some are replaced, and then centred, as `LogMagnitude` does."""
    logarithms = torch.randn(3, 5, 20, generator=torch.Generator().manual_seed(1))
    image = logarithms - logarithms.mean(2, keepdim=True)
    expected = logarithms.clone()
    quiet = torch.quantile(logarithms, QUIET_QUANTILE, dim=2, keepdim=True)
    expected[:, 1:3, 4:9] = quiet.expand_as(logarithms)[:, 1:3, 4:9]
    expected -= expected.mean(2, keepdim=True)
    assert torch.allclose(hide(image, HiddenPart((1, 3), (4, 9))), expected, atol=1e-6)


def test_columns_without_data_stay_without_and_do_not_count():
    image = torch.tensor([[[0.0, -1.0, -1.0, 2.0], [0.0, 1.0, -2.0, 1.0]]])
    found = hide(image, HiddenPart((0, 2), (0, 4)))
    assert found.tolist() == [[[0, 0, 0, 0], [0, 0, 0, 0]]]
    found = hide(image, HiddenPart((0, 1), (3, 4)))
    assert found[0, 0].tolist() == [0, 0, 0, 0]  # -1 everywhere but in the gap
    assert found[0, 1].tolist() == [0, 1, -2, 1]


def test_a_hidden_component_is_a_missing_one():
    image = torch.ones(3, 2, 4)
    second = component_parts(image.shape)[1]
    found = hide(image, second)
    assert found[1].tolist() == [[0] * 4] * 2
    assert found[[0, 2]].tolist() == image[[0, 2]].tolist()


def test_hiding_changes_no_other_component_and_not_the_input():
    image = torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(2))
    image -= image.mean(2, keepdim=True)
    before = image.clone()
    found = hide(image, HiddenPart((0, 4), (1, 3), component=0))
    assert torch.equal(image, before)
    assert torch.allclose(found[1:], image[1:], atol=1e-6)
    assert not torch.allclose(found[0], image[0], atol=1e-3)


def test_a_component_that_was_not_recorded_stays_zero():
    image = torch.randn(3, 4, 6)
    image[1] = 0
    assert not hide(image, HiddenPart((0, 4), (0, 3)))[1].any()


@given(st.integers(1, 200), st.integers(1, 300))
def test_bands_are_half_octaves_and_hold_each_row_once(first_row, n_rows):
    parts = band_parts((3, n_rows, 7), first_row)
    rows = [row for part in parts for row in range(*part.rows)]
    assert rows == list(range(n_rows))
    for part in parts:
        lowest, highest = first_row + part.rows[0], first_row + part.rows[1] - 1
        assert highest / lowest < np.sqrt(2)
        assert part.columns == (0, 7)


def test_the_bands_of_the_bundled_model():
    numbers = [tuple(1 + row for row in part.rows) for part in band_parts((3, 25, 95), 1)]
    assert numbers == [
        *((1, 2), (2, 3), (3, 4), (4, 6), (6, 8)),
        *((8, 12), (12, 16), (16, 23), (23, 26)),
    ]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_stretches_hold_each_column_once(numbers):
    parts = time_parts((3, 2, len(numbers)), sorted(numbers))
    columns = [column for part in parts for column in range(*part.columns)]
    assert columns == list(range(len(numbers)))
    assert len(parts) == len(set(numbers))


@pytest.mark.parametrize("part", [HiddenPart((0, 4), (0, 6)), HiddenPart((1, 2), (0, 6))])
def test_zeros_stay_zeros(part):
    assert not hide(torch.zeros(3, 4, 6), part).any()
