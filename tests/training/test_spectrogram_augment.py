"""Masks, mixtures and sizes of spectrograms: arithmetic by hand, choice by its bounds."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quake.training.spectrogram_augment import SpecAugment, draw_share, mix, outside, shrink


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


def test_a_mask_covers_from_its_start_up_to_its_stop():
    kept = outside(torch.tensor([1.0, 0.0]), torch.tensor([3.0, 0.0]), 4, axis=3)
    assert kept.shape == (2, 1, 1, 4)
    assert kept[:, 0, 0].tolist() == [[1, 0, 0, 1], [1, 1, 1, 1]]


def test_a_mask_of_frequencies_lies_along_the_rows():
    assert outside(torch.tensor([0.0]), torch.tensor([1.0]), 5, axis=2).shape == (1, 1, 5, 1)


def test_masks_are_the_same_for_all_components_and_whole_rows_or_columns():
    masked = SpecAugment(n_masks=1, largest_share=0.5)(torch.ones(8, 3, 20, 30)) == 0
    assert torch.equal(masked[:, 0], masked[:, 1])
    rows, columns = masked[:, 0].all(dim=2), masked[:, 0].all(dim=1)
    assert torch.equal(masked[:, 0], rows[:, :, None] | columns[:, None, :])
    assert masked.any()


def test_windows_of_a_batch_have_masks_of_their_own():
    masked = SpecAugment(n_masks=1, largest_share=0.5)(torch.ones(8, 3, 20, 30))
    assert len({tuple(window.flatten().tolist()) for window in masked}) > 4


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 200))
def test_no_mask_is_wider_than_its_share_or_leaves_the_spectrogram(share, strength, length):
    augment = SpecAugment(largest_share=share)
    augment.strength = strength
    start, stop = augment.draw(50, length, torch.device("cpu"))
    assert (start >= 0).all()
    assert (stop <= length).all()
    assert (stop - start <= share * strength * length + 1).all()


def test_without_strength_nothing_is_masked():
    augment = SpecAugment()
    augment.strength = 0.0
    assert torch.equal(augment(torch.ones(4, 3, 9, 9)), torch.ones(4, 3, 9, 9))


def test_the_repr_shows_all_parameters():
    assert repr(SpecAugment(3, 0.2)) == "SpecAugment(n_masks=3, largest_share=0.2)"


def test_a_mixture_has_a_share_of_each():
    batch = torch.stack([torch.zeros(3, 2, 2), torch.ones(3, 2, 2)])
    mixed = mix(batch, torch.tensor([1, 0]), 0.75)
    assert mixed[:, 0, 0, 0].tolist() == [0.25, 0.75]


def test_shares_follow_the_beta_distribution():
    shares = torch.tensor([draw_share(0.4) for _ in range(4000)], dtype=torch.float64)
    assert float(shares.mean()) == pytest.approx(0.5, abs=0.03)
    # Variance of Beta(a, a): 1 / (4 (2 a + 1)).
    assert float(shares.var()) == pytest.approx(1 / (4 * 1.8), rel=0.05)


def test_a_tiny_alpha_still_gives_a_share():
    assert all(0 <= draw_share(1e-4) <= 1 for _ in range(200))


def test_nothing_is_mixed_at_alpha_zero():
    assert draw_share(0.0) == 1


def test_full_size_is_left_alone():
    batch = torch.randn(2, 3, 26, 94)
    assert shrink(batch, 1.0) is batch


def test_half_size_has_half_the_rows_and_columns():
    assert shrink(torch.randn(2, 3, 26, 94), 0.5).shape == (2, 3, 13, 47)


def test_a_small_spectrogram_stays_as_large_as_the_network_needs():
    assert shrink(torch.randn(2, 3, 10, 5), 0.5).shape == (2, 3, 8, 5)


def test_shrinking_keeps_a_level_as_it_is():
    assert torch.allclose(shrink(torch.full((1, 3, 26, 94), 2.5), 0.75), torch.tensor(2.5))
