"""Augmentations: each does what it says and nothing else."""

import numpy as np
import pytest
from strategies import noise, sine

from quake.datasets import augment

RATE_HZ = 50.0


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def samples():
    return noise(1000).astype(np.float32)


def db(ratio):
    return 20 * np.log10(ratio)


# --- crossfade and levels -----------------------------------------------------------------


def test_a_crossfade_has_the_length_of_both_less_the_fade(samples):
    assert augment.crossfade(samples[:, :300], samples[:, :200], 50).shape == (3, 450)


def test_outside_the_fade_both_pieces_are_as_they_were(samples):
    first, second = samples[:, :300], samples[:, 300:500]
    joined = augment.crossfade(first, second, 50)
    np.testing.assert_array_equal(joined[:, :250], first[:, :250])
    np.testing.assert_array_equal(joined[:, 300:], second[:, 50:])


def test_a_crossfade_of_noise_has_constant_power():
    first, second = noise(20_000, 1), noise(20_000, 2)
    joined = augment.crossfade(first, second, 10_000)
    middle = joined[:, 12_000:18_000]
    assert middle.std() == pytest.approx(1000, rel=0.03)


def test_a_fade_longer_than_a_piece_is_as_long_as_the_piece(samples):
    assert augment.crossfade(samples[:, :300], samples[:, :20], 50).shape == (3, 300)


def test_filler_gets_the_amplitude_of_the_reference_in_each_component(samples):
    reference = noise(500, 1) * [[0.5], [3], [10]]
    scaled = augment.scale_to(samples, reference)
    np.testing.assert_allclose(scaled.std(1), reference.std(1), rtol=1e-5)


def test_a_component_without_filler_stays_without(samples):
    samples[1] = 0
    scaled = augment.scale_to(samples, noise(500))
    assert not scaled[1].any()
    assert np.isfinite(scaled).all()


@pytest.mark.parametrize("snr_db", [-6.0, 0.0, 10.0, 20.0])
def test_noise_is_added_at_the_ratio_asked_for(samples, snr_db):
    added = augment.mix_noise(samples, noise(1000, 5).astype(np.float32), snr_db) - samples
    np.testing.assert_allclose(db(samples.std(1) / added.std(1)), snr_db, atol=0.01)


def test_mixing_in_noise_leaves_a_missing_component_missing(samples):
    samples[2] = 0
    assert not augment.mix_noise(samples, noise(1000, 5).astype(np.float32), 10)[2].any()


# --- components ---------------------------------------------------------------------------


def test_a_rotation_keeps_the_vertical_and_the_horizontal_energy(samples, rng):
    turned = augment.rotate_horizontals(samples, rng)
    np.testing.assert_array_equal(turned[0], samples[0])
    np.testing.assert_allclose(
        np.hypot(turned[1], turned[2]), np.hypot(samples[1], samples[2]), rtol=1e-4
    )
    assert not np.allclose(turned[1], samples[1])


@pytest.mark.parametrize("missing", [1, 2])
def test_a_single_horizontal_is_not_turned(samples, rng, missing):
    samples[missing] = 0
    np.testing.assert_array_equal(augment.rotate_horizontals(samples, rng), samples)


def test_the_vertical_is_never_dropped_and_all_other_losses_happen(samples, rng):
    kept = {tuple(augment.drop_components(samples, rng).any(axis=1).tolist()) for _ in range(100)}
    assert kept == {(True, False, False), (True, False, True), (True, True, False)}


def test_where_there_is_no_vertical_nothing_is_dropped(samples, rng):
    samples[0] = 0
    np.testing.assert_array_equal(augment.drop_components(samples, rng), samples)


# --- band ---------------------------------------------------------------------------------


def test_a_band_limit_keeps_what_is_below_and_removes_what_is_above():
    low, high = sine(3, 1000, RATE_HZ), sine(15, 1000, RATE_HZ)
    limited = augment.band_limit(np.stack([low, high, low + high]), RATE_HZ, corner_hz=8)
    np.testing.assert_allclose(limited, [low, 0 * low, low], atol=1e-4)


