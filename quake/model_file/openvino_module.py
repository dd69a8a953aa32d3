"""Import OpenVINO without its telemetry."""

from __future__ import annotations

import sys
from typing import Any


def import_openvino() -> Any:
    """OpenVINO's module; its makers are not told that it was imported.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    # A name that leads to nothing: OpenVINO does without the package, which would write an
    # identity of the user into the home folder, and send it with an event.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import openvino

    return openvino
