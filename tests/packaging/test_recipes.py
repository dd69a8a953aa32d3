"""Conda recipe, Dockerfile and workflow say what pyproject.toml and the Makefile say."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from quake import __version__

ROOT = Path(__file__).resolve().parents[2]
PACKAGING = ROOT / "docs" / "packaging"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

# What conda-forge calls what PyPI calls otherwise.
CONDA_NAMES = {"torch": "pytorch", "matplotlib": "matplotlib-base"}


def load(path):
    yaml = pytest.importorskip("yaml")
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def recipe():
    return load(PACKAGING / "recipe.yaml")


@pytest.fixture(scope="module")
def workflow():
    return load(ROOT / ".github" / "workflows" / "ci.yml")


@pytest.fixture(scope="module")
def instructions():
    """Lines of the Dockerfile, those of one instruction joined."""
    text = (PACKAGING / "Dockerfile").read_text().replace("\\\n", " ")
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return [tuple(line.split(maxsplit=1)) for line in lines]


def test_the_recipe_is_of_this_version(recipe):
    assert recipe["schema_version"] == 1
    assert recipe["context"]["version"] == __version__
    assert recipe["about"]["license"] == PROJECT["license"]
    (entry_point,) = recipe["build"]["python"]["entry_points"]
    assert entry_point == f"quake = {PROJECT['scripts']['quake']}"
    assert (PACKAGING / recipe["source"]["path"]).resolve() == ROOT


def test_the_recipe_asks_for_what_the_package_asks_for(recipe):
    wanted = {f"python {PROJECT['requires-python']}"}
    for requirement in PROJECT["dependencies"]:
        name, bound = re.fullmatch(r"([\w.-]+?)(>=.*)", requirement).groups()
        wanted.add(f"{CONDA_NAMES.get(name, name)} {bound}")
    assert set(recipe["requirements"]["run"]) == wanted


def test_the_image_runs_as_a_user_without_rights(instructions):
    names = [name for name, _ in instructions]
    last = len(names) - 1 - names[::-1].index("FROM")
    users = [what for name, what in instructions[last:] if name == "USER"]
    assert users == ["quake"]
    assert any("useradd --uid 1000" in what for name, what in instructions if name == "RUN")
    assert instructions[-2:] == [("ENTRYPOINT", '["quake"]'), ("CMD", '["--help"]')]
    # Nothing is installed, or written outside of its home, after that.
    assert "RUN" not in names[names.index("USER") :]


def test_the_image_is_built_of_files_that_are_there(instructions):
    ignored = (PACKAGING / "Dockerfile.dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in ignored if line.startswith("!")]
    assert all((ROOT / name).exists() for name in let_in)
    copied = [what.split()[0] for name, what in instructions if name == "COPY"]
    assert [name for name in copied if not name.startswith("--from")] == [
        ".",
        "docs/packaging/requirements-predict.txt",
    ]
    # What the wheel is built of, by pyproject.toml.
    for needed in ("pyproject.toml", "README.md", "LICENSE", "docs/man", "quake", "quake_cli"):
        assert any(fnmatch(needed, name) for name in let_in), needed


def test_the_workflow_runs_what_ci_runs(workflow):
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    commands = [step["run"] for step in steps if "run" in step]
    of_ci = re.findall(r"^make .*$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert set(of_ci) <= set(commands)
    targets = re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert all(command.split()[1] in targets for command in commands)


def test_the_workflow_tests_each_python_that_the_package_names(workflow):
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]
    tested = [*matrix["python"], *(entry["python"] for entry in matrix["include"])]
    named = [re.fullmatch(r".*Python :: (3\.\d+)", c) for c in PROJECT["classifiers"]]
    assert tested == [match[1] for match in named if match]


def test_the_workflow_may_only_read(workflow):
    assert workflow["permissions"] == {"contents": "read"}
    assert "pull_request_target" not in workflow.get("on", workflow.get(True))
