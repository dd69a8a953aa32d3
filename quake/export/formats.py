"""The formats: names, suffixes, and what writes and runs each of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from quake.errors import ParameterError


@dataclass(frozen=True)
class ExportFormat:
    """A format that models can be exported to.

    Attributes
    ----------
    name : str
    suffixes : tuple of str
        Of the files that it has; the first is the one that is named.
    module : str
        It has the functions.
    takes_int8 : bool
    """

    name: str
    suffixes: tuple[str, ...]
    module: str
    takes_int8: bool = False

    def paths(self, output: Path) -> list[Path]:
        """All files, given the first one."""
        return [output, *(output.with_suffix(suffix) for suffix in self.suffixes[1:])]

    @property
    def write(self) -> Callable[[Path, Path, bool], None]:
        """Function of model file, output and whether in half precision."""
        function: Callable[[Path, Path, bool], None] = self._function("write")
        return function

    @property
    def run(self) -> Callable[[Path], Callable[[Any], Any]]:
        """Function that loads a file and gives one from windows to probabilities."""
        function: Callable[[Path], Callable[[Any], Any]] = self._function("run")
        return function

    def _function(self, verb: str) -> Any:
        """Load it on first use: the modules need torch, or OpenVINO."""
        name = f"{verb}_{self.name.replace('-', '_')}"
        return getattr(import_module(self.module), name)


FORMATS = (
    ExportFormat("onnx", (".onnx",), "quake.model_file.onnx_file", takes_int8=True),
    ExportFormat("torch-export", (".pt2",), "quake.export.torch_export"),
    ExportFormat("torchscript", (".torchscript",), "quake.export.torchscript"),
    ExportFormat("openvino", (".xml", ".bin"), "quake.export.openvino_file", takes_int8=True),
)


def find_format(name: str) -> ExportFormat:
    """Look up a format.

    Raises
    ------
    ParameterError
        If there is none of that name.
    """
    for found in FORMATS:
        if found.name == name:
            return found
    raise ParameterError(
        f"format must be one of {', '.join(f.name for f in FORMATS)}, got {name!r}"
    )
