"""The wheel and the sdist, built here: what is in them, what they ask for, and that they run."""

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("hatchling", reason="the test group is not installed")


def build(kind, folder):
    """Build without a network: with the hatchling that is installed."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=120,
    )
    (path,) = folder.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith(".dist-info/METADATA"))
        return Parser().parsestr(archive.read(name).decode())


def test_the_wheel_has_all_that_runs_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    for name in (
        "quake/py.typed",
        "quake_cli/py.typed",
        "quake/bundled/b0.safetensors",
        "quake/bundled/b0.onnx",
        "quake/bundled/onsets.onnx",
        "quake/bundled/onsets.md",
        "quake/report/templates/report.html.jinja",
    ):
        assert name in names
    tracked = {
        path.relative_to(ROOT).as_posix()
        for package in ("quake", "quake_cli")
        for path in (ROOT / package).rglob("*.py")
    }
    assert tracked <= set(names)
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {
        "quake",
        "quake_cli",
    }
    assert wheel.stat().st_size < 40e6


def test_the_wheel_installs_the_manual_pages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        shared = {
            name.partition(".data/data/")[2]: archive.read(name)
            for name in archive.namelist()
            if ".data/data/" in name
        }
    written = {
        f"share/man/man1/{path.name}": path.read_bytes() for path in (ROOT / "docs/man").iterdir()
    }
    assert "share/man/man1/quake-predict.1" in shared
    assert shared == written


def test_both_can_be_published(wheel, tmp_path):
    """As an index would take them: the description renders, and the metadata make sense."""
    pytest.importorskip("twine", reason="the release group is not installed")
    sdist = build("sdist", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "twine", "check", "--strict", wheel, sdist],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("PASSED") == 2


def test_the_wheel_says_what_it_needs_and_what_is_extra(wheel, metadata):
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata.get_all("Provides-Extra") == ["asdf", "dask", "openvino", "remote"]
    needed = metadata.get_all("Requires-Dist")
    assert "torch>=2.14" in needed
    assert [n for n in needed if "extra == 'dask'" in n] == ["distributed>=2026.1; extra == 'dask'"]
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
        entry_points = archive.read(name).decode()
    assert re.search(r"^quake = quake_cli\.entry:main$", entry_points, re.MULTILINE)


def test_the_sdist_can_build_and_test(tmp_path):
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "CITATION.cff",
        "SECURITY.md",
        "Makefile",
        "constraints.txt",
        "mkdocs.yml",
        "docs/index.md",
        "docs/man/quake.1",
        "docs/packaging/Dockerfile",
        "examples/BK.MHC.mseed",
        "tests/conftest.py",
        "quake/bundled/b0.safetensors",
    ):
        assert name in names, name


def test_the_wheel_runs_in_an_environment_of_its_own(wheel, tmp_path):
    """It sees the dependencies of this environment, and not the checkout."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    found = sysconfig.get_path("purelib", vars={"base": str(environment)})
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(found)
    here = sysconfig.get_path("purelib")
    (Path(found) / "dependencies.pth").write_text(here + "\n")
    script = "from quake_cli.entry import main; main()"
    clean = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}

    def run(*arguments):
        return subprocess.run(
            [python, "-c", *arguments],
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        ).stdout

    assert str(environment) in run("import quake; print(quake.__file__)")
    assert run(script, "--version").startswith("quake ")
    record = ROOT / "examples" / "BK.MHC.mseed"
    assert run(script, "predict", str(record), "--format", "csv").count("earthquake") >= 3
