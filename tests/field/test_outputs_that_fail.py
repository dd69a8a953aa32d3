"""Outputs that are closed or full: one error with the name of the output, and status 1."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from field_records import samples
from field_run import Run

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def shell(tmp_path):
    """Run the program as a shell does, redirections included."""
    (tmp_path / "a.mseed").write_bytes(samples())

    def run(line, **options):
        done = subprocess.run(
            ["sh", "-c", line.replace("quake", f"{sys.executable} -m quake_cli", 1)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
            **options,
        )
        assert "Traceback" not in done.stderr
        assert "Exception ignored" not in done.stderr
        return Run(done.returncode, done.stdout, done.stderr)

    return run


@pytest.mark.parametrize("output_format", ["jsonl", "csv", "table", "parquet"])
def test_standard_output_that_is_closed_is_an_error(shell, output_format):
    run = shell(f"quake predict a.mseed --format {output_format} >&-")
    assert run.status == 1
    assert "standard output: is closed" in run.errors[0]


def test_with_an_output_of_its_own_a_closed_standard_output_is_none(shell, tmp_path):
    assert shell("quake predict a.mseed --output a.csv >&-").status == 0
    assert (tmp_path / "a.csv").read_text().startswith("id,")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
@pytest.mark.parametrize("line", ["predict a.mseed --format csv", "models", "info"])
def test_standard_output_that_is_full_is_named(shell, line):
    run = shell(f"quake {line} > /dev/full")
    assert run.status == 1
    (error,) = run.errors
    assert "standard output: cannot be written (No space left on device)" in error


def test_a_full_disk_is_named_with_the_file(shell, tmp_path):
    def limit():  # less than the heading of the columns
        resource.setrlimit(resource.RLIMIT_FSIZE, (50, 50))

    run = shell("quake predict a.mseed --output b.csv", preexec_fn=limit)
    assert run.status == 1
    (error,) = run.errors
    assert "b.csv: cannot be written (File too large)" in error
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.mseed"]


def test_what_was_read_by_head_is_no_error(shell):
    run = shell("quake predict a.mseed --overlap 0.99 --format jsonl --quiet | head -1")
    assert (run.status, run.err) == (0, "")
