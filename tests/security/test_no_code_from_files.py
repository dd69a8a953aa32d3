"""Nothing that a file contains is run: the source has no means to, and pickles stay unopened."""

import ast
import io
import json
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile_files import MINUTE, evil_pickle
from strategies import noise, stream

from quake.datasets import cache
from quake.datasets.catalogue import read_catalogue
from quake.datasets.seisbench import read_seisbench
from quake.datasets.tables import read_label_table
from quake.errors import LabelError, QuakeError, WaveformError, WeightsError
from quake.output.windows import read_windows
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.readers.waveform_file import is_waveform_file, read_segments, scan

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted([*(ROOT / "quake").rglob("*.py"), *(ROOT / "quake_cli").rglob("*.py")])

# Modules that make objects, or programs, of bytes or of texts.
FORBIDDEN_MODULES = {
    "pickle",
    "cPickle",
    "_pickle",
    "cloudpickle",
    "dill",
    "joblib",
    "shelve",
    "marshal",
    "code",
    "codeop",
    "runpy",
    "pty",
    "commands",
}
FORBIDDEN_NAMES = {"eval", "exec", "compile", "__import__", "execfile"}
FORBIDDEN_CALLS = {
    "os.system",
    "os.popen",
    "yaml.load",
    "yaml.unsafe_load",
    "yaml.full_load",
    "pandas.read_pickle",
    "pd.read_pickle",
    "torch.hub.load",
    "obspy.read",
    "tempfile.mktemp",
}

# What they write themselves is compared with the model; such files can contain code, and none
# that somebody gave is ever loaded.
LOADS_ITS_OWN = {
    "quake/export/torchscript.py": "torch.jit.load",
    "quake/export/torch_export.py": "torch.export.load",
}


def dotted(node):
    """Name of what is called, as in ``torch.load``."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


def imported(node):
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def is_set(call, keyword, value):
    return any(
        k.arg == keyword and isinstance(k.value, ast.Constant) and k.value.value is value
        for k in call.keywords
    )


def faults_of_call(call, where):
    name = dotted(call.func)
    if name in FORBIDDEN_NAMES or name in FORBIDDEN_CALLS:
        yield name
    if name.endswith(("torch.load", "load_state_dict_from_url", "get_state_dict", "trainer.fit")):
        has_checkpoint = any(k.arg == "ckpt_path" for k in call.keywords)
        if (not name.endswith("fit") or has_checkpoint) and not is_set(call, "weights_only", True):
            yield f"{name} without weights_only=True"
    if name in ("torch.jit.load", "torch.export.load") and LOADS_ITS_OWN.get(where) != name:
        yield name
    if any(k.arg == "allow_pickle" for k in call.keywords) and not is_set(
        call, "allow_pickle", False
    ):
        yield f"{name} with allow_pickle"
    if any(k.arg == "shell" for k in call.keywords):
        yield f"{name} with a shell"
    if name.endswith(("read_events", "read_inventory")) and not any(
        k.arg == "format" for k in call.keywords
    ):
        yield f"{name} without a format: ObsPy would try all that are installed"


def faults_of(text, where="text"):
    for node in ast.walk(ast.parse(text)):
        for module in imported(node):
            if module.split(".")[0] in FORBIDDEN_MODULES or module in FORBIDDEN_CALLS:
                yield f"imports {module}"
        if isinstance(node, ast.Call):
            yield from faults_of_call(node, where)


def test_the_source_has_no_means_to_run_what_a_file_contains():
    found = {}
    for path in SOURCES:
        where = path.relative_to(ROOT).as_posix()
        found[where] = list(faults_of(path.read_text(encoding="utf-8"), where))
    assert len(found) > 150
    assert {where: faults for where, faults in found.items() if faults} == {}


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from pickle import loads",
        "def f():\n    import shelve",
        "from os import system",
        "import os; os.system('x')",
        "eval('1')",
        "exec('1')",
        "__import__('os')",
        "import torch; torch.load('a')",
        "torch.load('a', weights_only=False)",
        "weights.get_state_dict(progress=True)",
        "trainer.fit(module, ckpt_path='a')",
        "np.load('a', allow_pickle=True)",
        "np.load('a', allow_pickle=wanted)",
        "subprocess.run('ls', shell=True)",
        "torch.jit.load('a')",
        "yaml.load(text)",
        "from obspy import read",
        "read_events('a')",
    ],
)
def test_the_check_of_the_source_finds_what_it_looks_for(text):
    assert list(faults_of(text))


# --- pickles ------------------------------------------------------------------------------


def test_the_payload_would_run(marker, evil):
    pickle.loads(evil)
    assert marker.exists()


def torch_zip(marker, name="archive"):
    """What `torch.save` makes, with the payload in the place of tensors."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}/data.pkl", evil_pickle(marker))
        archive.writestr(f"{name}/version", "3\n")
    return file.getvalue()


