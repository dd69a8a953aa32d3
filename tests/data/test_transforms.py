"""Transforms: SciPy is the truth for the STFT, arithmetic for all else."""

import numpy as np
import pytest
import torch
from scipy.signal import ShortTimeFFT
from scipy.signal.windows import hann
from strategies import noise, sine
from torch import nn

from quake.data.preprocessing import Preprocessing
from quake.data.transforms import (
    BandSelect,
    CentredLogarithm,
    CompleteColumns,
    GapAwareSpectrogram,
    GapAwareZScore,
    LogMagnitude,
    STFTTransform,
    ToTensor,
    ZScore,
    build_transform,
)
from quake.errors import ParameterError

# (nperseg, hop, number of samples): odd and even windows, hops that divide and that do not,
# signals shorter than a window, and ends that fall before, on and after a column.
SHAPES = [
    (64, 32, 3000),
    (64, 32, 3008),
    (64, 16, 999),
    (64, 64, 640),
    (65, 31, 1000),
    (50, 7, 321),
    (33, 33, 400),
    (128, 48, 70),
    (2, 1, 17),
    (3, 2, 10),
]


def scipy_stft(x, nperseg, hop):
    return ShortTimeFFT(hann(nperseg, sym=False), hop, fs=1.0).stft(x)


def unit_noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


# --- STFTTransform ------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("nperseg", "hop", "n_samples"), SHAPES)
def test_the_complex_stft_is_scipys(nperseg, hop, n_samples, dtype):
    x = unit_noise(3, n_samples).astype(dtype)
    got = STFTTransform(nperseg, hop, output="complex")(x).numpy()
    np.testing.assert_allclose(got, scipy_stft(x, nperseg, hop), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("nperseg", "hop", "n_samples"), SHAPES)
def test_the_magnitude_is_scipys(nperseg, hop, n_samples):
    x = unit_noise(3, n_samples)
    got = STFTTransform(nperseg, hop)(x).numpy()
    np.testing.assert_allclose(got, abs(scipy_stft(x, nperseg, hop)), atol=1e-5)


@pytest.mark.parametrize(("nperseg", "hop", "n_samples"), SHAPES)
def test_the_power_is_scipys(nperseg, hop, n_samples):
    x = unit_noise(3, n_samples)
    got = STFTTransform(nperseg, hop, output="power")(x).numpy()
    np.testing.assert_allclose(got, abs(scipy_stft(x, nperseg, hop)) ** 2, atol=1e-5)


@pytest.mark.parametrize(("nperseg", "hop", "n_samples"), SHAPES)
def test_the_number_of_columns_is_known_beforehand(nperseg, hop, n_samples):
    columns = scipy_stft(np.zeros(n_samples), nperseg, hop).shape[-1]
    assert STFTTransform(nperseg, hop).n_columns(n_samples) == columns


def test_a_batch_gives_what_each_of_its_items_gives():
    batch = unit_noise(4, 3, 500)
    transform = STFTTransform()
    alone = torch.stack([transform(item) for item in batch])
    torch.testing.assert_close(transform(batch), alone, atol=1e-12, rtol=0)


def test_a_tensor_gives_what_the_array_gives():
    x = unit_noise(3, 500)
    assert torch.equal(STFTTransform()(torch.from_numpy(x)), STFTTransform()(x))


def test_big_endian_integers_are_read_as_numbers():
    x = noise(500).astype(">i4")
    assert torch.equal(STFTTransform()(x), STFTTransform()(x.astype(np.float64)))


def test_an_array_that_runs_backwards_is_read():
    x = unit_noise(3, 500)
    assert torch.equal(STFTTransform()(x[:, ::-1]), STFTTransform()(x[:, ::-1].copy()))


def test_a_read_only_array_is_read_without_a_warning():
    x = unit_noise(3, 500)
    x.flags.writeable = False
    assert STFTTransform()(x).shape == (3, 33, 17)


def test_the_input_is_not_changed():
    x = unit_noise(3, 500)
    before = x.copy()
    nn.Sequential(ZScore(), STFTTransform(), ToTensor())(x)
    np.testing.assert_array_equal(x, before)


def test_the_precision_of_floats_is_kept():
    assert STFTTransform()(np.zeros((3, 100), np.float32)).dtype == torch.float32
    assert STFTTransform()(np.zeros((3, 100), np.float64)).dtype == torch.float64


@pytest.mark.parametrize("frequency_hz", [5.0, 10.0, 20.0])
def test_a_sine_peaks_in_the_row_of_its_frequency(frequency_hz):
    spectrogram = STFTTransform(nperseg=100, hop=50)(sine(frequency_hz, 3000, 100.0)[None])
    interior = spectrogram[0, :, 2:-2]
    assert set(interior.argmax(0).tolist()) == {int(frequency_hz)}  # rows are 1 Hz apart


