"""Find model files by path, name or backbone.

Bundled models lie in the package, installed ones in the user's data folder; the environment
variable ``QUAKE_MODEL_DIR`` names another folder for the latter.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from quake.errors import ModelError, ParameterError
from quake.model_file.card import ModelCard
from quake.model_file.identity import HASH_DIGITS
from quake.model_file.remote import (
    RemoteModel,
    cached_models_folder,
    fetch_model,
    is_remote,
    kept_model,
    parse_remote,
)
from quake.model_file.safetensors_file import SUFFIX, load_card

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class ModelEntry:
    """A model that can be used by name."""

    name: str
    path: Path
    origin: str  # "bundled", "installed" or "fetched"
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


def bundled_folder() -> Path:
    """Folder of the models that come with the package."""
    return Path(str(files("quake") / "bundled"))


def list_models() -> tuple[list[ModelEntry], list[str]]:
    """All models that can be used by name, installed ones first, and what is wrong with others.

    Models that were fetched come last; their names are the first digits of their hashes.
    """
    entries, problems = [], []
    folders = (
        (installed_folder(), "installed"),
        (bundled_folder(), "bundled"),
        (cached_models_folder(), "fetched"),
    )
    for folder, origin in folders:
        try:
            paths = _model_files(folder)
        except OSError as error:
            problems.append(_unreadable(folder, error))
            continue
        for path in paths:
            name = path.stem[:HASH_DIGITS] if origin == "fetched" else path.stem
            try:
                entries.append(ModelEntry(name, path, origin, load_card(path)))
            except ModelError as error:
                problems.append(str(error))
            except OSError as error:  # a folder that may be listed, and not entered
                problems.append(_unreadable(path, error))
    return entries, problems


def _model_files(folder: Path) -> list[Path]:
    """Model files in a folder, by name; none if there is no such folder."""
    try:
        return sorted(path for path in folder.iterdir() if path.name.endswith(SUFFIX))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _unreadable(path: Path, error: OSError) -> str:
    return (
        f"{path}: cannot be read ({error.strerror or error}); models there are left out; see to "
        "the permissions, or set QUAKE_MODEL_DIR to another folder of installed models"
    )


def find_model(
    model: str | Path | None = None,
    backbone: str | None = None,
    *,
    may_download: bool = False,
    on_bytes: Callable[[int, int | None], None] = lambda done, total: None,
) -> Path:
    """Resolve what a user says to a model file.

    Parameters
    ----------
    model : path, name or address
        A path if it has a folder or the suffix of model files, or exists; an address if it begins
        with a scheme, see `quake.model_file.remote.parse_remote`; else a name.
    backbone : str
        As in "b0": the installed model of that backbone, or else the bundled one. With `model`
        it must be that model's backbone. Neither of the two: as "b0".
    may_download : bool
        Whether an address may be fetched if it is not kept yet; for addresses that the user
        named, and not for those that a file names.
    on_bytes : callable
        Hears of (done, total) bytes meanwhile.

    Raises
    ------
    ModelError
        If there is no such model; the message says how to get one. Also if it cannot be fetched.
    ParameterError
        If the backbone is unknown, or an address makes no sense.
    """
    from quake.models.backbones import parse_backbone

    wanted = parse_backbone(backbone).value if backbone is not None else None
    if model is not None:
        path = _by_path_or_name(model, may_download, on_bytes)
        found = load_card(path).network.get("backbone")
        if wanted is not None and found != wanted:
            raise ModelError(
                f"{path}: its backbone is {found}, --backbone asks for {wanted}; leave one out"
            )
        return path
    return _by_backbone(wanted or "b0")


def _by_path_or_name(
    model: str | Path, may_download: bool, on_bytes: Callable[[int, int | None], None]
) -> Path:
    if isinstance(model, str) and is_remote(model):
        return _by_address(parse_remote(model), may_download, on_bytes)
    path = Path(model)
    if isinstance(model, Path) or path.exists() or path.suffix == SUFFIX or len(path.parts) > 1:
        return path
    entries, problems = list_models()
    for entry in entries:
        if entry.name == model:
            _warn_of(problems)  # one of them may be another model of that name
            return entry.path
    known = ", ".join(entry.name for entry in entries) or "none"
    raise ModelError(
        f"{model}: neither a file nor the name of a model (known: {known}); `quake models` "
        f"lists them{'; ' + problems[0] if problems else ''}"
    )


def _by_address(
    remote: RemoteModel, may_download: bool, on_bytes: Callable[[int, int | None], None]
) -> Path:
    path = fetch_model(remote, on_bytes) if may_download else kept_model(remote)
    if path is None:
        raise ModelError(
            f"{remote.url}: was not fetched yet, and is not fetched here; name it once with "
            "`quake info`, or name a file"
        )
    return path


def _warn_of(problems: list[str]) -> None:
    for problem in problems:
        logger.warning("%s", problem)


def _by_backbone(wanted: str) -> Path:
    entries, problems = list_models()
    _warn_of(problems)
    own = [
        entry for entry in entries if entry.origin != "fetched"
    ]  # taken if named, and never else
    for entry in own:
        if entry.card.network.get("backbone") == wanted:
            return entry.path
    there_are = sorted({str(entry.card.network.get("backbone")) for entry in own})
    raise ModelError(
        f"no model with backbone {wanted} is bundled or installed (there are: "
        f"{', '.join(there_are) or 'none'}); train one with `quake train LABELS.csv --backbone "
        f"{wanted} --install {wanted}`, or name a file with --model"
    )
