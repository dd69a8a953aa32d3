"""What is fuzzed: bytes and an empty folder go in; a result or a `QuakeError` comes out of each.

Whatever else is raised is a finding. A target does with the bytes what the library does with a file
that somebody named, as far as it goes without a network to run.
"""

import json
import socket
from contextlib import suppress
from itertools import islice

import numpy as np

from quake.errors import QuakeError

MOST_WINDOWS = 2000  # that are looked at of one input


def _write(folder, name, data):
    path = folder / name
    path.write_bytes(data)
    return path


def waveform(data, folder):
    """Scan a file, and read all of it: with its index, without, and an hour of it."""
    from quake.waveforms.readers.waveform_file import (
        is_waveform_file,
        read_segments,
        sac_p_ns,
        scan_with_index,
    )

    path = _write(folder, "record", data)
    is_waveform_file(path)
    sac_p_ns(path)
    spans, _, index = scan_with_index(path)
    for key in sorted({span.id for span in spans})[:4]:
        read_segments(path, key, index=index)
        read_segments(path, key, spans[0].start_ns, spans[0].start_ns + 3600 * 10**9)


def predict(data, folder):
    """Predict the windows of a file, with a network that takes no time."""
    path = _write(folder, "record", data)
    prediction = stub_classifier().predict(path)
    for record in islice(prediction, MOST_WINDOWS):
        json.dumps(record.to_dict(), allow_nan=False)
    assert prediction.problems or prediction.coverage


def label_table(data, folder):
    """Read a label table, CSV."""
    from quake.datasets.tables import read_label_table

    read_label_table(_write(folder, "labels.csv", data))


def parquet_table(data, folder):
    """Read a label table, Parquet."""
    from quake.datasets.tables import read_label_table

    read_label_table(_write(folder, "labels.parquet", data))


def class_folder(data, folder):
    """Index folders of classes, one file of which is strange."""
    from quake.datasets.class_folders import is_class_folders, read_class_folders

    for name in ("earthquake", "noise"):
        (folder / name).mkdir(exist_ok=True)
    _write(folder / "earthquake", "record", data)
    is_class_folders(folder)
    read_class_folders(folder)


def catalogue(data, folder):
    """Read a catalogue, QuakeML or CSV."""
    from quake.datasets.catalogue import read_catalogue

    for event in read_catalogue(_write(folder, "catalogue", data)).events:
        event.first_p()


def inventory(data, folder):
    """Read the orientations of a StationXML file, and turn by them."""
    from quake.stations.orientation import read_orientations

    orientations = read_orientations(_write(folder, "inventory", data))
    for key, _ in list(orientations._epochs)[:8]:
        codes = {"Z": "Z", "1": "N", "2": "E"}
        orientations.rotation(key, codes, 1_600_000_000 * 10**9)


def model(data, folder):
    """Read the card of a model file."""
    from quake.model_file.identity import model_hash
    from quake.model_file.safetensors_file import load_card

    path = _write(folder, "model.safetensors", data)
    model_hash(path)
    load_card(path)


def whole_model(data, folder):
    """Read a model file and build its network, with torch."""
    from quake.model_file.safetensors_file import load_model

    load_model(_write(folder, "model.safetensors", data))


def graph_metadata(data, folder):
    """Take the card out of the texts that an ONNX file carries."""
    from quake.model_file.card import card_of_metadata

    try:
        texts = json.loads(data)
    except (ValueError, RecursionError):
        texts = {"quake_format": "1", "quake": data.decode(errors="replace")}
    if isinstance(texts, dict):
        texts = {str(key): value for key, value in texts.items() if isinstance(value, str)}
        card_of_metadata(folder / "model.onnx", texts)


def graph(data, folder):
    """Load an ONNX file, and run it."""
    from quake.inference.onnx_engine import OnnxEngine

    engine = OnnxEngine(_write(folder, "model.onnx", data), threads=1)
    engine.probabilities(np.ones((2, 3, engine.card.preprocessing.n_samples), np.float32))


def journal(data, folder):
    """Open a journal, add to it, and write it anew."""
    from quake.store.journal import Journal

    _write(folder, "journal.jsonl", data)
    with Journal(folder) as found:
        for entry in list(found.days.values())[:1]:
            found.add_day(entry)
        days, files = list(found.days), list(found.files)
        found.compact(folder / "part")
    with Journal(folder) as again:
        assert list(again.days) == days
        assert list(again.files) == files


def run_json(data, folder):
    """Enter a store whose parameters are the bytes."""
    from quake.store.result_store import Store

    (folder / "_quake").mkdir(exist_ok=True)
    _write(folder / "_quake", "run.json", data)
    with Store(folder, {"model": "0123456789ab", "overlap": 0.5}):
        pass


def seedlink(data, folder):
    """Cut the bytes that a SeedLink server sends into packets, and decode them."""
    from quake.live.seedlink import SeedLinkFeed, _Link, parse_address

    feed = SeedLinkFeed(parse_address("seedlink://localhost/*.*.*.*,BK.MHC.00.HH?"))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(5.0)
        theirs.settimeout(5.0)
        link = _Link.__new__(_Link)
        link._socket, link._buffer, link._heard_s = ours, bytearray(), 0.0
        with suppress(OSError):
            for begin in range(0, len(data), 32768):
                theirs.sendall(data[begin : begin + 32768])
                link._receive()
            theirs.close()
            for packets in link.packets(1.0):
                feed._arrivals(packets)
                for packet in packets:
                    feed._note(packet)


TARGETS = {
    function.__name__: function
    for function in (
        waveform,
        predict,
        label_table,
        parquet_table,
        class_folder,
        catalogue,
        inventory,
        model,
        whole_model,
        graph_metadata,
        graph,
        journal,
        run_json,
        seedlink,
    )
}


def run(name, data, folder):
    """Run a target; whether it gave a result. What is no `QuakeError` is raised."""
    try:
        TARGETS[name](data, folder)
    except QuakeError as error:
        text = str(error)
        assert text.strip()
        assert len(text) < 20_000, f"a message of {len(text)} characters"
        return False
    return True


class _Engine:
    """In the place of a network: probabilities that depend on the samples, at no cost."""

    name, batch_size, n_parallel = "stub", 16, 1

    def __init__(self):
        from quake.classes import LabelSet
        from quake.data.preprocessing import Preprocessing
        from quake.model_file.card import Calibration, ModelCard

        labels = LabelSet(("earthquake", "surface_event", "noise"))
        self.card = ModelCard({}, labels, Preprocessing(), Calibration(1.0, (0.5,) * 3))

    def probabilities(self, windows):
        assert np.isfinite(windows).all(), "samples that are no numbers reach the network"
        rows = windows[:, :, ::500].astype(np.float64)
        score = np.abs(np.tanh(rows.sum(axis=2)))
        return (score + 0.1) / (score + 0.1).sum(axis=1, keepdims=True)


def stub_classifier():
    """A classifier with a network that takes no time, and whose answers depend on the samples."""
    from quake.inference.classifier import Classifier

    found = Classifier.__new__(Classifier)
    found.hash, found.reads_ahead, found.engine = "0" * 12, False, _Engine()
    found.card = found.engine.card
    return found


def clear(folder):
    """Remove what a run left, so that the next one finds an empty folder."""
    for path in sorted(folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
