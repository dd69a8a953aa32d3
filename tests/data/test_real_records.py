"""Real labelled records: one row of a hundred of each source is decoded, cached and split."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from quake.data.collection import open_collection
from quake.data.examples import decode
from quake.data.labels import choose_classes
from quake.data.preprocessing import Preprocessing
from quake.data.split import check_leakage, split_by_event

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
P = Preprocessing()

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(
        not SHARED.is_dir(), reason="labelled waveforms not found: shared/data beside the checkout"
    ),
]


@pytest.fixture(scope="module")
def collection():
    return open_collection(SHARED / "labels.csv")


@pytest.fixture(scope="module")
def rows(collection):
    return choose_classes(collection.spans[::100])


def test_real_rows_are_decoded_and_come_back_from_the_cache(rows, tmp_path):
    labels, spans, _ = rows
    first, excluded = decode(spans, labels, P, cache=tmp_path)
    second, again = decode(spans, labels, P, cache=tmp_path)
    assert len(first) + len(excluded) == len(spans)
    assert len(first) > 0.9 * len(spans)
    assert again == excluded
    assert all(str(span.path) in reason for span, reason in excluded)
    for one, other in zip(first, second, strict=True):
        assert np.isfinite(one.samples).all()
        np.testing.assert_array_equal(one.samples, other.samples)
        assert one.span is other.span


def test_the_split_of_all_real_rows_is_found_free_of_leaks(collection):
    check_leakage(collection.spans, split_by_event(collection.spans), 60.0)


def test_real_files_in_folders_of_classes_have_the_labels_of_the_table(rows, tmp_path):
    _, spans, _ = rows
    by_path = {span.path: span for span in spans[::4]}
    for number, (path, span) in enumerate(by_path.items()):
        folder = tmp_path / span.label
        folder.mkdir(exist_ok=True)
        shutil.copy(path, folder / f"{number}.mseed")
    found = open_collection(tmp_path)
    assert found.excluded == []
    assert Counter(s.label for s in found.spans) == Counter(s.label for s in by_path.values())
    for span in found.spans:
        stretch = span.reader.read(span, 0)
        assert (stretch.start_ns, stretch.end_ns) == (span.start_ns, span.end_ns)
