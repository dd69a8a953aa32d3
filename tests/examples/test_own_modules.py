"""What the modules of examples/own_transform.py compute, and that a network learns with them."""

import re

import torch


def test_the_loudest_point_is_1_and_a_tenth_of_its_power_10_db_less(own):
    power = torch.tensor([[[100.0, 10.0, 0.0]]])
    expected = torch.tensor([[[1.0, 1 - 2 * 10 / 60, -1.0]]])
    torch.testing.assert_close(own.Decibels(60.0)(power), expected, atol=1e-4, rtol=0)


def test_silence_is_at_the_floor(own):
    assert torch.equal(own.Decibels()(torch.zeros(1, 2, 3)), torch.full((1, 2, 3), -1.0))


def test_masks_hide_adjacent_rows_in_training(own):
    mask = own.FrequencyMask(n_rows=2)
    torch.manual_seed(0)
    hidden = mask(torch.ones(50, 3, 6, 4)).eq(-1)
    rows = hidden[:, 0, :, 0]
    assert torch.equal(hidden, rows[:, None, :, None].expand_as(hidden))
    assert set(rows.sum(1).tolist()) == {2}
    assert rows.any(0).all()
    assert (rows[:, 1:] & rows[:, :-1]).any(1).all()


def test_masks_hide_nothing_after_training(own):
    spectrogram = torch.ones(2, 3, 6, 4)
    assert own.FrequencyMask(n_rows=2).eval()(spectrogram) is spectrogram


def test_a_network_learns_with_them(example):
    lines = example("own_transform.py", 11).splitlines()
    assert [line.split(":")[0] for line in lines[:2]] == ["step 0", "step 10"]
    first, later = (float(line.split()[-1]) for line in lines[:2])
    assert later < first
    assert re.fullmatch(r"\d+ of 64 other records are called what they are", lines[2])
