"""Inputs: files, folders, patterns, standard input, and those that are bad."""

import io
import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from strategies import noise, stream, trace, write

from quake.errors import ParameterError
from quake.inputs.selection import Selection, parse_moment
from quake_cli.inputs import collect


def ids(run):
    return sorted({record["id"] for record in run.records})


@pytest.fixture
def archive(tmp_path):
    """Stations A, B and C in a tree, with files between them that are no waveforms."""
    root = tmp_path / "archive"
    for name, place in (("A", "a.mseed"), ("B", "2021/b.mseed"), ("C", "2021/063/C.D.2021.063")):
        path = root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, stream(noise(6000), station=name))
    (root / "README.txt").write_text("about this archive")
    (root / "2021" / ".hidden.mseed").write_text("left by a copy")
    return root


# --- what can be named --------------------------------------------------------------------


def test_a_folder_is_walked_and_others_left_out_are_counted(predict, archive):
    run = predict(archive)
    assert run.status == 0
    assert ids(run) == ["XX.A..HH?", "XX.B..HH?", "XX.C..HH?"]
    assert "3 inputs (0 failed), 2 other files left out; 3 windows" in run.summary


def test_a_file_of_a_folder_that_claims_to_be_waveforms_is_a_failure(predict, archive):
    (archive / "text.MSEED").write_text("no waveforms")
    run = predict(archive)
    assert run.status == 1
    assert "text.MSEED: neither miniSEED nor SAC" in run.err
    assert len(run.records) == 3


def test_links_that_lead_in_circles_end(predict, archive):
    (archive / "2021" / "again").symlink_to(archive)
    assert len(predict(archive).records) == 3


def test_a_quoted_pattern_is_expanded(predict, archive):
    assert ids(predict(f"{archive}/*.mseed")) == ["XX.A..HH?"]
    assert ids(predict(f"{archive}/**/*.mseed")) == ["XX.A..HH?", "XX.B..HH?"]


def test_a_name_with_brackets_is_a_name_before_it_is_a_pattern(predict, tmp_path):
    write(tmp_path / "a.mseed", stream(noise(6000), station="A"))
    bracketed = write(tmp_path / "[a].mseed", stream(noise(6000), station="B"))
    assert ids(predict(bracketed)) == ["XX.B..HH?"]


def test_a_file_that_is_named_twice_is_read_once(predict, good_file):
    run = predict(good_file, good_file.parent, f"{good_file.parent}/*", good_file)
    assert run.status == 0
    assert "1 input (0 failed); 4 windows" in run.summary


def test_sac_files_of_one_station_form_one_channel_set(predict, tmp_path):
    rows = noise(6000).astype(np.float32)
    for component, row in zip("ZNE", rows, strict=True):
        write(tmp_path / f"{component}.sac", trace(row, f"HH{component}"), format="SAC")
    (record,) = predict(tmp_path).records
    assert record["components"] == "ZNE"


def test_standard_input_is_read(predict, good_file, monkeypatch):
    buffer = io.BytesIO(good_file.read_bytes())
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=buffer, isatty=lambda: False))
    run = predict("-")
    assert run.status == 0
    assert run.out == predict(good_file).out


def test_standard_input_is_called_so_in_messages(predict, monkeypatch):
    buffer = io.BytesIO(b"no waveforms")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=buffer, isatty=lambda: False))
    run = predict("-")
    assert run.status == 3
    assert run.errors[0].startswith("quake: error: standard input: neither miniSEED nor SAC")
    assert "/stream-" not in run.err


