"""Layers: who may import whom, read from the source, and what the light modules do not load."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
QUAKE = sorted((ROOT / "quake").rglob("*.py"))
CLI = sorted((ROOT / "quake_cli").rglob("*.py"))


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def is_for_type_checking(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def runtime_nodes(node):
    """Walk a tree without its type-checking blocks."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not is_for_type_checking(child):
            yield from runtime_nodes(child)


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path):
    """Dotted names of all modules that a file imports when it runs, in functions too."""
    for node in runtime_nodes(tree_of(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(files, *modules):
    """Files that import one of the modules or something in it."""
    return {
        name_of(path)
        for path in files
        for name in imports(path)
        if any(name == module or name.startswith(module + ".") for module in modules)
    }


def below(*folders):
    return {name_of(path) for path in QUAKE + CLI if name_of(path).startswith(folders)}


def test_the_checks_see_the_imports_there_are():
    assert "quake/waveforms/readers/waveform_file.py" in importers(QUAKE, "obspy")
    assert "quake/models/efficientnet.py" in importers(QUAKE, "torchvision")
    assert "quake/inference/classifier.py" in importers(QUAKE, "quake.waveforms")


LAYERS = {
    # Package or module: what it may import of ours. errors, files, untrusted, classes, installed
    # and the version are for everybody.
    "waveforms": {"stations"},
    "stations": {"waveforms"},
    "windows": {"waveforms", "data"},
    "data": {"waveforms"},
    "models": {"data"},
    "model_file": {"models", "data"},
    "inference": {"model_file", "models", "data", "windows", "waveforms", "stations", "events"},
    "events": {"waveforms", "windows", "stations", "data"},
    "output": {"inference", "events", "waveforms"},
    "results": {
        *("inputs", "inference", "events", "output", "model_file", "stations", "waveforms"),
        "windows",
    },
    "inputs": {"waveforms"},
    "store": {
        *("inputs", "inference", "events", "output", "pictures", "parallel", "model_file"),
        *("waveforms", "windows", "stations"),
    },
    "live": {
        *("store", "inputs", "inference", "events", "output", "model_file"),
        *("waveforms", "windows", "stations"),
    },
    "parallel": set(),
    "metrics": set(),
    "synth": set(),
    "datasets": {"waveforms", "windows", "data", "stations", "synth"},
    "training": {"datasets", "models", "model_file", "metrics", "data", "waveforms", "windows"},
    "evaluation": {
        *("datasets", "models", "model_file", "metrics", "data", "waveforms", "windows"),
    },
    "export": {
        *("datasets", "inference", "models", "model_file", "metrics", "data"),
        *("waveforms", "windows"),
    },
    "pictures": {"waveforms", "windows", "inference", "events", "model_file"},
    "explain": {
        *("pictures", "inference", "models", "model_file", "data", "waveforms", "windows"),
    },
    "report": {
        *("store", "pictures", "inference", "events", "output", "model_file"),
        *("waveforms", "windows", "stations"),
    },
    "doctor": {"inference", "models", "model_file", "waveforms"},
}
FOR_ALL = {"errors", "files", "untrusted", "classes", "installed", "__version__"}


def packages_of(package):
    """Packages and modules of ours that a package imports, in functions too."""
    found = set()
    for path in QUAKE:
        if path.relative_to(ROOT / "quake").parts[0] == package:
            for name in imports(path):
                if name.startswith("quake."):
                    found.add(name.split(".")[1])
    return found - FOR_ALL - {package}


def test_every_package_has_its_layer():
    there = {path.relative_to(ROOT / "quake").parts[0] for path in QUAKE if path.parent.name}
    folders = {name for name in there if not name.endswith(".py")}
    modules = {name.removesuffix(".py") for name in there - folders}
    assert folders == set(LAYERS)
    assert modules <= FOR_ALL | {"__init__"}


@pytest.mark.parametrize("package", LAYERS)
def test_a_package_imports_what_is_below_it(package):
    assert packages_of(package) <= LAYERS[package]


@pytest.mark.parametrize("module", ["errors", "files", "untrusted", "classes", "installed"])
def test_what_is_for_all_needs_nothing_of_ours_but_errors(module):
    found = {n for n in imports(ROOT / "quake" / f"{module}.py") if n.startswith("quake.")}
    assert {name.split(".")[1] for name in found} <= {"errors"}


def arrows():
    """Which file imports which: (importer, imported), both as dotted names, in functions too."""
    names = {}
    for path in QUAKE + CLI:
        parts = path.relative_to(ROOT).with_suffix("").parts
        names[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    for name, path in names.items():
        for imported in imports(path):
            if imported in names and imported != name:
                yield name, imported


def circles(pairs):
    """Names that can be reached from themselves (Tarjan would be quicker; this is short)."""
    to = {}
    for one, other in pairs:
        to.setdefault(one, set()).add(other)

    def reached(start):
        seen, left = set(), [start]
        while left:
            for name in to.get(left.pop(), ()):
                if name not in seen:
                    seen.add(name)
                    left.append(name)
        return seen

    return {name for name in to if name in reached(name)}


def test_circles_are_found():
    assert circles([("a", "b"), ("b", "c"), ("c", "b")]) == {"b", "c"}


def test_no_file_imports_itself_by_a_detour():
    # `from package import module` names the package too; what counts is the module.
    pairs = [(a, b) for a, b in arrows() if not a.startswith(b + ".")]
    assert circles(pairs) == set()


def test_no_package_imports_itself_by_a_detour():
    def package(name):
        return ".".join(name.split(".")[:2])

    pairs = {(package(a), package(b)) for a, b in arrows()}
    of_the_library = {
        (a, b) for a, b in pairs if a != b and a.startswith("quake.") and b.startswith("quake.")
    }
    assert circles(of_the_library) == set()


def test_obspy_stops_at_the_files_that_read_and_write_its_formats():
    allowed = below("quake/waveforms/readers/", "quake/stations/", "quake/live/seedlink.py")
    allowed |= {f"quake/datasets/{name}.py" for name in ("labels", "catalogue")}
    allowed |= {"quake/output/quakeml.py", "quake/output/mseed_traces.py"}
    allowed |= {"quake/inputs/fdsn.py"}  # names of nodes
    # What they return to Python is an ObsPy stream, and times as in ObsPy.
    allowed |= {f"quake/results/{name}.py" for name in ("probability_stream", "classification")}
    assert importers(QUAKE, "obspy") <= allowed


def test_libmseed_stops_at_the_reader_of_records():
    assert importers(QUAKE, "pymseed") == {
        f"quake/waveforms/readers/{name}.py" for name in ("mseed", "record_headers")
    }


def test_readers_reach_into_no_library():
    assert not importers(QUAKE, "ctypes") & below("quake/waveforms/")
    assert importers(QUAKE, "obspy.io.mseed") == set()


def test_torchvision_stops_at_the_models():
    assert importers(QUAKE + CLI, "torchvision") <= below("quake/models/")


def test_lightning_and_torchmetrics_stop_at_the_training():
    found = importers(QUAKE + CLI, "pytorch_lightning", "lightning", "torchmetrics")
    assert found <= below("quake/training/")


def test_only_the_program_knows_of_the_terminal():
    assert importers(QUAKE, "typer", "rich", "click") == set()


def test_the_library_does_not_import_the_program():
    assert importers(QUAKE, "quake_cli") == set()


def test_other_machines_are_reached_for_from_the_inputs_alone():
    """But for SeedLink, weights, which torchvision fetches, and models that are named by URL."""
    clients = ("fsspec", "s3fs", "gcsfs", "aiohttp", "urllib.request", "http.client", "requests")
    allowed = below("quake/inputs/", "quake/models/weights.py", "quake/model_file/remote.py")
    assert importers(QUAKE + CLI, *clients) <= allowed


def test_dask_stops_at_the_executors():
    assert importers(QUAKE + CLI, "dask", "distributed") <= below("quake/parallel/")


def test_metrics_need_no_torch():
    assert importers(QUAKE, "torch") & below("quake/metrics/", "quake/synth/") == set()


def test_only_the_pictures_draw():
    allowed = below("quake/pictures/", "quake/metrics/plots.py", "quake/explain/picture.py")
    assert importers(QUAKE + CLI, "matplotlib") <= allowed


def test_pages_are_written_by_the_report():
    assert importers(QUAKE + CLI, "jinja2") <= below("quake/report/")


def test_nothing_is_unpickled():
    assert (
        importers(QUAKE + CLI, "pickle", "cPickle", "dill", "joblib", "shelve", "marshal") == set()
    )


def calls(path, name):
    return [
        node.lineno
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call)
        and name == getattr(node.func, "id", getattr(node.func, "attr", None))
    ]


def test_the_library_never_prints():
    assert {name_of(path): calls(path, "print") for path in QUAKE if calls(path, "print")} == {}


def test_torch_load_reads_weights_only():
    for path in QUAKE + CLI:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "torch.load":
                options = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert options.get("weights_only") == "True", f"{path}:{node.lineno}"


LIGHT = (
    *("quake", "quake.model_file.registry", "quake.model_file.weights", "quake.models.backbones"),
    "quake.data.preprocessing",
)
HEAVY = ("torch", "obspy", "scipy", "torchvision", "pytorch_lightning")


def test_what_help_and_lists_need_loads_nothing_heavy():
    program = f"import sys, {', '.join(LIGHT)}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


COMMANDS = ROOT / "quake_cli" / "commands"


def command_of(path):
    return path.relative_to(COMMANDS).parts[0].removesuffix(".py")


def test_no_command_imports_another():
    for path in COMMANDS.rglob("*.py"):
        of_commands = [n for n in imports(path) if n.startswith("quake_cli.commands.")]
        assert {name.split(".")[2] for name in of_commands} <= {command_of(path)}, path


def options_of(path):
    """Names of the options that a file declares, each by its first spelling."""
    for node in ast.walk(tree_of(path)):
        is_option = isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.Option"
        if is_option and isinstance(node.args[0], ast.Constant):
            yield node.args[0].value


# They mean another thing, or take other words, with each command.
OF_EACH_COMMAND = {"--output", "--format"}


def test_an_option_is_declared_once():
    declared = [name for path in CLI for name in options_of(path) if name not in OF_EACH_COMMAND]
    found = {name for name in declared if declared.count(name) > 1}
    # A model that is trained has another meaning of these than one that is used.
    assert found <= {"--backbone", "--model", "--batch-size", "--workers", "--inventory"}


def test_help_begins_with_a_verb_and_not_in_the_middle_of_a_sentence():
    for path in CLI:
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "typer.Option":
                (found,) = [k.value for k in node.keywords if k.arg == "help"]
                if not isinstance(found, ast.Constant):
                    continue  # of a function that makes several options
                text, first = found.value, found.value.split()[0]
                assert first not in {"Of", "What", "At", "In", "The", "A", "How", "Where"}, text
                assert first.isalpha(), text
