"""Files that are none, that change, or that name others: pipes, devices, entities, paths."""

import gc
import json
import os
import socket
import threading
from pathlib import Path

import numpy as np
import pytest
from attacks import OUTSIDE, example, journal, many_traces, quakeml, record, stationxml, table
from fuzz_seeds import card_text, small_graph
from fuzz_targets import stub_classifier
from strategies import ID, START_NS, noise, stream, write

from quake.classes import nearest_known
from quake.datasets.catalogue import read_catalogue
from quake.datasets.tables import read_label_table
from quake.errors import LabelError, ModelError, QuakeError, WaveformError
from quake.inference.onnx_engine import OnnxEngine
from quake.model_file.card import ModelCard
from quake.model_file.identity import model_hash
from quake.model_file.safetensors_file import load_card, load_model, save_model
from quake.stations.orientation import read_orientations
from quake.store.journal import Journal
from quake.store.layout import windows_file
from quake.waveforms.readers.waveform_file import (
    is_waveform_file,
    read_segments,
    scan,
    scan_with_index,
)

READERS = {
    "scan": scan,
    "is_waveform_file": is_waveform_file,
    "label_table": read_label_table,
    "catalogue": read_catalogue,
    "orientations": read_orientations,
    "card": load_card,
    "model_hash": model_hash,
    "graph": OnnxEngine,
}


# --- what is no file ----------------------------------------------------------------------


@pytest.fixture(params=["pipe", "socket", "endless", "terminal"])
def special(request, tmp_path):
    """A path that blocks, or gives bytes without end."""
    path = tmp_path / "special.onnx"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(str(path))
    else:
        path.symlink_to("/dev/zero" if request.param == "endless" else "/dev/ptmx")
    return path


@pytest.mark.parametrize("reader", READERS)
def test_pipes_sockets_and_devices_are_refused(special, reader):
    with pytest.raises(QuakeError, match=r"special\.onnx"):
        READERS[reader](special)


def test_a_pipe_is_a_problem_and_the_other_files_are_read(tmp_path):
    pipe, good = tmp_path / "a", tmp_path / "b"
    os.mkfifo(pipe)
    good.write_bytes(example())
    prediction = stub_classifier().predict([pipe, good])
    assert len(list(prediction)) == 3
    (problem,) = prediction.problems
    assert "a pipe, socket or device; write what comes out of it to a file" in problem.message


@pytest.mark.parametrize("name", ["a\0b", "a" * 5000])
def test_names_that_no_file_can_have_are_refused(tmp_path, name):
    for reader in ("scan", "is_waveform_file"):
        with pytest.raises(WaveformError):
            READERS[reader](tmp_path / name)


# --- files that change --------------------------------------------------------------------


@pytest.mark.parametrize("n_bytes", [0, 100, 512, 700, 60_000])
def test_a_file_that_is_cut_between_scan_and_reading_gives_the_rest_or_an_error(tmp_path, n_bytes):
    path = tmp_path / "a.mseed"
    path.write_bytes(example())
    spans, _, index = scan_with_index(path)
    os.truncate(path, n_bytes)
    try:
        segments, _ = read_segments(path, spans[0].id, index=index)
    except WaveformError:
        segments = []
    assert sum(len(s.samples) for s in segments) <= n_bytes * 7 / 4


