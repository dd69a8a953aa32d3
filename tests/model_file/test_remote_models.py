"""Models at an address: fetched once, by their hash, from a server of this test."""

import hashlib
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from model_server import ModelServer

import quake
from quake.errors import ModelError, ParameterError
from quake.model_file import remote
from quake.model_file.registry import find_model, list_models
from quake.model_file.remote import is_remote, kept_model, parse_remote
from quake.models import get_weights

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"
BUNDLED = (ROOT / "quake" / "bundled" / "b0.safetensors").read_bytes()
HASH = "0" * 64


def sha256(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Folder of fetched models, empty; there are no installed ones."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("QUAKE_MODEL_DIR", str(tmp_path / "installed"))
    return tmp_path / "cache" / "quake" / "models"


@pytest.fixture
def server(cache):
    with ModelServer().running() as server:
        yield server


@pytest.fixture
def address(server):
    """The bundled model, at an address."""
    server.files["/b0.safetensors"] = BUNDLED
    return f"{server.url}/b0.safetensors#sha256={sha256(BUNDLED)}"


def fetch(text):
    return find_model(text, may_download=True)


# Addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("https://host/b0.safetensors", True),
        ("hf://org/repo/b0.safetensors", True),
        ("ftp://host/b0.safetensors", True),
        ("b0", False),
        ("models/b0.safetensors", False),
        ("C:/models/b0.safetensors", False),
        (Path("b0.safetensors"), False),
    ],
)
def test_an_address_begins_with_a_scheme(text, answer):
    assert is_remote(text) is answer


def test_a_file_of_the_hub_is_fetched_where_its_own_client_would(monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    found = parse_remote(f"hf://org/repo/models/b0.safetensors#sha256={HASH}")
    assert found.url == "https://huggingface.co/org/repo/resolve/main/models/b0.safetensors"
    found = parse_remote(f"hf://org/repo@v1.2/b0.onnx#sha256={HASH}")
    assert found.url == "https://huggingface.co/org/repo/resolve/v1.2/b0.onnx"


def test_the_hash_may_have_capitals():
    found = parse_remote(f"https://host/b0.safetensors#sha256={'AB' * 32}")
    assert found.sha256 == "ab" * 32


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("https://host/b0.safetensors", "has no hash"),
        ("https://host/b0.safetensors#sha256=123", "has no hash"),
        (f"https://host/b0.safetensors#md5={HASH}", "has no hash"),
        (f"http://host/b0.safetensors#sha256={HASH}", "name an address with https"),
        (f"ftp://host/b0.safetensors#sha256={HASH}", "fetched by https and hf, not by ftp"),
        (f"file:///etc/passwd.onnx#sha256={HASH}", "not by file"),
        (f"https://host/b0.pth#sha256={HASH}", "can hold code and are not fetched"),
        (f"https://host/b0.pkl#sha256={HASH}", "can hold code and are not fetched"),
        (f"https://host/#sha256={HASH}", "can hold code and are not fetched"),
        (f"https:///b0.onnx#sha256={HASH}", "is not fetched"),
        (f"hf://repo/b0.onnx#sha256={HASH}", "names no file in a repository"),
        (f"hf://org/repo/../../b0.onnx#sha256={HASH}", "names no file in a repository"),
    ],
)
def test_addresses_that_are_refused(text, message, cache):
    with pytest.raises(ParameterError, match=message):
        fetch(text)
    assert not cache.exists()


def test_a_password_is_refused_and_not_repeated():
    with pytest.raises(ParameterError) as error:
        fetch(f"https://me:secret@host/b0.onnx#sha256={HASH}")
    assert "secret" not in str(error.value)


# Fetching ------------------------------------------------------------------------------------


def test_a_model_is_fetched_once_and_kept_by_its_hash(server, address, cache):
    path = fetch(address)
    assert path == cache / f"{sha256(BUNDLED)}.safetensors"
    assert path.read_bytes() == BUNDLED
    assert fetch(address) == path
    assert [asked for asked, _ in server.asked] == ["/b0.safetensors"]
    assert [p.name for p in cache.iterdir()] == [path.name]


