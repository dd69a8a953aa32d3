"""A model is one file: weights, architecture, classes, preprocessing, calibration and its card.

The file is safetensors with JSON metadata under the key ``quake``; the key ``quake_format``
numbers the layout (docs/model_format.md). Tensors and JSON are all there is: nothing in it can
run. Reading the card alone loads no tensor and not torch.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import ModelError
from quake.files import write_whole
from quake.model_file.card import FORMAT, NONSENSE, ModelCard, card_of_metadata, shortened

if TYPE_CHECKING:
    from torch import Tensor, nn


SUFFIX = ".safetensors"


def save_model(path: str | Path, card: ModelCard, state: Mapping[str, Tensor]) -> None:
    """Write a model file under a temporary name and rename it.

    Parameters
    ----------
    path : str or Path
    card : ModelCard
    state : mapping of name to tensor
        ``model.state_dict()``.

    Raises
    ------
    ModelError
        If the file cannot be written.
    """
    from safetensors.torch import save

    path = Path(path)
    data = save(
        {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()},
        metadata={"quake_format": str(FORMAT), "quake": card.to_json()},
    )
    try:
        write_whole(path, _in_order(data))
    except OSError as error:
        raise ModelError(f"{path}: cannot be written ({error.strerror or error})") from error


def _in_order(data: bytes) -> bytes:
    """Sort the metadata, which safetensors writes in a random order: a model has one hash."""
    n_header = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n_header])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)  # tensors are aligned to eight bytes
    return len(text).to_bytes(8, "little") + text + data[8 + n_header :]


def load_card(path: str | Path) -> ModelCard:
    """Read all but the weights.

    Raises
    ------
    ModelError
        If the file is missing, no safetensors file, truncated, not written by quake, written in
        a newer format, or its card makes no sense.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    _check_is_file(path)
    if path.suffix == ".onnx":  # as `quake export` wrote it: the same texts in another container
        from quake.model_file.onnx_session import metadata_of, open_session

        return card_of_metadata(path, metadata_of(open_session(path)))
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise ModelError(_damaged(path, error)) from error
    return card_of_metadata(path, metadata)


def _refuse_a_pair_that_does_not_fit(error: Exception) -> None:
    """Blame torchvision, not the model file, where torchvision cannot be imported beside torch."""
    from quake.models.torch_pair import explained

    known = explained(error)
    if known is not error:
        raise known from error


def load_model(path: str | Path) -> tuple[ModelCard, nn.Module]:
    """Read a model file and build the network, in evaluation mode, on the CPU.

    Raises
    ------
    ModelError
        As `load_card`; also if tensors are missing, unknown or misshapen.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from quake.models import build_model

    path = Path(path)
    card = load_card(path)
    if path.suffix == ".onnx":
        raise ModelError(
            f"{path}: an exported graph, whose network is fixed; name the model file that it was "
            "exported from"
        )
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(_damaged(path, error)) from error
    try:
        with torch.device("meta"):  # no random numbers are drawn for weights that come anyway
            model = build_model(card.network)
    except (*NONSENSE, RuntimeError) as error:
        _refuse_a_pair_that_does_not_fit(error)
        raise ModelError(
            f"{path}: its network {shortened(dict(card.network))} cannot be built "
            f"({shortened(error)}); update quake"
        ) from error
    n_outputs = card.network.get("num_classes")
    if n_outputs != len(card.labels.names):
        raise ModelError(
            f"{path}: {len(card.labels.names)} classes ({', '.join(card.labels.names)}), but a "
            f"network of {n_outputs} outputs; get the model again"
        )
    _check_tensors(path, model.state_dict(), state)
    _check_finite(path, state)
    model.load_state_dict(state, assign=True)
    return card, model.eval()


def _check_is_file(path: Path) -> None:
    if path.is_dir():
        raise ModelError(f"{path}: is a folder, a model file was expected")
    if not path.exists():
        raise ModelError(f"{path}: no such model file; `quake models` lists the installed ones")
    if not path.is_file():
        raise ModelError(f"{path}: is a pipe, socket or device, a model file was expected")


def _damaged(path: Path, error: Exception) -> str:
    return (
        f"{path}: no model file of quake, or a truncated one ({error}); expected a safetensors "
        "file written by `quake train`; get it again"
    )


def _check_tensors(path: Path, expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    missing = sorted(expected.keys() - found.keys())
    unknown = sorted(found.keys() - expected.keys())
    misshapen = [
        f"{name} {_form(found[name], expected[name])} instead of "
        f"{_form(expected[name], found[name])}"
        for name in sorted(expected.keys() & found.keys())
        if found[name].shape != expected[name].shape or found[name].dtype != expected[name].dtype
    ]
    faults = [
        f"{len(names)} tensors {what} ({', '.join(names[:3])}{', ...' if names[3:] else ''})"
        for what, names in (("missing", missing), ("unknown", unknown), ("misshapen", misshapen))
        if names
    ]
    if faults:
        raise ModelError(f"{path}: {'; '.join(faults)}; get the model again")


def _form(tensor: Tensor, other: Tensor) -> str:
    """The shape of a tensor; its type too where that is what differs."""
    kind = "" if tensor.dtype == other.dtype else f" of {str(tensor.dtype).removeprefix('torch.')}"
    return f"{tuple(tensor.shape)}{kind}"


def _check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse weights that give no numbers."""
    bad = sorted(name for name, tensor in state.items() if not bool(tensor.isfinite().all()))
    if bad:
        raise ModelError(
            f"{path}: {len(bad)} tensors hold NaN or infinity ({', '.join(bad[:3])}); get the "
            "model again"
        )