def test_a_sine_of_amplitude_a_has_a_quarter_of_a_times_nperseg_in_its_row():
    # The mean of a Hann window is 1/2, and half of a real sine is at negative frequencies.
    spectrogram = STFTTransform(nperseg=100, hop=50)(7 * sine(10.0, 3000, 100.0)[None])
    np.testing.assert_allclose(spectrogram[0, 10, 2:-2], 7 * 100 / 4, rtol=1e-9)


@pytest.mark.parametrize(("nperseg", "hop"), [(64, 32), (64, 20), (51, 17)])
def test_moving_the_input_by_one_hop_moves_the_columns_by_one(nperseg, hop):
    x = unit_noise(3, 2000)
    transform = STFTTransform(nperseg, hop)
    early, late = transform(x), transform(x[:, hop:])
    edge = nperseg // hop + 1
    n = late.shape[-1] - 2 * edge
    torch.testing.assert_close(
        late[..., edge : edge + n], early[..., edge + 1 : edge + 1 + n], atol=1e-10, rtol=0
    )


@pytest.mark.parametrize(("nperseg", "hop"), [(1, 1), (0, 0), (64, 0), (64, 65), (64, -1)])
def test_a_window_or_hop_that_makes_no_sense_is_refused(nperseg, hop):
    with pytest.raises(ParameterError, match="nperseg must be 2 or more and hop from 1"):
        STFTTransform(nperseg, hop)


def test_an_unknown_output_is_refused_and_the_known_ones_are_listed():
    with pytest.raises(ParameterError, match="'magnitude', 'power' or 'complex'"):
        STFTTransform(output="phase")


# --- shapes and types ---------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(100,), (2, 3, 4, 100), (3, 0), ()])
@pytest.mark.parametrize("transform", [STFTTransform(), ZScore()], ids=["stft", "zscore"])
def test_a_shape_that_is_no_waveform_is_refused(transform, shape):
    with pytest.raises(ParameterError, match="waveforms have shape"):
        transform(np.zeros(shape))


def test_text_is_refused():
    with pytest.raises(ParameterError, match="array of numbers"):
        ToTensor()(np.array([["a"]]))


@pytest.mark.parametrize(
    ("module", "text"),
    [
        (STFTTransform(32, 8, "power"), "STFTTransform(nperseg=32, hop=8, output='power')"),
        (ZScore(1e-5), "ZScore(eps=1e-05)"),
        (BandSelect(2, 4, 100, 100), "BandSelect(rows 2 to 4)"),
        (LogMagnitude(1e-3), "LogMagnitude(floor=0.001)"),
        (ToTensor(), "ToTensor()"),
    ],
)
def test_repr_shows_all_parameters(module, text):
    assert repr(module) == text


# --- ToTensor -----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["i2", ">i4", "i8", "u1", "u2", "?", "f4", ">f8", "f2"])
def test_to_tensor_makes_float32_of_any_numbers(dtype):
    tensor = ToTensor()(np.array([[0, 1, 1]], dtype))
    assert tensor.dtype == torch.float32
    assert tensor.tolist() == [[0, 1, 1]]


def test_to_tensor_makes_magnitudes_of_complex_numbers():
    assert ToTensor()(np.array([3 + 4j])).tolist() == [5]


@pytest.mark.parametrize("shape", [(), (2,), (2, 3, 4, 5)])
def test_to_tensor_keeps_the_shape(shape):
    assert ToTensor()(np.ones(shape)).shape == shape


# --- ZScore -------------------------------------------------------------------------------


def test_zscore_by_hand():
    # mean 2, deviations -2 0 2, variance 8 / 3
    got = ZScore()(np.array([[0.0, 2.0, 4.0]]))
    np.testing.assert_allclose(got, [[-np.sqrt(1.5), 0, np.sqrt(1.5)]], rtol=1e-12)


def test_each_component_has_its_own_mean_and_deviation():
    x = unit_noise(2, 3, 400) * [[1], [10], [100]] + [[5], [0], [-7]]
    got = ZScore()(x).numpy()
    np.testing.assert_allclose(got.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(got.std(-1), 1, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 5.0, -1e20, 1e-30, 123456.789])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_constant_component_becomes_zero(value, dtype):
    got = ZScore()(np.full((3, 1000), value, dtype))
    assert torch.equal(got, torch.zeros_like(got))


# --- BandSelect and LogMagnitude ----------------------------------------------------------


def test_the_band_includes_both_of_its_limits():
    rows = torch.arange(51.0)[None, :, None]  # row k is k Hz
    assert BandSelect(2, 4, 100, 100)(rows).flatten().tolist() == [2, 3, 4]


