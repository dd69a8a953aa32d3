"""The program in this process, with the bundled model, and a folder that must stay as it is."""

import contextlib
import io
from dataclasses import dataclass

import pytest
from hostile_files import evil_pickle

from quake_cli.app import main


@dataclass
class Run:
    """How a run of the program ended."""

    status: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def no_installed_models(tmp_path_factory, monkeypatch):
    """Models that the tester has installed are out of sight."""
    monkeypatch.setenv("QUAKE_MODEL_DIR", str(tmp_path_factory.mktemp("installed")))


@pytest.fixture
def quake():
    """Run the program; what it writes is taken as the bytes that a terminal would see."""

    def run(*arguments):
        out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            with pytest.raises(SystemExit) as ended:
                main([str(argument) for argument in arguments])
            texts = [_text_of(file) for file in (out, err)]
        assert "Traceback" not in texts[1]
        return Run(ended.value.code, *texts)

    return run


@pytest.fixture
def marker(tmp_path):
    """A file that is made if a payload runs."""
    return tmp_path / "it-has-run"


@pytest.fixture
def evil(marker):
    """Bytes of a pickle that makes the marker."""
    return evil_pickle(marker)


@pytest.fixture
def around(tmp_path):
    """A folder with a file in it, as deep as codes can climb, and what is in it.

    Returns a place for outputs inside, and a function that lists all that is not below it.
    """
    place = tmp_path / "around" / "a" / "b" / "outputs"
    place.mkdir(parents=True)
    (tmp_path / "around" / "precious").write_text("as it was")

    def outside():
        return {
            path.relative_to(tmp_path).as_posix(): path.read_bytes() if path.is_file() else None
            for path in (tmp_path / "around").rglob("*")
            if place not in path.parents
        }

    return place, outside


def _text_of(file):
    file.flush()
    return file.buffer.getvalue().decode("utf-8")