@pytest.fixture(params=["pickle", "torch", "protocol 5"])
def payload(request, marker):
    """A pickle as it is, as torch writes it, and of the newest kind."""
    makers = {
        "pickle": evil_pickle,
        "torch": torch_zip,
        "protocol 5": lambda path: evil_pickle(path, 5),
    }
    return makers[request.param](marker)


def sentence(error):
    text = str(error)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("name", ["m.safetensors", "m.onnx", "m.pt", "m.ckpt", "m.pkl", "m"])
@pytest.mark.parametrize("command", ["info", "predict"])
def test_a_pickle_is_no_model(quake, tmp_path, payload, marker, name, command):
    path = tmp_path / name
    path.write_bytes(payload)
    record = ROOT / "examples" / "BK.MHC.mseed"
    run = quake("info", path) if command == "info" else quake("predict", record, "--model", path)
    assert run.status == 4
    assert run.err.startswith(f"quake: error: {path}: ")
    assert "unexpected" not in run.err
    assert run.err.count("\n") == 1
    assert not marker.exists()


@pytest.mark.parametrize("name", ["w.pt", "w.pth", "w.safetensors", "w.bin"])
def test_a_pickle_gives_no_weights(tmp_path, payload, marker, name):
    from quake.models.weights import read_weights

    path = tmp_path / name
    path.write_bytes(payload)
    with pytest.raises(WeightsError, match=r"cannot be read as weights") as error:
        read_weights(path)
    assert sentence(error.value).startswith(str(path))
    assert not marker.exists()


def test_a_pickle_in_the_cache_of_weights_gives_none(tmp_path, monkeypatch, payload, marker):
    from quake.models.backbones import EfficientNetBackbone
    from quake.models.weights import imagenet_cache_file, load_imagenet_weights

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = imagenet_cache_file(EfficientNetBackbone.B0)
    cached.parent.mkdir(parents=True)
    cached.write_bytes(payload)
    with pytest.raises(WeightsError, match="delete it") as error:
        load_imagenet_weights(EfficientNetBackbone.B0)
    assert sentence(error.value).startswith(str(cached))
    assert not marker.exists()


def test_a_pickle_is_no_state_of_a_training(tmp_path, payload, marker):
    from quake.errors import TrainingError
    from quake.training.fit import _saved
    from quake.training.run_folder import RunFolder

    folder = RunFolder.__new__(RunFolder)
    folder.path = tmp_path
    folder.checkpoint.write_bytes(payload)
    with pytest.raises(TrainingError, match="remove it to train from the beginning"):
        _saved(folder, None, None)
    assert not marker.exists()


def test_a_pickle_is_no_waveform_whatever_its_name(quake, tmp_path, payload, marker):
    for name in ("a.mseed", "a.sac", "a.pickle", "a"):
        path = tmp_path / name
        path.write_bytes(payload)
        assert is_waveform_file(path) is False
        with pytest.raises(WaveformError, match=r"neither miniSEED nor SAC|a zip archive of"):
            scan(path)
        with pytest.raises(WaveformError, match=r"neither miniSEED nor SAC|a zip archive of"):
            read_segments(path, ChannelSetId("", "", "", ""))
    run = quake("predict", tmp_path / "a.mseed")
    assert (run.status, run.out) == (3, "")
    assert not marker.exists()


def test_what_obspy_pickles_is_no_waveform(tmp_path):
    path = tmp_path / "a.mseed"
    stream(noise(MINUTE)).write(str(path), format="PICKLE")
    with pytest.raises(WaveformError, match="neither miniSEED nor SAC"):
        scan(path)


@pytest.mark.parametrize("name", ["labels.pkl", "labels.csv", "labels.parquet", "labels.pq"])
def test_a_pickle_is_no_label_table(tmp_path, payload, marker, name):
    path = tmp_path / name
    path.write_bytes(payload)
    with pytest.raises(LabelError) as error:
        read_label_table(path)
    assert sentence(error.value).startswith(str(path))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["events.xml", "events.pkl", "events.csv"])
