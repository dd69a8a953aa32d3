"""Refuse model files that cannot be looked into."""

from __future__ import annotations

from pathlib import Path

from quake.errors import ParameterError


def refuse_graph(model: str | Path) -> None:
    """Refuse an exported graph: gradients cannot be taken through it.

    Raises
    ------
    ParameterError
        If the model is an ONNX file.
    """
    if Path(model).suffix == ".onnx":
        raise ParameterError(
            f"{model}: an exported graph cannot be looked into; name the model file that it was "
            "exported from"
        )
