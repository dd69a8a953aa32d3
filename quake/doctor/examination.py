"""Make all checks of an installation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from quake.doctor.bundle import (
    check_engine,
    check_files,
    check_graph,
    check_record,
    check_windows,
    skipped_engines,
)
from quake.doctor.check import Check, Status, guarded
from quake.doctor.cuda import check_cuda
from quake.doctor.expected import Expected, bundled_folder, read_expected
from quake.doctor.folders import (
    cache_folder,
    check_cache,
    check_disk,
    check_installed,
    check_weights_folder,
)
from quake.doctor.machine import check_cores, check_python, check_quake
from quake.doctor.packages import check_packages, is_there
from quake.doctor.probe import Answer, Probe
from quake.doctor.torch_pair import check_torch, check_torchvision
from quake.installed import install
from quake.models.torch_pair import PAIR

LIMIT_S = 120.0
"""Seconds that a process may take: torch from a network drive takes a minute."""

_Step = tuple[str, Callable[[], Iterable[Check]]]


def examine(
    *,
    full: bool = False,
    folder: Path | None = None,
    limit_s: float = LIMIT_S,
    on_step: Callable[[str, int, int], None] = lambda name, done, total: None,
) -> Iterator[Check]:
    """Look at an installation.

    Parameters
    ----------
    full : bool
        Let each engine predict, not ONNX Runtime alone.
    folder : Path, optional
        With model, graph, record and ``expected.json``; those of the package by default.
    limit_s : float
        Seconds that each process may take.
    on_step : callable
        Hears what is looked at next, how many steps are done, and how many there are.

    Yields
    ------
    Check
        None of them raises.
    """
    with ExitStack() as stack:
        bundle = Bundle(folder or bundled_folder())
        patient = _Patient(bundle, full, limit_s, stack)
        steps = patient.steps()
        for done, (name, look) in enumerate(steps):
            on_step(name, done, len(steps))
            yield from guarded(name, look)


@dataclass
class Bundle:
    """The bundled files, looked at once."""

    folder: Path
    check: Check = field(init=False)

    def __post_init__(self) -> None:
        """Compare them with what they must be."""
        (self.check,) = guarded("bundled files", lambda: [check_files(self.folder)])

    @property
    def is_sound(self) -> bool:
        """Whether engines may be tried on them."""
        return self.check.status is Status.OK

    @property
    def expected(self) -> Expected:
        """What they must be, and give."""
        return read_expected(self.folder)


class _Patient:
    """The steps of one examination; torch, which takes longest, is begun before the others."""

    def __init__(self, bundle: Bundle, full: bool, limit_s: float, stack: ExitStack) -> None:
        self.bundle, self.limit_s, self.stack = bundle, limit_s, stack
        self.full = ("full",) if full else ()
        self.torch: Probe | None = None

    def steps(self) -> list[_Step]:
        if is_there("torch"):
            folder = [str(self.bundle.folder), *self.full] if self.bundle.is_sound else []
            self.torch = self._probe("torch", *folder)
        return [
            ("quake", lambda: [check_quake()]),
            ("Python", lambda: [check_python()]),
            ("cores", lambda: [check_cores()]),
            ("cache folder", lambda: [check_cache(cache_folder())]),
            ("disk space", lambda: [check_disk(cache_folder())]),
            ("packages", lambda: check_packages(self.limit_s, full=bool(self.full))),
            ("installed models", lambda: [check_installed(self._probe("installed").answer())]),
            ("bundled files", lambda: [self.bundle.check]),
            ("engine onnx", self._onnx),
            ("engine openvino", self._openvino),
            ("torch", self._torch),
        ]

    def _probe(self, name: str, *arguments: str) -> Probe:
        return self.stack.enter_context(Probe(name, *arguments, limit_s=self.limit_s))

    def _onnx(self) -> Iterator[Check]:
        if not self.bundle.is_sound:
            yield from skipped_engines(["onnx"])
            return
        expected = self.bundle.expected
        answer = self._probe("onnx", str(self.bundle.folder)).answer()
        yield check_record(answer)
        yield check_graph(answer, expected)
        yield check_engine("onnx", answer, install("onnxruntime", again=True))
        yield check_windows("onnx", answer.of("windows"), expected.windows, expected.tolerance)

    def _openvino(self) -> Iterator[Check]:
        if not is_there("openvino"):
            return  # the check of packages has said so
        if not self.bundle.is_sound:
            yield from skipped_engines(["openvino"])
            return
        expected = self.bundle.expected
        answer = self._probe("openvino", str(self.bundle.folder), *self.full).answer()
        yield check_engine("openvino", answer, "use --engine onnx")
        if self.full:
            windows = answer.of("windows")
            yield check_windows("openvino", windows, expected.windows, expected.tolerance)

    def _torch(self) -> Iterator[Check]:
        if self.torch is None:
            found = "not installed: train, evaluate, export and CUDA need it, predict does not"
            yield Check("torch", Status.WARNING, found, install(*PAIR))
            return
        answer = self.torch.answer()
        yield check_torch(answer.of("torch"))
        yield check_torchvision(answer.of("torch"), answer.of("torchvision"))
        yield check_weights_folder(answer)
        yield check_cuda(answer)
        if not self.bundle.is_sound:
            yield from skipped_engines(["torch"])
            return
        yield check_engine("torch", answer, install(*PAIR, again=True))
        if self.full:
            yield from self._predictions_of_torch(answer)

    def _predictions_of_torch(self, answer: Answer) -> Iterator[Check]:
        expected = self.bundle.expected
        yield check_windows("torch", answer.of("windows"), expected.windows, expected.tolerance)
        on_cuda = answer.of("windows on cuda")
        if on_cuda:
            tolerance = expected.tolerance_half
            yield check_windows("torch on CUDA", on_cuda, expected.windows, tolerance)