def test_a_terminal_is_not_waited_for(predict, monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    run = predict("-")
    assert run.status == 3
    assert "standard input: is a terminal" in run.err


def test_a_name_with_a_line_break_stays_one_line(predict, good_file, tmp_path):
    run = predict(good_file, tmp_path / "a\nb\x1b[31m.mseed")
    assert len(run.errors) == 1
    assert "a\\nb\\x1b[31m.mseed" in run.err
    assert len(run.err.splitlines()) == 2


# --- bad inputs ---------------------------------------------------------------------------


def empty_file(path):
    path.write_bytes(b"")


def text_file(path):
    path.write_text("these are no waveforms\n" * 100)


def truncated_record(path):
    write(path, stream(noise(6000).astype(np.int32)), reclen=4096)
    path.write_bytes(path.read_bytes()[:700])


def twelve_bytes(path):
    path.write_bytes(b"000001D     ")


def folder_without_waveforms(path):
    path.mkdir()
    (path / "notes.txt").write_text("nothing here")


def missing(path):
    pass


def three_samples(path):
    write(path, stream(noise(3), station="BAD"))


def one_hertz(path):
    write(path, stream(noise(120), station="BAD", rate_hz=1.0))


def only_nan(path):
    row = np.full(6000, np.nan, np.float32)
    write(path, trace(row, station="BAD"), format="SAC")


FAILING = [
    (empty_file, "empty file"),
    (text_file, "neither miniSEED nor SAC"),
    (truncated_record, ""),
    (twelve_bytes, ""),
    (folder_without_waveforms, "no miniSEED or SAC file in this folder (1 other files)"),
    (missing, "no such file or folder; check the path"),
]
WITHOUT_SCORE = [
    (three_samples, "no_data", "low_coverage"),
    (one_hertz, "rejected", "sampling_rate_too_low"),
    (only_nan, "no_data", "bad_values"),
]


@pytest.fixture
def bad(tmp_path):
    """Make a bad input."""

    def make(maker):
        path = tmp_path / ("bad.sac" if maker is only_nan else "bad.mseed")
        maker(path)
        return path

    return make


@pytest.mark.parametrize(("maker", "text"), FAILING)
def test_a_bad_input_alone_is_named_once_with_status_3(predict, bad, maker, text):
    path = bad(maker)
    run = predict(path)
    (about,) = run.errors
    assert run.status == 3
    assert about.startswith(f"quake: error: {path}: ")
    assert text in about
    assert run.out == ""


@pytest.mark.parametrize(("maker", "text"), FAILING)
def test_a_good_file_beside_a_bad_input_is_done_with_status_1(predict, bad, good_file, maker, text):
    run = predict(bad(maker), good_file)
    assert run.status == 1
    assert len(run.errors) == 1
    assert run.out == predict(good_file).out


@pytest.mark.parametrize(("maker", "status", "flag"), WITHOUT_SCORE)
def test_a_record_that_cannot_be_scored_alone_has_windows_and_status_3(
    predict, bad, maker, status, flag
):
    path = bad(maker)
    run = predict(path)
    assert run.status == 3
    assert {record["status"] for record in run.records} == {status}
    assert all(flag in " ".join(record["flags"]) for record in run.records)
    assert all(record["label"] is None for record in run.records)
    (warning,) = run.warnings
    assert str(path) in warning
    assert flag in warning
    (error,) = run.errors
    assert f"nothing usable in {path}: {len(run.records)} window" in error


@pytest.mark.parametrize(("maker", "status", "flag"), WITHOUT_SCORE)
def test_the_reason_that_nothing_is_usable_is_said_even_if_quiet(predict, bad, maker, status, flag):
    path = bad(maker)
    run = predict(path, "--quiet")
    assert not run.warnings
    (error,) = run.errors
    assert str(path) in error
    assert flag in error


@pytest.mark.parametrize(("maker", "status", "flag"), WITHOUT_SCORE)
def test_a_record_that_cannot_be_scored_beside_a_good_one_is_no_failure(
    predict, bad, good_file, maker, status, flag
):
    run = predict(bad(maker), good_file)
    assert run.status == 0
    good = [record for record in run.records if record["id"] == "XX.STA..HH?"]
    assert good == predict(good_file).records
    assert not run.errors


def test_nan_values_are_flagged(predict, bad):
    (record,) = predict(bad(only_nan)).records
    assert "bad_values:Z" in record["flags"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_failure(predict, bad, good_file):
    path = bad(text_file)
    path.chmod(0)
    assert "Permission denied" in predict(path, good_file).err


# --- archives and lists of names ----------------------------------------------------------


@pytest.fixture
def sds(tmp_path):
    """An SDS archive of two stations and two days, of empty files."""
    for name in ("A", "B"):
        for day in (1, 200):
            folder = tmp_path / "sds" / "2020" / "XX" / name / "HHZ.D"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"XX.{name}..HHZ.D.2020.{day:03d}").touch()
    return tmp_path / "sds"


def standard_input(monkeypatch, data):
    stdin = SimpleNamespace(buffer=io.BytesIO(data), isatty=lambda: False)
    monkeypatch.setattr(sys, "stdin", stdin)


def test_an_archive_gives_the_files_of_a_selection(sds, tmp_path):
    wanted = Selection(stations=("B",), end_ns=parse_moment("2020-02-01"))
    found = collect([], tmp_path, sds=[str(sds), str(sds)], selection=wanted)
    assert [path.name for path in found.files] == ["XX.B..HHZ.D.2020.001"]
    assert (found.problems, found.left_out) == ([], 0)


def test_arguments_lists_and_archives_come_in_this_order(sds, tmp_path):
    first, second = (text_in(tmp_path / name) for name in ("1.mseed", "2.mseed"))
    names = text_in(tmp_path / "names.txt", f"{second}\r\n{first}\n")
    found = collect([str(first)], tmp_path, sds=[str(sds)], files_from=str(names))
    assert list(found.files)[:2] == [first, second]
    assert len(found.files) == 2 + 4


def text_in(path, text=""):
    path.write_bytes(text.encode())
    return path


def test_the_selection_is_for_archives_alone(sds, tmp_path):
    found = collect([str(sds)], tmp_path, selection=Selection(stations=("B",)))
    assert len(found.files) == 4


@pytest.mark.parametrize(("end", "null"), [("\n", False), ("\0", True)])
def test_names_are_read_from_standard_input(sds, tmp_path, monkeypatch, end, null):
    names = sorted(str(path) for path in sds.rglob("*.001"))
    standard_input(monkeypatch, end.join(names).encode())
    found = collect([], tmp_path, files_from="-", null=null)
    assert [str(path) for path in found.files] == names
    assert found.names == {}


def test_standard_input_cannot_be_waveforms_and_names(tmp_path):
    with pytest.raises(ParameterError, match="standard input can be one of them only"):
        collect(["-"], tmp_path, files_from="-")


def test_an_empty_list_on_standard_input_is_said(tmp_path, monkeypatch):
    standard_input(monkeypatch, b"\n")
    (problem,) = collect([], tmp_path, files_from="-").problems
    assert problem.message == "standard input: names no input"


@pytest.mark.parametrize("stdin", [None, SimpleNamespace(isatty=lambda: True)])
def test_names_are_not_waited_for(tmp_path, monkeypatch, stdin):
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(ParameterError, match=r"standard input is a terminal|input is closed"):
        collect([], tmp_path, files_from="-")


@pytest.mark.parametrize("name", ["missing.txt", "."])
def test_a_list_that_cannot_be_read_is_wrong_usage(tmp_path, name):
    with pytest.raises(ParameterError, match=r"--files-from .*: cannot be read \("):
        collect([], tmp_path, files_from=str(tmp_path / name))


def test_null_without_a_list_is_wrong_usage(tmp_path):
    with pytest.raises(ParameterError, match="--null: says how the names of --files-from"):
        collect(["a.mseed"], tmp_path, null=True)


# --- other formats ------------------------------------------------------------------------


@pytest.fixture
def gse2(tmp_path):
    path = tmp_path / "gse" / "station.gse2"
    path.parent.mkdir()
    return write(path, stream(noise(15_000).astype(np.int32)), format="GSE2")


def test_other_formats_are_read_on_demand(predict, gse2, good_file):
    refused = predict(gse2)
    assert refused.status == 3
    assert "GSE2, which is read with --read-any" in refused.err
    assert predict(gse2.parent).status == 3
    for name in (gse2, gse2.parent):
        run = predict(name, "--read-any")
        assert run.status == 0
        assert len(run.records) == len(predict(good_file).records)
    assert predict(good_file, "--read-any").records == predict(good_file).records


def test_other_formats_go_into_stores(predict, gse2, tmp_path):
    for n_done in ("1 done, 0 done before", "0 done, 1 done before"):
        run = predict(gse2, "--read-any", "--output", tmp_path / "store", "--workers", "2")
        assert run.status == 0
        assert n_done in run.summary


def test_a_scheme_that_nobody_knows_is_wrong_usage(predict):
    run = predict("ftp://host/a.mseed")
    assert run.status == 2
    assert "ftp:// is no input; fdsn://, s3://, gs://, https://, http:// are known" in run.err
