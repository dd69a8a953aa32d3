"""Each check sees what is wrong, and says what to do."""

import os
import shutil
from pathlib import Path

import pytest

from quake.datasets.cache import default_cache
from quake.doctor import bundle, cuda, folders, machine, packages, torch_pair
from quake.doctor.check import Check, Status, guarded
from quake.doctor.expected import (
    EXPECTED,
    GRAPH,
    MODEL,
    ONSETS,
    RECORD,
    bundled_folder,
    read_expected,
)
from quake.doctor.probe import Answer
from quake.errors import ModelError
from quake.model_file.graphs import graph_folder
from quake.models.torch_pair import explained, is_pair


@pytest.fixture
def copy(tmp_path):
    """A copy of the bundled files, to be damaged."""
    for name in (MODEL, GRAPH, ONSETS, RECORD, EXPECTED):
        shutil.copy(bundled_folder() / name, tmp_path / name)
    return tmp_path


def test_the_bundled_files_are_as_they_were_shipped():
    assert bundle.check_files(bundled_folder()).status is Status.OK


@pytest.mark.parametrize("name", [MODEL, GRAPH, ONSETS, RECORD])
def test_a_flipped_bit_in_a_bundled_file_is_seen(copy, name):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    check = bundle.check_files(copy)
    assert check.status is Status.FAILED
    assert name in check.found
    assert check.found.count("SHA-256") == 1
    assert check.advice == "reinstall quake"


def test_a_missing_bundled_file_is_seen(copy):
    (copy / GRAPH).unlink()
    check = bundle.check_files(copy)
    assert (check.status, "No such file" in check.found) == (Status.FAILED, True)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"sha256": 1}'])
def test_a_damaged_list_of_digests_is_seen(copy, text):
    (copy / EXPECTED).write_text(text)
    check = bundle.check_files(copy)
    assert check.status is Status.FAILED
    assert EXPECTED in check.found


def test_a_graph_of_another_model_is_seen():
    answer = Answer({"graph": {"source": "0123456789ab"}})
    check = bundle.check_graph(answer, read_expected(bundled_folder()))
    assert check.status is Status.FAILED
    assert "0123456789ab" in check.found


def windows(**changes):
    found = [dict(window) for window in read_expected(bundled_folder()).windows]
    found[1]["probabilities"] = {**found[1]["probabilities"], **changes}
    return {"windows": found}


SECOND = read_expected(bundled_folder()).windows[1]["probabilities"]["earthquake"]


@pytest.mark.parametrize(
    ("found", "status"),
    [
        (windows(), "ok"),
        (windows(earthquake=SECOND + 9e-5), "ok"),
        (windows(earthquake=SECOND + 2e-4), "failed"),
        (windows(earthquake=float("nan")), "failed"),
        (windows(explosion=0.0), "failed"),
        ({"windows": windows()["windows"][:2]}, "failed"),
        ({"windows": []}, "failed"),
        ({"error": "OSError: no"}, "failed"),
        ({}, "skipped"),
    ],
)
def test_another_prediction_than_the_stored_one_is_seen(found, status):
    expected = read_expected(bundled_folder())
    check = bundle.check_windows("onnx", found, expected.windows, expected.tolerance)
    assert (check.name, check.status) == ("prediction onnx", status)


def test_a_check_that_raises_is_a_failed_check_that_says_what():
    def look():
        yield Check("first", Status.OK, "well")
        raise KeyError("version")

    first, second = guarded("second", look)
    assert first.status is Status.OK
    assert (second.name, second.status) == ("second", Status.FAILED)
    assert "KeyError: 'version'" in second.found


# Folders


def test_the_caches_lie_in_the_folder_that_is_looked_at():
    assert graph_folder().parent == default_cache().parent == folders.cache_folder()


def test_a_cache_that_does_not_exist_yet_is_sound(tmp_path):
    folder = tmp_path / "a" / "b"
    check = folders.check_cache(folder)
    assert check.status is Status.OK
    assert check.found.endswith("made when needed")
    assert not folder.exists()