def test_rows_outside_the_band_are_left_out():
    rows = torch.arange(33.0)[None, :, None]  # 50 Hz / 64 = 0.78125 Hz apart
    assert BandSelect(0.7, 20, 50, 64)(rows).flatten().tolist() == list(range(1, 26))


def test_a_band_between_two_rows_is_refused():
    with pytest.raises(ParameterError, match="rows are 1 Hz apart"):
        BandSelect(2.2, 2.8, 100, 100)


def test_a_tenfold_magnitude_is_one_decade_more():
    magnitude = torch.tensor([[[1.0, 1.0, 10.0, 10.0]]], dtype=torch.float64)
    got = LogMagnitude(floor=1e-12)(magnitude)
    torch.testing.assert_close(got, torch.tensor([[[-0.5, -0.5, 0.5, 0.5]]], dtype=torch.float64))


def test_a_component_of_zeros_stays_zero_in_the_logarithm():
    got = LogMagnitude()(torch.zeros(3, 4, 5))
    assert torch.equal(got, torch.zeros(3, 4, 5))


# --- the chain ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def chain():
    return build_transform(Preprocessing())


def test_the_chain_gives_rows_of_the_band_and_columns_of_the_stft(chain):
    assert chain(unit_noise(2, 3, 3000)).shape == (2, 3, 25, 95)


@pytest.mark.parametrize("exponent", range(-12, 13, 4))
def test_scaling_the_input_leaves_the_spectrogram_unchanged(chain, exponent):
    x = unit_noise(1, 3, 3000)
    torch.testing.assert_close(chain(x * 10.0**exponent), chain(x), atol=1e-5, rtol=0)


@pytest.mark.parametrize("value", [0.0, 1.0, -1e15])
def test_a_constant_input_gives_no_nan(chain, value):
    assert torch.isfinite(chain(np.full((1, 3, 3000), value, np.float32))).all()


def test_a_missing_component_is_zero_for_the_network(chain):
    x = unit_noise(1, 3, 3000)
    x[:, 1] = 0
    spectrogram = chain(x)
    assert not spectrogram[:, 1].any()
    assert spectrogram[:, 0].any()


def test_a_missing_component_does_not_change_the_others(chain):
    x = unit_noise(1, 3, 3000)
    whole = chain(x)
    x[:, 1] = 0
    assert torch.equal(chain(x)[:, [0, 2]], whole[:, [0, 2]])


@pytest.mark.parametrize("leaves_out", [True, False])
def test_models_of_before_gaps_were_left_out_keep_their_spectrogram(leaves_out):
    preprocessing = Preprocessing() if leaves_out else Preprocessing().with_gaps_left_in()
    assert preprocessing.leaves_gaps_out == leaves_out
    assert Preprocessing.from_dict(preprocessing.to_dict()) == preprocessing
    x = unit_noise(1, 3, 3000)
    x[..., 1000:1500] = 0
    chain = build_transform(preprocessing)
    assert any(isinstance(m, GapAwareSpectrogram) for m in chain) == leaves_out
    found = chain(x)
    if not leaves_out:
        p = preprocessing
        old = nn.Sequential(
            ZScore(), STFTTransform(64, 32), BandSelect(*p.band_hz, 50.0, 64), LogMagnitude()
        )
        torch.testing.assert_close(found, old(x).float())


# --- gaps ---------------------------------------------------------------------------------


def complete_by_hand(x, nperseg, hop):
    """Columns of a row all of whose samples lie in it and are not zero."""
    stft = ShortTimeFFT(hann(nperseg, sym=False), hop, fs=1.0)
    found = []
    for column in range(stft.p_min, stft.p_max(len(x))):
        begin = column * hop - nperseg // 2
        inside = begin >= 0 and begin + nperseg <= len(x)
        found.append(inside and bool((x[begin : begin + nperseg] != 0).all()))
    return np.array(found)


def spectrogram_by_hand(x, p):
    """Rows of the band, gaps left out, of one component; NumPy and SciPy alone."""
    there = x != 0
    z = np.where(there, (x - x[there].mean()) / x[there].std(), 0.0)
    rows = abs(scipy_stft(z, p.nperseg, p.hop_samples))
    frequency_hz = np.arange(len(rows)) * p.sampling_rate_hz / p.nperseg
    rows = rows[(frequency_hz >= p.band_hz[0]) & (frequency_hz <= p.band_hz[1])]
    complete = complete_by_hand(x, p.nperseg, p.hop_samples)
    logarithm = np.log10(rows + 1e-4)
    return np.where(complete, logarithm - logarithm[:, complete].mean(1, keepdims=True), 0.0)


GAPS = [[], [(1000, 1500)], [(0, 700)], [(2400, 3000)], [(500, 501)], [(64, 96), (1600, 1633)]]


def gappy(gaps, n_samples=3000, seed=0):
    x = 300 * unit_noise(2, 3, n_samples, seed=seed)
    for a, b in gaps:
        x[..., a:b] = 0
    return x