def test_a_file_that_is_cut_while_it_is_read_gives_windows_or_a_problem(tmp_path):
    path = write(tmp_path / "a.mseed", stream(noise(200_000).astype(np.int32)), reclen=512)
    whole = path.read_bytes()
    stop = threading.Event()

    def cut_and_mend():
        while not stop.is_set():
            os.truncate(path, len(whole) // 3)
            path.write_bytes(whole)

    thread = threading.Thread(target=cut_and_mend)
    thread.start()
    try:
        for _ in range(5):
            prediction = stub_classifier().predict(path)
            assert list(prediction) or prediction.problems
    finally:
        stop.set()
        thread.join()


# --- files that name others ---------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "iso-8859-1"])
def test_no_entity_reads_another_file(tmp_path, encoding):
    path = tmp_path / "a.xml"
    for reader, text in (
        (read_catalogue, quakeml("&e;", OUTSIDE)),
        (read_orientations, stationxml(1, "&e;", OUTSIDE)),
    ):
        text = text.decode().replace('"1.0"', f'"1.0" encoding="{encoding}"', 1)
        path.write_bytes(text.encode(encoding))
        with pytest.raises(QuakeError) as error:
            reader(path)
        assert "root:" not in str(error.value)


def test_a_document_type_is_refused_by_name(tmp_path):
    path = tmp_path / "a.xml"
    path.write_bytes(quakeml("earthquake", "<!DOCTYPE quakes>"))
    with pytest.raises(LabelError, match="it declares a document type 'quakes'; remove the decl"):
        read_catalogue(path)


def test_a_graph_does_not_read_weights_from_outside_of_its_folder(tmp_path):
    import onnx
    from onnx import TensorProto, helper

    secret = tmp_path / "secret"
    secret.write_bytes(np.full(3, 0.25, np.float32).tobytes())
    folder = tmp_path / "models"
    folder.mkdir()
    made = onnx.load_from_string(small_graph())
    weights = helper.make_tensor("outside", TensorProto.FLOAT, [1, 3], np.zeros(3))
    weights.ClearField("float_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", "../secret"), ("offset", "0"), ("length", "12")):
        entry = weights.external_data.add()
        entry.key, entry.value = key, value
    made.graph.initializer.append(weights)
    made.graph.node[-1].input[0] = "sum"
    made.graph.node.insert(2, helper.make_node("Add", ["rows", "outside"], ["sum"]))
    path = folder / "model.onnx"
    path.write_bytes(made.SerializeToString())
    with pytest.raises(ModelError, match="ONNX Runtime cannot load it"):
        OnnxEngine(path)


def test_a_journal_names_no_file_outside_of_its_store(tmp_path):
    for number, values in enumerate(
        (
            {"outputs": {"/../../../../etc/x": 1}},
            {"outputs": {"parquet\0": 1}},
            {"date": "../../../etc"},
            {"date": "2020-05-02/../../x"},
        )
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "journal.jsonl").write_bytes(journal(**values))
        with Journal(folder) as found:
            assert found.days == {}
            assert len(found.files) == 1


def test_codes_of_a_damaged_journal_stay_in_the_store(tmp_path):
    (tmp_path / "journal.jsonl").write_bytes(journal(id=["../..", "..", "/etc", "\0"]))
    with Journal(tmp_path) as found:
        ((key, _),) = found.days
    path = windows_file(tmp_path, key, 0, "parquet")
    assert ".." not in path.relative_to(tmp_path).parts
    assert "\0" not in str(path)


# --- numbers that are none ----------------------------------------------------------------


@pytest.fixture(scope="module")
def small_network():
    """Card and weights of the smallest network."""
    import torch

    from quake.models import build_model, network_config

    torch.manual_seed(0)
    config = network_config("hybrid-vit-tiny", num_classes=3, depth=1)
    values = json.loads(card_text()) | {"network": config}
    return ModelCard.from_json(json.dumps(values)), build_model(config).state_dict()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_refused(tmp_path, small_network, bad):
    card, state = small_network
    name = next(name for name, tensor in state.items() if tensor.is_floating_point())
    damaged = {**state, name: state[name] * bad}
    save_model(tmp_path / "a.safetensors", card, damaged)
    with pytest.raises(ModelError, match="1 tensors hold NaN or infinity"):
        load_model(tmp_path / "a.safetensors")


@pytest.mark.parametrize("kind", ["int64", "float64", "bool", "complex64"])
def test_weights_of_another_type_are_refused_by_its_name(tmp_path, small_network, kind):
    import torch

    card, state = small_network
    name = next(name for name, tensor in state.items() if tensor.is_floating_point())
    changed = state[name].to(getattr(torch, kind))
    save_model(tmp_path / "a.safetensors", card, {**state, name: changed})
    with pytest.raises(ModelError, match=f"of {kind} instead of .* of float32"):
        load_model(tmp_path / "a.safetensors")


def test_a_network_of_another_kind_than_its_card_says_is_refused(tmp_path, small_network):
    card, state = small_network
    for network in ({}, {"architecture": "efficientnet", "backbone": "b0", "num_classes": -1}):
        values = json.loads(card.to_json()) | {"network": network}
        save_model(tmp_path / "a.safetensors", ModelCard.from_json(json.dumps(values)), state)
        with pytest.raises(ModelError):
            load_model(tmp_path / "a.safetensors")