def test_a_cache_below_a_file_is_seen(tmp_path):
    (tmp_path / "file").touch()
    check = folders.check_cache(tmp_path / "file" / "quake")
    assert check.status is Status.WARNING
    assert "is a file" in check.found
    assert "XDG_CACHE_HOME" in check.advice


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc")
def test_a_cache_on_a_file_system_that_takes_no_files_is_seen():
    assert folders.check_cache(Path("/proc/self/quake")).status is Status.WARNING


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_cache_without_permission_is_seen(tmp_path):
    tmp_path.chmod(0o555)
    assert folders.check_cache(tmp_path).status is Status.WARNING
    tmp_path.chmod(0o755)


def test_a_disk_that_is_nearly_full_is_seen(tmp_path, monkeypatch):
    assert folders.check_disk(tmp_path / "none").found.endswith("none")
    monkeypatch.setattr(folders, "SMALLEST_FREE_BYTES", 10**18)
    assert folders.check_disk(tmp_path).status is Status.WARNING


def test_an_installed_model_that_is_damaged_is_seen():
    found = {"folder": "/models", "models": ["good"], "problems": ["bad.safetensors: damaged"]}
    check = folders.check_installed(Answer({"installed": found}))
    assert check.status is Status.WARNING
    assert "bad.safetensors" in check.found


def test_a_weights_folder_that_cannot_be_written_is_seen(tmp_path):
    (tmp_path / "file").touch()
    answer = Answer({"folder": {"path": str(tmp_path / "file" / "hub")}})
    check = folders.check_weights_folder(answer)
    assert check.status is Status.WARNING
    assert "TORCH_HOME" in check.advice


# The machine


@pytest.mark.parametrize(
    ("text", "quota"),
    [("max 100000\n", None), ("150000 100000\n", 1.5), ("", None), ("5 0", None)],
)
def test_what_a_container_may_use_is_read(tmp_path, text, quota):
    file = tmp_path / "cpu.max"
    file.write_text(text)
    assert machine.quota_of(file) == quota


def test_a_container_that_sees_more_cores_than_it_may_use_is_told(tmp_path):
    file = tmp_path / "cpu.max"
    file.write_text("50000 100000\n")
    check = machine.check_cores(file)
    assert (check.status, check.advice) == (Status.WARNING, "pass --threads 1")


def test_an_old_python_is_seen():
    assert machine.check_python((3, 10, 12)).status is Status.FAILED
    assert machine.check_python((3, 11, 0)).status is Status.OK


# Packages


def test_bounds_are_those_of_the_project():
    assert packages.bound_of("numpy").startswith(">=2")
    assert packages.bound_of("torch").startswith(">=2")  # and not that of torchvision
    assert packages.bound_of("distributed").startswith(">=")
    assert packages.bound_of("nothing") == ""


@pytest.mark.parametrize(
    ("version", "is_older"),
    [("1.26.4", True), ("2.0", False), ("2.0.0rc1", False), ("2.4.6", False), ("10.0", False)],
)
def test_versions_are_compared_as_numbers(version, is_older):
    assert packages.is_older(version, ">=2.0") is is_older


def test_a_package_that_is_not_there_is_seen(monkeypatch):
    hidden = {*packages.NEEDED, "openvino"}
    monkeypatch.setattr(packages, "is_there", lambda name: name not in hidden)
    checks = {check.name: check for check in packages.check_packages(10)}
    assert checks["numpy"].status is Status.FAILED
    assert checks["numpy"].advice.startswith("pip install 'numpy>=")
    assert checks["openvino"].status is Status.SKIPPED
    assert checks["openvino"].advice == "pip install 'quake[openvino]'"


# torch and torchvision


