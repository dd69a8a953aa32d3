"""The notebooks are well-formed, and their cells run in order and print what they show."""

import ast
import base64
import json
import re
import shutil
from pathlib import Path

import pytest
from fdsn_stub import data_centre

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("store.ipynb", "data_centre.ipynb")


def load(name):
    return json.loads((ROOT / "examples" / name).read_text(encoding="utf-8"))


def shown(cell):
    """What the cell printed when the notebook was written."""
    return "".join(
        line
        for output in cell["outputs"]
        if output["output_type"] == "stream"
        for line in output["text"]
    )


def run(name, source, names):
    """Run a cell; the value of a last expression, which Jupyter would show."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), name, "eval"), names)


def run_all(name, capsys):
    """Run all cells, compare what each prints, and return the value of the last one."""
    names, value = {}, None
    for cell in load(name)["cells"]:
        if cell["cell_type"] == "code":
            value = run(name, "".join(cell["source"]), names)
            assert capsys.readouterr().out == shown(cell)
    return value


def test_every_notebook_is_looked_at():
    assert {path.name for path in (ROOT / "examples").rglob("*.ipynb")} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_it_is_notebook_format_4_5(name):
    book = load(name)
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in book["cells"]]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", one) for one in ids)
    assert len(set(ids)) == len(ids)
    for cell in book["cells"]:
        required = {"cell_type", "id", "metadata", "source"}
        code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert cell.keys() == required | code


@pytest.mark.parametrize("name", NAMES)
def test_it_can_be_kept_in_a_repository(name):
    text = (ROOT / "examples" / name).read_text(encoding="utf-8")
    assert len(text) < 150_000
    assert "/home/" not in text
    assert "/tmp/" not in text
    assert "127.0.0.1" not in text


@pytest.mark.parametrize("name", NAMES)
def test_its_last_picture_is_in_it(name):
    (output,) = load(name)["cells"][-1]["outputs"]
    assert base64.b64decode(output["data"]["image/png"]).startswith(b"\x89PNG\r\n")


def test_the_store_runs_and_prints_what_is_shown(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas")
    shutil.copy(ROOT / "examples" / "BK.MHC.mseed", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    value = run_all("store.ipynb", capsys)
    assert value._repr_png_().startswith(b"\x89PNG\r\n")


def test_the_data_centre_runs_and_prints_what_is_shown(tmp_path, monkeypatch, capsys):
    """A server of this test stands for the data centre."""
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    with data_centre(ROOT / "examples" / "BK.MHC.mseed") as url:
        monkeypatch.setenv("QUAKE_FDSN", url)
        value = run_all("data_centre.ipynb", capsys)
    assert value._repr_png_().startswith(b"\x89PNG\r\n")


def test_the_data_centre_of_the_test_has_one_record_and_no_other():
    from obspy import UTCDateTime
    from obspy.clients.fdsn import Client
    from obspy.clients.fdsn.header import FDSNNoDataException

    start = UTCDateTime("2008-02-05T06:39:00Z")
    with data_centre(ROOT / "examples" / "BK.MHC.mseed") as url:
        client = Client(url)
        (trace,) = client.get_waveforms("BK", "MHC", "--", "BHZ", start, start + 1)
        assert (trace.stats.starttime, trace.stats.npts) == (start, 101)
        with pytest.raises(FDSNNoDataException):
            client.get_waveforms("BK", "MHC", "*", "HH?", start, start + 1)
