"""The picture of one window, and the samples that it is made of."""

import dataclasses
import io
import struct

import numpy as np
import pytest
from matplotlib.image import imread
from strategies import START_NS, channel_set, noise

from quake.pictures.excerpt import read_excerpt
from quake.pictures.window_picture import draw_window
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.sources import ArraySource
from quake.waveforms.times import NS_PER_S, format_time


def size_of(png):
    return struct.unpack(">II", png[16:24])


@pytest.fixture
def window(array_source):
    source = array_source(noise(12_000))
    ((key, spans),) = source.spans().items()
    return read_excerpt(source, spans, key, START_NS, START_NS + 60 * NS_PER_S)


def test_a_picture_is_as_wide_as_asked_and_the_same_each_time(window, record, card):
    picture = draw_window(window, record(0, 0.9, 0.05), card)
    assert size_of(picture)[0] == 720
    assert draw_window(window, record(0, 0.9, 0.05), card) == picture


def test_another_answer_gives_another_picture(window, record, card):
    sure = draw_window(window, record(0, 0.9, 0.05), card, width_px=1000)
    assert size_of(sure)[0] == 1000
    assert draw_window(window, record(0, 0.05, 0.9), card, width_px=1000) != sure


def test_units_beside_long_numbers_are_whole(array_source, record, card):
    source = array_source(1e5 * noise(12_000))
    ((key, spans),) = source.spans().items()
    loud = read_excerpt(source, spans, key, START_NS, START_NS + 60 * NS_PER_S)
    judged = dataclasses.replace(
        record(0, 0.9, 0.05),
        start=format_time(START_NS),
        end=format_time(START_NS + 60 * NS_PER_S),
    )
    picture = draw_window(loud, judged, card, width_px=600)
    pixels = imread(io.BytesIO(picture), format="png")[..., :3]
    assert (pixels[:, :2] == 1).all()


@pytest.mark.parametrize("components", [{}, {"N": np.full(6000, 3)}, {"Z": np.array([1, 2])}])
def test_what_cannot_be_judged_can_be_drawn(components, unscored, card):
    empty = channel_set(**components)
    assert draw_window(empty, unscored(0, "no_data", "low_coverage", "gap"), card)[:4] == b"\x89PNG"


def test_an_excerpt_has_the_samples_between_two_times_in_the_order_of_the_components():
    class Cut(ArraySource):
        """Reads what it is asked for."""

        def read(self, spans, channel_set, start_ns, end_ns):
            self.asked = (start_ns, end_ns, sorted(s.code for s in spans))
            return super().read(spans, channel_set, start_ns, end_ns)

    key = ChannelSetId("XX", "STA", "", "HH")
    source = Cut(np.arange(12).reshape(3, 4), 1.0, "1970-01-01T00:00:00Z", "2Z1", key)
    found = read_excerpt(source, source.spans()[key], key, NS_PER_S, 3 * NS_PER_S)
    assert source.asked == (-NS_PER_S, 5 * NS_PER_S, ["1", "2", "Z"])
    assert list(found.segments) == ["Z", "N", "E"]
    assert [found.segments[c][0].code for c in "ZNE"] == ["Z", "1", "2"]
    assert found.segments["E"][0].samples.tolist() == [0, 1, 2, 3]


def test_an_excerpt_of_a_time_without_data_is_empty(array_source):
    source = array_source(noise(100))
    ((key, spans),) = source.spans().items()
    found = read_excerpt(source, spans, key, START_NS + 10**12, START_NS + 2 * 10**12)
    assert found.segments == {"Z": [], "N": [], "E": []}
