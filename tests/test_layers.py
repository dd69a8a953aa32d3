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
    assert "quake/inference/classifier.py" in importers(QUAKE, "quake.data")


def test_obspy_stops_at_the_files_that_read_and_write_its_formats():
    names = ("readers", "mseed", "labels", "orientation", "catalogue", "travel_times")
    allowed = {f"quake/data/{name}.py" for name in names}
    allowed |= {"quake/output/quakeml.py", "quake/output/mseed_traces.py"}
    allowed |= {"quake/live/seedlink.py"}
    assert importers(QUAKE, "obspy") <= allowed


def test_torchvision_stops_at_the_models():
    assert importers(QUAKE + CLI, "torchvision") <= below("quake/models/")


def test_lightning_and_torchmetrics_stop_at_the_training():
    found = importers(QUAKE + CLI, "pytorch_lightning", "lightning", "torchmetrics")
    assert found <= below("quake/training/")


def test_only_the_program_knows_of_the_terminal():
    assert importers(QUAKE, "typer", "rich", "click") == set()


def test_the_library_does_not_import_the_program():
    assert importers(QUAKE, "quake_cli") == set()


def test_dask_stops_at_the_executors():
    assert importers(QUAKE + CLI, "dask", "distributed") <= below("quake/parallel/")


def test_executors_know_nothing_of_waveforms():
    known = importers(QUAKE, "quake.data", "quake.inference", "quake.archive", "quake.models")
    assert known & below("quake/parallel/") == set()


def test_the_verbs_know_nothing_of_archives_and_clusters():
    found = importers(QUAKE, "quake.archive", "quake.live", "quake.parallel")
    assert found <= below("quake/archive/", "quake/live/", "quake/parallel/", "quake/report/")


def test_models_know_nothing_of_data():
    assert importers(QUAKE, "quake.data") & below("quake/models/") == set()


def test_data_know_nothing_of_models():
    assert importers(QUAKE, "quake.models") & below("quake/data/") == set()


@pytest.mark.parametrize("layer", ["quake/data/", "quake/models/"])
def test_the_lower_layers_import_no_verb_and_no_checkpoint(layer):
    above = tuple(
        f"quake.{name}"
        for name in ("checkpoint", "registry", "training", "inference", "evaluation")
    )
    assert importers(QUAKE, *above) & below(layer) == set()


@pytest.mark.parametrize("verb", ["training", "inference", "evaluation"])
def test_no_verb_imports_another(verb):
    others = {f"quake.{name}" for name in ("training", "inference", "evaluation")} - {
        f"quake.{verb}"
    }
    assert importers(QUAKE, *others) & below(f"quake/{verb}/") == set()


def test_metrics_know_numbers_alone():
    assert (
        importers(QUAKE, "quake.models", "quake.model_file.safetensors_file", "torch")
        & below("quake/metrics/")
        == set()
    )


def test_synthetic_records_need_nothing_of_ours_but_errors():
    assert importers(QUAKE, "quake.data", "quake.models", "torch") & below("quake/synth/") == set()


def test_only_the_pictures_draw():
    allowed = below("quake/pictures/", "quake/metrics/plots.py", "quake/explain/picture.py")
    assert importers(QUAKE + CLI, "matplotlib") <= allowed


def test_pages_are_written_by_the_report():
    assert importers(QUAKE + CLI, "jinja2") <= below("quake/report/")


def test_explanations_and_pictures_know_nothing_of_archives_and_reports():
    known = importers(QUAKE, "quake.archive", "quake.report", "quake.live")
    assert known & below("quake/explain/", "quake/pictures/", "quake/doctor/") == set()


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


LIGHT = ("quake", "quake.model_file.registry", "quake.models.backbones", "quake.data.preprocessing")
HEAVY = ("torch", "obspy", "scipy", "torchvision", "pytorch_lightning")


def test_what_help_and_lists_need_loads_nothing_heavy():
    program = f"import sys, {', '.join(LIGHT)}; print([m for m in {HEAVY} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"
