"""`quake report` as people call it: exit statuses, files, standard output, real data."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from report_stores import Page

from quake_cli.app import main

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "examples" / "BK.MHC.mseed"


@pytest.fixture
def report(capsys):
    """Run `quake report` in this process; its status, standard output and standard error."""

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["report", *map(str, arguments)])
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return ended.value.code, out, err

    return run


def process(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "quake_cli", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        check=False,
        **options,
    )


@pytest.fixture(scope="module", autouse=True)
def no_installed_models(tmp_path_factory):
    """Models that the tester has installed are out of sight."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUAKE_MODEL_DIR", str(tmp_path_factory.mktemp("installed")))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def real_store(tmp_path_factory):
    """A store of the record in examples/, by the bundled model, and the summary of its run."""
    root = tmp_path_factory.mktemp("real") / "store"
    done = process("predict", RECORD, "--output", root, "--events", "--device", "cpu")
    assert done.returncode == 0, done.stderr
    return root, re.search(rb"quake: (\d+ inputs? .*)", done.stderr)[1].decode()


def test_the_program_writes_a_page_with_pictures_over_a_real_record(real_store, report, tmp_path):
    root, summary = real_store
    output = tmp_path / "page.html"
    done = process("report", root, "-o", output)
    assert done.returncode == 0, done.stderr
    assert done.stdout == b""
    page = Page(output.read_bytes())
    pictures = [image["src"] for image in page.named("img")]
    n_listed = page.text.count("Look closer")
    assert len(pictures) == n_listed > 0
    assert all(source.startswith("data:image/png;base64,iVBOR") for source in pictures)
    assert f" {len(pictures)} pictures" in done.stderr.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
    (statuses, seconds) = (page.rows(c)[1:] for c in ("Windows by status", "Seconds of input"))
    assert ", ".join(f"{n} {status}" for status, n in statuses) in summary
    assert f"{float(seconds[0][1]):g} s of input" in summary
    assert output.stat().st_size < 5_000_000
    assert report(root, "-o", "-", "-q")[1].encode() == output.read_bytes()


def test_standard_output_has_the_same_page_as_a_file(with_events, report, tmp_path):
    output = tmp_path / "page.html"
    status, _, err = report(with_events.root, "--output", output)
    assert (status, err.splitlines()[-1]) == (
        0,
        f"quake: {output}: 3 station-days, 9 windows, 2 events; 0 pictures",
    )
    status, out, err = report(with_events.root, "--output", "-", "--quiet")
    assert (status, err) == (0, "")
    assert out == output.read_text(encoding="utf-8")


def test_the_page_is_report_html_in_this_folder_if_nothing_is_said(
    with_events, report, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert report(with_events.root)[0] == 0
    assert (tmp_path / "report.html").read_bytes().startswith(b"<!DOCTYPE html>")


def test_a_store_that_another_run_writes_to_is_read(with_events, report, tmp_path):
    from quake.store.lock import StoreLock

    with StoreLock(with_events.folder):
        assert report(with_events.root, "-o", tmp_path / "page.html")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["{tmp}"], "is no result store"),
        (["{tmp}/none"], "there is no such folder"),
        (["{store}", "-o", "{tmp}"], "is a folder; the name of a file was expected"),
        (["{store}", "-o", "{tmp}/none/page.html"], "there is no folder"),
        (["{store}", "--top", "-1"], "from 0 to 100"),
        (["{store}", "--top", "many"], "a whole number was expected"),
        ([], "Missing argument"),
    ],
)
def test_what_makes_no_sense_ends_with_status_2(with_events, report, tmp_path, arguments, what):
    places = {"tmp": tmp_path, "store": with_events.root}
    before = sorted(tmp_path.rglob("*"))
    status, out, err = report(*(argument.format(**places) for argument in arguments))
    assert (status, out) == (2, "")
    assert what in err
    assert sorted(tmp_path.rglob("*")) == before


def test_another_model_than_that_of_the_store_ends_with_status_4(with_events, report, tmp_path):
    status, _, err = report(with_events.root, "-o", tmp_path / "p.html", "--model", "b0")
    assert status == 4
    assert "of 0123456789ab" in err


def test_damage_in_the_store_ends_with_status_1_and_a_page(with_events, report, tmp_path):
    (path,) = with_events.root.rglob("windows.parquet")
    path.write_bytes(b"PAR1")
    status, _, err = report(with_events.root, "-o", tmp_path / "page.html")
    assert status == 1
    assert f"quake: error: {path}: holds no windows that quake wrote" in err
    assert "cannot be read" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_windows_that_are_gone_are_a_warning(with_events, report, tmp_path):
    (path,) = with_events.root.rglob("windows.parquet")
    path.unlink()
    status, _, err = report(with_events.root, "-o", tmp_path / "page.html")
    assert status == 0
    assert "quake: warning: AA.ONE..HH? on 2020-05-01: its windows are gone" in err


def test_an_empty_store_has_a_page(make_store, report, tmp_path):
    status, _, err = report(make_store.root, "-o", tmp_path / "page.html")
    assert status == 0
    assert "0 station-days, 0 windows, 0 events" in err


def test_a_page_that_cannot_be_written_leaves_nothing(with_events, report, tmp_path, monkeypatch):
    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("quake.report.write_page", fail)
    output = tmp_path / "page.html"
    output.write_text("the one before")
    status, _, err = report(with_events.root, "-o", output)
    assert status == 1
    assert f"{output}: cannot be written (No space left on device)" in err
    assert output.read_text() == "the one before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "store"]
