"""Put a transform and an augmentation of your own between waveforms and a network of quake.

    python examples/own_transform.py [STEPS]

Both are modules, so they stand in `nn.Sequential` beside those of quake: spectrograms in decibels,
and masks over frequency that are drawn in training only. A small transformer learns on synthetic
records to tell earthquakes from noise, and then says what others are.
"""

import sys

import numpy as np
import torch
from torch import Tensor, nn

from quake import synth
from quake.data.transforms import BandSelect, STFTTransform, ToTensor, ZScore
from quake.models import HybridViT, HybridViTBackbone

CLASSES = ("noise", "earthquake")
WINDOW_S, RATE_HZ, NPERSEG = 60.0, 50.0, 64


class Decibels(nn.Module):
    """Power (..., F, T) in decibels below the loudest point, from -1 at the floor to 1 there."""

    def __init__(self, range_db: float = 60.0) -> None:
        super().__init__()
        self.range_db = range_db

    def forward(self, power: Tensor) -> Tensor:
        """(..., F, T) -> the same shape."""
        loudest = power.amax((-2, -1), keepdim=True).clamp_min(torch.finfo(power.dtype).tiny)
        below_db = 10 * torch.log10(power / loudest + 10 ** (-self.range_db / 10))
        return 1 + 2 * below_db / self.range_db


class FrequencyMask(nn.Module):
    """In training, hide a few rows of each spectrogram of a batch (B, C, F, T)."""

    def __init__(self, n_rows: int, hidden: float = -1.0) -> None:
        super().__init__()
        self.n_rows, self.hidden = n_rows, hidden

    def forward(self, spectrogram: Tensor) -> Tensor:
        """(B, C, F, T) -> the same shape."""
        if not self.training:
            return spectrogram
        n_batch, _, n_frequencies, _ = spectrogram.shape
        first = torch.randint(n_frequencies - self.n_rows + 1, (n_batch, 1))
        rows = torch.arange(n_frequencies)
        masked = (rows >= first) & (rows < first + self.n_rows)  # (B, F)
        return spectrogram.masked_fill(masked[:, None, :, None], self.hidden)


def chain() -> nn.Sequential:
    """From windows (B, 3, N), Z, N and E, to logits (B, 2)."""
    return nn.Sequential(
        ZScore(),
        STFTTransform(NPERSEG, hop=32, output="power"),
        BandSelect(0.7, 20.0, RATE_HZ, NPERSEG),
        Decibels(),
        FrequencyMask(n_rows=4),
        ToTensor(),
        HybridViT(HybridViTBackbone.TINY, num_classes=len(CLASSES), weights=None, depth=1),
    )


def draw(rng: np.random.Generator, n_windows: int) -> tuple[Tensor, Tensor]:
    """Synthetic windows (B, 3, N) and the indices of their classes (B,)."""
    targets = rng.integers(len(CLASSES), size=n_windows)
    records = [
        synth.draw(rng, CLASSES[target], window_s=WINDOW_S, sampling_rate_hz=RATE_HZ)
        for target in targets
    ]
    return torch.from_numpy(np.stack([r.samples for r in records])), torch.from_numpy(targets)


def main() -> None:
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = chain()
    windows, targets = draw(rng, 128)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(steps):
        chosen = torch.from_numpy(rng.choice(len(windows), 32, replace=False))
        loss = nn.functional.cross_entropy(model(windows[chosen]), targets[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if step % 10 == 0:
            print(f"step {step}: loss {loss.item():.3f}")

    model.eval()  # no masks from here on
    windows, targets = draw(rng, 64)
    with torch.inference_mode():
        right = int((model(windows).argmax(1) == targets).sum())
    print(f"{right} of {len(targets)} other records are called what they are")


if __name__ == "__main__":
    main()
