"""`quake doctor` as a process, on installations that are broken, and what goes on beside it."""

import doctest
import importlib
import io
import json
import os
import pkgutil
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import quake.doctor
from quake.doctor import Check, Status, examination, examine, packages
from quake.doctor.expected import EXPECTED, GRAPH, MODEL, ONSETS, RECORD, bundled_folder
from quake.doctor.probe import Answer, Probe
from quake.errors import ModelError
from quake_cli.app import main
from quake_cli.render.checks import show_checks

ROOT = Path(__file__).resolve().parents[2]
NMS = "operator torchvision::nms does not exist"

# Enough of torch for what the doctor asks it, and no more.
SMALL_TORCH = """
__version__ = "2.15.0"
class version: cuda = None
class hub: get_dir = staticmethod(lambda: "/none/hub")
"""
HIDE_TORCH = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Hidden())
"""


@pytest.fixture
def fake(tmp_path):
    """Put modules in front of the installed ones; a mapping of name to source gives a path."""

    def write(modules):
        folder = tmp_path / "fake"
        for name, source in modules.items():
            (folder / name).mkdir(parents=True)
            (folder / name / "__init__.py").write_text(source)
        return str(folder)

    return write


def run(*arguments, path="", **environment):
    done = subprocess.run(
        [sys.executable, "-m", "quake_cli", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert "Traceback" not in done.stderr
    return done


def checks_of(done):
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def test_an_installation_without_torch_is_sound_and_the_json_says_all_of_it(fake, tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "bad.safetensors").write_bytes(b"no model")
    path = fake({"sitecustomize": HIDE_TORCH})
    done = run("doctor", "--json", path=path, QUAKE_MODEL_DIR=str(tmp_path / "models"))
    assert done.returncode == 0, done.stdout
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert set(found) == {"quake", "sound", "checks"}
    assert (found["quake"], found["sound"]) == (quake.__version__, True)
    for check in found["checks"]:
        assert list(check) == ["name", "status", "found", "advice"]
        assert all(isinstance(value, str) for value in check.values())
        assert check["status"] in ("ok", "warning", "skipped")
        assert check["advice"] or check["status"] != "warning"
    checks = checks_of(done)
    assert len(checks) == len(found["checks"])
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert [name for name in checks if f"`{name}`" not in page] == []
    for name in ("Python", "numpy", "reading", "bundled files", "bundled graph", "engine onnx"):
        assert checks[name]["status"] == "ok", name
    assert "largest difference" in checks["prediction onnx"]["found"]
    assert "not installed" in checks["torch"]["found"]
    assert "bad.safetensors" in checks["installed models"]["found"]


def test_a_torchvision_of_another_torch_is_explained(fake):
    path = fake({"torch": SMALL_TORCH, "torchvision": f"raise RuntimeError({NMS!r})"})
    done = run("doctor", path=path, XDG_CACHE_HOME=os.devnull)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    (line,) = [line for line in lines if line.startswith("failed: torchvision: ")]
    for part in ("does not fit torch", NMS, "to do: install them together: pip install", "predict"):
        assert part in line
    (cache,) = [line for line in lines if "cache folder" in line]
    assert cache.startswith("warning: ")
    assert "XDG_CACHE_HOME" in cache
    assert lines[-1].startswith("not sound: ")
    assert any(line.startswith("ok: prediction onnx: ") for line in lines)


@pytest.mark.parametrize("command", [["predict", "examples/BK.MHC.mseed"], ["models"], ["info"]])
def test_commands_that_need_no_torchvision_go_on_without_it(fake, command):
    done = run(*command, path=fake({"torchvision": f"raise RuntimeError({NMS!r})"}))
    assert done.returncode == 0, done.stderr
    assert "earthquake" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("command", ["train", "evaluate", "predict"])
def test_commands_that_need_torchvision_end_with_the_sentence(fake, tmp_path, command):
    table = tmp_path / "labels.csv"
    record, labels = ROOT / "examples" / "BK.MHC.mseed", 4 * ["earthquake", "noise"]
    rows = [
        f"{record},2008-02-05T06:39:0{n}Z,2008-02-05T06:39:0{n + 1}Z,{label},{n}"
        for n, label in enumerate(labels)
    ]
    table.write_text("\n".join(["path,start,end,label,event_id", *rows]))
    options = {
        "train": ["--run", tmp_path / "run", "--weights", "none", "--epochs", "1"],
        "evaluate": ["--model", bundled_folder() / MODEL],
        "predict": [record, "--engine", "torch", "--device", "cpu"],
    }
    path = fake({"torchvision": f"raise RuntimeError({NMS!r})"})
    done = run(command, *([] if command == "predict" else [table]), *options[command], path=path)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("quake: error: ")]
    assert "does not fit torch" in line
    assert "pip install" in line
    assert done.returncode == 4


def test_the_sentence_comes_whatever_loaded_torchvision(monkeypatch, capsys):
    def load(*arguments, **options):
        try:
            raise RuntimeError(NMS)
        except RuntimeError as error:
            raise ModelError("the network cannot be built") from error

    monkeypatch.setattr("quake.model_file.registry.find_model", load)
    with pytest.raises(SystemExit) as ended:
        main(["info"])
    assert ended.value.code == 4
    assert "does not fit torch" in capsys.readouterr().err


BROKEN = {
    "numpy": "raise ImportError('libopenblas.so.0: cannot open shared object file')",
    "obspy": "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
    "onnxruntime": "import sys; sys.exit('no such instruction')",
    "torch": "import threading; print('hello'); raise OSError('libtorch.so: not found')",
    "openvino": "raise KeyError('x')",
}


def test_broken_packages_are_named_and_cannot_end_the_doctor(fake):
    done = run("doctor", "--json", path=fake(BROKEN))
    assert done.returncode == 1
    checks = checks_of(done)
    assert "libopenblas" in checks["numpy"]["found"]
    assert "pip install --upgrade --force-reinstall 'numpy>=" in checks["numpy"]["advice"]
    assert "signal 9 (SIGKILL)" in checks["obspy"]["found"]
    assert "no such instruction" in checks["onnxruntime"]["found"]
    assert "libtorch.so: not found" in checks["torch"]["found"]
    failed = {name for name, check in checks.items() if check["status"] == "failed"}
    assert failed >= {"numpy", "obspy", "onnxruntime", "torch", "reading", "engine openvino"}
    assert checks["safetensors"]["status"] == "ok"
    assert checks["bundled files"]["status"] == "ok"


def test_a_terminal_shows_a_table_with_words_for_what_colours_say(fake):
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "quake_cli", "doctor"],
        cwd=ROOT,
        env={
            **os.environ,
            **{"PYTHONPATH": fake(BROKEN), "COLUMNS": "80", "TERM": "xterm-256color"},
        },
        stdout=follower,
        stderr=subprocess.DEVNULL,
    )
    os.close(follower)
    shown = b""
    while piece := _read(leader):
        shown += piece
    os.close(leader)
    assert process.wait() == 1
    text = shown.decode()
    assert "check " in text
    assert "failed" in text
    assert "to do: " in text
    assert "\x1b[" in text
    assert "not sound: " in text


def _read(leader):
    try:
        return os.read(leader, 4096)
    except OSError:  # how Linux says that the other end is closed
        return b""


CHECKS = [
    Check("disk", Status.OK, "much room"),
    Check("torch", Status.FAILED, "cannot be imported: x", "pip install torch"),
]


def test_a_pipe_gets_a_line_a_check():
    file = io.StringIO()
    show_checks(CHECKS, file)
    assert file.getvalue().splitlines() == [
        "ok: disk: much room",
        "failed: torch: cannot be imported: x; to do: pip install torch",
        "not sound: 1 ok, 0 warning, 1 failed, 0 skipped",
    ]


def test_a_terminal_gets_the_lines_too_where_rich_is_broken(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setitem(sys.modules, "rich.table", None)
    file = Terminal()
    show_checks(CHECKS[:1], file)
    assert file.getvalue().splitlines()[0] == "ok: disk: much room"


# The library


@pytest.fixture
def without_optional(monkeypatch):
    for module in (packages, examination):
        monkeypatch.setattr(module, "is_there", lambda name: name in packages.NEEDED)


def test_a_damaged_model_is_not_given_to_engines(tmp_path, without_optional):
    for name in (MODEL, GRAPH, ONSETS, RECORD, EXPECTED):
        shutil.copy(bundled_folder() / name, tmp_path / name)
    with (tmp_path / MODEL).open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last[0] ^ 1]))
    steps = []
    found = examine(folder=tmp_path, on_step=lambda *step: steps.append(step))
    checks = {check.name: check for check in found}
    assert checks["bundled files"].status is Status.FAILED
    assert checks["engine onnx"].status is Status.SKIPPED
    assert "reading" not in checks
    assert [done for _, done, _ in steps] == list(range(len(steps)))


def test_a_process_that_hangs_is_ended_when_its_time_is_up(fake, monkeypatch):
    path = fake({"hanging": "import threading; threading.Event().wait()"})
    monkeypatch.syspath_prepend(path)
    with Probe("imports", "hanging", limit_s=1) as probe:
        answer = probe.answer()
        assert probe._process.poll() is not None
    assert answer.of("hanging") == {"error": "no answer within 1 s"}


def test_what_a_module_prints_does_not_stand_between_the_answers(fake, monkeypatch):
    source = "import os; print('hello'); os.write(1, b'{}'); __version__ = '1-2'"
    monkeypatch.syspath_prepend(fake({"talking": source}))
    with Probe("imports", "talking", "none", limit_s=60) as probe:
        answer = probe.answer()
    assert answer.of("talking") == {"version": "1"}
    assert answer.of("none")["error"].startswith("ModuleNotFoundError")


def test_a_probe_that_cannot_begin_fails_in_each_of_its_steps():
    with Probe("no such probe", limit_s=60) as probe:
        answer = probe.answer()
    assert "status 1: KeyError: 'no such probe'" in answer.of("anything")["error"]


def test_steps_after_the_one_that_crashed_were_not_come_to():
    answer = Answer({"driver": {"version": None}}, "torch", "ended by signal 11")
    assert answer.of("torch") == {"error": "ended by signal 11"}
    assert answer.of("cuda") == {}


def test_the_doctor_loads_nothing_that_could_be_broken():
    program = (
        "import sys, quake.doctor, quake_cli.commands.doctor, quake_cli.render;"
        "print([m for m in ('numpy', 'obspy', 'torch', 'onnxruntime', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


MODULES = [
    *(f"quake.doctor.{module.name}" for module in pkgutil.iter_modules(quake.doctor.__path__)),
    "quake_cli.render.strip",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_docstrings_are_right(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
