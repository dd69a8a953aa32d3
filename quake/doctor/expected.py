"""Say what the bundled files must be: their digests, and the windows that they give.

``python tests/golden/golden_cases.py`` writes ``quake/bundled/expected.json`` anew, after another
model has been bundled, or what happens to a record has been changed on purpose.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MODEL = "b0.safetensors"
GRAPH = "b0.onnx"
ONSETS = "onsets.onnx"
RECORD = "BK.MHC.mseed"
EXPECTED = "expected.json"

HASH_DIGITS = 12  # as in `quake.model_file.identity.model_hash`


@dataclass(frozen=True)
class Expected:
    """Content of ``expected.json``.

    Attributes
    ----------
    sha256 : mapping of file name to digest
    windows : sequence
        Start and probabilities of each window of the record, as ONNX Runtime gave them.
    tolerance, tolerance_half : float
        Largest difference in probability in float32, and in half precision on CUDA.
    """

    sha256: Mapping[str, str]
    windows: Sequence[Mapping[str, Any]]
    tolerance: float
    tolerance_half: float


def bundled_folder() -> Path:
    """Folder of the bundled model and record."""
    import quake

    return Path(quake.__file__).parent / "bundled"


def read_expected(folder: Path) -> Expected:
    """Read ``expected.json`` of a folder.

    Raises
    ------
    OSError, ValueError, KeyError
        If it is missing or damaged.
    """
    values = json.loads((folder / EXPECTED).read_text(encoding="utf-8"))
    return Expected(
        values["sha256"], values["windows"], values["tolerance"], values["tolerance_half"]
    )


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def largest_difference(
    found: Sequence[Mapping[str, Any]], expected: Sequence[Mapping[str, Any]]
) -> float:
    """Largest difference in probability; infinite if the windows or the classes are others.

    Examples
    --------
    >>> window = {"start": "2020-01-01T00:00:00Z", "probabilities": {"noise": 0.75}}
    >>> largest_difference([{**window, "probabilities": {"noise": 0.5}}], [window])
    0.25
    """
    pairs = [
        (a["probabilities"], b["probabilities"]) for a, b in zip(found, expected, strict=False)
    ]
    same_windows = [a["start"] for a in found] == [b["start"] for b in expected]
    if not same_windows or any(a.keys() != b.keys() for a, b in pairs):
        return float("inf")
    differences = [abs(a[name] - b[name]) for a, b in pairs for name in a]
    return float("inf") if any(map(math.isnan, differences)) else max(differences, default=0.0)


def write_expected(folder: Path) -> None:
    """Write ``expected.json`` of the files that are in a folder."""
    from quake.inference.classifier import Classifier
    from quake.inference.engine import TOLERANCE
    from quake.inference.torch_engine import HALF_TOLERANCE

    classifier = Classifier(folder / MODEL, device="cpu", engine="onnx")
    values = {
        "sha256": {name: sha256_of(folder / name) for name in (MODEL, GRAPH, ONSETS, RECORD)},
        "tolerance": TOLERANCE,
        "tolerance_half": HALF_TOLERANCE,
        "windows": [
            {"start": record.start, "probabilities": dict(record.probabilities)}
            for record in classifier.predict(folder / RECORD)
        ],
    }
    text = json.dumps(values, indent=2) + "\n"
    (folder / EXPECTED).write_text(text, encoding="utf-8")
