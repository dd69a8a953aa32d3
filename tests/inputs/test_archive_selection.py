"""What is wanted: patterns of codes and times."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.errors import ParameterError
from quake.inputs.selection import Selection, parse_age, parse_moment, select_spans
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.segments import Span
from quake.waveforms.sources import matches_channel
from quake.waveforms.times import NS_PER_S

DAY_NS = 86_400 * NS_PER_S
KEY = ChannelSetId("ML", "ML02", "", "BH")


def span(start_ns=0, end_ns=100, key=KEY, code="Z"):
    return Span(key, code, start_ns, end_ns, 100.0, "file")


def at(location):
    return span(key=ChannelSetId("ML", "ML02", location, "BH"))


# --- codes --------------------------------------------------------------------------------


def test_nothing_that_is_said_selects_all():
    assert Selection().matches(span())
    assert str(Selection()) == "everything"


@pytest.mark.parametrize(
    ("wanted", "is_match"),
    [
        ({"networks": ("M?",)}, True),
        ({"networks": ("IU", "ML")}, True),
        ({"networks": ("ml",)}, False),
        ({"stations": ("ML*",)}, True),
        ({"stations": ("ML0",)}, False),
        ({"channels": ("BHZ",)}, True),
        ({"channels": ("BH?",)}, True),
        ({"channels": ("BHE", "HH?")}, False),
        ({"channels": ("BH",)}, False),
        ({"channels": ("ML.ML02..BHZ",)}, True),
        ({"channels": ("ML.ML02.--.BH?",)}, True),
        ({"channels": ("ML.*.BHZ",)}, True),
        ({"channels": ("ML.ML02.00.BHZ",)}, False),
        ({"networks": ("ML",), "channels": ("HHZ",)}, False),
        ({"networks": ("IU",), "channels": ("BHZ",)}, False),
    ],
)
def test_codes_match_if_one_pattern_of_each_kind_does(wanted, is_match):
    assert Selection(**wanted).matches(span()) == is_match


@pytest.mark.parametrize("empty", ["", "--"])
def test_the_empty_location_code_has_two_spellings(empty):
    wanted = Selection(locations=(empty,))
    assert wanted.matches(at(""))
    assert not wanted.matches(at("00"))
    assert wanted.matches_codes("ML", "ML02", "--", "BHZ")
    assert wanted == Selection(locations=("",))


def test_a_question_mark_is_no_empty_location_code_but_a_star_is():
    assert not Selection(locations=("?",)).matches(at(""))
    assert not Selection(locations=("??",)).matches(at(""))
    assert Selection(locations=("*",)).matches(at(""))


def test_lists_of_patterns_become_tuples():
    assert hash(Selection(networks=["ML"])) == hash(Selection(networks=("ML",)))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"networks": "ML"}, "networks: a sequence of patterns was expected, got 'ML'"),
        ({"channels": ("BHZ,BHN",)}, "no code has a comma"),
        ({"stations": ("ML.ML02",)}, "station 'ML.ML02': no code has a dot"),
        ({"channels": ("",)}, "a channel code is never empty"),
        (
            {"start_ns": DAY_NS, "end_ns": DAY_NS},
            "1970-01-02T00:00:00.000000Z, is not before the end",
        ),
        ({"start_ns": 2, "end_ns": 1}, "is not before the end"),
    ],
)
def test_what_can_select_nothing_is_refused(wanted, message):
    with pytest.raises(ParameterError, match=message):
        Selection(**wanted)


def test_a_selection_says_what_it_is():
    wanted = Selection(networks=("ML", "UT"), locations=("--",), start_ns=0, end_ns=DAY_NS)
    assert str(wanted) == (
        "network ML or UT, location --, from 1970-01-01T00:00:00.000000Z, "
        "until 1970-01-02T00:00:00.000000Z"
    )


patterns = st.text("ABZ.*?", min_size=1, max_size=8)
codes = st.text("ABZ", max_size=3)


@given(codes, codes, codes, st.text("ABZ", min_size=2, max_size=3), patterns)
def test_channel_patterns_match_as_those_of_the_prediction(
    network, station, location, channel, pattern
):
    key = ChannelSetId(network, station, location, channel[:-1])
    one = span(key=key, code=channel[-1])
    assert Selection(channels=(pattern,)).matches(one) == matches_channel(
        one.id, one.code, [pattern]
    )


@given(
    st.builds(
        Selection,
        networks=st.lists(st.text("AB*?", max_size=3), max_size=2),
        stations=st.lists(st.text("AB*?", max_size=3), max_size=2),
        channels=st.lists(patterns, max_size=2),
    ),
    codes,
    codes,
    codes,
    codes,
)
def test_codes_that_match_are_never_ruled_out_before_all_of_them_are_known(
    wanted, network, station, location, channel
):
    if wanted.matches_codes(network, station, location, channel):
        assert wanted.may_match(network)
        assert wanted.may_match(network, station)
        assert wanted.may_match(network, station, channel)


@pytest.mark.parametrize(
    ("pattern", "known", "may"),
    [
        ("BH?", ("IU",), True),
        ("BH?", ("IU", "ANMO", "BHZ"), True),
        ("BH?", ("IU", "ANMO", "HHZ"), False),
        ("BH*", ("IU", "ANMO", "HHZ"), False),
        ("*Z", ("IU", "ANMO", "HHE"), False),
        ("ML.*", ("IU",), False),
        ("IU.ANMO.*.BH?", ("IU", "ANMO"), True),
        ("IU.ANMO.*.BH?", ("IU", "COLA"), False),
        ("IU.ANMO.*.BHZ", ("IU", "ANMO", "BHE"), False),
        ("IU.ANMO.*.BHZ", ("IU", "ANMO", "BHZ"), True),
        ("IU.ANMO.00.BHZ", ("IU", "ANMO", "BHZ"), True),
    ],
)
def test_codes_are_ruled_out_as_soon_as_they_are_known(pattern, known, may):
    assert Selection(channels=(pattern,)).may_match(*known) == may


# --- times --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("start_ns", "end_ns", "is_kept"),
    [(None, None, True), (99, None, True), (100, None, False), (None, 1, True), (None, 0, False)],
)
def test_spans_that_overlap_the_selected_time_are_kept_whole(start_ns, end_ns, is_kept):
    found = {KEY: [span(0, 100)]}
    kept = select_spans(found, Selection(start_ns=start_ns, end_ns=end_ns))
    assert kept == (found if is_kept else {})


def test_channel_sets_of_which_nothing_is_left_are_left_out():
    other = ChannelSetId("UT", "STN12", "", "BH")
    found = {other: [span(key=other)], KEY: [span(), span(code="N")]}
    assert select_spans(found, Selection(channels=("ML.*.BHN",))) == {KEY: [span(code="N")]}


MIDNIGHT = 1_588_377_600 * NS_PER_S  # 2020-05-02, the 123rd day of a leap year


@pytest.mark.parametrize(
    ("text", "moment_ns"),
    [
        ("1970-01-01", 0),
        ("2020-05-02", MIDNIGHT),
        ("20200502", MIDNIGHT),
        ("2020-123", MIDNIGHT),
        ("2020.123", MIDNIGHT),
        ("2020-123T06", MIDNIGHT + DAY_NS // 4),
        ("2020.123t06:00z", MIDNIGHT + DAY_NS // 4),
        (" 2020-05-02 06:00:00 ", MIDNIGHT + DAY_NS // 4),
        ("2020-05-02T00:00:00.000000001Z", MIDNIGHT + 1),
        ("2020-05-02T02:00+02:00", MIDNIGHT),
        ("2020-366", MIDNIGHT + (366 - 123) * DAY_NS),
        ("1969-365", -DAY_NS),
    ],
)
def test_times_and_days_of_the_year_are_read(text, moment_ns):
    assert parse_moment(text) == moment_ns


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2020", "2020-05", "2020-13-01", "2019-366", "2020-000", "2020-367", "2d",
     "2020-05-02.5", "2020-05-02T", "2020-05-02T25:00", "0000-001", "2020-1234",
     "\u0662\u0660\u0662\u0660-05-02"],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_examples(text):
    with pytest.raises(ParameterError, match="as in 2020-05-02T12:30:00, 2020-05-02, 2020-123 or"):
        parse_moment(text)


@given(st.dates())
def test_a_date_and_its_day_of_the_year_are_one(day):
    of_year = day.timetuple().tm_yday
    assert parse_moment(f"{day.year:04d}-{of_year:03d}") == parse_moment(day.isoformat())


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("30m", 1800), ("12h", 43_200), ("2d", 172_800), ("1w", 604_800), ("0.5h", 1800)],
)
def test_ages_are_taken_from_the_present(text, seconds):
    assert parse_age(text, MIDNIGHT) == MIDNIGHT - seconds * NS_PER_S


def test_an_age_may_be_a_time():
    assert parse_age("2020-123", 0) == MIDNIGHT


@pytest.mark.parametrize(
    "text", ["", "2", "d", "-2d", "2 d", "2D", "2y", "1e3s", "2020", "\u0662d"]
)
def test_what_is_no_age_is_refused_with_examples(text):
    with pytest.raises(ParameterError, match="90s, 30m, 12h, 2d, 1w, 2020-05-02"):
        parse_age(text, MIDNIGHT)
