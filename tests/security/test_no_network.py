"""Nothing is sent or fetched but what was asked for by name, and what is fetched is checked."""

import hashlib
import io
import json
import os
import subprocess
import sys
from email.message import Message
from importlib.util import find_spec
from pathlib import Path

import pytest
from hostile_files import mseed

ROOT = Path(__file__).resolve().parents[2]

# In a folder on PYTHONPATH, Python runs this before anything else: each attempt to reach another
# machine fails, and is written down even if the error is swallowed.
SITE = """
import os, socket, traceback

ATTEMPTS = os.environ["QUAKE_TEST_ATTEMPTS"]

def refuse(what):
    def attempt(*arguments, **options):
        with open(ATTEMPTS, "a") as file:
            file.write(f"{what} {arguments!r}\\n")
            file.writelines(traceback.format_stack()[:-1])
        raise OSError(f"{what}: there is no network")
    return attempt

class Socket(socket.socket):
    def __init__(self, family=-1, *arguments, **options):
        if family not in (socket.AF_UNIX,) and "fileno" not in options:
            refuse("socket")(family)
        super().__init__(family, *arguments, **options)

socket.socket = Socket
socket.create_connection = refuse("create_connection")
socket.getaddrinfo = refuse("getaddrinfo")
socket.gethostbyname = refuse("gethostbyname")
"""

# Many commands in one process: what is loaded is loaded once.
RUN = """
import json, sys
from quake_cli.app import main
for arguments in json.load(sys.stdin):
    try:
        main(arguments)
    except SystemExit as ended:
        print("status", ended.code, *arguments[:1], file=sys.stderr)
"""


