"""SeisBench data sets: what its own writer wrote, and what others could have."""

import csv
import pickle
import warnings
from multiprocessing import get_context

import h5py
import numpy as np
import pytest

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.datasets.decoding import decode
from quake.datasets.seisbench import is_seisbench, read_seisbench
from quake.errors import LabelError, WaveformError
from quake.waveforms.times import NS_PER_S, parse_time

# SeisBench uses parts of pandas that will go.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:seisbench.*")

N_ROWS, RATE_HZ = 3000, 20
START = "2019-07-06T03:19:53.040000Z"


@pytest.fixture(scope="module")
def seisbench(tmp_path_factory):
    """SeisBench itself; it makes a folder in the home folder unless told where else."""
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setenv("SEISBENCH_CACHE_ROOT", str(tmp_path_factory.mktemp("seisbench")))
        warnings.simplefilter("ignore")
        return pytest.importorskip(
            "seisbench.data", reason="SeisBench is not installed (dependency group seisbench)"
        )


def traces(n_rows=N_ROWS, n_components=3):
    """Traces of 40 to 60 samples; each sample of the set is different."""
    lengths = 40 + np.arange(n_rows) % 21
    ends = np.cumsum(lengths * n_components)
    return [
        np.arange(end - length * n_components, end, dtype=np.float64).reshape(n_components, -1) + 1
        for end, length in zip(ends, lengths, strict=True)
    ]


def metadata(i):
    """Rows as of STEAD, every third one noise, three stations an event."""
    noise = i % 3 == 0
    return {
        "trace_name_original": f"trace{i}",
        "trace_category": "noise" if noise else "earthquake_local",
        "trace_start_time": f"2019-07-06T{i // 60 % 24:02d}:{i % 60:02d}:53.040000Z",
        "trace_p_arrival_sample": np.nan if noise else 5.5 + i % 30,
        "trace_Pn_arrival_sample": 4.0 if i % 5 == 1 and not noise else np.nan,
        "station_network_code": "XX",
        "station_code": f"S{i % 3}",
        "source_id": np.nan if noise else f"event{i // 3}",
        "trace_snr_db": np.nan if noise else f"[{i}. 3.5 1000.25]",
        "split": ("train", "dev", "test")[i % 3],
        "trace_channel": "HH",
    }


def write(seisbench, folder, rows, waveforms, chunk="", **data_format):
    """Write a data set as SeisBench's documentation says."""
    paths = folder / f"metadata{chunk}.csv", folder / f"waveforms{chunk}.hdf5"
    with seisbench.WaveformDataWriter(*paths) as writer:
        writer.data_format = {"dimension_order": "CW", "component_order": "ZNE"} | data_format
        for row, waveform in zip(rows, waveforms, strict=True):
            writer.add_trace(dict(row), waveform)
    return folder


def read(span):
    """Samples by component of a span, (3, N), zeros for what is missing."""
    stretch = span.reader.read(span, margin_ns=10**12)
    assert (stretch.start_ns, stretch.end_ns) == (span.start_ns, span.end_ns)
    rows = []
    for component in "ZNE":
        segments = stretch.channel_set.segments[component]
        assert all(s.start_ns == span.start_ns for s in segments)
        rows.append(segments[0].samples if segments else None)
    n_samples = max(len(row) for row in rows if row is not None)
    return np.stack([np.zeros(n_samples) if row is None else row for row in rows])


