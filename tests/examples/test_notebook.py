"""The notebook is well-formed, and its cells run in order and print what it shows."""

import ast
import json
import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOOK = json.loads((ROOT / "examples" / "store.ipynb").read_text(encoding="utf-8"))
CODE = [cell for cell in BOOK["cells"] if cell["cell_type"] == "code"]


def shown(cell):
    """What the cell printed when the notebook was written."""
    return "".join(
        line
        for output in cell["outputs"]
        if output["output_type"] == "stream"
        for line in output["text"]
    )


def run(source, names):
    """Run a cell; the value of a last expression, which Jupyter would show."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "store.ipynb", "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "store.ipynb", "eval"), names)


def test_it_is_notebook_format_4_5():
    assert (BOOK["nbformat"], BOOK["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in BOOK["cells"]]
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) for name in ids)
    assert len(set(ids)) == len(ids)
    for cell in BOOK["cells"]:
        required = {"cell_type", "id", "metadata", "source"}
        code = {"execution_count", "outputs"} if cell["cell_type"] == "code" else set()
        assert cell.keys() == required | code


def test_it_can_be_kept_in_a_repository():
    text = (ROOT / "examples" / "store.ipynb").read_text(encoding="utf-8")
    assert len(text) < 150_000
    assert "/home/" not in text
    assert "/tmp/" not in text


def test_cells_run_in_order_and_print_what_is_shown(tmp_path, monkeypatch, capsys):
    pytest.importorskip("pandas")
    shutil.copy(ROOT / "examples" / "BK.MHC.mseed", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names, value = {}, None
    for cell in CODE:
        value = run("".join(cell["source"]), names)
        assert capsys.readouterr().out == shown(cell)
    assert value._repr_png_().startswith(b"\x89PNG\r\n")