def test_a_graph_whose_probabilities_are_no_numbers_is_refused(tmp_path):
    import onnx
    from onnx import helper

    made = onnx.load_from_string(small_graph())
    made.graph.node[-1].output[0] = "before"
    made.graph.node.append(helper.make_node("Sub", ["before", "before"], ["zero"]))
    made.graph.node.append(helper.make_node("Div", ["zero", "zero"], ["probabilities"]))
    (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
    engine = OnnxEngine(tmp_path / "a.onnx", threads=1)
    with pytest.raises(ModelError, match="probabilities that are no numbers"):
        engine.probabilities(np.ones((1, 3, 3000), np.float32))


def test_a_graph_that_takes_other_windows_than_its_card_says_is_refused(tmp_path):
    import onnx

    made = onnx.load_from_string(small_graph())
    made.graph.input[0].type.tensor_type.shape.dim[2].dim_value = 6000
    (tmp_path / "a.onnx").write_bytes(made.SerializeToString())
    with pytest.raises(ModelError, match=r"its graph takes .*6000"):
        OnnxEngine(tmp_path / "a.onnx")


def test_signalling_nans_do_not_warn(tmp_path):
    samples = np.zeros(6000, np.float32)
    samples.view(np.uint32)[1000:2000] = 0x7FA00000  # a signalling NaN
    samples[2000:] = noise(4000, n_rows=1)
    path = write(tmp_path / "a.mseed", stream([samples] * 3), encoding="FLOAT32", reclen=4096)
    (record,) = stub_classifier().predict(path)
    assert "bad_values:Z" in record.flags


def test_times_that_no_result_can_hold_are_left_out(tmp_path):
    from attacks import sac

    path = tmp_path / "a.sac"
    path.write_bytes(sac(_0=9999))
    with pytest.raises(WaveformError, match="times before 1678 or after 2261"):
        scan(path)


# --- what is long -------------------------------------------------------------------------


def test_a_label_of_a_book_is_like_no_known_one():
    assert nearest_known("earthqake" * 100_000) is None


@pytest.mark.slow
def test_a_hundred_thousand_stations_in_one_file_are_found(tmp_path):
    path = tmp_path / "a.mseed"
    path.write_bytes(many_traces(100_000, lambda n: b"%05d" % n))
    spans, _, index = scan_with_index(path)
    assert len({span.id for span in spans}) == 100_000
    segments, problems = read_segments(path, spans[-1].id, index=index)
    (segment,) = segments
    assert len(segment.samples) == int.from_bytes(record()[30:32], "big")
    assert problems == []


def test_a_message_about_a_million_columns_is_short(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(",".join(f"column {n}" for n in range(100_000)))
    with pytest.raises(LabelError, match="and 99970 more") as error:
        read_label_table(path)
    assert len(str(error.value)) < 1500


def test_formulas_in_a_table_are_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(table(label="\"=cmd|' /C calc'!A0\"", event_id="@SUM(1+1)"))
    (span,) = read_label_table(path).spans
    assert span.label.startswith("=cmd")


def test_a_few_bytes_of_parquet_are_not_millions_of_rows(tmp_path):
    import pyarrow as pa
    from pyarrow import parquet

    one = pa.DictionaryArray.from_arrays(pa.array(np.zeros(3_000_000, np.int8)), pa.array(["a"]))
    names = ("path", "start", "end", "label")
    parquet.write_table(pa.table(dict.fromkeys(names, one)), tmp_path / "a.parquet")
    with pytest.raises(LabelError, match="claims 3000000 rows in"):
        read_label_table(tmp_path / "a.parquet")


def test_reading_bad_files_leaves_no_file_open(tmp_path):
    path = tmp_path / "a.mseed"
    path.write_bytes(record(N_SAMPLES=65535) + b"x" * 1000)
    opened = Path("/proc/self/fd")
    gc.collect()
    before = sum(1 for _ in opened.iterdir())
    for _ in range(20):
        with pytest.raises(WaveformError):
            scan(path)
        assert read_segments(path, ID, START_NS)[0] == []
    assert sum(1 for _ in opened.iterdir()) <= before
