"""From a name or a path to tensors in a network: pretrained backbone weights.

ImageNet weights come through torchvision's loader and live in torch's own cache, which is
``$TORCH_HOME/hub/checkpoints`` (by default ``~/.cache/torch/hub/checkpoints``).
"""

from __future__ import annotations

import io
import logging
import os
import socket
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from quake.errors import ParameterError, WeightsError
from quake.models.backbones import EfficientNetBackbone

StateDict = dict[str, Tensor]

# Names in torchvision's networks, which `quake.models.EfficientNet` keeps.
STEM_WEIGHT = "features.0.0.weight"
HEAD_TENSORS = ("classifier.1.weight", "classifier.1.bias")

IMAGE_CHANNELS = 3  # red, green, blue
NETWORK_TIMEOUT_S = 5.0  # for one connection attempt or one silent read, not the whole download

logger = logging.getLogger(__name__)

_warned: set[EfficientNetBackbone] = set()


class PretrainedWeightsWarning(UserWarning):
    """Pretrained weights cannot be had, and the backbone starts from random ones."""


@dataclass(frozen=True)
class PretrainedWeights:
    """Tensors by name, and the file that they came from.

    Parameters
    ----------
    tensors
        A state dict with torchvision's names.
    source
        The file, for messages.
    """

    tensors: StateDict
    source: Path


def find_pretrained(
    backbone: EfficientNetBackbone, weights: str | Path | None, *, strict: bool = False
) -> PretrainedWeights | None:
    """Load what the parameter `weights` of a network stands for.

    Parameters
    ----------
    backbone
        The backbone that they are for.
    weights
        ``"imagenet"``, a path to a ``.pth`` or ``.safetensors`` file, or None.
    strict
        Raise if the ImageNet weights cannot be had, instead of warning once.

    Returns
    -------
    PretrainedWeights or None
        None means random weights.

    Raises
    ------
    WeightsError
        If a file cannot be read, or, when strict, if the ImageNet weights cannot be had.
    """
    if weights is None:
        return None
    if weights == "imagenet":
        return load_imagenet_weights(backbone, strict=strict)
    return read_weights(weights)


def imagenet_cache_file(backbone: EfficientNetBackbone) -> Path:
    """Path where torchvision looks for the ImageNet weights of a backbone."""
    return Path(torch.hub.get_dir()) / "checkpoints" / backbone.facts.weights_file


def load_imagenet_weights(
    backbone: EfficientNetBackbone, *, strict: bool = False, progress: bool = False
) -> PretrainedWeights | None:
    """Take torchvision's default weights from its cache, or download them into it.

    If the cache cannot be written, the download is used once and not kept.

    Parameters
    ----------
    backbone
        The backbone that they are for.
    strict
        Raise where they cannot be had, instead of warning once a process and backbone.
    progress
        Let torch draw a progress bar of the download on standard error.

    Returns
    -------
    PretrainedWeights or None
        None where they cannot be had.

    Raises
    ------
    WeightsError
        If the cached file is damaged, or, when strict, if there is none and no download.
    """
    cached = imagenet_cache_file(backbone)
    if _is_file(cached):
        return PretrainedWeights(_read_cached(backbone, cached), cached)
    try:
        tensors = _download(backbone, cached.parent, progress)
    # URLError and timeouts are OSErrors; a wrong hash (say, the login page of a hotel instead of
    # the file) is a RuntimeError.
    except (OSError, HTTPException, RuntimeError) as error:
        message = _cannot_be_had(backbone, cached, error)
        if strict:
            raise WeightsError(message) from error
        _warn_once(backbone, message)
        return None
    return PretrainedWeights(tensors, cached)


