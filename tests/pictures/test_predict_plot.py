"""`quake predict --plot`: pictures beside the results, wherever these go."""

import json
import resource
import signal
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from strategies import START_NS, noise, stream, trace, write

from quake.waveforms.times import NS_PER_S

EXAMPLE = ROOT / "examples" / "BK.MHC.mseed"
PICTURE = "BK.MHC..BH.2008-02-05.png"
ONE_THREAD = ("--threads", 1)


@pytest.fixture(scope="module")
def station(tmp_path_factory):
    """Two minutes of three components, and one minute of another station, in one folder."""
    folder = tmp_path_factory.mktemp("station")
    write(folder / "a.mseed", stream(noise(12_000).astype(np.int32), station="A"))
    write(folder / "b.mseed", trace(noise(6_000)[0].astype(np.int32), station="B"))
    return folder


@pytest.fixture
def predict(quake):
    return lambda *arguments: quake("predict", *ONE_THREAD, *arguments)


def pictures(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_results_are_the_same_with_pictures_and_these_in_each_run(predict, tmp_path):
    without, with_pictures = predict(EXAMPLE), predict(EXAMPLE, "--plot", tmp_path / "p")
    assert with_pictures == without
    assert without.status == 0
    assert list(pictures(tmp_path / "p")) == [PICTURE]
    predict(EXAMPLE, "--plot", tmp_path / "q", "--events")
    assert pictures(tmp_path / "p") == pictures(tmp_path / "q")


def test_each_day_has_a_picture(predict, tmp_path):
    midnight_ns = START_NS // (86_400 * NS_PER_S) * 86_400 * NS_PER_S
    start_ns = midnight_ns - 90 * NS_PER_S
    write(tmp_path / "two.mseed", stream(noise(18_000).astype(np.int32), start_ns=start_ns))
    predict(tmp_path / "two.mseed", "--plot", tmp_path / "p", "--quiet")
    assert list(pictures(tmp_path / "p")) == [
        "XX.STA..HH.2021-03-03.png",
        "XX.STA..HH.2021-03-04.png",
    ]


def test_sac_has_a_picture(predict, tmp_path):
    path = write(tmp_path / "a.sac", trace(noise(6_000)[0].astype(np.float32)), format="SAC")
    assert predict(path, "--plot", tmp_path / "p").status == 0
    assert list(pictures(tmp_path / "p")) == ["XX.STA..HH.2021-03-04.png"]


def test_a_rejected_record_has_a_picture_and_its_status(predict, tmp_path):
    rows = noise(600).astype(np.int32)
    path = write(tmp_path / "low.mseed", stream(rows, band_instrument="LH", rate_hz=1.0))
    assert predict(path, "--plot", tmp_path / "p").status == 3
    assert list(pictures(tmp_path / "p")) == ["XX.STA..LH.2021-03-04.png"]


def test_a_picture_that_cannot_be_drawn_costs_no_results(predict, tmp_path, monkeypatch):
    from quake.pictures import day_picture

    def fail(*arguments):
        raise ValueError("no ink")

    without = predict(EXAMPLE)
    monkeypatch.setattr(day_picture, "draw_day", fail)
    run = predict(EXAMPLE, "--plot", tmp_path / "p")
    assert (run.status, run.out) == (0, without.out)
    (warning,) = run.lines("warning")
    assert warning.endswith("BK.MHC..BH? on 2008-02-05: no picture of it (ValueError: no ink)")


def test_a_picture_that_cannot_be_written_ends_the_run(predict, tmp_path):
    (tmp_path / "p" / PICTURE).mkdir(parents=True)
    run = predict(EXAMPLE, "--plot", tmp_path / "p")
    assert run.status == 1
    (error,) = run.lines("error")
    assert f"{tmp_path / 'p' / PICTURE}: Is a directory; make room" in error


def test_options_of_events_are_about_pictures_too(predict, tmp_path):
    arguments = (EXAMPLE, "--event-threshold", 0.9)
    assert predict(*arguments).status == 2
    assert predict(*arguments, "--plot", tmp_path / "p").status == 0
    predict(EXAMPLE, "--plot", tmp_path / "q")
    assert pictures(tmp_path / "p") != pictures(tmp_path / "q")
    run = predict(EXAMPLE, "--plot", tmp_path / "p", "--min-stations", 2)
    assert (run.status, len(run.lines("error"))) == (2, 1)


def test_a_file_is_no_folder_for_pictures(predict, tmp_path):
    (tmp_path / "p").write_text("mine")
    run = predict(EXAMPLE, "--plot", tmp_path / "p")
    assert run.status == 2
    assert run.lines("error") == [
        f"quake: error: --plot {tmp_path / 'p'}: is a file, a folder was expected; name another one"
    ]


def test_station_days_done_before_are_drawn_from_their_windows(predict, station, tmp_path):
    store, folder = tmp_path / "store", tmp_path / "p"
    predict(station, "-o", store, "-f", "csv")
    predict(station, "-o", tmp_path / "other", "--plot", tmp_path / "q")
    run = predict(station, "-o", store, "-f", "csv", "--plot", folder)
    assert "0 done, 2 done before" in run.err
    drawn = pictures(folder)
    assert list(drawn) == ["XX.A..HH.2021-03-04.png", "XX.B..HH.2021-03-04.png"]
    assert drawn == pictures(tmp_path / "q")
    kept, lost = sorted(drawn)
    (folder / lost).unlink()
    before = (folder / kept).stat().st_mtime_ns
    predict(station, "-o", store, "-f", "csv", "--plot", folder)
    assert pictures(folder) == drawn
    assert (folder / kept).stat().st_mtime_ns == before


def test_a_picture_of_other_data_is_drawn_again(predict, tmp_path):
    record, store, folder = tmp_path / "a.mseed", tmp_path / "store", tmp_path / "p"
    for n_samples, options in ((6000, ("--plot", folder)), (9000, ()), (9000, ("--plot", folder))):
        before = pictures(folder) if folder.is_dir() else {}
        write(record, stream(noise(n_samples).astype(np.int32)))
        predict(record, "-o", store, *options)
    assert before.keys() == pictures(folder).keys()
    assert before != pictures(folder)


def test_windows_that_cannot_be_read_back_are_a_warning(predict, tmp_path):
    store, folder = tmp_path / "store", tmp_path / "p"
    predict(EXAMPLE, "-o", store, "-f", "mseed")
    run = predict(EXAMPLE, "-o", store, "-f", "mseed", "--plot", folder)
    (warning,) = run.lines("warning")
    assert "are there as mseed alone; add --format parquet" in warning
    assert (run.status, pictures(folder)) == (0, {})


@pytest.mark.slow
@pytest.mark.parametrize("where", [("--workers", 2), ("--dask-local", 1)])
def test_other_processes_draw_the_same_pictures(process, predict, station, tmp_path, where):
    predict(station, "-o", tmp_path / "store", "--plot", tmp_path / "p")
    for store, folder in (("other", "q"), ("store", "r")):  # of new windows, and of those there
        run = process(
            *("predict", station, "-o", tmp_path / store, "--plot", tmp_path / folder, *where)
        )
        assert run.status == 0, run.err
        assert pictures(tmp_path / folder) == pictures(tmp_path / "p")


def test_standard_input_is_drawn_and_nothing_is_said_of_fonts(process, tmp_path):
    """Without a place for its caches, Matplotlib would tell of it."""
    with EXAMPLE.open("rb") as file:
        run = process(
            *("predict", "-", "--plot", tmp_path / "p"),
            stdin=file,
            env={"MPLCONFIGDIR": "/dev/null/nowhere"},
        )
    assert (run.status, list(pictures(tmp_path / "p"))) == (0, [PICTURE])
    assert [json.loads(line)["status"] for line in run.out.splitlines()] == ["ok"] * 3
    (summary,) = run.err.splitlines()
    assert " s of input = " in summary


def test_a_full_disk_is_one_line(process, tmp_path):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    run = process(
        *("predict", EXAMPLE, "--model", ROOT / "quake/bundled/b0.safetensors"),
        *("--plot", tmp_path / "p", "--quiet"),
        preexec_fn=limit,
    )
    assert run.status == 1
    assert [line.startswith("quake: error: ") for line in run.err.splitlines()] == [True]
    assert PICTURE in run.err
    assert "File too large" in run.err
    assert len(run.out.splitlines()) == 3
    assert pictures(tmp_path / "p") == {}


def test_without_pictures_nothing_that_draws_is_loaded():
    program = (
        "import sys\nfrom quake_cli.app import main\n"
        f"try:\n    main(['predict', {str(EXAMPLE)!r}, '-q', '-o', '/dev/null', '-f', 'csv'])\n"
        "except SystemExit as ended:\n"
        "    print(ended.code, [m for m in ('matplotlib', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split("\n")[0] == "0 []"