@pytest.mark.parametrize("gaps", GAPS)
@pytest.mark.parametrize(("nperseg", "hop"), [(64, 32), (63, 10), (50, 50)])
def test_the_spectrogram_of_a_gappy_window_by_hand(nperseg, hop, gaps):
    p = Preprocessing(nperseg=nperseg, hop_samples=hop)
    x = gappy(gaps)
    found = GapAwareSpectrogram(p)(x).numpy()
    for item, rows in zip(found, x, strict=True):
        for component, row in zip(item, rows, strict=True):
            np.testing.assert_allclose(component, spectrogram_by_hand(row, p), atol=1e-4)


def test_columns_that_touch_a_missing_sample_or_the_outside_are_incomplete():
    x = torch.ones(1, 1, 320)
    x[..., 100] = 0
    found = CompleteColumns(STFTTransform(64, 32))(x)
    # Columns are centred at 0, 32, ... 320 and reach 32 samples to either side, the last excluded:
    # 100 lies within 69 to 132, which are those at 96 and at 128.
    assert found.shape == (1, 1, 1, 11)
    assert found.flatten().tolist() == [0, 1, 1, 0, 0, 1, 1, 1, 1, 1, 0]


def test_a_window_without_a_complete_column_is_zero():
    x = unit_noise(1, 3, 3000)
    x[..., ::40] = 0
    found = build_transform(Preprocessing())(x)
    assert torch.equal(found, torch.zeros_like(found))


def test_the_z_score_is_that_of_what_is_there_by_hand():
    # mean 3, deviations -2 0 2, variance 8 / 3; the zeros stay
    got = GapAwareZScore()(torch.tensor([[[0.0, 1.0, 3.0, 0.0, 5.0]]]))
    expected = torch.tensor([[[0, -np.sqrt(1.5), 0, 0, np.sqrt(1.5)]]], dtype=torch.float32)
    torch.testing.assert_close(got, expected)


@pytest.mark.parametrize("scale", [1e-25, 1e20])
def test_the_z_score_of_what_is_there_does_not_depend_on_the_scale(scale):
    x = torch.from_numpy(gappy([(1000, 1500)])).float()
    torch.testing.assert_close(GapAwareZScore()(x * scale), GapAwareZScore()(x), atol=1e-4, rtol=0)


def test_the_logarithm_is_relative_to_the_complete_columns_by_hand():
    magnitude = torch.tensor([[1.0, 10.0, 1000.0, 99.0]], dtype=torch.float64)
    complete = torch.tensor([[1.0, 1.0, 1.0, 0.0]], dtype=torch.float64)
    got = CentredLogarithm(floor=1e-12)(magnitude, complete)
    # Decades 0, 1, 3: their mean is 4 / 3.
    expected = torch.tensor([[-4 / 3, -1 / 3, 5 / 3, 0]], dtype=torch.float64)
    torch.testing.assert_close(got, expected)


def periodic(n_samples=3000):
    """A zero-mean waveform that repeats itself each 50 samples, as loud in any of its periods."""
    period = unit_noise(1, 3, 50, seed=4)
    period -= period.mean(-1, keepdims=True)
    return np.tile(period, n_samples // 50)


@pytest.mark.parametrize("gap", [(1000, 1500), (0, 500), (2500, 3000), (50, 2500)])
def test_what_is_missing_changes_no_other_column(chain, gap):
    """All periods are alike, so that the mean and the deviation of what is left are the same."""
    x = periodic()
    masked = x.copy()
    masked[..., slice(*gap)] = 0
    whole, found = chain(x)[0].numpy(), chain(masked)[0].numpy()
    both = complete_by_hand(masked[0, 0], 64, 32)
    assert both.sum() > 5
    change = (found - whole)[..., both]
    # Up to the mean over the columns that are left, one number a row.
    shift = whole[..., both].mean(-1, keepdims=True)
    np.testing.assert_allclose(change + shift, 0, atol=2e-4)
    assert not found[..., ~both].any()
    np.testing.assert_allclose(found.sum(-1), 0, atol=1e-3)


def test_the_components_lose_columns_each_by_itself(chain):
    x = unit_noise(1, 3, 3000)
    whole = chain(x)
    x[:, 1, 1000:1500] = 0
    found = chain(x)
    assert torch.equal(found[:, [0, 2]], whole[:, [0, 2]])
    assert not found[0, 1, :, 33:46].any()


def test_a_window_of_a_batch_has_the_spectrogram_that_it_has_alone(chain):
    x = np.concatenate([gappy(gaps, seed=k) for k, gaps in enumerate(GAPS)])
    torch.testing.assert_close(chain(x), torch.cat([chain(one[None]) for one in x]))
    torch.testing.assert_close(chain(x[0]), chain(x[:1])[0])
