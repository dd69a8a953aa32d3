"""Real labelled records: one row of a hundred of each source is decoded, cached and split."""

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from quake.data.preprocessing import Preprocessing
from quake.data.transforms import build_transform
from quake.datasets.decoding import decode
from quake.datasets.labels import choose_classes
from quake.datasets.opening import open_collection
from quake.datasets.split import check_leakage, split_by_event
from quake.windows.missing import NOTHING, draw_loss

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


# --- what is missing ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def noise_records(collection):
    """Examples of a minute of noise or more, one each of ten sources."""
    of_source = {}
    for span in collection.spans:
        if span.label == "noise" and span.end_ns - span.start_ns >= P.window_ns:
            of_source.setdefault(span.source, span)
    labels, spans, _ = choose_classes([*list(of_source.values())[:10], collection.spans[0]])
    return [e for e in decode(spans, labels, P)[0] if e.span.label == "noise"][:10]


def spectrogram(windows):
    return build_transform(P)(torch.from_numpy(windows)).numpy()


def differences(whole, masked):
    """Of the columns that both have, up to the mean of each row; columns at the ends left out."""
    both = (whole != 0).any(0) & (masked != 0).any(0)
    change = (masked - whole)[:, both]
    return np.abs(change - np.median(change, axis=1, keepdims=True)) if both.sum() > 5 else None


def test_columns_of_real_noise_are_the_same_where_samples_beside_them_are_masked(noise_records):
    assert len(noise_records) == 10
    for example in noise_records:
        window = example.cut(example.start_ns, P, row=True)
        masked = window.copy()
        masked[:, 1000:1700] = 0
        whole, found = spectrogram(np.stack([window, masked]))
        for one, other in zip(whole, found, strict=True):
            if (change := differences(one, other)) is not None:
                # The mean of the rest, which the z-score removes, is a little of the lowest row.
                assert change.mean() < 0.002
                assert np.quantile(change, 0.99) < 0.1
        # 1000 to 1699 lies in the columns centred at 992 to 1728.
        assert not found[:, :, 31:54].any()
        assert np.array_equal((found[:, :, 55:] != 0), (whole[:, :, 55:] != 0))


@pytest.mark.parametrize(
    "kind", ["short", "start", "middle", "several", "component", "zeros", "repeated", "line"]
)
def test_columns_of_real_noise_are_nearly_the_same_where_the_record_lost_some(noise_records, kind):
    """The high-pass knows of a gap for a second or two on either side."""
    assert len(noise_records) == 10
    for number, example in enumerate(noise_records):
        loss = draw_loss(kind, 0.6, P.window_s, np.random.default_rng(number))
        whole, found = spectrogram(
            np.stack(
                [example.cut(example.start_ns, P, loss_, row=True) for loss_ in (NOTHING, loss)]
            )
        )
        for one, other in zip(whole, found, strict=True):
            if (change := differences(one, other)) is not None:
                assert np.median(change) < 0.002
                assert change.mean() < 0.05
                assert np.quantile(change, 0.95) < 0.3


def test_real_noise_has_no_stretches_that_are_made_up(noise_records):
    from quake.windows.cutting import cut

    flags = [
        flag
        for example in noise_records
        for flag in cut(example.recorded, example.start_ns, P, 0.25).flags
    ]
    assert not [flag for flag in flags if flag.partition(":")[0] in ("flat", "line", "spike")]