@pytest.mark.parametrize(
    ("torch", "torchvision", "fits"),
    [
        ("2.5.1", "0.20.1", True),
        ("2.5.1", "0.21.0", False),
        ("2.13.0", "0.28.0", True),
        ("2.15.0", "0.28.0", False),
        ("2.14.0", "0.29.2", True),
        ("2.15.0", "0.29.2", True),
        ("2.13.0", "0.29.2", False),
        ("2.15.0+cu132", "0.29.2+cu132", True),
        ("2.15.0+cu132", "0.29.2+cpu", False),
        ("2.15.0", "0.29.2+cpu", True),
        ("3.0.0", "1.0.0", True),
    ],
)
def test_pairs_of_torch_and_torchvision_are_known(torch, torchvision, fits):
    assert is_pair(torch, torchvision) is fits
    check = torch_pair.check_torchvision({"version": torch}, {"version": torchvision})
    assert check.status is (Status.OK if fits else Status.WARNING)


NMS = "operator torchvision::nms does not exist"


def test_the_error_of_a_mismatched_torchvision_becomes_a_sentence_with_the_command():
    found = explained(RuntimeError(NMS))
    assert isinstance(found, ModelError)
    for part in ("torchvision", "does not fit torch", NMS, "pip install", "'torch>=", "vision>="):
        assert part in str(found)
    assert "\n" not in str(found)


def test_the_error_is_found_below_the_one_that_hides_it():
    def load():
        try:
            raise RuntimeError(NMS)
        except RuntimeError as error:
            raise ImportError("cannot import torchmetrics") from error

    with pytest.raises(ImportError) as caught:
        load()
    assert isinstance(explained(caught.value), ModelError)


@pytest.mark.parametrize("error", [RuntimeError("out of memory"), ValueError(NMS), OSError()])
def test_other_errors_stay_what_they_are(error):
    assert explained(error) is error


# CUDA


DRIVER = {"version": "12.2"}
GPU = {"device": "NVIDIA T4", "memory_bytes": 16_000_000_000}


@pytest.mark.parametrize(
    ("facts", "status", "part"),
    [
        ({"driver": {"version": None}, "cuda": {"error": "x"}}, "skipped", "no NVIDIA driver"),
        ({"driver": DRIVER}, "skipped", "torch cannot be imported"),
        (
            {"driver": DRIVER, "cuda": {"error": "", "built_for": None}},
            "warning",
            "built without CUDA",
        ),
        (
            {
                "driver": DRIVER,
                "cuda": {
                    "error": "RuntimeError: The NVIDIA driver on your system is too old (found "
                    "version 12020).",
                    "built_for": "13.2",
                },
            },
            "warning",
            "the driver is too old: good for CUDA 12.2, torch was built for 13.2",
        ),
        (
            {"driver": DRIVER, "cuda": {"error": "no device", "built_for": "12.1"}},
            "skipped",
            "no device that this process may use",
        ),
        (
            {"driver": DRIVER, "cuda": {"error": "RuntimeError: unknown", "built_for": "12.1"}},
            "warning",
            "does not start: RuntimeError: unknown",
        ),
        (
            {
                "driver": DRIVER,
                "cuda": {"built_for": "12.1", "count": 1},
                "kernel": {"error": "AcceleratorError: no kernel image is available"},
            },
            "failed",
            "no kernel image",
        ),
        (
            {"driver": DRIVER, "cuda": {"built_for": "12.1", "count": 1}, "kernel": GPU},
            "ok",
            "NVIDIA T4, 16 GB, CUDA 12.1; a small kernel ran",
        ),
    ],
)
def test_why_cuda_cannot_be_used_is_said(facts, status, part):
    check = cuda.check_cuda(Answer(facts))
    assert check.status == status
    assert part in check.found


@pytest.mark.parametrize("doing", ["cuda", "kernel"])
def test_a_driver_that_hangs_is_said(doing):
    facts = {"driver": DRIVER, "cuda": {"built_for": "12.1", "count": 1}}
    if doing == "cuda":
        del facts["cuda"]
    check = cuda.check_cuda(Answer(facts, doing, "no answer within 120 s"))
    assert check.status in (Status.WARNING, Status.FAILED)
    assert "no answer within 120 s" in check.found
