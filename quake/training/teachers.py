"""Teachers: models that answer the windows a network is trained on, beside the labels.

A student learns from the probabilities of a teacher what labels do not tell: how sure one can be,
and what else it may be (Hinton et al. 2015, arXiv 1503.02531). Teacher and student see the same
windows, the teacher without what the student's window lost, for as many draws as the training
takes (Beyer et al. 2022, "a good teacher is patient and consistent", arXiv 2106.05237).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from quake.classes import NOISE
from quake.data.preprocessing import Preprocessing
from quake.data.transforms import build_transform
from quake.errors import ModelError, ParameterError
from quake.model_file.safetensors_file import load_model

SEISBENCH = "seisbench:"
"""How the name of a teacher of SeisBench begins, as in ``seisbench:PhaseNet/stead``."""

# The networks of SeisBench that tell phases from noise, and what they take: samples of a window
# at 100 Hz, components E, N, Z.
_PICKERS = {"PhaseNet": 3001, "EQTransformer": 6000}
_PICKER_RATE_HZ = 100.0
# Edges of a window of PhaseNet give false picks.
_EDGE_SAMPLES = 100

Teacher = Callable[[Tensor, Tensor], Tensor]
"""Windows (B, 3, N) and targets (B, K) to probabilities (B, K)."""


def open_teachers(
    names: Sequence[str], classes: Sequence[str], preprocessing: Preprocessing
) -> Teacher:
    """Open teachers; several answer with the mean of their probabilities.

    Parameters
    ----------
    names : sequence of str
        Model files of quake, or ``seisbench:MODEL/WEIGHTS`` where SeisBench is installed; WEIGHTS
        is a name that SeisBench knows, or the path of a safetensors file.
    classes : the K classes of the student
    preprocessing : Preprocessing
        Of the student.

    Raises
    ------
    ModelError, ParameterError
        If one cannot be opened, or takes other windows, or lacks a class.
    """
    teachers = [_open(name, classes, preprocessing) for name in names]

    def ask(windows: Tensor, targets: Tensor) -> Tensor:
        with torch.no_grad():
            return torch.stack([teacher(windows, targets) for teacher in teachers]).mean(0)

    return ask


def _open(name: str, classes: Sequence[str], preprocessing: Preprocessing) -> Teacher:
    if name.startswith(SEISBENCH):
        return _Picker(name, classes, preprocessing)
    return _QuakeTeacher(name, classes, preprocessing)


class _QuakeTeacher:
    """A model file of quake."""

    def __init__(self, path: str, classes: Sequence[str], preprocessing: Preprocessing) -> None:
        card, network = load_model(path)
        theirs = card.preprocessing
        if (theirs.sampling_rate_hz, theirs.n_samples) != (
            preprocessing.sampling_rate_hz,
            preprocessing.n_samples,
        ):
            raise ModelError(
                f"{path}: takes windows of {theirs.window_s:g} s at {theirs.sampling_rate_hz:g} "
                f"Hz, the student {preprocessing.window_s:g} s at "
                f"{preprocessing.sampling_rate_hz:g} Hz; train with the teacher's --window and "
                "--rate"
            )
        lacking = [name for name in classes if name not in card.labels.names]
        if lacking:
            raise ModelError(
                f"{path}: does not know {', '.join(lacking)}, only "
                f"{', '.join(card.labels.names)}; take another teacher, or other --classes"
            )
        self._network = network.eval().requires_grad_(False)
        self._transform = build_transform(theirs)
        self._temperature = card.calibration.temperature
        self._order = [card.labels.names.index(name) for name in classes]

    def __call__(self, windows: Tensor, targets: Tensor) -> Tensor:
        network = self._network.to(windows.device)
        logits = network(self._transform(windows).contiguous(memory_format=torch.channels_last))
        return torch.softmax(logits[:, self._order].float() / self._temperature, dim=1)


@dataclass(frozen=True)
class _Phases:
    """What a picker says of windows, (B,) each: largest probability of P and S, detection."""

    p: Tensor
    s: Tensor
    detection: Tensor

    def event(self) -> Tensor:
        """How probable an earthquake is: both phases show, or a detection says so."""
        return torch.maximum((self.p * self.s).sqrt(), self.detection)


class _Picker:
    """A phase picker of SeisBench: it tells events from noise, and leaves their kind to labels."""

    def __init__(self, name: str, classes: Sequence[str], preprocessing: Preprocessing) -> None:
        if NOISE not in classes:
            raise ParameterError(f"{name}: tells events from noise, but noise is no class here")
        kind, _, weights = name.removeprefix(SEISBENCH).partition("/")
        if kind not in _PICKERS or not weights:
            raise ParameterError(
                f"{name}: expected {SEISBENCH}MODEL/WEIGHTS, MODEL one of {', '.join(_PICKERS)}"
            )
        self._kind = kind
        self._network = _seisbench_model(name, kind, weights)
        self._noise = classes.index(NOISE)
        self._preprocessing = preprocessing

    def __call__(self, windows: Tensor, targets: Tensor) -> Tensor:
        event = self._phases(windows).event()
        kinds = targets.clone()
        kinds[:, self._noise] = 0
        # Where the label says noise, nobody knows what kind of event it would be.
        unknown = kinds.sum(1) == 0
        kinds[unknown] = 1.0
        kinds[unknown, self._noise] = 0
        answer = kinds / kinds.sum(1, keepdim=True) * event[:, None]
        answer[:, self._noise] = 1 - event
        return answer

    def _phases(self, windows: Tensor) -> _Phases:
        """Largest probabilities over all places of the picker's window in ours."""
        fine = _at_picker_rate(windows, self._preprocessing.sampling_rate_hz).flip(1)
        n = _PICKERS[self._kind]
        fine = nn.functional.pad(fine, (0, max(n - fine.shape[-1], 0)))
        last = fine.shape[-1] - n
        found = []
        for start in sorted({*range(0, last, n // 2), last}):
            piece = fine[..., start : start + n]
            piece = piece - piece.mean(-1, keepdim=True)
            piece = piece / piece.std(-1, keepdim=True).clamp_min(1e-9)
            found.append(self._of_piece(piece))
        p, s, detection = (torch.stack(parts).amax(0) for parts in zip(*found, strict=True))
        return _Phases(p, s, detection)

    def _of_piece(self, piece: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        network = self._network.to(piece.device)
        inside = slice(_EDGE_SAMPLES, -_EDGE_SAMPLES)
        if self._kind == "PhaseNet":
            of_sample = network(piece)[..., inside].amax(-1)
            labels = list(network.labels)
            p, s = of_sample[:, labels.index("P")], of_sample[:, labels.index("S")]
            return p, s, torch.zeros_like(p)
        detection, p, s = (trace[:, inside].amax(-1) for trace in network(piece))
        return p, s, detection


def _at_picker_rate(windows: Tensor, sampling_rate_hz: float) -> Tensor:
    """Windows (B, 3, N) at 100 Hz, by zeros in the spectrum above what there was."""
    n = windows.shape[-1]
    n_new = round(n * _PICKER_RATE_HZ / sampling_rate_hz)
    spectrum = torch.fft.rfft(windows, dim=-1)
    fine: Tensor = torch.fft.irfft(spectrum, n_new, dim=-1) * (n_new / n)
    return fine


def _seisbench_model(name: str, kind: str, weights: str) -> Any:
    try:
        import seisbench.models as published
    except ImportError as error:
        raise ModelError(
            f"{name}: SeisBench is not installed; pip install seisbench, or take a model of quake"
        ) from error
    try:
        if not weights.endswith(".safetensors"):
            network = getattr(published, kind).from_pretrained(weights)
        else:
            network = _from_file(published, kind, Path(weights))
    except Exception as error:  # its download fails in many ways
        raise ModelError(
            f"{name}: cannot be had ({type(error).__name__}: {error}); take weights that "
            "SeisBench has in its cache, or the path of a safetensors file"
        ) from error
    return network.eval().requires_grad_(False)


def _from_file(published: Any, kind: str, path: Path) -> Any:
    from safetensors.torch import load_file

    tensors = load_file(path)
    if kind == "PhaseNet":
        network = published.PhaseNet(phases="NPS")
        network.load_state_dict(tensors, strict=False)
    else:
        network = published.EQTransformer(original_compatible="conservative")
        network.load_state_dict(tensors)
    return network