def test_a_model_that_is_kept_needs_no_server(address, cache):
    path = fetch(address)
    gone = address.replace("http://127.0.0.1", "https://gone.invalid").replace(
        "/b0", "/another/name"
    )
    gone = re.sub(r":\d+/", "/", gone)
    assert fetch(gone) == path


def test_what_is_asked_tells_nothing_but_the_program(server, address):
    fetch(address)
    ((_, headers),) = server.asked
    assert headers.keys() <= {"Host", "User-Agent", "Accept-Encoding", "Connection"}
    assert headers["User-Agent"] == f"quake/{quake.__version__}"


def test_another_hash_is_refused_and_nothing_kept(server, cache):
    server.files["/b0.safetensors"] = BUNDLED[:-1] + b"!"
    with pytest.raises(ModelError, match="was expected; nothing was kept") as error:
        fetch(f"{server.url}/b0.safetensors#sha256={sha256(BUNDLED)}")
    assert sha256(BUNDLED) in str(error.value)
    assert list(cache.iterdir()) == []


def test_a_file_that_was_damaged_later_is_fetched_again(server, address, caplog):
    path = fetch(address)
    path.write_bytes(BUNDLED[:1000])
    assert fetch(address).read_bytes() == BUNDLED
    assert len(server.asked) == 2
    assert "was damaged since it was fetched" in caplog.text


def test_a_connection_that_ends_early_is_an_error(server, cache):
    server.files["/b0.onnx"], server.claimed["/b0.onnx"] = BUNDLED, len(BUNDLED) + 1
    with pytest.raises(ModelError, match=r"cannot be fetched \("):
        fetch(f"{server.url}/b0.onnx#sha256={sha256(BUNDLED)}")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("is_told", [True, False], ids=["told", "not told"])
def test_a_file_that_is_too_large_is_refused(server, cache, monkeypatch, is_told):
    monkeypatch.setattr(remote, "MOST_BYTES", 2 << 20)
    server.files["/b0.onnx"] = BUNDLED
    if not is_told:
        server.without_length.add("/b0.onnx")
    with pytest.raises(ModelError, match="at most 2097152 were expected"):
        fetch(f"{server.url}/b0.onnx#sha256={sha256(BUNDLED)}")
    assert list(cache.iterdir()) == []


def test_a_server_that_never_ends_is_left(server, cache, monkeypatch):
    monkeypatch.setattr(remote, "_LONGEST_S", -1.0)
    server.files["/b0.onnx"] = BUNDLED
    with pytest.raises(ModelError, match="took longer than"):
        fetch(f"{server.url}/b0.onnx#sha256={sha256(BUNDLED)}")
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_a_server_that_refuses_is_an_error(server, status):
    server.statuses["/b0.onnx"] = status
    with pytest.raises(ModelError, match=f"the server says {status} "):
        fetch(f"{server.url}/b0.onnx#sha256={HASH}")


def test_where_nobody_answers_the_error_says_what_to_do(server, cache):
    with ModelServer().running() as other:
        url = other.url
    with pytest.raises(ModelError, match="check the address and the network") as error:
        fetch(f"{url}/b0.onnx#sha256={HASH}")
    assert str(cache / f"{HASH}.onnx") in str(error.value)
    assert "\n" not in str(error.value)


def test_a_server_may_send_on_to_another_address_on_this_machine(server, address):
    server.moved["/old.safetensors"] = f"{server.url}/b0.safetensors"
    path = fetch(address.replace("/b0.", "/old."))
    assert path.read_bytes() == BUNDLED


@pytest.mark.parametrize(
    "to", ["http://192.0.2.1/b0.onnx", "file:///etc/passwd", "ftp://h/b0.onnx"]
)
def test_a_server_may_not_send_on_to_what_would_not_be_fetched(server, to):
    server.moved["/b0.onnx"] = to
    with pytest.raises(ModelError, match=r"cannot be fetched \("):
        fetch(f"{server.url}/b0.onnx#sha256={HASH}")
    assert len(server.asked) == 1