def test_a_pickle_is_no_catalogue(tmp_path, payload, marker, name):
    path = tmp_path / name
    path.write_bytes(payload)
    with pytest.raises(LabelError) as error:
        read_catalogue(path)
    assert str(path) in sentence(error.value)
    assert not marker.exists()


def test_a_pickle_is_no_seisbench_data_set(tmp_path, payload, marker):
    (tmp_path / "metadata.csv").write_text(
        "trace_name,trace_start_time,trace_sampling_rate_hz,source_type\n"
        "a,2020-01-01T00:00:00Z,100,earthquake\n"
    )
    (tmp_path / "waveforms.hdf5").write_bytes(payload)
    with pytest.raises(QuakeError):
        read_seisbench(tmp_path)
    assert not marker.exists()


def test_a_pickle_is_no_inventory(quake, tmp_path, payload, marker):
    path = tmp_path / "stations.xml"
    path.write_bytes(payload)
    run = quake("predict", ROOT / "examples" / "BK.MHC.mseed", "--inventory", path)
    assert run.status == 2
    assert "unexpected" not in run.err
    assert not marker.exists()


def test_pickles_in_the_cache_of_decoded_samples_are_decoded_again(tmp_path, marker, payload):
    folder = tmp_path / "key"
    folder.mkdir()
    for index in (payload, json.dumps({"total": 1, "rows": [{"n": 1}]}).encode()):
        (folder / "index.json").write_bytes(index)
        (folder / "samples.f32").write_bytes(payload)
        assert cache.load(folder, 1) is None
    assert not marker.exists()


def test_an_array_of_objects_in_the_cache_is_numbers_or_nothing(tmp_path, marker):
    folder = tmp_path / "key"
    folder.mkdir()
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    content = file.getvalue()[:128] + evil_pickle(marker)
    content += b"\0" * (-len(content) % 12)
    (folder / "samples.f32").write_bytes(content)
    n = len(content) // 12
    (folder / "records.bin").write_bytes(content)
    described = [["Z", "Z", 0, 1.0, "|O", len(content) // 8]]
    row = {"n": n, "components": "ZNE", "onset": None, "start_ns": 0, "segments": None}
    index = {"total": 3 * n, "n_bytes": len(content), "rows": [row]}
    (folder / "index.json").write_text(json.dumps(index))
    (decoded,) = cache.load(folder, 1)
    assert decoded.samples.dtype == np.dtype("<f4")
    # Nor do objects come out of the records, whatever the index says that they are.
    row |= {"id": ["XX", "STA", "", "HH"], "segments": described}
    (folder / "index.json").write_text(json.dumps(index))
    assert cache.load(folder, 1) is None
    assert not marker.exists()


@pytest.mark.parametrize("name", ["windows.parquet", "windows.jsonl", "windows.csv"])
def test_a_pickle_is_no_result(tmp_path, payload, marker, name):
    path = tmp_path / name
    path.write_bytes(payload)
    with pytest.raises(WaveformError, match="holds no windows that quake wrote") as error:
        read_windows(path)
    assert sentence(error.value).startswith(str(path))
    assert not marker.exists()


@pytest.mark.parametrize("name", ["run.json", "journal.jsonl"])
def test_pickles_in_the_folder_of_a_store_are_refused_or_left_out(
    quake, tmp_path, payload, marker, name
):
    record = ROOT / "examples" / "BK.MHC.mseed"
    store = tmp_path / "store"
    assert quake("predict", record, "--output", f"{store}/", "--events").status == 0
    (store / "_quake" / name).write_bytes(payload)
    run = quake("predict", record, "--output", f"{store}/", "--events")
    assert run.status == (2 if name == "run.json" else 0)
    assert "unexpected" not in run.err
    assert not marker.exists()


def test_types_of_arrow_that_were_pickles_are_not_made(tmp_path, evil, marker):
    """Before version 14.0.1 PyArrow unpickled them as it read a file (CVE-2023-47248)."""
    metadata = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": evil,
    }
    names = ["path", "start", "end", "label"]
    schema = pa.schema([pa.field(name, pa.string(), metadata=metadata) for name in names])
    row = [["a.mseed"], ["2020-01-01"], ["2020-01-02"], ["noise"]]
    path = tmp_path / "labels.parquet"
    pq.write_table(pa.table([pa.array(cell) for cell in row], schema=schema), path)
    (span,) = read_label_table(path).spans
    assert span.label == "noise"
    assert not marker.exists()