def hand_made(folder, rows, data=None, chunk="", **data_format):
    """Write a data set without SeisBench: plain groups, any metadata."""
    folder.mkdir(exist_ok=True)
    if data is None:
        data = {row["trace_name"]: np.ones((3, 100)) for row in rows}
    with h5py.File(folder / f"waveforms{chunk}.hdf5", "w") as file:
        group = file.create_group("data")
        for name, array in data.items():
            group[name] = array
        defaults = {"dimension_order": "CW", "component_order": "ZNE", "sampling_rate": RATE_HZ}
        for key, value in (defaults | data_format).items():
            if value is not None:
                file[f"data_format/{key}"] = value
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with (folder / f"metadata{chunk}.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return folder


def row(name="a", **values):
    return {"trace_name": name, "trace_category": "earthquake_local"} | values


def reasons(collection):
    return [exclusion.reason for exclusion in collection.excluded]


@pytest.fixture(scope="module")
def written(seisbench, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stead")
    rows = [metadata(i) | {"trace_sampling_rate_hz": RATE_HZ} for i in range(N_ROWS)]
    return write(seisbench, folder, rows, traces())


@pytest.fixture(scope="module")
def collection(written):
    return read_seisbench(written)


def test_every_sample_that_seisbench_wrote_is_read(collection):
    assert len(collection.spans) == N_ROWS
    assert not collection.excluded
    for span, waveform in zip(collection.spans, traces(), strict=True):
        np.testing.assert_array_equal(read(span), waveform)


def test_rows_are_what_the_metadata_say(collection):
    for i, span in enumerate(collection.spans):
        noise = i % 3 == 0
        assert span.row == i + 2
        assert span.label == ("noise" if noise else "earthquake")
        assert span.start_ns == parse_time(metadata(i)["trace_start_time"])
        assert span.end_ns - span.start_ns == (40 + i % 21) * NS_PER_S // RATE_HZ
        assert span.group == (span.record if noise else f"event{i // 3}")
        assert span.station == f"XX.S{i % 3}"
        assert span.split == ("train", "validation", "test")[i % 3]
    assert len({span.record for span in collection.spans}) == N_ROWS


def test_the_earliest_p_arrival_is_the_onset(collection):
    assert collection.spans[0].p_ns is None
    first, second = collection.spans[1], collection.spans[2]
    assert first.p_ns == first.start_ns + 4 * NS_PER_S // RATE_HZ  # Pn at 4, p at 6.5
    assert second.p_ns == second.start_ns + round(7.5 * NS_PER_S / RATE_HZ)


def test_of_several_signal_to_noise_ratios_the_median_counts(collection):
    assert [span.snr_db for span in collection.spans[:3]] == [None, 3.5, 3.5]
    assert collection.spans[4].snr_db == 4.0


def test_a_reader_survives_being_sent_to_another_process(collection):
    spans = [collection.spans[i] for i in (0, 1500, 2999)]
    sent = pickle.loads(pickle.dumps(spans))
    for ours, theirs in zip(spans, sent, strict=True):
        np.testing.assert_array_equal(read(theirs), read(ours))


def in_child(span, queue):
    queue.put(read(span))


def test_a_fork_opens_files_of_its_own(collection):
    span = collection.spans[1234]
    ours = read(span)
    context = get_context("fork")
    queue = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads and forks: none of ours holds a lock here
        child = context.Process(target=in_child, args=(span, queue))
        child.start()
    theirs = queue.get(timeout=60)
    child.join(60)
    np.testing.assert_array_equal(theirs, ours)


def test_a_file_that_changes_is_opened_again(tmp_path):
    folder = hand_made(tmp_path / "set", [row()])
    span = read_seisbench(folder).spans[0]
    before, fingerprint = read(span), span.reader.fingerprint(span)
    assert fingerprint == span.reader.fingerprint(span)
    newer = hand_made(tmp_path / "new", [row()], {"a": np.full((3, 100), 7.0), "b": np.ones(9)})
    (newer / "waveforms.hdf5").replace(folder / "waveforms.hdf5")
    assert (before == 1).all()
    assert (read(span) == 7).all()
    assert span.reader.fingerprint(span) != fingerprint


@pytest.mark.parametrize("bucketed", [True, False], ids=["in blocks", "one by one"])
@pytest.mark.parametrize(("dimensions", "order"), [("WC", "ZNE"), ("CW", "ENZ"), ("WC", "21Z")])
def test_axes_and_components_may_come_in_any_order(
    seisbench, tmp_path, dimensions, order, bucketed
):
    waveforms = traces(200)
    rows = [metadata(i) for i in range(200)]
    stored = [w[["ZNE".index({"1": "N", "2": "E"}.get(c, c)) for c in order]] for w in waveforms]
    with seisbench.WaveformDataWriter(
        tmp_path / "metadata.csv", tmp_path / "waveforms.hdf5"
    ) as writer:
        if bucketed:
            writer.bucketer = seisbench.GeometricBucketer(axis=0 if dimensions == "WC" else 1)
        else:
            writer.bucket_size = 1  # the writer's own way to no blocks does not work
        writer.data_format = {
            "dimension_order": dimensions,
            "component_order": order,
            "sampling_rate": RATE_HZ,
        }
        for meta, waveform in zip(rows, stored, strict=True):
            writer.add_trace(dict(meta), waveform.T if dimensions == "WC" else waveform)
    spans = read_seisbench(tmp_path).spans
    assert all(("$" in span.record) == bucketed for span in spans)
    for span, waveform in zip(spans, waveforms, strict=True):
        np.testing.assert_array_equal(read(span), waveform)


@pytest.mark.parametrize("listed", [True, False], ids=["listed", "by file names"])
def test_chunks_are_one_data_set(seisbench, tmp_path, listed):
    waveforms = traces(300)
    for chunk in range(3):
        part = slice(100 * chunk, 100 * chunk + 100)
        rows = [metadata(i) for i in range(300)[part]]
        write(seisbench, tmp_path, rows, waveforms[part], f"_{chunk}", sampling_rate=float(RATE_HZ))
    if listed:
        (tmp_path / "chunks").write_text("_0\n_1\n_2\n")
    collection = read_seisbench(tmp_path)
    assert len(collection.spans) == 300
    for span, waveform in zip(collection.spans, waveforms, strict=True):
        np.testing.assert_array_equal(read(span), waveform)


def test_half_a_chunk_is_left_out_by_name(tmp_path):
    hand_made(tmp_path, [row()], chunk="_a")
    hand_made(tmp_path, [row()], chunk="_b")
    (tmp_path / "waveforms_b.hdf5").unlink()
    collection = read_seisbench(tmp_path)
    assert len(collection.spans) == 1
    assert collection.excluded[0].what == str(tmp_path / "metadata_b.csv")
    assert reasons(collection) == ["there is no waveforms_b.hdf5 beside it"]


def test_the_order_of_components_may_differ_from_row_to_row(tmp_path):
    data = {"a": np.arange(300.0).reshape(3, 100) + 1, "b": np.arange(300.0).reshape(3, 100) + 1}
    folder = hand_made(
        tmp_path,
        [
            row("a", trace_component_order="NZE"),
            row("b", trace_component_order="('HHE', 'HHZ', 'HHN')"),
        ],
        data,
    )
    first, second = read_seisbench(folder).spans
    np.testing.assert_array_equal(read(first), data["a"][[1, 0, 2]])
    np.testing.assert_array_equal(read(second), data["b"][[1, 2, 0]])


def test_a_component_of_zeros_is_missing_and_other_letters_are_ignored(tmp_path):
    trace = np.arange(400.0).reshape(4, 100) + 1
    trace[1] = 0
    folder = hand_made(tmp_path, [row()], {"a": trace}, component_order="Z12H")
    span = read_seisbench(folder).spans[0]
    segments = span.reader.read(span, 0).channel_set.segments
    assert [len(segments[c]) for c in "ZNE"] == [1, 0, 1]
    np.testing.assert_array_equal(segments["E"][0].samples, trace[2])


def test_a_trace_of_zeros_cannot_be_read(tmp_path):
    folder = hand_made(tmp_path, [row()], {"a": np.zeros((3, 100))})
    span = read_seisbench(folder).spans[0]
    with pytest.raises(WaveformError, match=r"waveforms\.hdf5:a: .* nothing but zeros"):
        span.reader.read(span, 0)


def test_pnw_columns_are_understood(tmp_path):
    folder = hand_made(
        tmp_path,
        [
            row(
                trace_category="",
                source_type="surface event",
                event_id="pnsn1",
                trace_P_arrival_sample=50,
                trace_snr_db="6.1|nan|3.1",
                station_location_code="--",
                station_channel_code="BH",
                station_network_code="NA",
                station_code="STA",
                trace_start_time="2002-10-03 01:56:49.530000+00:00",
                trace_dt_s=0.025,
            )
        ],
        sampling_rate=None,
    )
    span = read_seisbench(folder).spans[0]
    assert span.label == "surface_event"
    assert span.group == "pnsn1"
    assert span.start_ns == parse_time("2002-10-03T01:56:49.53Z")
    assert span.p_ns == span.start_ns + 50 * NS_PER_S // 40
    assert span.snr_db == pytest.approx(4.6)
    assert str(span.reader.read(span, 0).channel_set.id) == "NA.STA..BH?"


def test_any_column_may_be_the_label_and_a_mapping_says_what_it_means(tmp_path):
    rows = [row(n, kind=k) for n, k in (("a", "LAHAR"), ("b", "vt"), ("c", "noise"), ("d", "lp"))]
    collection = read_seisbench(
        hand_made(tmp_path, rows),
        label_column="kind",
        label_map={"LAHAR": "debris avalanche", "vt": "eq"},
    )
    assert [s.label for s in collection.spans] == ["surface_event", "earthquake", "noise"]
    assert reasons(collection) == ["kind is 'lp', which is no label"]
    assert collection.excluded[0].what.endswith("metadata.csv, line 5, trace d")


def test_a_column_is_found_by_the_values_that_the_mapping_names(tmp_path):
    folder = hand_made(tmp_path, [{"trace_name": "a", "source_type": "vt"}])
    assert read_seisbench(folder, label_map={"vt": "eq"}).spans[0].label == "earthquake"


def test_all_rows_may_be_of_one_class(tmp_path):
    folder = hand_made(tmp_path, [{"trace_name": "a"}, {"trace_name": "b"}])
    spans = read_seisbench(folder, label_column="=no").spans
    assert [span.label for span in spans] == ["noise", "noise"]


def test_data_sets_may_have_rules_of_their_own(tmp_path):
    rule = "kind,quiet:=noise"
    loud = hand_made(tmp_path / "loud", [row(trace_category="", kind="eq")])
    quiet = hand_made(tmp_path / "quiet", [row(trace_category="", kind="eq")])
    labels = [read_seisbench(f, label_column=rule).spans[0].label for f in (loud, quiet)]
    assert labels == ["earthquake", "noise"]


def test_without_a_label_column_the_error_shows_what_there_is(tmp_path):
    rows = [
        {"trace_name": name, "source_magnitude_type": "ml" if name != "c" else "md"}
        for name in "abc"
    ]
    with pytest.raises(LabelError) as error:
        read_seisbench(hand_made(tmp_path, rows))
    message = str(error.value)
    assert "source_magnitude_type (ml: 2, md: 1)" in message
    assert "--label-column =CLASS" in message


def test_a_column_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    with pytest.raises(LabelError, match="no column 'kind'; they have trace_name, trace_category"):
        read_seisbench(hand_made(tmp_path, [row()]), label_column="kind")


def test_if_no_value_is_a_label_the_values_are_shown(tmp_path):
    rows = [row(name, kind="vt") for name in "abc"]
    with pytest.raises(LabelError, match=r"none of 3 rows can be used; .*kind has vt: 3: say"):
        read_seisbench(hand_made(tmp_path, rows), label_column="kind")


def test_a_value_of_the_mapping_that_no_row_has_is_warned_of(tmp_path, caplog):
    folder = hand_made(tmp_path, [row()])
    read_seisbench(folder, label_map={"earthquake_locl": "earthquake"})
    assert "no row has trace_category 'earthquake_locl'" in caplog.text


def test_rows_that_cannot_be_used_are_left_out_each_with_its_reason(tmp_path):
    p = {"trace_p_arrival_sample": 50}
    rows = [
        row("good") | p,
        row("absent") | p,
        row("good") | p,
        row("block$3,:3,:50") | p,
        row("rate", trace_sampling_rate_hz="1e9") | p,
        row("time", trace_start_time="yesterday") | p,
        row("order", trace_component_order="ZN") | p,
        row("split", split="training") | p,
        row("late", trace_p_arrival_sample=100),
        row("nopick"),
        row("text", trace_p_arrival_sample="soon"),
    ]
    names = ("good", "rate", "time", "order", "split", "late", "nopick", "text")
    data = {name: np.ones((3, 100)) for name in names} | {"block": np.ones((2, 3, 50))}
    collection = read_seisbench(hand_made(tmp_path, rows, data))
    assert [span.row for span in collection.spans] == [2]
    assert reasons(collection) == [
        "the waveform file does not have this trace",
        "the trace is listed twice; the first row is used",
        "its block has 2 traces, none at 3",
        "sampling rate 1e+09 Hz, one from 0.001 to 100000 Hz was expected",
        "'yesterday' is not a time; expected ISO 8601 as in 2019-07-06T03:19:53.04Z",
        "3 components in the waveform file, but the order of components is ZN",
        "split is 'training', train, dev or test was expected",
        "the P arrival is outside of the trace",
        "no P arrival, so where in the trace the event begins is unknown",
        "'soon' is not a number",
    ]


def test_one_trace_with_two_labels_is_refused_with_both_lines(tmp_path):
    folder = hand_made(tmp_path, [row("a"), row("b"), row("a", trace_category="noise")])
    with pytest.raises(LabelError, match="trace a is earthquake in line 2 and noise in line 4"):
        read_seisbench(folder)


def test_traces_without_a_time_get_different_ones_and_it_is_said(tmp_path, caplog):
    spans = read_seisbench(hand_made(tmp_path, [row(name) for name in "abc"])).spans
    assert [s.start_ns // NS_PER_S for s in spans] == [0, 605, 1210]
    assert "3 traces have no trace_start_time" in caplog.text


def test_a_waveform_file_that_is_none_is_named(tmp_path):
    folder = hand_made(tmp_path, [row()])
    (folder / "waveforms.hdf5").write_bytes(b"nothing of the kind")
    with pytest.raises(WaveformError, match=r"waveforms\.hdf5: cannot be read as HDF5"):
        read_seisbench(folder)


def test_a_folder_without_a_data_set_is_refused(tmp_path):
    (tmp_path / "metadata.csv").touch()
    assert not is_seisbench(tmp_path)
    with pytest.raises(LabelError, match=r"no SeisBench data set.* found metadata\.csv"):
        read_seisbench(tmp_path)
    with pytest.raises(LabelError, match="no such folder"):
        read_seisbench(tmp_path / "absent")


def test_spans_of_a_data_set_become_examples(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        row("event", trace_p_arrival_sample=2000),
        row("noise", trace_category="noise", trace_p_arrival_sample=""),
    ]
    data = {r["trace_name"]: rng.standard_normal((3, 6000)) for r in rows}
    folder = hand_made(tmp_path, rows, data, sampling_rate=100)
    labels = LabelSet(("earthquake", "noise"))
    preprocessing = Preprocessing(sampling_rate_hz=50.0)
    examples, excluded = decode(read_seisbench(folder).spans, labels, preprocessing)
    assert not excluded
    assert [e.onset for e in examples] == [20 * 50, None]
    assert all(e.samples.shape == (3, 60 * 50) for e in examples)