@pytest.fixture
def offline(tmp_path):
    """Run Python without a network; returns what it wrote and what it tried to reach."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(SITE)
    attempts = tmp_path / "attempts"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)]),
        "QUAKE_TEST_ATTEMPTS": str(attempts),
        "QUAKE_MODEL_DIR": str(tmp_path / "installed"),
        "OMP_NUM_THREADS": "1",
    }

    def run(code, text=""):
        done = subprocess.run(
            [sys.executable, "-c", code],
            input=text,
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=250,
            check=False,
        )
        return done, attempts.read_text() if attempts.exists() else ""

    return run


def is_there(command):
    return (ROOT / "quake_cli" / "commands" / f"{command}.py").exists()


def commands(record, folder):
    """One of each command that this version has, but those that load torch, and `watch`."""
    store = f"{folder}/store/"
    yield ["predict", str(record), "--format", "jsonl"]
    yield ["predict", str(record), "--output", store, "--events", "--workers", "1"]
    if find_spec("openvino") is not None:  # it tells its makers of each import, if it is let to
        yield ["predict", str(record), "--engine", "openvino", "--format", "jsonl"]
    yield ["info"]
    yield ["models"]
    if is_there("report"):
        yield ["report", store, "--output", f"{folder}/report.html"]
    if is_there("inspect"):
        yield ["inspect", str(record), "--at", "2021-03-04T05:06:00Z"]


def test_the_network_would_be_missed(offline):
    code = "import urllib.request; urllib.request.urlopen('http://192.0.2.1/')"
    done, attempts = offline(code)
    assert done.returncode != 0
    assert attempts


def run_all(offline, wanted):
    """Run commands in one process; returns the lines on how they ended."""
    done, attempts = offline(RUN, json.dumps(wanted))
    assert attempts == ""
    statuses = [line for line in done.stderr.splitlines() if line.startswith("status ")]
    assert len(statuses) == len(wanted), done.stderr
    return statuses


def test_no_command_reaches_for_the_network(offline, tmp_path):
    record = mseed(tmp_path / "a.mseed")
    statuses = run_all(offline, list(commands(record, tmp_path)))
    for name in ("predict", "info", "models"):
        assert f"status 0 {name}" in statuses
    if is_there("report"):
        assert_is_self_contained((tmp_path / "report.html").read_text(encoding="utf-8"))


def test_an_address_of_a_model_is_reached_for_if_it_is_named_and_no_other(offline, tmp_path):
    record = str(mseed(tmp_path / "a.mseed"))
    address = f"https://models.invalid/b0.onnx#sha256={'0' * 64}"
    done, attempts = offline(RUN, json.dumps([["predict", record, "--model", address]]))
    assert "status 4 predict" in done.stderr
    assert "https://models.invalid/b0.onnx: cannot be fetched" in done.stderr
    reached = [
        line for line in attempts.splitlines() if line.startswith(("create_", "getaddrinfo"))
    ]
    assert reached
    assert all("models.invalid" in line for line in reached)


def test_without_its_hash_an_address_is_not_reached_for(offline, tmp_path):
    record = str(mseed(tmp_path / "a.mseed"))
    for address in ("https://models.invalid/b0.onnx", "hf://org/repo/b0.safetensors"):
        assert run_all(offline, [["predict", record, "--model", address]]) == ["status 2 predict"]


@pytest.mark.slow
@pytest.mark.parametrize("command", ["export", "doctor"])
def test_commands_that_load_torch_do_not_reach_for_the_network_either(offline, tmp_path, command):
    if not is_there(command):
        pytest.skip(f"there is no quake {command}")
    options = ["--format", "torchscript", "--output", f"{tmp_path}/m.pt"]
    arguments = [command, *(options if command == "export" else [])]
    assert run_all(offline, [arguments]) == [f"status 0 {command}"]


def assert_is_self_contained(page):
    """A page that loads nothing from elsewhere."""
    for attribute in ('src="http', "src='http", 'src="//', "@import", "url(http", "fetch("):
        assert attribute not in page
    assert "<link" not in page or 'rel="stylesheet"' not in page


# --- weights ------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path, monkeypatch):
    """Have a downloader give these bytes; returns what was asked for."""
    import torch.hub

    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    asked = []

    def serve(content):
        def urlopen(request, *_, **__):
            asked.append(getattr(request, "full_url", request))
            answer = io.BytesIO(content)
            headers = Message()
            headers["Content-Length"] = str(len(content))
            answer.info = lambda: headers
            return answer

        monkeypatch.setattr(torch.hub, "urlopen", urlopen)
        return asked

    return serve


def saved_weights():
    """What a server would send, were it not another file."""
    import torch

    file = io.BytesIO()
    torch.save({"features.0.0.weight": torch.zeros(1)}, file)
    return file.getvalue()


def test_a_download_that_was_tampered_with_is_refused(served, tmp_path):
    from quake.errors import WeightsError
    from quake.models.backbones import EfficientNetBackbone
    from quake.models.weights import load_imagenet_weights

    asked = served(saved_weights())
    with pytest.raises(WeightsError, match="invalid hash value") as error:
        load_imagenet_weights(EfficientNetBackbone.B0, strict=True)
    assert "\n" not in str(error.value)
    assert [url.startswith("https://download.pytorch.org/") for url in asked] == [True]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_download_is_taken_if_its_hash_is_that_of_its_name(served, monkeypatch):
    """The hash is the beginning of the SHA-256, in the name that torchvision gives the file."""
    from quake.models import weights
    from quake.models.backbones import EfficientNetBackbone

    content = saved_weights()
    address = f"https://example.org/w-{hashlib.sha256(content).hexdigest()[:8]}.pth"
    monkeypatch.setattr(weights, "_torchvision_weights", lambda _: _Entry(address))
    served(content)
    found = weights.load_imagenet_weights(EfficientNetBackbone.B0, strict=True)
    assert list(found.tensors) == ["features.0.0.weight"]


class _Entry:
    """Weights as torchvision has them, at another address."""

    def __init__(self, url):
        self.url = url

    def get_state_dict(self, *arguments, **options):
        from torch.hub import load_state_dict_from_url

        return load_state_dict_from_url(self.url, *arguments, **options)


def test_without_being_asked_for_no_weights_are_fetched(served):
    from quake.models import EfficientNet, EfficientNetBackbone

    asked = served(b"")
    EfficientNet(EfficientNetBackbone.B0, num_classes=3, weights=None)
    assert asked == []
