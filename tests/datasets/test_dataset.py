"""The training data set: which part of an example is drawn, and that the draw can be repeated."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from strategies import channel_set, segment
from torch.utils.data import DataLoader

from quake.data.preprocessing import Preprocessing
from quake.datasets.augmentation import NO_AUGMENTATION, Augmentation
from quake.datasets.dataset import (
    DrawSampler,
    WindowDataset,
    class_weights,
    sampling_weights,
    soft_targets,
)
from quake.windows.cutting import cut
from quake.windows.missing import KINDS

P = Preprocessing()
N = P.n_samples
EVENT, NOISE = 0, 1
ALWAYS = Augmentation(joint=1, noise=1, components=1, polarity=1, rotation=1, band=1, loss=1, raw=0)
# Nothing is changed, but windows are drawn; `NO_AUGMENTATION` takes rows as they are.
PLACED = replace(NO_AUGMENTATION, noise_snr_db=(99.0, 99.0))
MADE = replace(PLACED, raw=0)


@pytest.fixture
def examples(example):
    """Long and short examples of both classes, some without horizontals."""
    return [
        example(EVENT, 9000, onset=3000, seed=1),
        example(EVENT, 2000, onset=500, seed=2),
        example(EVENT, 9000, onset=3000, seed=3, components="Z"),
        example(NOISE, 6000, seed=4),
        example(NOISE, 800, seed=5),
        example(NOISE, 6000, seed=6, components="Z"),
    ]


def dataset(examples, augmentation=ALWAYS, seed=0, preprocessing=P):
    return WindowDataset(examples, preprocessing, NOISE, augmentation, seed)


def draws(data, n=40):
    return [data[draw, draw % len(data)][0] for draw in range(n)]


@pytest.mark.parametrize("augmentation", [ALWAYS, Augmentation(), NO_AUGMENTATION])
def test_every_draw_has_the_shape_of_the_model_and_is_finite(examples, augmentation):
    for window in draws(dataset(examples, augmentation)):
        assert window.shape == (3, N)
        assert window.dtype == torch.float32
        assert torch.isfinite(window).all()
        assert window.any()


def test_the_target_is_the_examples(examples):
    data = dataset(examples)
    assert [data[i][1] for i in range(len(data))] == [e.target for e in examples]


def test_the_same_seed_and_draw_give_the_same_window(examples):
    for a, b in zip(draws(dataset(examples)), draws(dataset(examples)), strict=True):
        assert torch.equal(a, b)


def test_a_draw_does_not_depend_on_the_draws_before_it(examples):
    data = dataset(examples)
    whole = draws(data)
    assert torch.equal(dataset(examples)[39, 39 % len(data)][0], whole[39])


def test_another_seed_gives_another_window(examples):
    assert not torch.equal(dataset(examples, seed=1)[0][0], dataset(examples, seed=2)[0][0])


def test_another_draw_of_an_example_gives_another_window(examples):
    data = dataset(examples)
    assert not torch.equal(data[0, 0][0], data[1, 0][0])


@pytest.mark.parametrize("workers", [1, 2])
def test_the_number_of_workers_changes_no_window(examples, workers):
    data = dataset(examples, Augmentation())

    def batches(n_workers):
        sampler = DrawSampler(sampling_weights(examples), 12, seed=5)
        context = "fork" if n_workers else None
        loader = DataLoader(
            data, 4, sampler=sampler, num_workers=n_workers, multiprocessing_context=context
        )
        return [windows for windows, _ in loader]

    for a, b in zip(batches(0), batches(workers), strict=True):
        assert torch.equal(a, b)


def test_the_examples_are_not_changed(examples):
    before = [e.samples.copy() for e in examples]
    draws(dataset(examples))
    for e, samples in zip(examples, before, strict=True):
        np.testing.assert_array_equal(e.samples, samples)


# --- placement ----------------------------------------------------------------------------


def onset_of(window):
    """First sample, in seconds, at which the amplitude of the made-up events jumps."""
    loud = np.abs(window[0].numpy()) > 6000
    return int(loud.argmax()) / P.sampling_rate_hz if loud.any() else None


@pytest.mark.parametrize("augmentation", [PLACED, MADE])
def test_an_event_lies_in_its_window_after_the_first_seconds(example, augmentation):
    data = dataset([example(EVENT, 9000, onset=4000)], augmentation)
    onsets = [onset_of(data[draw, 0][0]) for draw in range(30)]
    assert all(1.9 < onset < 46 for onset in onsets)
    assert max(onsets) - min(onsets) > 20


def test_without_augmentation_each_draw_is_the_beginning_of_the_record(example):
    only = example(NOISE, 9000)
    data = dataset([only], NO_AUGMENTATION)
    record = channel_set(
        **{c: segment(x, 0, 50.0) for c, x in zip("ZNE", only.samples, strict=True)}
    )
    expected = cut(record, 0, P, 0.7).samples
    for draw in range(3):
        np.testing.assert_array_equal(data[draw, 0][0].numpy(), expected)


def test_without_augmentation_a_short_row_is_a_record_that_ends(example):
    data = dataset([example(EVENT, 1500, onset=100), example(NOISE, 9000)], NO_AUGMENTATION)
    window = data[0][0]
    assert window.shape == (3, N)
    assert window[:, :1500].any(0).all()
    assert not window[:, 1500:].any()


def test_a_short_example_is_filled_up_with_noise_at_its_own_level(example):
    short = example(EVENT, 1500, onset=100, seed=1)
    data = dataset([short, example(NOISE, 9000, seed=2)], MADE)
    for draw in range(10):
        window = data[draw, 0][0][0]
        assert (window.unfold(0, 100, 100).std(1) > 100).all()


@pytest.mark.parametrize("augmentation", [NO_AUGMENTATION, PLACED, MADE])
def test_without_any_noise_a_short_example_is_filled_up_with_zeros(example, augmentation):
    data = WindowDataset([example(EVENT, 1500, onset=100)], P, None, augmentation)
    window = data[0][0]
    assert window.shape == (3, N)
    assert torch.isfinite(window).all()
    assert 0.4 < (window == 0).all(0).float().mean() < 0.6


def test_noise_shorter_than_the_fade_can_be_strung_together(example):
    fast = replace(P, sampling_rate_hz=100.0, window_s=30.0)
    data = dataset(
        [example(EVENT, 1500, onset=100), example(NOISE, 70)], ALWAYS, preprocessing=fast
    )
    assert data[0][0].shape == (3, 3000)
    assert data[1][0].shape == (3, 3000)


def test_a_missing_component_stays_missing_when_a_window_is_filled_up(example):
    data = dataset(
        [example(EVENT, 1500, onset=100, components="Z"), example(NOISE, 9000, components="Z")],
        replace(MADE, joint=1, noise=1),
    )
    for draw in range(10):
        window = data[draw, draw % 2][0]
        assert window[0].any()
        assert not window[1:].any()


@pytest.mark.parametrize("target", [EVENT, NOISE])
def test_events_and_noise_alike_get_joints(example, target):
    """With a joint, samples of another record appear in the window; their sign tells them."""
    both = [example(EVENT, 9000, onset=4000), example(NOISE, 9000, seed=7)]
    plain = dataset(both, MADE)
    joined = dataset(both, replace(MADE, joint=1))
    changed = [
        not torch.equal(plain[draw, target][0], joined[draw, target][0]) for draw in range(20)
    ]
    assert np.mean(changed) > 0.5


# --- sampling -----------------------------------------------------------------------------


def test_each_class_keeps_its_share_of_the_draws(example):
    examples = [example(EVENT, 100)] * 30 + [example(NOISE, 100)] * 10
    weights = sampling_weights(examples)
    assert weights[:30].sum() == pytest.approx(30)
    assert weights[30:].sum() == pytest.approx(10)


def test_within_a_class_a_source_counts_with_the_root_of_its_size(example):
    examples = [example(EVENT, 100)] * 16 + [example(EVENT, 100, source="two")] * 4
    weights = sampling_weights(examples)
    assert weights[:16].sum() / weights[16:].sum() == pytest.approx(2)


def test_an_epoch_draws_as_often_as_asked_and_numbers_its_draws():
    sampler = DrawSampler(np.ones(5), 7, seed=0)
    sampler.set_epoch(2)
    assert [number for number, _ in sampler] == list(range(14, 21))
    assert len(sampler) == 7


def test_an_epoch_can_be_drawn_again():
    sampler = DrawSampler(np.ones(50), 40, seed=0)
    assert list(sampler) == list(sampler)


def test_epochs_differ():
    sampler = DrawSampler(np.ones(50), 40, seed=0)
    first = [index for _, index in sampler]
    sampler.set_epoch(1)
    assert [index for _, index in sampler] != first


def test_what_has_no_weight_is_never_drawn():
    assert {index for _, index in DrawSampler(np.array([0.0, 1, 0]), 50, seed=0)} == {1}


def test_class_weights_by_hand():
    # 6 examples, 3 classes: 6 / (3 * count)
    assert class_weights([0, 0, 0, 1, 1, 2], 3).tolist() == pytest.approx([2 / 3, 1, 2])


# --- synthetic windows ----------------------------------------------------------------------

NAMES = ("earthquake", "noise")


def test_synthetic_events_are_drawn_where_asked_for_and_can_be_repeated(examples):
    augmentation = replace(PLACED, synthetic=1)
    one = WindowDataset(examples, P, NOISE, augmentation, 0, NAMES)
    other = WindowDataset(examples, P, NOISE, augmentation, 0, NAMES)
    real = dataset(examples, PLACED)
    assert torch.equal(one[3, 0][0], other[3, 0][0])
    assert not torch.equal(one[3, 0][0], real[3, 0][0])
    assert torch.isfinite(one[3, 0][0]).all()


def test_noise_is_never_made_up_whole(examples):
    made = WindowDataset(examples, P, NOISE, replace(PLACED, synthetic=1), 0, NAMES)
    real = dataset(examples, PLACED)
    assert torch.allclose(made[0, 3][0].std(), real[0, 3][0].std(), rtol=0.2)


def test_a_class_that_nobody_can_make_up_stays_real(examples):
    names = ("volcanic_tremor", "noise")
    made = WindowDataset(examples, P, NOISE, replace(PLACED, synthetic=1), 0, names)
    window, _ = made[3, 0]
    assert torch.isfinite(window).all()
    assert made._synthetic == {}


def test_a_disturbance_changes_noise_and_no_event(examples):
    disturbed, plain = (
        WindowDataset(examples, P, NOISE, replace(MADE, disturbance=share), 0, NAMES)
        for share in (1, 0)
    )
    changed = [
        not torch.allclose(disturbed[d, 3][0], plain[d, 3][0], rtol=0.1, atol=1e-3)
        for d in range(8)
    ]
    assert any(changed)
    assert torch.allclose(disturbed[0, 0][0], plain[0, 0][0])


# --- what is missing ------------------------------------------------------------------------

LOSSES = {raw: replace(PLACED, loss=1, raw=raw, loss_coverage=(0.3, 0.95)) for raw in (0, 1)}


def only_kind(augmentation, kind):
    weights = tuple(float(kind == other) for other in KINDS)
    return replace(augmentation, loss_weights=weights)


def coverage_of(window):
    """Share of the samples of each component that are there."""
    return (window != 0).float().mean(-1).tolist()


@pytest.mark.parametrize("raw", [0, 1])
def test_what_is_missing_does_not_depend_on_the_class(example, raw):
    """The same seed and draw take the same from an event and from noise."""
    both = [example(EVENT, 9000, onset=4500, seed=1), example(NOISE, 9000, seed=2)]
    event, quiet = (dataset(some, LOSSES[raw]) for some in (both, both[::-1]))
    for draw in range(60):
        # A filling takes the sample on either side with it where that has the same value.
        assert coverage_of(event[draw, 0][0]) == pytest.approx(
            coverage_of(quiet[draw, 0][0]), abs=10 / N
        )


def test_the_coverages_of_all_classes_have_one_histogram(example):
    both = [example(EVENT, 12_000, onset=6000, seed=1), example(NOISE, 12_000, seed=2)]
    data = dataset(both, LOSSES[1])
    found = [
        np.histogram([min(coverage_of(data[draw, k][0])) for draw in range(200)], 4, (0.0, 1.0))[0]
        for k in (EVENT, NOISE)
    ]
    # Two samples of 200 differ by twice the root of 2 p (1 - p) / 200, a tenth, seldom.
    assert np.abs(found[0] - found[1]).max() < 0.16 * 200
    assert all(counts[1:].min() > 10 for counts in found)


@pytest.mark.parametrize("kind", ["short", "start", "middle", "several"])
@pytest.mark.parametrize("raw", [0, 1])
def test_where_something_is_missing_an_event_shows(example, raw, kind):
    """Of the twelve seconds after the onset, the only loud ones, seven tenths are left."""
    event = example(EVENT, 12_000, onset=6000)
    event.samples[:, 6000 + 12 * 50 :] /= 20
    data = dataset([event, example(NOISE, 9000)], only_kind(LOSSES[raw], kind))
    loud_s = []
    for draw in range(30):
        window = data[draw, 0][0].numpy()
        # Of Gaussian noise twenty times louder 70 % of the samples are 8 deviations of the other.
        loud_s.append((np.abs(window) > 8000).mean(0).sum() / 50 / 0.69)
    assert np.mean(np.array(loud_s) > 0.6 * 12) >= 0.9
    assert min(loud_s) > 3


def test_as_often_as_asked_nothing_is_missing(example):
    noisy = dataset([example(NOISE, 9000)], replace(LOSSES[1], loss=0.5))
    whole = [min(coverage_of(noisy[draw, 0][0])) > 0.99 for draw in range(100)]
    assert 0.35 < np.mean(whole) < 0.65


@pytest.mark.parametrize("raw", [0, 1])
def test_a_teacher_gets_the_same_window_without_its_loss(example, raw):
    both = [example(EVENT, 9000, onset=4500, seed=1), example(NOISE, 9000, seed=2)]
    augmentation = replace(LOSSES[raw], polarity=0.5)
    plain = dataset(both, augmentation)
    taught = WindowDataset(both, P, NOISE, augmentation, whole=True)
    for draw in range(20):
        window, target, whole = taught[draw, draw % 2]
        assert target == draw % 2
        assert torch.equal(window, plain[draw, draw % 2][0])
        # What lies beyond a record that was read is missing of both.
        assert ((whole != 0) | (window == 0) | (window.abs() < 1e-6)).all()
        assert raw or min(coverage_of(whole)) > 0.999
        # More than two seconds from any gap the filter does not know of it.
        far = torch.nn.functional.max_pool1d((window == 0).float()[None], 201, 1, 100)[0] == 0
        far[:, :200] = far[:, -200:] = False
        near = (window - whole).abs() < 0.05 * whole.abs().max()
        assert near[far].float().mean() > 0.99


def test_where_nothing_is_missing_the_teacher_sees_what_the_student_sees(examples):
    taught = WindowDataset(examples, P, NOISE, replace(Augmentation(), loss=0), whole=True)
    for draw in range(12):
        window, _, whole = taught[draw, draw % len(examples)]
        assert torch.equal(window, whole)


# --- soft labels ----------------------------------------------------------------------------


def test_soft_labels_are_mixed_with_labels_by_hand(example):
    examples = [
        example(EVENT, 100, soft=(("earthquake", 0.6), ("noise", 0.4))),
        example(NOISE, 100),
        example(NOISE, 100, soft=(("noise", 0.5), ("explosion", 0.5))),
        example(EVENT, 100, soft=(("explosion", 1.0),)),
    ]
    found = soft_targets(examples, ("earthquake", "noise"), 0.5)
    # Half the label, half the soft one; of classes that are known alone; rows without keep theirs.
    expected = [[0.8, 0.2], [0, 1], [0, 1], [1, 0]]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert found.dtype == np.float32


def test_without_soft_labels_or_a_share_of_them_targets_are_classes(example):
    soft = [example(EVENT, 100, soft=(("noise", 1.0),))]
    assert soft_targets([example(EVENT, 100)], ("earthquake", "noise"), 0.5) is None
    assert soft_targets(soft, ("earthquake", "noise"), 0.0) is None


def test_a_draw_comes_with_the_soft_label_of_its_example(examples):
    soft = np.random.default_rng(0).dirichlet([1, 1], len(examples)).astype(np.float32)
    data = WindowDataset(examples, P, NOISE, PLACED, soft=soft)
    plain = dataset(examples, PLACED)
    for k in range(len(examples)):
        window, target = data[0, k]
        assert torch.equal(window, plain[0, k][0])
        np.testing.assert_array_equal(target.numpy(), soft[k])
