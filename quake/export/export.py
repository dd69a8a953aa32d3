"""Export a model file: written, compared with the library, and kept only if they agree."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from quake.errors import ExportError, ParameterError
from quake.export.formats import ExportFormat, find_format
from quake.files import whole_files

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from quake.export.check import Comparison

TOLERANCE = 1e-4
HALF_TOLERANCE = 5e-3


@dataclass(frozen=True)
class ExportReport:
    """What was written, and how it compares with the library.

    Attributes
    ----------
    paths : tuple of Path
        Files written; the first one is named to whatever reads them.
    format : str
    precision : {"float32", "float16", "int8"}
    size_bytes : int
        Of all files.
    check : Comparison
    tolerance : float or None
        Largest difference that was allowed; None where none was set.
    """

    paths: tuple[Path, ...]
    format: str
    precision: str
    size_bytes: int
    check: Comparison
    tolerance: float | None


def export_model(
    model: Path,
    output: Path,
    format: str,
    half: bool = False,
    int8: NDArray[np.float32] | None = None,
    tolerance: float | None = None,
) -> ExportReport:
    """Write a model in another format and check it.

    Parameters
    ----------
    model : model file
    output : file to be written, or replaced
    format : {"onnx", "torch-export", "torchscript", "openvino"}
    half : bool
        Network in float16.
    int8 : float32 array of shape (n, 3, N), optional
        Windows to calibrate a network of 8-bit integers on; ONNX and OpenVINO only.
    tolerance : float, optional
        Largest difference from the library in a probability. By default 1e-4, with `half` 5e-3,
        and any with `int8`: what integers cost shows in figures of quality, not in one window.

    Raises
    ------
    ParameterError
        If format and precision do not go together, or the output is the model file.
    ModelError
        If the model cannot be used.
    ExportError
        If the file cannot be written, or differs by more; then it is not there.
    """
    chosen = find_format(format)
    _refuse(model, output, chosen, half, int8 is not None)
    if tolerance is None and int8 is None:
        tolerance = HALF_TOLERANCE if half else TOLERANCE
    paths = chosen.paths(output)
    with whole_files(paths) as temporary:
        if int8 is None:
            chosen.write(model, temporary[0], half)
        else:
            _write_int8(model, temporary[0], chosen, int8)
        found = _check(model, temporary[0], chosen)
        if tolerance is not None and not found.largest_difference <= tolerance:  # NaN is none
            what_next = "leave half precision out" if half else "please report it"
            raise ExportError(
                f"{output}: not written: its probabilities differ from the library's by up to "
                f"{found.largest_difference:.2g}, {tolerance:g} was allowed; {what_next}"
            )
        size_bytes = sum(path.stat().st_size for path in temporary)
    precision = "int8" if int8 is not None else "float16" if half else "float32"
    return ExportReport(tuple(paths), format, precision, size_bytes, found, tolerance)


def _refuse(model: Path, output: Path, format: ExportFormat, half: bool, int8: bool) -> None:
    if any(path.resolve() == model.resolve() for path in format.paths(output)):
        raise ParameterError(f"{output}: is the model itself; name another file")
    if output.is_dir():
        raise ParameterError(f"{output}: is a folder; name a file in it")
    if half and int8:
        raise ParameterError("half and int8 exclude each other; leave one out")
    if int8 and not format.takes_int8:
        raise ParameterError(f"int8 is for the formats onnx and openvino, not for {format.name}")
    if output.suffix != format.suffixes[0] and len(format.suffixes) > 1:
        raise ParameterError(f"{output}: {format.name} reads files named *{format.suffixes[0]}")


def _check(model: Path, path: Path, format: ExportFormat) -> Comparison:
    from quake.export.check import check

    return check(model, format.run(path))


def _write_int8(
    model: Path, output: Path, format: ExportFormat, windows: NDArray[np.float32]
) -> None:
    from quake.export.openvino_file import onnx_to_openvino
    from quake.export.quantise import quantise_int8
    from quake.model_file.onnx_file import write_onnx

    with tempfile.TemporaryDirectory() as folder:
        exact, integers = Path(folder) / "exact.onnx", Path(folder) / "int8.onnx"
        write_onnx(model, exact, for_integers=True)
        quantise_int8(exact, windows, integers)
        if format.name == "onnx":
            output.write_bytes(integers.read_bytes())
        else:
            onnx_to_openvino(integers, output)
