"""Check that the files of the bundled model, and its answers, are as they must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from quake.doctor.check import Check, Status
from quake.doctor.expected import (
    EXPECTED,
    HASH_DIGITS,
    MODEL,
    RECORD,
    Expected,
    largest_difference,
    read_expected,
    sha256_of,
)
from quake.doctor.probe import Answer

NAME = "bundled files"

_REINSTALL = "reinstall quake"


def check_files(folder: Path) -> Check:
    """Compare the files of the bundled model with their digests."""
    try:
        expected = read_expected(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        found = f"{folder / EXPECTED}: cannot be read ({type(error).__name__}: {error})"
        return Check(NAME, Status.FAILED, found, _REINSTALL)
    faults = [fault for name in expected.sha256 if (fault := _fault(folder / name, expected))]
    if faults:
        return Check(NAME, Status.FAILED, "; ".join(faults), _REINSTALL)
    return Check(NAME, Status.OK, f"{', '.join(expected.sha256)} are as they were shipped")


def _fault(path: Path, expected: Expected) -> str:
    try:
        found = sha256_of(path)
    except OSError as error:
        return f"{path}: cannot be read ({error.strerror or error})"
    wanted = expected.sha256[path.name]
    if found == wanted:
        return ""
    return f"{path}: SHA-256 {found[:HASH_DIGITS]}..., {wanted[:HASH_DIGITS]}... was expected"


def check_record(answer: Answer) -> Check:
    """Check that the bundled record can be read."""
    record = answer.of("record")
    name = "reading"
    if "error" in record:
        return Check(name, Status.FAILED, f"{RECORD}: {record['error']}", "see numpy and pymseed")
    found = f"{RECORD}: {' '.join(record['channels'])}, {record['length_s']:.2f} s"
    return Check(name, Status.OK, found)


def check_graph(answer: Answer, expected: Expected) -> Check:
    """Check that the ONNX graph beside the model was made of that model."""
    name, graph = "bundled graph", answer.of("graph")
    if not graph:
        return _not_reached(name)
    if "error" in graph:
        return Check(name, Status.FAILED, str(graph["error"]), "see onnxruntime")
    wanted = expected.sha256[MODEL][:HASH_DIGITS]
    if graph["source"] != wanted:
        found = f"was made of the model {graph['source']}, the bundled one is {wanted}"
        return Check(name, Status.FAILED, found, _REINSTALL)
    return Check(name, Status.OK, f"was made of the bundled model, {wanted}")


def check_engine(engine: str, answer: Answer, advice: str) -> Check:
    """Check that an engine opens the bundled model."""
    name, opened = f"engine {engine}", answer.of("open")
    if not opened:
        return _not_reached(name)
    if "error" in opened:
        return Check(name, Status.FAILED, str(opened["error"]), advice)
    return Check(name, Status.OK, "opens the bundled model")


def check_windows(
    name: str, windows: Mapping[str, Any], expected: Sequence[Mapping[str, Any]], tolerance: float
) -> Check:
    """Compare the windows of the bundled record with the stored ones."""
    name = f"prediction {name}"
    if not windows:
        return _not_reached(name)
    if "error" in windows:
        return Check(name, Status.FAILED, str(windows["error"]), _REINSTALL)
    difference = largest_difference(windows["windows"], expected)
    found = (
        f"{len(expected)} windows of {RECORD}, largest difference to what is stored "
        f"{difference:.1g}, allowed {tolerance:g}"
    )
    if difference > tolerance:
        advice = "compare the versions above with those of another machine, and please report it"
        return Check(name, Status.FAILED, found, advice)
    return Check(name, Status.OK, found)


def skipped_engines(names: Sequence[str]) -> Iterator[Check]:
    """Engines that are not tried on a damaged model."""
    for name in names:
        yield Check(f"engine {name}", Status.SKIPPED, f"{NAME} are damaged", _REINSTALL)


def _not_reached(name: str) -> Check:
    return Check(
        name, Status.SKIPPED, "not looked at: what it needs failed", "see the checks above"
    )
