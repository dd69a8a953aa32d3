"""Draw training windows from examples at random, and augment them.

A record is chosen or made, something of it is lost, and then the cutter of `quake predict` cuts the
window. What is lost is drawn first, from one distribution for all classes, and the window is laid
so that an event shows in what is left: neither a gap nor its length gives a class away. The
draw depends on (seed, number of the draw) alone, hence neither on the number of workers nor on
which epoch was interrupted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from quake.classes import NOISE
from quake.data.preprocessing import Preprocessing
from quake.datasets import augment
from quake.datasets.augmentation import NO_AUGMENTATION, Augmentation
from quake.datasets.examples import Example, as_channel_set, cut_with_loss
from quake.datasets.synthetic import can_synthesise, synthetic_window
from quake.waveforms.times import NS_PER_S
from quake.windows.missing import KINDS, NOTHING, DataLoss, draw_loss
from quake.windows.timeline import ABSURD_AMPLITUDE

Samples = NDArray[np.float32]
Item = tuple[Tensor, int | Tensor] | tuple[Tensor, int | Tensor, Tensor]
"""A window, its target, and perhaps the whole window."""

_FADE_S = 1.0
_CODA_DECAY_S = (3.0, 20.0)
_N_SYNTHETIC = 2000  # of each class
_NOISE_BELOW_EVENT_DB = (6.0, 30.0)
# An event shows where so much of the seconds after its onset is left.
_TELLING_S, _TELLING_SHARE = 12.0, 0.7
_TRIES = 12


class WindowDataset(Dataset[Item]):
    """Draws windows from examples.

    Parameters
    ----------
    examples : sequence of Example
    preprocessing : Preprocessing
    noise_target : int or None
        Class whose examples fill up and are mixed in; None if there is no such class.
    augmentation : Augmentation
    seed : int
    names : sequence of str
        The classes; needed for synthetic windows only.
    soft : array of shape (n_examples, K), optional
        Probabilities of the classes, which are then the targets; see `soft_targets`.
    whole : bool
        Whether each window comes with the same one without its loss, for a teacher.
    """

    def __init__(
        self,
        examples: Sequence[Example],
        preprocessing: Preprocessing,
        noise_target: int | None,
        augmentation: Augmentation,
        seed: int = 0,
        names: Sequence[str] = (),
        soft: NDArray[np.float32] | None = None,
        whole: bool = False,
    ) -> None:
        self.examples = examples
        self.preprocessing = preprocessing
        self.augmentation = augmentation
        self.seed = seed
        self.soft = soft
        self.whole = whole
        self.noise_target = noise_target
        self._synthetic = {
            k: name for k, name in enumerate(names) if can_synthesise(name) and k != noise_target
        }
        self._synthesised_windows: dict[tuple[int, int], Samples] = {}
        self._noise = [e for e in examples if e.target == noise_target]
        self._noise_like: dict[str, list[Example]] = {}
        for example in self._noise:
            for key in (example.span.source, _place_of(example)):
                self._noise_like.setdefault(key, []).append(example)

    def __len__(self) -> int:
        """Count the examples."""
        return len(self.examples)

    def __getitem__(self, key: int | tuple[int, int]) -> Item:
        """Draw a window of an example.

        Parameters
        ----------
        key : index, or (number of the draw, index)

        Returns
        -------
        float32 tensor of shape (3, N), index of the class or probabilities (K,), and the whole
        window, (3, N), where that is asked for
        """
        draw, index = key if isinstance(key, tuple) else (0, key)
        example = self.examples[index]
        target = example.target if self.soft is None else torch.from_numpy(self.soft[index])
        # A generator of the same seed makes the same draws again.
        seeds = (self.seed, draw, index)
        window = torch.from_numpy(self._window(example, np.random.default_rng(seeds)))
        if not self.whole:
            return window, target
        whole = self._window(example, np.random.default_rng(seeds), whole=True)
        return window, target, torch.from_numpy(whole)

    def _window(
        self, example: Example, rng: np.random.Generator, *, whole: bool = False
    ) -> Samples:
        if self.augmentation == NO_AUGMENTATION:
            return self._plain(example)
        loss = self._loss(rng)
        inflicted = NOTHING if whole else loss
        if example.target in self._synthetic and rng.random() < self.augmentation.synthetic:
            made = self._augment(self._synthesised(example, rng), rng)
            return self._finish(made, inflicted)
        start = self._start(example, loss, rng)
        seen = NOTHING if self.whole else loss  # a teacher sees all of the window
        if rng.random() < self.augmentation.raw and self._is_recorded(example, start, seen):
            return self._raw(example, start, inflicted, rng)
        return self._finish(self._augment(self._made(example, start, rng), rng), inflicted)

    def _plain(self, example: Example) -> Samples:
        """The row as it is: a record that begins and ends with it, as `quake predict` cuts it."""
        start_ns = example.row_start_ns(self.preprocessing)
        return example.cut(start_ns, self.preprocessing, row=True)

    def _loss(self, rng: np.random.Generator) -> DataLoss:
        """Draw what is missing; the same for all classes."""
        a = self.augmentation
        if rng.random() >= a.loss:
            return NOTHING
        weights = np.array(a.loss_weights)
        kind = KINDS[rng.choice(len(KINDS), p=weights / weights.sum())]
        coverage = float(rng.uniform(*a.loss_coverage))
        return draw_loss(kind, coverage, self.preprocessing.window_s, rng)

    def _start(self, example: Example, loss: DataLoss, rng: np.random.Generator) -> int:
        """Index of the example's sample at which the window starts, so that an event shows."""
        shown = loss.shown(self.preprocessing.window_s)
        hull = (self._n(shown[0][0]), self._n(shown[-1][1])) if shown else (0, 0)
        starts = [self._draw_start(example, hull, rng)]
        if example.onset is None or not loss.kind:
            return starts[0]
        starts += [self._draw_start(example, hull, rng) for _ in range(_TRIES)]
        return max(starts, key=lambda start: self._shows_event(example, start, loss))

    def _shows_event(self, example: Example, start: int, loss: DataLoss) -> float:
        """How much of what tells an event is left; enough is as good as all."""
        assert example.onset is not None
        window_s = self.preprocessing.window_s
        onset_s = (example.onset - start) / self.preprocessing.sampling_rate_hz
        first_s = min(max(onset_s, 0.0), window_s - _TELLING_S)
        share = loss.shows(first_s, first_s + _TELLING_S, window_s)
        return min(share, _TELLING_SHARE)

    def _is_recorded(self, example: Example, start: int, loss: DataLoss) -> bool:
        """Whether the example itself has all that is not missing of a window."""
        shown = loss.shown(self.preprocessing.window_s)
        return not shown or (
            start + self._n(shown[0][0]) >= -1
            and start + self._n(shown[-1][1]) <= example.samples.shape[1] + 1
        )

    def _raw(
        self, example: Example, start: int, loss: DataLoss, rng: np.random.Generator
    ) -> Samples:
        """Cut out of the record as it was read, noise mixed in.

        The cutter is linear, and both records lose the same: the sum of the windows is the window
        of the sum.
        """
        a, p = self.augmentation, self.preprocessing
        start_ns = example.start_ns + round(start * NS_PER_S / p.sampling_rate_hz)
        window = example.cut(start_ns, p, loss, row=False)
        if self._noise and rng.random() < a.noise:
            other = self._noise[rng.integers(len(self._noise))]
            track = self._noise_track(other, p.n_samples, rng)
            added = cut_with_loss(as_channel_set(track, p), 0, p, loss)
            window = augment.mix_noise(window, added, rng.uniform(*a.noise_snr_db))
        if rng.random() < a.polarity:
            window = -window
        if rng.random() < a.components:
            window = augment.drop_components(window, rng)
        return _bounded(window)

    def _finish(self, made: Samples, loss: DataLoss) -> Samples:
        """Cut the window out of a record that was made."""
        p = self.preprocessing
        return _bounded(cut_with_loss(as_channel_set(made, p), 0, p, loss))

    def _made(self, example: Example, start: int, rng: np.random.Generator) -> Samples:
        """Prolong, stretch and swell the example, so that it fills the window."""
        if rng.random() < self.augmentation.stretch:
            example, start = self._stretched(example, start, rng)
        window = self._place(example, start, rng)
        if example.target == self.noise_target:
            if rng.random() < self.augmentation.swell:
                window = augment.swell(window, self.preprocessing.sampling_rate_hz, rng)
            if rng.random() < self.augmentation.disturbance:
                window = synthetic_window(NOISE, self.preprocessing, window, rng)
        return window

    def _synthesised(self, example: Example, rng: np.random.Generator) -> Samples:
        """Draw a synthetic event of the example's class, on real noise where there is some.

        There is a limited number of them, kept once they are made: making one takes as long as
        drawing ten real ones. Each depends on the seed, the class and its number alone.
        """
        key = (example.target, int(rng.integers(_N_SYNTHETIC)))
        kept = self._synthesised_windows
        if key not in kept:
            kept[key] = self._make(np.random.default_rng((self.seed, *key)), example.target)
        return kept[key]

    def _make(self, rng: np.random.Generator, target: int) -> Samples:
        background = None
        if self._noise:
            noise = self._noise[rng.integers(len(self._noise))]
            start = self._draw_start(noise, (0, self.preprocessing.n_samples), rng)
            background = self._place(noise, start, rng)
        return synthetic_window(self._synthetic[target], self.preprocessing, background, rng)

    def _place(self, example: Example, start: int, rng: np.random.Generator) -> Samples:
        """Fill up what the example lacks of the window that begins at one of its samples."""
        n = self.preprocessing.n_samples
        n_have = example.samples.shape[1]
        first, stop = max(start, 0), min(start + n, n_have)
        if rng.random() < self.augmentation.joint:
            first, stop = self._cut_away(example, first, stop, rng)
        kept = example.samples[:, first:stop]
        return self._fill(example, kept, first - start, start + n - stop, rng)

    def _draw_start(
        self, example: Example, shown: tuple[int, int], rng: np.random.Generator
    ) -> int:
        """Index of the example's sample at which the window starts; may be negative.

        What is shown of the window, from one of its samples to another, lies within the example
        if that is longer, around it if it is shorter.
        """
        lowest, highest = sorted((-shown[0], example.samples.shape[1] - shown[1]))
        if example.onset is None:
            return int(rng.integers(lowest, highest + 1))
        rate_hz = self.preprocessing.sampling_rate_hz
        earliest = round(self.augmentation.earliest_onset_s * rate_hz)
        latest = round(self.preprocessing.n_samples * (1 - self.augmentation.latest_onset))
        if rng.random() < self.augmentation.early:
            latest = round(self.augmentation.early_onset_s * rate_hz)
        if rng.random() < self.augmentation.coda:
            latest, earliest = earliest, earliest - self._audible(example)
        a, b = example.onset - latest, example.onset - earliest
        a, b = (max(a, lowest), min(b, highest)) if a <= highest and b >= lowest else (a, b)
        return int(np.clip(rng.integers(min(a, b), max(a, b) + 1), lowest, highest))

    def _audible(self, example: Example) -> int:
        """For how many samples after its onset an event is clearly above the noise before it."""
        own = self._own_noise(example)
        if own is None:
            return 0
        n_block = self._n(2.0)
        after = np.abs(example.samples[:, example.onset :]).sum(axis=0)[: self._n(40.0)]
        blocks = after[: len(after) // n_block * n_block].reshape(-1, n_block).mean(axis=1)
        loud = np.flatnonzero(blocks > 2 * np.abs(own).sum(axis=0).mean())
        return int(loud[-1]) * n_block if len(loud) else 0

    def _cut_away(
        self, example: Example, first: int, stop: int, rng: np.random.Generator
    ) -> tuple[int, int]:
        """Drop a part before or after what matters: before the onset, or well after it."""
        rate_hz = self.preprocessing.sampling_rate_hz
        if example.onset is None:
            position = int(rng.integers(first, stop + 1))
            keep_left, keep_right = position, position
        else:
            keep_left = max(first, example.onset - round(2 * rate_hz))
            keep_right = min(stop, example.onset + round(15 * rate_hz))
        if rng.random() < 0.5:
            new = (int(rng.integers(first, max(keep_left, first) + 1)), stop)
        else:
            new = (first, int(rng.integers(min(keep_right, stop), stop + 1)))
        # At least two seconds are left, so that the amplitude of the filling can be matched.
        return new if new[1] - new[0] >= 2 * rate_hz else (first, stop)

    def _stretched(
        self, example: Example, start: int, rng: np.random.Generator
    ) -> tuple[Example, int]:
        """Play an example slower or faster; the onset, or the start, stays where it is."""
        factor = float(np.exp(rng.uniform(*np.log(self.augmentation.stretch_factor))))
        first, stop = 0, example.samples.shape[1]
        if example.onset is not None:  # of a long record only what a window may show
            reach = round(1.2 * self.preprocessing.n_samples / factor)
            first, stop = max(first, example.onset - reach), min(stop, example.onset + reach)
        fixed = min(max(start, 0), stop) if example.onset is None else example.onset
        moved = round((fixed - first) * factor)
        samples = augment.stretch(example.samples[:, first:stop], factor)
        onset = None if example.onset is None else moved
        start = start - fixed + moved
        if example.onset is None:  # of shorter noise as much as there is
            start = min(start, max(samples.shape[1] - self.preprocessing.n_samples, 0))
        return replace(example, samples=samples, onset=onset, recorded=None), start

    def _fill(
        self, example: Example, kept: Samples, before: int, after: int, rng: np.random.Generator
    ) -> Samples:
        """Extend on both sides with what may have been there."""
        n_fade = self._n(_FADE_S)
        if before > 0:
            filler = self._lead_in(example, kept[:, : 5 * n_fade], before + n_fade, rng)
            kept = augment.crossfade(filler, kept, n_fade)[:, -(before + kept.shape[1]) :]
        if after > 0:
            filler = self._extension(example, kept[:, -5 * n_fade :], after + n_fade, rng)
            kept = augment.crossfade(kept, filler, n_fade)[:, : kept.shape[1] + after]
        return self._exact_length(kept)

    def _lead_in(
        self, example: Example, edge: Samples, length: int, rng: np.random.Generator
    ) -> Samples:
        """Noise that precedes an edge, (3, length)."""
        own = self._own_noise(example)
        if own is not None and rng.random() < self.augmentation.surrogate:
            return augment.surrogate(own, length, rng)
        below_db = rng.uniform(*_NOISE_BELOW_EVENT_DB) if self._begins_at_onset(example) else 0.0
        noise = augment.scale_to(self._noise_track(example, length, rng), edge)
        return noise * np.float32(10 ** (-below_db / 20))

    def _begins_at_onset(self, example: Example) -> bool:
        return example.onset is not None and example.onset < self._n(1.0)

    def _extension(
        self, example: Example, edge: Samples, length: int, rng: np.random.Generator
    ) -> Samples:
        """What follows an edge, (3, length): noise, into which what rises above it dies away."""
        own = self._own_noise(example)
        if own is None or rng.random() >= self.augmentation.surrogate:
            return augment.scale_to(self._noise_track(example, length, rng), edge)
        noise = augment.surrogate(own, length, rng)
        if example.onset is None:
            return noise
        decay_s = np.float32(rng.uniform(*_CODA_DECAY_S))
        time_s = np.arange(length, dtype=np.float32) / self.preprocessing.sampling_rate_hz
        dying: Samples = augment.surrogate(edge, length, rng) * np.exp(-time_s / decay_s)
        return noise + dying

    def _own_noise(self, example: Example) -> Samples | None:
        """Up to 30 s of the noise of an example itself: of all of it, or before its onset."""
        stop = example.samples.shape[1]
        if example.onset is not None:
            stop = max(example.onset - self._n(2.0), 0)
        own = example.samples[:, max(stop - self._n(30.0), 0) : stop]
        return own if own.shape[1] >= self._n(5.0) else None

    def _n(self, seconds: float) -> int:
        return round(seconds * self.preprocessing.sampling_rate_hz)

    def _exact_length(self, samples: Samples) -> Samples:
        """A kept part shorter than the fade makes the sum short; zeros then end the window."""
        n = self.preprocessing.n_samples
        return np.pad(samples[:, :n], ((0, 0), (0, max(n - samples.shape[1], 0))))

    def _noise_track(self, example: Example, length: int, rng: np.random.Generator) -> Samples:
        """Noise of the example's station, or of its source, or any, (3, length); zeros if none."""
        pools = (
            self._noise_like.get(_place_of(example)),
            self._noise_like.get(example.span.source),
            self._noise,
        )
        pool = next((pool for pool in pools if pool), None)
        if pool is None:
            return np.zeros((3, length), np.float32)
        n_fade = round(_FADE_S * self.preprocessing.sampling_rate_hz)
        track = pool[rng.integers(len(pool))].samples
        while track.shape[1] < length:
            more = pool[rng.integers(len(pool))].samples
            # A piece shorter than the fade would add nothing, for ever.
            fade = min(n_fade, more.shape[1] // 2)
            track = augment.crossfade(track, augment.scale_to(more, track), fade)
        start = int(rng.integers(0, track.shape[1] - length + 1))
        stretch: Samples = track[:, start : start + length]
        return stretch

    def _augment(self, window: Samples, rng: np.random.Generator) -> Samples:
        a = self.augmentation
        rate_hz = self.preprocessing.sampling_rate_hz
        if self._noise and rng.random() < a.noise:
            other = self._noise[rng.integers(len(self._noise))]
            track = self._noise_track(other, window.shape[1], rng)
            window = augment.mix_noise(window, track, rng.uniform(*a.noise_snr_db))
        if rng.random() < a.polarity:
            window = -window
        if rng.random() < a.rotation:
            window = augment.rotate_horizontals(window, rng)
        if rng.random() < a.components:
            window = augment.drop_components(window, rng)
        if rng.random() < a.band:
            window = augment.band_limit(window, rate_hz, rng.uniform(*a.band_corner_hz))
        return window


def _bounded(window: Samples) -> Samples:
    bounded: Samples = np.clip(window, -ABSURD_AMPLITUDE, ABSURD_AMPLITUDE)
    return bounded


def _place_of(example: Example) -> str:
    """Station and components: what can stand in for each other in a joint."""
    return f"{example.span.source}/{example.span.station}/{example.components}"


def soft_targets(
    examples: Sequence[Example], names: Sequence[str], share: float
) -> NDArray[np.float32] | None:
    """Mix labels with soft labels, where there are any.

    Parameters
    ----------
    examples : sequence of Example
    names : the K classes
    share : float
        Of the soft labels; the rest is the label's.

    Returns
    -------
    array of shape (n_examples, K), rows of sum 1; or None if there is nothing to mix.
    """
    if share == 0 or not any(example.span.soft for example in examples):
        return None
    targets = np.eye(len(names), dtype=np.float32)[[example.target for example in examples]]
    for row, example in zip(targets, examples, strict=True):
        soft = np.array([dict(example.span.soft).get(name, 0.0) for name in names], np.float32)
        if soft.sum() > 0:
            row[:] = (1 - share) * row + share * soft / soft.sum()
    return targets


def sampling_weights(examples: Sequence[Example]) -> NDArray[np.float64]:
    """Weights with which examples are drawn, of shape (len(examples),).

    Each class keeps its share of the draws (the loss weighs classes); within a class a source
    counts with the square root of its size, so that a large one does not drown the others.
    """
    per_class = Counter(e.target for e in examples)
    per_source = Counter((e.target, e.span.source) for e in examples)
    raw = np.array([per_source[e.target, e.span.source] ** -0.5 for e in examples])
    targets = np.array([e.target for e in examples])
    totals = {target: raw[targets == target].sum() for target in per_class}
    weights: NDArray[np.float64] = raw * np.array(
        [per_class[e.target] / totals[e.target] for e in examples]
    )
    return weights


class DrawSampler(Sampler[tuple[int, int]]):
    """Yields (number of the draw, index of the example), with replacement.

    Parameters
    ----------
    weights : array of shape (n_examples,)
    n_draws : int
        An epoch, of all processes together.
    seed : int
    rank, n_ranks : int
        Which of how many processes; they share the draws between them, equally many each.
    """

    def __init__(
        self,
        weights: NDArray[np.float64],
        n_draws: int,
        seed: int,
        rank: int = 0,
        n_ranks: int = 1,
    ) -> None:
        self.probabilities = weights / weights.sum()
        self.n_draws = n_draws
        self.seed = seed
        self.rank = rank
        self.n_ranks = n_ranks
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose draws come next; Lightning calls this."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Count the draws of an epoch, of this process."""
        return self.n_draws // self.n_ranks

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """Draw an epoch."""
        rng = np.random.default_rng((self.seed, self.epoch))
        indices = rng.choice(len(self.probabilities), self.n_draws, p=self.probabilities)
        n_used = len(self) * self.n_ranks
        for position in range(self.rank, n_used, self.n_ranks):
            yield self.epoch * self.n_draws + position, int(indices[position])


def class_weights(targets: Sequence[int], n_classes: int) -> Tensor:
    """Weights of the loss, inversely proportional to the counts, mean 1 over the examples."""
    counts = np.bincount(targets, minlength=n_classes)
    return torch.tensor(len(targets) / (n_classes * np.maximum(counts, 1)), dtype=torch.float32)