def read_weights(path: str | Path) -> PretrainedWeights:
    """Read a state dict from a ``.safetensors`` file, or from any other that torch has saved.

    Parameters
    ----------
    path
        The file. Only tensors are taken from it: no code in it is ever run.

    Raises
    ------
    WeightsError
        If it is not there, cannot be read, or holds something else than tensors by name.
    """
    path = Path(path).expanduser()
    if not _is_file(path):
        raise WeightsError(
            f"{path}: there is no such file of weights; pass 'imagenet', None, or the path of a "
            ".pth or .safetensors file"
        )
    try:
        content = _read_tensors(path)
    except Exception as error:  # foreign bytes make the unpickler raise almost anything
        raise WeightsError(
            f"{path}: cannot be read as weights ({_first_line(error)}); expected a state dict "
            "saved by torch (.pth) or safetensors (.safetensors)"
        ) from error
    return PretrainedWeights(_state_dict(content, path), path)


def adapt_stem(weight: Tensor, in_channels: int) -> Tensor:
    """Make the filters of the first convolution, learnt on colour images, fit other inputs.

    For one channel the three filters are summed: the answer to ``x`` is that of the original to
    the grey image ``(x, x, x)``. For more they are repeated cyclically and scaled by ``3 / n``, so
    that the answer to channels that resemble each other is as strong as before, which is what
    the batch norm behind them was trained for. The rule is that of timm's
    ``adapt_input_conv`` (Wightman, PyTorch Image Models). It is exact for ``n`` = 3, 6, 9, ...
    whose channels repeat; for other ``n`` some colours weigh more than others (with two channels
    the filters of blue are not used at all), and only the mean response is kept, roughly.

    Parameters
    ----------
    weight
        Filters of shape (out_channels, 3, kernel, kernel).
    in_channels
        Number of channels ``n`` of the new input.

    Returns
    -------
    Tensor
        Filters of shape (out_channels, n, kernel, kernel).

    Raises
    ------
    ParameterError
        If the filters are not those of a three-channel image.
    """
    if weight.ndim != 4 or weight.shape[1] != IMAGE_CHANNELS:
        raise ParameterError(
            f"filters of shape (out, {IMAGE_CHANNELS}, k, k) were expected, "
            f"got {tuple(weight.shape)}"
        )
    if in_channels == IMAGE_CHANNELS:
        return weight
    if in_channels == 1:
        return weight.sum(dim=1, keepdim=True)
    colours = torch.arange(in_channels, device=weight.device) % IMAGE_CHANNELS
    return weight[:, colours] * (IMAGE_CHANNELS / in_channels)


def load_pretrained(model: nn.Module, pretrained: PretrainedWeights) -> None:
    """Copy pretrained tensors into a network with torchvision's names.

    The stem is adapted to the number of input channels. A classifier for another number of
    classes, or none, leaves that of the network as it is; everything else must fit.

    Parameters
    ----------
    model
        The network, changed in place.
    pretrained
        What `find_pretrained` or `read_weights` gave.

    Raises
    ------
    WeightsError
        If tensors are missing, unknown or of another shape; the network is then unchanged.
    """
    expected: Mapping[str, Tensor] = model.state_dict()
    tensors = _with_fitting_stem(pretrained.tensors, expected)
    tensors = _without_other_head(tensors, expected)
    problems = _mismatches(tensors, expected)
    if problems:
        raise WeightsError(
            f"{pretrained.source}: does not fit this network: {'; '.join(problems)}; pass weights "
            "that were made for the same backbone"
        )
    # The check above is stricter than load_state_dict, except for what may be missing.
    model.load_state_dict(tensors, strict=False)


def _read_tensors(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def _state_dict(content: Any, source: Path) -> StateDict:
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{source}: holds a {type(content).__name__}, expected a state dict (tensors by name)"
        )
    for name, value in content.items():
        if not isinstance(name, str) or not isinstance(value, Tensor):
            raise WeightsError(
                f"{source}: entry {name!r} is a {type(value).__name__}, expected a state dict "
                "(tensors by name) and nothing around it"
            )
    return dict(content)


def _read_cached(backbone: EfficientNetBackbone, cached: Path) -> StateDict:
    try:
        content = _torchvision_state_dict(backbone, cached.parent, progress=False)
    except Exception as error:  # foreign bytes make the unpickler raise almost anything
        raise WeightsError(
            f"{cached}: cannot be read as ImageNet weights ({_first_line(error)}); delete it and "
            "it is downloaded again, or put an undamaged copy there"
        ) from error
    return _state_dict(content, cached)


