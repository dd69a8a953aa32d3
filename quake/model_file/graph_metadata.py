"""What an exported file says of itself, under the same names in every format."""

from __future__ import annotations

from pathlib import Path

from quake.model_file.card import FORMAT, ModelCard
from quake.model_file.identity import model_hash


def metadata_of(model: Path, card: ModelCard, precision: str) -> dict[str, str]:
    """Texts that go into the file.

    Parameters
    ----------
    model : path of the model file that is exported
    card : ModelCard
        Of that file.
    precision : {"float32", "float16", "int8"}
        Of the network.

    Returns
    -------
    dict
        ``quake_format``; ``quake``, the card as JSON; ``quake_source``, the hash of the model
        file; ``quake_precision``.
    """
    return {
        "quake_format": str(FORMAT),
        "quake": card.to_json(),
        "quake_source": model_hash(model),
        "quake_precision": precision,
    }


def precision_of(half: bool) -> str:
    """Name what `half` asks for."""
    return "float16" if half else "float32"
