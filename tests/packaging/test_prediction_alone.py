"""docs/packaging/requirements-predict.txt: with these packages and no others quake predicts."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LIST = ROOT / "docs" / "packaging" / "requirements-predict.txt"
RECORD = ROOT / "examples" / "BK.MHC.mseed"

# Run before anything else: packages that are not in the list are not there.
SITE = """
import importlib.abc, os, sys

class Missing(importlib.abc.MetaPathFinder):
    names = set(os.environ["QUAKE_TEST_MISSING"].split())

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""

RUN = """
import json, sys
from quake_cli.app import main
for arguments in json.load(sys.stdin):
    try:
        main(arguments)
    except SystemExit as ended:
        print("status", ended.code, *arguments[:1], file=sys.stderr)
"""


def bounds(lines):
    found = (re.fullmatch(r"([\w.-]+)(.*)", line.strip()) for line in lines)
    return {match[1]: match[2] for match in found if match}


def listed():
    return bounds(line for line in LIST.read_text().splitlines() if not line.startswith("#"))


def required():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return bounds(project["dependencies"])


def missing():
    return {name.replace("-", "_") for name in required().keys() - listed().keys()}


def test_the_list_is_a_part_of_what_quake_asks_for_with_the_same_bounds():
    assert listed().items() <= required().items()
    assert {"torch", "torchvision", "pytorch_lightning", "onnx"} <= missing()


@pytest.fixture
def run(tmp_path):
    """Run commands in one process without the other packages; lines on how they ended."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)]),
        "QUAKE_MODEL_DIR": str(tmp_path / "installed"),
        "QUAKE_TEST_MISSING": " ".join(missing()),
        "OMP_NUM_THREADS": "1",
    }

    def run(*wanted):
        return subprocess.run(
            [sys.executable, "-c", RUN],
            input=json.dumps([list(map(str, arguments)) for arguments in wanted]),
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )

    return run


def statuses(done):
    return [line for line in done.stderr.splitlines() if line.startswith("status ")]


def test_what_the_page_promises_runs_with_them(run, tmp_path):
    store = f"{tmp_path}/store/"
    done = run(
        ["predict", RECORD, "--format", "csv"],
        ["predict", RECORD, "--output", store, "--events"],
        ["predict", RECORD, "--plot", tmp_path / "pictures"],
        ["events", store],
        ["report", store, "--output", tmp_path / "page.html"],
        ["watch", RECORD.parent, "--output", f"{tmp_path}/live/", "--stop-after", "1"],
        ["models"],
        ["info"],
        ["completion", "bash"],
    )
    assert statuses(done) == [
        f"status 0 {name}"
        for name in (
            *("predict", "predict", "predict", "events", "report", "watch"),
            *("models", "info", "completion"),
        )
    ], done.stderr
    assert done.stdout.count(",earthquake,ok,") == 3


def test_what_needs_another_package_says_which(run):
    done = run(["inspect", RECORD, "--at", "2008-02-05T06:39:15"], ["export"])
    assert statuses(done) == ["status 1 inspect", "status 1 export"]
    errors = [line for line in done.stderr.splitlines() if line.startswith("quake: error: ")]
    bound = required()["torch"]
    assert len(errors) == 2
    for error in errors:
        assert "torch is not installed, and this needs it" in error
        assert f"pip install 'torch{bound}'" in error


def test_a_module_that_is_none_of_ours_is_not_explained_away(run):
    from quake_cli.app import _missing_package

    assert _missing_package(ModuleNotFoundError("x", name="nobodys.module")) == ""
    assert _missing_package(ModuleNotFoundError("x")) == ""
    assert _missing_package(ModuleNotFoundError("x", name="pytorch_lightning.core")) != ""