def _download(backbone: EfficientNetBackbone, folder: Path, progress: bool) -> StateDict:
    logger.info("downloading %s", _imagenet_url(backbone))
    with _network_timeout(NETWORK_TIMEOUT_S):
        if _is_writable(folder):
            content = _torchvision_state_dict(backbone, folder, progress)
        else:
            with tempfile.TemporaryDirectory() as passing:
                content = _torchvision_state_dict(backbone, Path(passing), progress)
    return _state_dict(content, folder / backbone.facts.weights_file)


def _torchvision_state_dict(backbone: EfficientNetBackbone, folder: Path, progress: bool) -> Any:
    # torch announces a download on standard output, which belongs to results.
    with redirect_stdout(io.StringIO()):
        return _torchvision_weights(backbone).get_state_dict(
            model_dir=str(folder),
            map_location="cpu",
            progress=progress,
            check_hash=True,
            weights_only=True,
        )


def _torchvision_weights(backbone: EfficientNetBackbone) -> Any:
    from torchvision.models import get_model_weights  # seconds to import

    return get_model_weights(f"efficientnet_{backbone}").DEFAULT


def _imagenet_url(backbone: EfficientNetBackbone) -> str:
    return str(_torchvision_weights(backbone).url)


@contextmanager
def _network_timeout(seconds: float) -> Iterator[None]:
    # torch's downloader sets none, and behind a firewall that drops packets it waits for minutes.
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder above it may not be entered
        return False


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK)


def _cannot_be_had(backbone: EfficientNetBackbone, cached: Path, error: Exception) -> str:
    return (
        f"{cached.name}: the ImageNet weights of EfficientNet {backbone.name} are not in "
        f"{cached.parent} and could not be downloaded ({_first_line(error)}); fetch "
        f"{_imagenet_url(backbone)} elsewhere and put it into that folder, or set TORCH_HOME to "
        "a folder that has it in hub/checkpoints"
    )


def _warn_once(backbone: EfficientNetBackbone, message: str) -> None:
    if backbone in _warned:
        return
    _warned.add(backbone)
    warnings.warn(
        f"{message}. Going on with random weights.",
        PretrainedWeightsWarning,
        stacklevel=5,  # the line that builds the network
    )


def _with_fitting_stem(tensors: StateDict, expected: Mapping[str, Tensor]) -> StateDict:
    stem = tensors.get(STEM_WEIGHT)
    if stem is None or stem.ndim != 4 or stem.shape[1] != IMAGE_CHANNELS:
        return tensors
    return {**tensors, STEM_WEIGHT: adapt_stem(stem, expected[STEM_WEIGHT].shape[1])}


def _without_other_head(tensors: StateDict, expected: Mapping[str, Tensor]) -> StateDict:
    if all(
        name in tensors and tensors[name].shape[:1] == expected[name].shape[:1]
        for name in HEAD_TENSORS
    ):
        return tensors
    return {name: tensor for name, tensor in tensors.items() if name not in HEAD_TENSORS}


def _mismatches(tensors: StateDict, expected: Mapping[str, Tensor]) -> list[str]:
    missing = [
        name
        for name in expected
        # Counters of batches came with torch 0.4.1, and files older than that do without.
        if name not in tensors
        and name not in HEAD_TENSORS
        and not name.endswith("num_batches_tracked")
    ]
    unknown = [name for name in tensors if name not in expected]
    misshapen = [
        f"{name} is {tuple(tensors[name].shape)}, expected {tuple(expected[name].shape)}"
        for name in tensors
        if name in expected and tensors[name].shape != expected[name].shape
    ]
    found = {"missing": missing, "unknown": unknown, "of another shape": misshapen}
    return [f"{len(names)} {kind} ({_few(names)})" for kind, names in found.items() if names]


def _few(names: Iterable[str], most: int = 3) -> str:
    names = list(names)
    return ", ".join([*names[:most], *(["..."] if len(names) > most else [])])


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