def test_a_server_elsewhere_may_not_send_on_to_this_machine(server):
    """It could ask what only this machine may ask."""
    from urllib.request import Request

    for url in ("https://host/b0.onnx", "https://127.0.0.2.invalid/b0.onnx"):
        with pytest.raises(OSError, match="the server sends on to"):
            remote._SafeRedirects().redirect_request(
                Request(url), None, 302, "Found", {}, f"{server.url}/b0.onnx"
            )


def test_the_hub_may_be_a_mirror(server, address, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", f"{server.url}/hub/")
    server.files["/hub/org/repo/resolve/main/sub/b0.safetensors"] = BUNDLED
    path = fetch(f"hf://org/repo/sub/b0.safetensors#sha256={sha256(BUNDLED)}")
    assert path.read_bytes() == BUNDLED


def test_what_was_fetched_is_read_as_a_model_and_never_unpickled(server, cache, tmp_path):
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    for name in ("b0.safetensors", "b0.onnx"):
        content = pickle.dumps(Trap())
        server.files[f"/{name}"] = content
        with pytest.raises(ModelError):
            fetch(f"{server.url}/{name}#sha256={sha256(content)}")
    assert not (tmp_path / "ran").exists()


# Only if asked for ---------------------------------------------------------------------------


def test_an_address_is_not_fetched_unless_that_is_allowed(server, address):
    with pytest.raises(ModelError, match="was not fetched yet, and is not fetched here"):
        find_model(address)
    assert server.asked == []
    fetch(address)
    assert find_model(address).read_bytes() == BUNDLED


def test_a_fetched_model_is_taken_if_it_is_named_and_never_for_its_backbone(address, cache):
    before = find_model(backbone="b0")
    path = fetch(address)
    assert find_model(backbone="b0") == before
    assert find_model() == before
    entries, problems = list_models()
    assert not problems
    assert [(e.name, e.origin) for e in entries] == [
        ("b0", "bundled"),
        (sha256(BUNDLED)[:12], "fetched"),
    ]
    assert find_model(sha256(BUNDLED)[:12]) == path


def test_the_backbone_has_to_be_that_of_the_address(address):
    with pytest.raises(ModelError, match="its backbone is b0, --backbone asks for b1"):
        find_model(address, "b1", may_download=True)


def test_the_library_takes_addresses_too(address):
    found = quake.predict(RECORD, model=address)
    assert found[1].label == "earthquake"
    assert found[1].model == sha256(BUNDLED)[:12]
    assert quake.Classifier.from_pretrained(address).hash == found[1].model
    assert get_weights(address).origin == "fetched"
    assert kept_model(parse_remote(address)) is not None


# The program ---------------------------------------------------------------------------------


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "quake_cli", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_program_fetches_what_its_command_line_names(server, address):
    done = run("predict", RECORD, "--model", address, "--format", "jsonl")
    assert done.returncode == 0, done.stderr
    assert f"fetching {server.url}/b0.safetensors" in done.stderr
    first = json.loads(done.stdout.splitlines()[0])
    assert first["model"] == sha256(BUNDLED)[:12]
    again = run("predict", RECORD, "--model", address, "--format", "jsonl")
    assert again.stdout == done.stdout
    assert "fetching" not in again.stderr
    assert len(server.asked) == 1
    listed = json.loads(run("models", "--json").stdout)["models"]
    assert [(m["origin"], m["sha256"]) for m in listed] == [
        ("bundled", sha256(BUNDLED)),
        ("fetched", sha256(BUNDLED)),
    ]


@pytest.mark.parametrize(
    ("suffix", "status", "message"),
    [
        ("/b0.safetensors", 2, "has no hash, so nobody could tell what comes"),
        (f"/b0.pth#sha256={HASH}", 2, "can hold code and are not fetched"),
        (f"/b0.safetensors#sha256={HASH}", 4, "was expected; nothing was kept"),
        (f"/gone.safetensors#sha256={HASH}", 4, "the server says 404"),
    ],
)
def test_the_program_says_in_one_line_why_not(server, address, suffix, status, message):
    done = run("predict", RECORD, "--model", f"{server.url}{suffix}")
    assert done.returncode == status
    assert done.stdout == ""
    (error,) = [line for line in done.stderr.splitlines() if "error" in line]
    assert message in error
    assert "Traceback" not in done.stderr
