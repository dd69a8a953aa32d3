"""Run one probe, in a process of its own, and print lines of JSON.

Before each step its name is written, and after it what was found, so that whoever reads the lines
knows at which step the process crashed.
"""

from __future__ import annotations

import ctypes
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, TextIO

from quake.doctor.check import said

Found = Mapping[str, Any]

_SIDE = 64  # of the matrices that the small kernel multiplies


@dataclass(frozen=True)
class Step:
    """One thing to be looked at, if the steps that it needs went well."""

    name: str
    look: Callable[[], Found]
    needs: tuple[str, ...] = ()


def main(arguments: Sequence[str]) -> None:
    """Do the steps of a probe, one after the other."""
    # Libraries greet on standard output; what they say must not stand between the lines.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as lines:
        os.dup2(2, 1)
        name, *rest = arguments
        well: set[str] = set()
        for step in _PROBES[name](*rest):
            if not well.issuperset(step.needs):
                continue
            _say(lines, {"doing": step.name})
            found = _found(step)
            if "error" not in found:
                well.add(step.name)
            _say(lines, {step.name: found})


def _say(lines: TextIO, values: Found) -> None:
    lines.write(json.dumps(values) + "\n")
    lines.flush()


def _found(step: Step) -> Found:
    try:
        return step.look()
    except Exception as error:  # a broken package may raise anything
        return {"error": said(error)}


def _imports(*names: str) -> list[Step]:
    """Versions of modules that can be imported."""
    return [Step(name, partial(_version, name)) for name in names]


def _version(name: str) -> Found:
    from quake.model_file.openvino_module import import_openvino

    module = import_openvino() if name == "openvino" else import_module(name)
    version = str(getattr(module, "__version__", None) or metadata.version(name))
    return {"version": version.partition("-")[0]}  # OpenVINO names its build behind a dash


def _torch(folder: str = "", *full: str) -> list[Step]:
    """Torch, torchvision and CUDA; and the engine, if the model in a folder is sound."""
    steps = [
        *_imports("torch"),
        Step("torchvision", partial(_version, "torchvision"), ("torch",)),
        Step("driver", _driver),
        Step("cuda", _cuda, ("torch",)),
        Step("kernel", _kernel, ("cuda",)),
        Step("folder", _weights_folder, ("torch",)),
    ]
    if not folder:
        return steps
    of_cpu = _Model(Path(folder), "torch", "cpu")
    steps += _model_steps(of_cpu, ("torch", "torchvision"), full=bool(full))
    if full:
        of_cuda = _Model(Path(folder), "torch", "cuda")
        steps.append(Step("windows on cuda", of_cuda.windows, ("torchvision", "kernel")))
    return steps


def _driver() -> Found:
    """Version of CUDA that the driver is good for."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
        version = ctypes.c_int(0)
        driver.cuDriverGetVersion(ctypes.byref(version))
    except (OSError, AttributeError):
        return {"version": None}
    return {"version": f"{version.value // 1000}.{version.value % 1000 // 10}"}


def _cuda() -> Found:
    torch = import_module("torch")
    built_for = torch.version.cuda
    if built_for is None:
        return {"error": "", "built_for": None}
    try:
        torch.cuda.init()  # `is_available` would not say why not
    except Exception as error:  # torch has several classes for it
        return {"error": said(error), "built_for": built_for}
    count = torch.cuda.device_count()
    return {"built_for": built_for, **({"count": count} if count else {"error": "no device"})}


def _kernel() -> Found:
    torch = import_module("torch")
    ones = torch.ones(_SIDE, _SIDE, device="cuda")
    total = float((ones @ ones).sum())
    if total != _SIDE**3:
        return {"error": f"the sum of a product of matrices was {total:g} instead of {_SIDE**3}"}
    properties = torch.cuda.get_device_properties(0)
    return {"device": properties.name, "memory_bytes": properties.total_memory}


def _weights_folder() -> Found:
    return {"path": str(Path(import_module("torch").hub.get_dir()) / "checkpoints")}


class _Model:
    """The model in a folder, opened in an engine."""

    def __init__(self, folder: Path, engine: str, device: str = "cpu") -> None:
        from quake.doctor.expected import MODEL, RECORD

        self.model, self.record = folder / MODEL, folder / RECORD
        self._engine, self._device = engine, device

    @cached_property
    def classifier(self) -> Any:
        from quake.inference.classifier import Classifier

        return Classifier(self.model, device=self._device, engine=self._engine)

    def open(self) -> Found:
        return {"engine": self.classifier.engine.name}

    def windows(self) -> Found:
        """Start and probabilities of each window of the record."""
        return {
            "windows": [
                {"start": record.start, "probabilities": dict(record.probabilities)}
                for record in self.classifier.predict(self.record)
            ]
        }

    def read_record(self) -> Found:
        from quake.waveforms.readers.waveform_file import scan

        spans, problems = scan(self.record)
        if problems:
            return {"error": problems[0]}
        seconds = max(span.end_ns for span in spans) - min(span.start_ns for span in spans)
        return {"channels": [span.code for span in spans], "length_s": seconds / 1e9}

    def graph_source(self) -> Found:
        """Hash of the model file that the graph beside it says it was made of."""
        from quake.model_file.graphs import SUFFIX
        from quake.model_file.onnx_session import metadata_of, open_session

        session = open_session(self.model.with_suffix(SUFFIX))
        return {"source": metadata_of(session).get("quake_source")}


def _model_steps(model: _Model, needs: tuple[str, ...], *, full: bool) -> list[Step]:
    steps = [Step("open", model.open, needs)]
    if full:
        steps.append(Step("windows", model.windows, ("open",)))
    return steps


def _onnx(folder: str) -> list[Step]:
    model = _Model(Path(folder), "onnx")
    return [
        Step("record", model.read_record),
        Step("graph", model.graph_source),
        *_model_steps(model, ("record", "graph"), full=True),
    ]


def _openvino(folder: str, *full: str) -> list[Step]:
    return _model_steps(_Model(Path(folder), "openvino"), (), full=bool(full))


def _installed() -> list[Step]:
    """Models that the user has installed."""

    def look() -> Found:
        from quake.model_file.registry import installed_folder, list_models

        folder = installed_folder()
        if folder.exists():
            os.listdir(folder)  # noqa: PTH208 - `glob` would say nothing
        entries, problems = list_models()
        names = [entry.name for entry in entries if entry.origin == "installed"]
        return {"folder": str(folder), "models": names, "problems": problems}

    return [Step("installed", look)]


_PROBES: Mapping[str, Callable[..., list[Step]]] = {
    "imports": _imports,
    "installed": _installed,
    "onnx": _onnx,
    "openvino": _openvino,
    "torch": _torch,
}
