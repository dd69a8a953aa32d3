"""SAC files whose headers do not tell when, where or how something was recorded."""

import struct

import numpy as np
import pytest
from obspy.io.sac import SACTrace
from strategies import ID, noise, trace, write

from quake.waveforms.readers.waveform_file import read_segments

TIME = {"nzyear": 2021, "nzjday": 63, "nzhour": 5, "nzmin": 6, "nzsec": 0, "nzmsec": 0}


@pytest.fixture
def sac(tmp_path):
    """Write three components; returns the folder."""

    def write(name, *, seed=0, **header):
        folder = tmp_path / "sac"
        folder.mkdir(exist_ok=True)
        values = {"delta": 0.01, "kstnm": "STA", "knetwk": "XX", **TIME, **header}
        values = {key: value for key, value in values.items() if value is not None}
        for code, row in zip("ZNE", noise(6000, seed).astype(np.float32), strict=True):
            file = SACTrace(data=row, kcmpnm=f"HH{code}", **values)
            for key in set(TIME) - set(values):
                setattr(file, key, None)
            file.write(str(folder / f"{name}.{code}.sac"))
        return folder

    return write


def without_time():
    return dict.fromkeys(TIME)


def test_without_reference_time_each_file_is_left_out_by_name(predict, sac):
    """Two events would otherwise both be of 1970."""
    sac("one", **without_time())
    folder = sac("two", seed=1, **without_time())
    run = predict(folder)
    assert (run.status, run.out) == (3, "")
    assert len([line for line in run.errors if "no reference time (nzyear, " in line]) == 6
    assert "1970" not in run.err
    assert "too few samples" not in run.err


def test_one_good_event_beside_them_is_done_with_status_1(predict, sac):
    sac("bad", **without_time())
    folder = sac("good", seed=1)
    run = predict(folder)
    assert run.status == 1
    assert len(run.errors) == 3
    assert {record["start"][:10] for record in run.records} == {"2021-03-04"}
    assert {record["components"] for record in run.records} == {"ZNE"}


def test_a_reference_time_in_part_is_none(predict, sac):
    run = predict(sac("a", nzhour=None))
    assert run.status == 3
    assert "no reference time (nzhour undefined)" in run.err


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ({"leven": False}, "unevenly sampled (LEVEN is false)"),
        ({"iftype": "iamph"}, "a spectrum, where a time series was expected"),
    ],
)
def test_what_is_no_even_time_series_is_left_out_and_says_so(predict, sac, header, text):
    run = predict(sac("a", **header))
    assert run.status == 3
    assert text in run.err


def test_without_station_a_file_is_used_and_told_of(predict, sac):
    run = predict(sac("a", kstnm=None, knetwk=None))
    assert run.status == 0
    (warning,) = run.warnings
    assert "no station in the header" in warning
    assert {record["id"] for record in run.records} == {"...HH?"}


def test_two_stations_without_a_name_are_not_one(predict, sac):
    sac("one", kstnm=None, knetwk=None)
    run = predict(sac("two", seed=1, kstnm=None, knetwk=None))
    assert run.status == 3
    assert "contradict each other" in run.err
    assert "no station in the header" in run.err


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("degrees", [1e30, -3e7, np.nan, np.inf])
def test_a_longitude_that_is_none_is_passed_over(tmp_path, degrees, order):
    """ObsPy would go round the globe until it is one; found by the fuzzer."""
    samples = np.arange(6000, dtype=np.float32)
    path = write(tmp_path / "a.sac", trace(samples), format="SAC", byteorder=order)
    content = bytearray(path.read_bytes())
    for word, value in ((31, 10.0), (32, degrees), (35, 20.0), (36, 30.0)):
        struct.pack_into(f"{order}f", content, 4 * word, value)
    path.write_bytes(content)
    (segment,), problems = read_segments(path, ID)
    np.testing.assert_array_equal(segment.samples, samples)
    assert problems == []
