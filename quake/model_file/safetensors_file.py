"""A model is one file: weights, architecture, classes, preprocessing, calibration and its card.

The file is safetensors with JSON metadata under the key ``quake``; the key ``quake_format``
numbers the layout (docs/model_format.md). Tensors and JSON are all there is: nothing in it can
run. Reading the card alone loads no tensor and not torch.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.errors import ModelError, QuakeError
from quake.untrusted import refuse_special

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT = 1

# An hour at 1000 Hz: a longer window is a damaged number, and gigabytes.
_LONGEST_WINDOW_SAMPLES = 3_600_000
_SHOWN_LETTERS = 300  # of what was wrong

SUFFIX = ".safetensors"


# What Python makes of JSON of other types and sizes than a card has.
_NONSENSE = (
    QuakeError,
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    RecursionError,
    ArithmeticError,
)


@dataclass(frozen=True)
class Calibration:
    """What turns logits into probabilities, and probabilities into decisions.

    Attributes
    ----------
    temperature : float
        Logits are divided by it (Guo et al., 2017, arXiv 1706.04599).
    thresholds : tuple of float
        A window whose most probable class stays below its threshold is `uncertain`.
    """

    temperature: float
    thresholds: tuple[float, ...]


@dataclass(frozen=True)
class ModelCard:
    """All of a model but its weights.

    Attributes
    ----------
    network : dict
        Architecture and its parameters, as `quake.models.build_model` takes them.
    labels : LabelSet
    preprocessing : Preprocessing
    calibration : Calibration
    training : dict
        What it was trained on and how.
    metrics : dict
        Results on data that it was not trained on.
    versions : dict
        Of quake and of the libraries that made it.
    """

    network: Mapping[str, Any]
    labels: LabelSet
    preprocessing: Preprocessing
    calibration: Calibration
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """As the text that is stored in the file."""
        return json.dumps(
            {
                "network": dict(self.network),
                "classes": list(self.labels.names),
                "preprocessing": self.preprocessing.to_dict(),
                "calibration": {
                    "temperature": self.calibration.temperature,
                    "thresholds": dict(
                        zip(self.labels.names, self.calibration.thresholds, strict=True)
                    ),
                },
                "training": dict(self.training),
                "metrics": dict(self.metrics),
                "versions": dict(self.versions),
            },
            allow_nan=False,
        )

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        """Read back what `to_json` wrote.

        Raises
        ------
        QuakeError, KeyError, TypeError, ValueError, ArithmeticError
            If something is missing or makes no sense; `load_card` names the file.
        """
        values = json.loads(text)
        labels = LabelSet(tuple(str(name) for name in values["classes"]))
        calibration = Calibration(
            temperature=float(values["calibration"]["temperature"]),
            thresholds=tuple(
                float(values["calibration"]["thresholds"][name]) for name in labels.names
            ),
        )
        if not 0 < calibration.temperature < float("inf"):
            raise ValueError(f"temperature {calibration.temperature}, a positive one was expected")
        if not all(0 <= threshold <= 1 for threshold in calibration.thresholds):
            raise ValueError(f"thresholds {calibration.thresholds}, numbers from 0 to 1 expected")
        preprocessing = Preprocessing.from_dict(values["preprocessing"])
        if preprocessing.n_samples > _LONGEST_WINDOW_SAMPLES:
            raise ValueError(
                f"windows of {preprocessing.n_samples} samples, at most {_LONGEST_WINDOW_SAMPLES} "
                "were expected"
            )
        return cls(
            network=dict(values["network"]),
            labels=labels,
            preprocessing=preprocessing,
            calibration=calibration,
            training=dict(values["training"]),
            metrics=dict(values["metrics"]),
            versions=dict(values["versions"]),
        )


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
        path.parent.mkdir(parents=True, exist_ok=True)
        _write_and_rename(path, _in_order(data))
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


def _write_and_rename(path: Path, data: bytes) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)  # mkstemp makes it private; models are shared
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


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


def card_of_metadata(path: Path, metadata: Mapping[str, str]) -> ModelCard:
    """Take the card out of the texts that a model file, or an exported one, carries.

    Raises
    ------
    ModelError
        If quake did not write them, a newer version did, or they make no sense.
    """
    _check_format(path, metadata)
    try:
        return ModelCard.from_json(metadata["quake"])
    except _NONSENSE as error:
        raise ModelError(
            f"{path}: its card cannot be used ({type(error).__name__}: "
            f"{str(error)[:_SHOWN_LETTERS]}); get the model again, or update quake"
        ) from error


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
    except (*_NONSENSE, RuntimeError) as error:
        _refuse_a_pair_that_does_not_fit(error)
        raise ModelError(
            f"{path}: its network {str(dict(card.network))[:_SHOWN_LETTERS]} cannot be built "
            f"({str(error)[:_SHOWN_LETTERS]}); update quake"
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


def model_hash(path: str | Path) -> str:
    """Twelve hexadecimal digits of the file's SHA-256: which model said so.

    Raises
    ------
    ModelError
        If the file cannot be read.
    """
    try:
        refuse_special(Path(path))
        found = Path(path).stat()
        return _digest(str(path), found.st_ino, found.st_size, found.st_mtime_ns)[:12]
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error


@lru_cache(maxsize=8)
def _digest(path: str, *state: int) -> str:
    """SHA-256 of a file; the state that it is in tells when it has to be read again."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def versions() -> dict[str, str]:
    """Of quake and of the libraries whose numbers end up in a model."""
    from importlib.metadata import version

    names = ("torch", "torchvision", "numpy", "scipy", "obspy", "safetensors")
    import quake

    return {"quake": quake.__version__, **{name: version(name) for name in names}}


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


def _check_format(path: Path, metadata: Mapping[str, str]) -> None:
    found = metadata.get("quake_format")
    if found is None or "quake" not in metadata:
        raise ModelError(
            f"{path}: not written by quake (no quake_format in its metadata); expected a model "
            "made by `quake train` or `quake export`"
        )
    if not re.fullmatch(r"[0-9]{1,9}", found) or int(found) > FORMAT:
        raise ModelError(
            f"{path}: model format {found[:_SHOWN_LETTERS]}, this version of quake reads up to "
            f"{FORMAT}; update quake"
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