@pytest.mark.parametrize(
    "change",
    [
        lambda x, rng: augment.crossfade(x, x, 50),
        lambda x, rng: augment.mix_noise(x, x, 3),
        augment.rotate_horizontals,
        augment.drop_components,
        lambda x, rng: augment.band_limit(x, RATE_HZ, 8),
    ],
)
def test_the_input_is_not_changed_and_float32_stays(samples, rng, change):
    before = samples.copy()
    changed = change(samples, rng)
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(samples, before)


# --- surrogates, playing slower, swelling -------------------------------------------------


def test_a_short_strong_signal_does_not_change_the_level(samples):
    loud = samples.copy()
    loud[:, 500:510] = 1e4
    np.testing.assert_allclose(augment.level(loud), augment.level(samples), rtol=0.05)


def test_the_level_of_gaussian_noise_is_its_standard_deviation():
    samples = noise(100_000).astype(np.float32)
    np.testing.assert_allclose(augment.level(samples), samples.std(axis=1)[:, None], rtol=0.02)


def test_a_surrogate_is_as_long_as_wanted_and_as_loud_as_the_piece(samples, rng):
    made = augment.surrogate(samples[:, :400] * np.float32(7), 3000, rng)
    assert made.shape == (3, 3000)
    assert made.dtype == np.float32
    np.testing.assert_allclose(augment.level(made), augment.level(samples[:, :400]) * 7, rtol=1e-5)


def test_a_surrogate_has_the_spectrum_of_the_piece(rng):
    piece = np.stack([sine(5.0, 1000, RATE_HZ)] * 3).astype(np.float32)
    spectrum = np.abs(np.fft.rfft(augment.surrogate(piece, 4000, rng)[0]))
    frequency_hz = np.fft.rfftfreq(4000, 1 / RATE_HZ)
    near = np.abs(frequency_hz - 5) < 0.2
    assert (spectrum[near] ** 2).sum() > 0.99 * (spectrum**2).sum()


def test_what_was_alike_on_two_components_is_alike_in_the_surrogate(samples, rng):
    piece = np.stack([samples[0], 2 * samples[0], samples[2]])
    made = augment.surrogate(piece, 2000, rng)
    np.testing.assert_allclose(made[1], 2 * made[0], rtol=1e-3, atol=1e-4)
    assert abs(np.corrcoef(made[0], made[2])[0, 1]) < 0.3


def test_the_surrogate_of_a_missing_component_is_missing(samples, rng):
    samples[1] = 0
    made = augment.surrogate(samples, 2000, rng)
    assert not made[1].any()
    assert np.isfinite(made).all()


@pytest.mark.parametrize("factor", [0.5, 0.8, 1.25, 2.0])
def test_played_slower_a_sine_is_lower_and_longer_and_as_strong(factor):
    n = 2000
    samples = np.stack([sine(5.0, n, RATE_HZ)] * 3).astype(np.float32)
    played = augment.stretch(samples, factor)
    expected = sine(5.0 / factor, round(n * factor), RATE_HZ)
    assert played.shape == (3, round(n * factor))
    np.testing.assert_allclose(played[0], expected, atol=0.02)


def test_noise_that_swells_is_louder_for_a_while_and_all_of_it_there(samples, rng):
    calm = noise(3000).astype(np.float32)
    grown = [augment.swell(calm, RATE_HZ, rng) for _ in range(20)]
    assert all(g.shape == calm.shape and g.dtype == np.float32 for g in grown)
    assert all(g.std() > calm.std() for g in grown)
    assert np.median([g.std() / calm.std() for g in grown]) > 1.2


def test_a_missing_component_does_not_swell(samples, rng):
    samples[2] = 0
    assert not augment.swell(samples, RATE_HZ, rng)[2].any()
