"""SeisBench data sets that quake writes: SeisBench opens them, and nothing is lost."""

import csv
import json
import warnings
from dataclasses import replace

import h5py
import numpy as np
import pytest
from strategies import START_NS, segment, stream, trace, write

from quake.datasets.collection import Collection, ReadSpan
from quake.datasets.labels import LabelledSpan
from quake.datasets.seisbench import read_seisbench
from quake.datasets.seisbench_writer import write_seisbench
from quake.datasets.tables import read_label_table
from quake.errors import LabelError, ParameterError
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import ChannelSet
from quake.waveforms.times import NS_PER_S, format_time

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:seisbench.*")

RATE_HZ = 100
KEY = ChannelSetId("XX", "STA", "00", "HH")


@pytest.fixture(scope="module")
def seisbench(tmp_path_factory):
    """SeisBench itself; it makes a folder in the home folder unless told where else."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("SEISBENCH_CACHE_ROOT", str(tmp_path_factory.mktemp("seisbench")))
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            "seisbench.data", reason="SeisBench is not installed (dependency group seisbench)"
        )


class Given:
    """A reader that has its channel set already."""

    def __init__(self, **components):
        self.components = components

    def read(self, span, margin_ns):
        segments = {c: self.components.get(c, []) for c in "ZNE"}
        return ReadSpan(ChannelSet(KEY, segments), span.start_ns, span.end_ns)

    def fingerprint(self, span):
        return "given"


def span(tmp_path, reader=None, start_s=0, end_s=1, **changes):
    values = {
        "row": 2,
        "path": tmp_path / "a.mseed",
        "start_ns": start_s * NS_PER_S,
        "end_ns": end_s * NS_PER_S,
        "label": "earthquake",
        "group": "event1",
        "station": "XX.STA",
        "source": "mine",
        "p_ns": None,
        "reader": reader,
    }
    return LabelledSpan(**{**values, **changes})


def written(folder, *spans):
    result = write_seisbench(Collection("mine", spans), folder)
    with (folder / "metadata.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with h5py.File(folder / "waveforms.hdf5") as file:
        data = [file["data"][row["trace_name"]][()] for row in rows]
    return result, rows, data


def ramp(code, n_samples=100, start_s=0.0, first=1, rate_hz=RATE_HZ):
    samples = np.arange(first, first + n_samples, dtype=np.int32)
    return segment(samples, round(start_s * NS_PER_S), rate_hz, code)


@pytest.fixture
def table(tmp_path):
    """A reviewed table: an earthquake with its P, and noise, of one record of a minute."""
    samples = np.arange(3 * 6000, dtype=np.int32).reshape(3, 6000) + 1
    write(tmp_path / "a.mseed", stream(samples, location="00"))
    rows = [
        ("a.mseed", 10, 40, "eq", 25.003, "ev1", "train", 12.5, 0.75, 0.25),
        ("a.mseed", 40, 60, "noise", None, "ev2", "test", None, None, None),
    ]
    lines = [
        "path,start,end,label,p_time,event_id,split,snr_db,soft_earthquake,soft_noise,network,station"
    ]
    for path, start, end, label, p_s, event, split, snr, one, other in rows:
        times = [format_time(START_NS + s * NS_PER_S) for s in (start, end)]
        p_time = "" if p_s is None else format_time(START_NS + round(p_s * NS_PER_S))
        cells = [path, *times, label, p_time, event, split, snr, one, other, "XX", "STA"]
        lines.append(",".join("" if cell is None else str(cell) for cell in cells))
    path = tmp_path / "labels.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_seisbench_opens_what_was_written(seisbench, table, tmp_path):
    write_seisbench(read_label_table(table), tmp_path / "set")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = seisbench.WaveformDataset(tmp_path / "set", component_order="ZNE")
    assert len(data) == 2
    samples, metadata = data.get_sample(0)
    expected = np.arange(3 * 6000).reshape(3, 6000)[:, 1000:4000] + 1
    np.testing.assert_array_equal(samples, expected)
    assert metadata["trace_category"] == "earthquake"
    assert metadata["trace_sampling_rate_hz"] == 100
    assert metadata["trace_P_arrival_sample"] == pytest.approx(1500.3)
    assert metadata["station_code"] == "STA"
    assert metadata["trace_start_time"] == format_time(START_NS + 10 * NS_PER_S)
    train, dev, test = data.train_dev_test()
    assert (len(train), len(dev), len(test)) == (1, 0, 1)
    assert test.metadata.trace_category.to_list() == ["noise"]


def test_seisbench_resamples_what_was_written(seisbench, table, tmp_path):
    write_seisbench(read_label_table(table), tmp_path / "set")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = seisbench.WaveformDataset(tmp_path / "set", sampling_rate=50)
        samples, metadata = data.get_sample(0)
    assert samples.shape == (3, 1500)
    assert metadata["trace_P_arrival_sample"] == pytest.approx(750.15, abs=0.51)


def test_quake_reads_back_what_it_wrote(table, tmp_path):
    given = read_label_table(table).spans
    write_seisbench(read_label_table(table), tmp_path / "set")
    found = read_seisbench(tmp_path / "set")
    assert not found.excluded
    for one, other in zip(given, found.spans, strict=True):
        assert (one.label, one.group, one.station) == (other.label, other.group, other.station)
        assert (one.start_ns, one.end_ns) == (other.start_ns, other.end_ns)
        assert (one.split, one.snr_db, one.p_ns) == (other.split, other.snr_db, other.p_ns)
        there = other.reader.read(other, 0).channel_set
        assert (there.id.location, there.id.band_instrument) == ("00", "HH")


def test_gaps_and_missing_components_are_zero_and_said(tmp_path):
    reader = Given(Z=[ramp("Z", 50), ramp("Z", 25, 0.75, first=76)])
    _, (row,), (samples,) = written(tmp_path / "set", span(tmp_path, reader))
    assert samples.shape == (3, 100)
    assert samples[0, :50].tolist() == list(range(1, 51))
    assert not samples[0, 50:75].any()
    assert samples[0, 75:].tolist() == list(range(76, 101))
    assert not samples[1:].any()
    assert (row["trace_components"], row["trace_coverage"]) == ("Z", "0.75")


def test_components_1_and_2_stand_for_n_and_e_and_are_said(tmp_path):
    reader = Given(Z=[ramp("Z")], N=[ramp("1", first=1001)], E=[ramp("2", first=2001)])
    _, (row,), (samples,) = written(tmp_path / "set", span(tmp_path, reader))
    assert samples[:, 0].tolist() == [1, 1001, 2001]
    assert (row["trace_component_order"], row["trace_components"]) == ("ZNE", "Z12")


def test_a_trace_begins_with_the_first_sample_of_its_row_and_ends_before_its_end(tmp_path):
    # Samples at 0.003 s, 0.013 s, ...: the first from 0.5 s on is at 0.503 s, the last at 0.893 s.
    reader = Given(Z=[ramp("Z", start_s=0.003)])
    asked = span(tmp_path, reader, start_ns=NS_PER_S // 2, end_ns=9 * NS_PER_S // 10)
    _, (row,), (samples,) = written(tmp_path / "set", asked)
    assert row["trace_start_time"] == "1970-01-01T00:00:00.503000Z"
    assert samples[0].tolist() == list(range(51, 91))


def test_a_component_whose_clock_is_off_by_less_than_half_a_sample_stands_beside(tmp_path):
    reader = Given(Z=[ramp("Z")], N=[ramp("N", start_s=0.004)])
    _, _, (samples,) = written(tmp_path / "set", span(tmp_path, reader))
    assert samples[0].tolist() == samples[1].tolist()


def test_a_rate_that_is_no_whole_number_keeps_its_samples(tmp_path):
    reader = Given(Z=[ramp("Z", 1000, rate_hz=33.3)])
    end_ns = round(1000 * NS_PER_S / 33.3)
    _, (row,), (samples,) = written(tmp_path / "set", span(tmp_path, reader, end_ns=end_ns))
    assert samples[0].tolist() == list(range(1, 1001))
    assert row["trace_sampling_rate_hz"] == "33.3"


@pytest.mark.parametrize(
    ("largest", "kind"),
    [(1 << 24, np.float32), ((1 << 24) + 1, np.float64), (-(2**31), np.float64)],
)
def test_integers_are_exact_whatever_their_size(tmp_path, largest, kind):
    samples = np.array([largest] + 99 * [1], np.int32)
    _, _, (found,) = written(tmp_path / "set", span(tmp_path, Given(Z=[segment(samples)])))
    assert found.dtype == kind
    assert found[0].tolist() == samples.tolist()


def test_what_is_no_number_is_zero(tmp_path):
    samples = np.array([np.nan, np.inf, 3.5] + 97 * [1.0])
    _, _, (found,) = written(tmp_path / "set", span(tmp_path, Given(Z=[segment(samples)])))
    assert found[0, :3].tolist() == [0.0, 0.0, 3.5]


def test_two_traces_of_one_second_have_two_names(tmp_path):
    reader = Given(Z=[ramp("Z")])
    _, rows, _ = written(tmp_path / "set", span(tmp_path, reader), span(tmp_path, reader, row=3))
    assert [row["trace_name"] for row in rows] == [
        "XX.STA.00.HH_19700101T000000",
        "XX.STA.00.HH_19700101T000000_2",
    ]


def test_soft_labels_are_kept(table, tmp_path):
    _, rows, _ = written(tmp_path / "set", *read_label_table(table).spans)
    assert (rows[0]["trace_soft_earthquake"], rows[0]["trace_soft_noise"]) == ("0.75", "0.25")
    assert rows[1]["trace_soft_noise"] == ""


def test_columns_without_a_value_are_left_out(tmp_path):
    _, (row,), _ = written(tmp_path / "set", span(tmp_path, Given(Z=[ramp("Z")])))
    assert not {"split", "trace_P_arrival_sample", "trace_snr_db"} & row.keys()


def test_rows_that_cannot_be_read_are_told_and_the_others_written(tmp_path):
    bad = span(tmp_path, Given(Z=[ramp("Z")], N=[ramp("N", rate_hz=50)]), row=3)
    far = span(tmp_path, Given(Z=[ramp("Z", start_s=9.0)]), row=4)
    missing = span(tmp_path, row=5)
    result, rows, _ = written(
        tmp_path / "set", span(tmp_path, Given(Z=[ramp("Z")])), bad, far, missing
    )
    assert (result.n_traces, len(rows)) == (1, 1)
    reasons = [(e.what, e.reason) for e in result.excluded]
    assert [what for what, _ in reasons] == ["mine, row 3", "mine, row 4", "mine, row 5"]
    assert "recorded at 50 and 100 Hz" in reasons[0][1]
    assert "no data in the row" in reasons[1][1]
    assert "no such file" in reasons[2][1]


def test_nothing_is_left_where_nothing_can_be_written(tmp_path):
    with pytest.raises(LabelError, match=r"no row can be written; .*no such file"):
        written(tmp_path / "set", span(tmp_path))
    assert list((tmp_path / "set").iterdir()) == []


def test_a_data_set_that_is_there_is_not_replaced(tmp_path):
    one = span(tmp_path, Given(Z=[ramp("Z")]))
    written(tmp_path / "set", one)
    before = (tmp_path / "set" / "metadata.csv").read_text()
    with pytest.raises(ParameterError, match=r"has a metadata\.csv already"):
        written(tmp_path / "set", replace(one, label="noise"))
    assert (tmp_path / "set" / "metadata.csv").read_text() == before


def test_paths_of_the_machine_are_not_written(table, tmp_path):
    write_seisbench(read_label_table(table), tmp_path / "set")
    text = (tmp_path / "set" / "metadata.csv").read_text()
    assert str(tmp_path) not in text
    assert "a.mseed" in text


# The command --------------------------------------------------------------------------------


def run(capsys, *arguments):
    from quake_cli.app import main

    with pytest.raises(SystemExit) as ended:
        main(["dataset", *map(str, arguments)])
    return ended.value.code, *capsys.readouterr()


def test_the_command_writes_the_same(table, tmp_path, capsys):
    status, out, err = run(capsys, table, "--output", tmp_path / "set")
    assert (status, out) == (0, "")
    assert "wrote 2 traces" in err
    write_seisbench(read_label_table(table), tmp_path / "other")
    for name in ("metadata.csv",):
        one, other = (tmp_path / f / name for f in ("set", "other"))
        assert one.read_bytes() == other.read_bytes()


def test_the_command_says_in_json_what_it_wrote(table, tmp_path, capsys):
    status, out, _ = run(capsys, table, "-o", tmp_path / "set", "--json")
    found = json.loads(out)
    assert status == 0
    assert (found["traces"], found["excluded"]) == (2, 0)


def test_the_command_ends_with_1_where_a_row_was_left_out(table, tmp_path, capsys):
    with table.open("a") as file:
        file.write(
            "gone.mseed,2021-01-01T00:00:00Z,2021-01-01T00:01:00Z,noise,,ev3,train,,,,XX,STA\n"
        )
    status, _, err = run(capsys, table, "-o", tmp_path / "set")
    assert status == 1
    assert "gone.mseed" in err
    assert "wrote 2 traces" in err


def test_the_command_ends_with_3_where_nothing_can_be_used(tmp_path, capsys):
    (tmp_path / "labels.csv").write_text(
        "path,start,end,label\ngone.mseed,2021-01-01,2021-01-02,noise\n"
    )
    status, _, err = run(capsys, tmp_path / "labels.csv", "-o", tmp_path / "set")
    assert status == 3
    assert "no row can be written" in err


def test_a_horizontal_alone_is_a_trace(tmp_path):
    write(tmp_path / "n.mseed", trace(np.arange(1, 101, dtype=np.int32), "HHN", start_ns=0))
    _, (row,), (samples,) = written(tmp_path / "set", span(tmp_path, path=tmp_path / "n.mseed"))
    assert row["trace_components"] == "N"
    assert samples[1].tolist() == list(range(1, 101))
