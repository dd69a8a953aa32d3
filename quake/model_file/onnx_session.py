"""ONNX files in ONNX Runtime: sessions of one thread, and the texts that a file carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from quake.errors import ModelError

BATCH_SIZE = 16
"""Windows in each call of a session. A batch this large reaches the speed of larger ones, and
leaves short records little to wait for; and where ONNX Runtime knows the size beforehand, it keeps
images in blocks of channels throughout, which saves a seventh of the time."""


def open_session(path: Path) -> Any:
    """Load an ONNX file into ONNX Runtime: one thread a call, batches of `BATCH_SIZE`.

    Raises
    ------
    ModelError
        If it is missing, or cannot be loaded.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file; `quake models` lists the installed ones")
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_free_dimension_override_by_name("batch", BATCH_SIZE)
    options.log_severity_level = 4  # what is wrong comes as an exception too
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has a class of its own for each cause
        raise ModelError(
            f"{path}: ONNX Runtime cannot load it ({str(error).splitlines()[0]}); get the model, "
            "or export it, again"
        ) from error


def metadata_of(session: Any) -> dict[str, str]:
    """Texts that an ONNX file carries; none if they are no texts."""
    try:
        return dict(session.get_modelmeta().custom_metadata_map)
    except UnicodeDecodeError:
        return {}
