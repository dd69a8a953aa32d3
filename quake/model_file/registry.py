"""Find model files by path, name or backbone.

Bundled models lie in the package, installed ones in the user's data folder; the environment
variable ``QUAKE_MODEL_DIR`` names another folder for the latter.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from quake.errors import ModelError, ParameterError
from quake.model_file.card import ModelCard
from quake.model_file.safetensors_file import SUFFIX, load_card

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be used by name."""

    name: str
    path: Path
    origin: str  # "bundled" or "installed"
    card: ModelCard


def installed_folder() -> Path:
    """Folder of the user's own models; it need not exist."""
    chosen = os.environ.get("QUAKE_MODEL_DIR")
    if chosen:
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("quake") / "models"


def installed_path(name: str) -> Path:
    """Where a model of that name is, or would be, installed.

    Raises
    ------
    ParameterError
        If the name could not be a file name.
    """
    if not _NAME.fullmatch(name):
        raise ParameterError(
            f"{name!r} cannot name a model: letters, digits, '.', '_' and '-' were expected"
        )
    return installed_folder() / f"{name}{SUFFIX}"


def list_models() -> tuple[list[ModelEntry], list[str]]:
    """All models that can be used by name, installed ones first, and what is wrong with others."""
    entries, problems = [], []
    bundled = Path(str(files("quake") / "bundled"))
    for folder, origin in ((installed_folder(), "installed"), (bundled, "bundled")):
        for path in sorted(folder.glob(f"*{SUFFIX}")):
            try:
                entries.append(ModelEntry(path.stem, path, origin, load_card(path)))
            except ModelError as error:
                problems.append(str(error))
    return entries, problems


def find_model(model: str | Path | None = None, backbone: str | None = None) -> Path:
    """Resolve what a user says to a model file.

    Parameters
    ----------
    model : path or name
        A path if it has a folder or the suffix of model files, or exists; else a name.
    backbone : str
        As in "b0": the installed model of that backbone, or else the bundled one. With `model`
        it must be that model's backbone. Neither of the two: as "b0".

    Raises
    ------
    ModelError
        If there is no such model; the message says how to get one.
    ParameterError
        If the backbone is unknown.
    """
    from quake.models.backbones import parse_backbone

    wanted = parse_backbone(backbone).value if backbone is not None else None
    if model is not None:
        path = _by_path_or_name(model)
        found = load_card(path).network.get("backbone")
        if wanted is not None and found != wanted:
            raise ModelError(
                f"{path}: its backbone is {found}, --backbone asks for {wanted}; leave one out"
            )
        return path
    return _by_backbone(wanted or "b0")


def _by_path_or_name(model: str | Path) -> Path:
    path = Path(model)
    if isinstance(model, Path) or path.exists() or path.suffix == SUFFIX or len(path.parts) > 1:
        return path
    entries, problems = list_models()
    for entry in entries:
        if entry.name == model:
            return entry.path
    known = ", ".join(entry.name for entry in entries) or "none"
    raise ModelError(
        f"{model}: neither a file nor the name of a model (known: {known}); `quake models` "
        f"lists them{'; ' + problems[0] if problems else ''}"
    )


def _by_backbone(wanted: str) -> Path:
    entries, problems = list_models()
    for problem in problems:
        logger.warning("%s", problem)
    for entry in entries:
        if entry.card.network.get("backbone") == wanted:
            return entry.path
    there_are = sorted({str(entry.card.network.get("backbone")) for entry in entries})
    raise ModelError(
        f"no model with backbone {wanted} is bundled or installed (there are: "
        f"{', '.join(there_are) or 'none'}); train one with `quake train LABELS.csv --backbone "
        f"{wanted} --install {wanted}`, or name a file with --model"
    )
