"""Options of a training, checked, as the library takes them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quake.errors import ParameterError
from quake_cli.messages import Messages

if TYPE_CHECKING:
    from quake.datasets.augmentation import Augmentation
    from quake.training.config import TrainConfig


def config_of(signal: dict[str, Any], **given: Any) -> TrainConfig:
    """Keep the library's default for each option that was not given."""
    from quake.data.preprocessing import Preprocessing
    from quake.training.config import TrainConfig

    chosen = {k: v for k, v in given.items() if v is not None}
    if _begins_at_random(given["weights"], given["backbone"]):
        chosen["weights"] = None
    preprocessing = Preprocessing(**{k: v for k, v in signal.items() if v is not None})
    return TrainConfig(preprocessing=preprocessing, **chosen)


def _begins_at_random(weights: str | None, backbone: str | None) -> bool:
    """Whether random weights were asked for, or nothing was and ImageNet has none for it."""
    from quake.models.backbones import HybridViTBackbone, parse_backbone

    has_none = backbone is not None and isinstance(parse_backbone(backbone), HybridViTBackbone)
    return weights == "none" or (weights is None and has_none)


def augmentation_of(synthetic: float | None, disturbance: float | None) -> Augmentation | None:
    """Shares of synthetic windows and disturbances; None where neither is asked for."""
    given = {"synthetic": synthetic, "disturbance": disturbance}
    shares = {name: share for name, share in given.items() if share is not None}
    if not shares:
        return None
    from quake.datasets.augmentation import Augmentation

    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise ParameterError(f"--{name} {share:g}: a share from 0 to 1 was expected")
    return Augmentation(
        synthetic=shares.get("synthetic", 0.0), disturbance=shares.get("disturbance", 0.0)
    )


def names_of(
    backbone: str | None, weights: str | None, classes: str | None, hold_out: list[str] | None
) -> dict[str, Any]:
    """Backbone, weights, classes and what is held out."""
    from quake.models.backbones import parse_backbone

    return {
        "backbone": parse_backbone(backbone).value if backbone else None,
        "weights": weights,
        "classes": tuple(name for name in classes.split(",") if name.strip()) if classes else None,
        "hold_out": tuple(_held_out(text) for text in hold_out or ()),
    }


def band_of(text: str | None) -> tuple[float, float] | None:
    """Read a band in Hz, as ``0.7,20``."""
    if text is None:
        return None
    try:
        low_hz, high_hz = map(float, text.split(","))
    except ValueError as error:
        raise ParameterError(f"--band {text}: two numbers were expected, as in 0.7,20") from error
    return low_hz, high_hz


def _held_out(text: str) -> tuple[str, str]:
    kind, _, name = text.partition("=")
    if kind not in ("source", "station") or not name:
        raise ParameterError(f"--hold-out {text}: source=NAME or station=NET.STA was expected")
    return kind, name


def text_of(path: Path | None) -> str | None:
    """Read the notes for the card."""
    if path is None:
        return None
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ParameterError(f"--notes {path}: cannot be read as text ({error})") from error


def refuse_contradictions(
    start_from: str | None,
    backbone: str | None,
    depth: int | None,
    weights: str | None,
    signal: dict[str, Any],
) -> None:
    """A model brings its network, weights and preprocessing along."""
    if start_from is None:
        return
    given = [
        option
        for option, value in (
            ("--backbone", backbone),
            ("--depth", depth),
            ("--weights", weights),
            ("--window", signal["window_s"]),
            ("--rate", signal["sampling_rate_hz"]),
            ("--nperseg", signal["nperseg"]),
            ("--hop", signal["hop_samples"]),
            ("--band", signal["band_hz"]),
        )
        if value is not None
    ]
    if given:
        raise ParameterError(f"--from {start_from} brings its own: leave out {', '.join(given)}")


def start_of(messages: Messages, start_from: str | None) -> str | None:
    """Find the model that training goes on from."""
    if start_from is None:
        return None
    from quake_cli.model_choice import named_model

    return str(named_model(messages, start_from))


def teachers_of(messages: Messages, names: Sequence[str]) -> tuple[str, ...] | None:
    """Find the model files of teachers that are named."""
    from quake.training.teachers import SEISBENCH
    from quake_cli.model_choice import named_model

    found = (n if n.startswith(SEISBENCH) else str(named_model(messages, n)) for n in names)
    return tuple(found) or None


def cache_of(text: str | None) -> str | None:
    """Folder of decoded windows; None if there is to be none."""
    if text == "none":
        return None
    if text is not None:
        return text
    from quake.datasets.cache import default_cache

    return str(default_cache())


def targets_of(output: Path | None, install: str | None, run: Path | None) -> list[Path]:
    """Where the model goes; found out to be writable before hours of training."""
    from quake.model_file.registry import installed_path

    targets = [path for path in (output, install and installed_path(install)) if path]
    if not targets and run is None:
        raise ParameterError("say where the model goes: --output FILE, --install NAME or --run DIR")
    for path in targets:
        if path.is_dir():
            raise ParameterError(f"{path}: is a folder, a model file was expected")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent):
                pass
        except OSError as error:
            raise ParameterError(
                f"{path}: cannot be written ({error.strerror or error})"
            ) from error
    return targets


def only_a_run_folder(run: Path | None, output: Path | None, install: str | None) -> Path:
    """Refuse places for a model where many models are trained to be measured."""
    if run is None:
        raise ParameterError("--leave-one-out trains many models: say where with --run DIR")
    if output or install:
        raise ParameterError(
            "--leave-one-out measures, it makes no model to keep: leave out --output and --install"
        )
    return run
