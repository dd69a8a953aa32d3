"""SDS archives: names, and which folders are listed to find which files."""

import os
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quake.inputs.sds import SdsName, SdsTally, parse_name, sds_files
from quake.inputs.selection import Selection, parse_moment
from quake.waveforms.times import NS_PER_S

THREE = ("BHE", "BHN", "BHZ")


def place(root, name):
    """Path of a file in its archive."""
    network, station, _, channel, kind, year, _ = name.split(".")
    return root / year / network / station / f"{channel}.{kind}" / name


def touch(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def names_of(root, selection=None, tally=None):
    return [path.name for path in sds_files(root, selection, tally)]


def between(start, end, **codes):
    return Selection(start_ns=parse_moment(start), end_ns=parse_moment(end), **codes)


@pytest.fixture
def archive(tmp_path):
    """Make an archive of empty files."""

    def make(*names):
        for name in names:
            touch(place(tmp_path, name))
        return tmp_path

    return make


@pytest.fixture
def listed(monkeypatch):
    """Folders that are listed, each as often as it is."""
    folders = []
    scandir = os.scandir

    def remember(folder):
        folders.append(str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", remember)
    return folders


# --- names --------------------------------------------------------------------------------


def test_a_name_has_seven_parts():
    assert parse_name("ML.ML02.00.BHZ.D.2020.123") == SdsName(
        "ML", "ML02", "00", "BHZ", "D", 2020, 123
    )


def test_the_location_code_may_be_empty():
    assert parse_name("ML.ML02..BHZ.D.2020.123").location == ""


def test_upper_and_lower_case_stay_as_found():
    name = parse_name("ml.Ml02.a0.bhz.d.2020.123")
    assert (name.station, name.channel, name.kind) == ("Ml02", "bhz", "d")
    assert name.is_waveform


@pytest.mark.parametrize("kind", "ECRTLO")
def test_other_types_are_no_waveforms(kind):
    assert not parse_name(f"ML.ML02..BHZ.{kind}.2020.123").is_waveform


@pytest.mark.parametrize(
    "name",
    [
        "ML.ML02..BHZ.D.2020.123.bak",
        "ML.ML02..BHZ.D.2020.123~",
        ".ML.ML02..BHZ.D.2020.123.Xa31b2",
        "ML.ML02..BHZ.D.2020.123\n",
        "ML.ML02.BHZ.D.2020.123",
        "ML.ML02..BHZ.X.2020.123",
        "ML.ML02..BHZ.D.2020.23",
        "ML.ML02..BHZ.D.20.123",
        "ML.ML02..BHZ.D.2020.000",
        "ML.ML02..BHZ.D.2020.367",
        "ML.ML02..BHZ.D.2019.366",
        "ML.ML02..BHZ.D.0000.001",
        "ML..00.BHZ.D.2020.123",
        ".ML02.00.BHZ.D.2020.123",
        "ML.ML 2..BHZ.D.2020.123",
        "ML.ML02..BHZ.D.\u0662020.123",
        "readme.txt",
        "",
    ],
)
def test_other_names_are_no_sds_names(name):
    assert parse_name(name) is None


def test_a_leap_year_has_366_days():
    assert (
        parse_name("ML.ML02..BHZ.D.2020.366").days == parse_name("ML.ML02..BHZ.D.2021.001").days - 1
    )
    assert (
        parse_name("ML.ML02..BHZ.D.2019.365").days == parse_name("ML.ML02..BHZ.D.2020.001").days - 1
    )


code = st.text("ABCXYZabz0189_-", min_size=1, max_size=6)
dates = st.dates()


@given(code, code, st.one_of(st.just(""), code), code, st.sampled_from("DECRTLOdecrtlo"), dates)
def test_names_are_written_as_they_were_read(network, station, location, channel, kind, day):
    name = SdsName(network, station, location, channel, kind, day.year, day.timetuple().tm_yday)
    assert parse_name(str(name)) == name
    assert date(1970, 1, 1) + timedelta(days=name.days) == day


@given(st.text("AD.0123", max_size=24))
def test_what_is_read_as_a_name_is_written_the_same(text):
    name = parse_name(text)
    assert name is None or str(name) == text


# --- which files --------------------------------------------------------------------------


def test_files_come_folder_by_folder_in_sorted_order(archive):
    root = archive(
        "UT.A..BHZ.D.2019.002",
        "ML.B..BHZ.D.2020.001",
        "ML.A..BHZ.D.2020.010",
        "ML.A..BHZ.D.2020.009",
        "ML.A..BHE.D.2020.010",
    )
    assert names_of(root) == [
        "UT.A..BHZ.D.2019.002",
        "ML.A..BHE.D.2020.010",
        "ML.A..BHZ.D.2020.009",
        "ML.A..BHZ.D.2020.010",
        "ML.B..BHZ.D.2020.001",
    ]


def test_a_day_of_margin_is_read_on_both_sides(archive):
    root = archive(*(f"ML.A..BHZ.D.2020.{day:03d}" for day in range(118, 130)))
    found = names_of(root, between("2020-123", "2020-125"))  # days 123 and 124
    assert [int(name[-3:]) for name in found] == [122, 123, 124, 125]


def test_an_end_just_after_midnight_selects_that_day_too(archive):
    root = archive(*(f"ML.A..BHZ.D.2020.{day:03d}" for day in range(118, 130)))
    found = names_of(root, between("2020-123T23:59:59", "2020-124T00:00:00.000000001"))
    assert [int(name[-3:]) for name in found] == [122, 123, 124, 125]


def test_the_margin_reaches_over_new_year(archive):
    days = ("2019.364", "2019.365", "2020.001", "2020.002", "2020.366", "2021.001", "2021.002")
    root = archive(*(f"ML.A..BHZ.D.{day}" for day in days))
    assert [n[-8:] for n in names_of(root, between("2020-001", "2020-002"))] == list(days[1:4])
    assert [n[-8:] for n in names_of(root, between("2020-366", "2021-001"))] == list(days[4:6])


def test_one_bound_leaves_the_other_side_open(archive):
    root = archive(*(f"ML.A..BHZ.D.{year}.100" for year in (1999, 2010, 2020)))
    since = Selection(start_ns=parse_moment("2010-100"))
    until = Selection(end_ns=parse_moment("2010-099"))
    assert [n[-8:-4] for n in names_of(root, since)] == ["2010", "2020"]
    assert [n[-8:-4] for n in names_of(root, until)] == ["1999"]


def test_the_ends_of_the_calendar_are_no_obstacle(archive):
    root = archive("ML.A..BHZ.D.0001.001", "ML.A..BHZ.D.9999.365")
    assert len(names_of(root, between("0001-01-01", "9999-12-31T23:59:59"))) == 2


def test_codes_are_selected(archive):
    root = archive(
        "ML.A.00.BHZ.D.2020.001",
        "ML.A..BHZ.D.2020.001",
        "ML.A..HHZ.D.2020.001",
        "ML.B..BHZ.D.2020.001",
        "UT.A..BHZ.D.2020.001",
    )
    one = ["ML.A..BHZ.D.2020.001"]
    wanted = Selection(networks=("M?",), stations=("A",), locations=("--",), channels=("BH?",))
    assert names_of(root, wanted) == one
    assert names_of(root, Selection(channels=("ML.A..BH?",))) == one


def test_names_in_lower_case_are_selected_as_their_spans_will_be(archive):
    root = archive("ml.a..bhz.d.2020.001")
    assert len(names_of(root, Selection(networks=("ml",), channels=("bhZ",)))) == 1


def test_what_is_no_waveform_file_is_counted(archive):
    root = archive("ML.A..BHZ.D.2020.001", "ML.A..BHZ.E.2020.001", "ML.A..LOG.L.2020.001")
    station = root / "2020" / "ML" / "A"
    touch(root / "README.txt")
    touch(station / "notes")
    touch(station / "BHZ.D" / "ML.A..BHZ.D.2020.002.bak")
    touch(station / "BHZ.D" / ".ML.A..BHZ.D.2020.003.Xa31b2")
    touch(station / "BHZ.D" / "old" / "ML.A..BHZ.D.2020.004")
    (station / "BHZ.D" / "ML.A..BHZ.D.2020.005").symlink_to(root / "nothing")
    (station / "BHZ.D" / "ML.A..BHZ.D.2020.006").symlink_to("ML.A..BHZ.D.2020.006")
    tally = SdsTally()
    assert names_of(root, None, tally) == ["ML.A..BHZ.D.2020.001"]
    assert (tally.left_out, tally.n_unselected) == (6, 0)
    assert sorted(Path(p.source).name[-3:] for p in tally.problems) == ["005", "006"]


def test_folders_outside_of_the_layout_are_passed(archive, listed):
    root = archive("ML.A..BHZ.D.2020.001")
    touch(root / "lost+found" / "file")
    touch(root / "2020" / "ML" / "A" / "plots" / "a.png")
    touch(root / "2020" / "ML" / ".snapshot" / "BHZ.D" / "ML.A..BHZ.D.2020.001")
    assert len(names_of(root)) == 1
    assert len(listed) == 5


def test_links_to_folders_are_followed(archive, tmp_path_factory):
    root = archive("ML.A..BHZ.D.2020.001")
    other_disk = tmp_path_factory.mktemp("disk")
    touch(place(other_disk, "ML.B..BHZ.D.2019.001"))
    (root / "2019").symlink_to(other_disk / "2019")
    (root / "2020" / "ML" / "C").symlink_to(root)  # no circle in a layout of five levels
    assert names_of(root) == ["ML.B..BHZ.D.2019.001", "ML.A..BHZ.D.2020.001"]


def test_no_file_is_opened(archive, monkeypatch):
    root = archive("ML.A..BHZ.D.2020.001", "ML.A..BHZ.D.2020.100")

    def refuse(*_):
        raise AssertionError("opened")

    monkeypatch.setattr("builtins.open", refuse)
    monkeypatch.setattr(Path, "open", refuse)
    assert len(names_of(root)) == 2


# --- which folders ------------------------------------------------------------------------


@pytest.fixture
def decade(archive):
    """Ten thousand files: eight days of May in ten years, two networks, 21 stations."""
    names = [
        f"{network}.S{station:02d}..{channel}.D.{year}.{day}"
        for year in range(2010, 2020)
        for network in ("AA", "BB")
        for station in range(21)
        for channel in THREE
        for day in range(121, 129)
    ]
    assert len(names) == 10_080
    return archive(*names)


def test_a_week_of_one_station_in_a_decade_lists_seven_folders(decade, listed):
    week = between("2015-123", "2015-128", networks=("AA",), stations=("S07",))
    found = names_of(decade, week)
    assert Counter(name.split(".")[3] for name in found) == dict.fromkeys(THREE, 7)
    assert {name.split(".")[1] for name in found} == {"S07"}
    # the root, one year, one network, one station, three channels
    assert len(listed) == 1 + 1 + 1 + 1 + 3
    assert all("2015" in folder for folder in listed[1:])


def test_one_channel_lists_one_folder_of_each_station(decade, listed):
    assert len(names_of(decade, between("2015-002", "2015-300", channels=("AA.S07.*.BHZ",)))) == 8
    assert len(listed) == 1 + 1 + 1 + 1 + 1


def test_the_first_day_of_a_year_lists_two_years(decade, listed):
    assert names_of(decade, between("2015-001", "2015-002", stations=("S07",))) == []
    assert sum(folder.endswith(("2014", "2015")) for folder in listed) == 2
    assert not any("2013" in folder or "2016" in folder for folder in listed)


FEW = [
    f"{network}.{station}.{location}.{channel}.D.{day}"
    for network in ("A", "AB")
    for station in ("A", "B")
    for location in ("", "A")
    for channel in ("BHZ", "ABA")
    for day in ("2019.365", "2020.001", "2020.003", "2020.366", "2021.001")
]


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    root = tmp_path_factory.mktemp("few")
    for name in FEW:
        touch(place(root, name))
    return root


some = st.lists(st.text("AB*?", min_size=1, max_size=3), max_size=2)
moments = st.integers(parse_moment("2019-360"), parse_moment("2021-006"))


@settings(max_examples=60, deadline=None)
@given(
    some,
    some,
    st.lists(st.sampled_from(["--", "", "A", "*", "?"]), max_size=2),
    st.lists(st.text("ABHZ.*?", min_size=1, max_size=6), max_size=2),
    st.lists(moments, min_size=2, max_size=2, unique=True).map(sorted),
)
def test_what_is_found_is_what_a_look_at_all_files_finds(few, net, sta, loc, cha, times):
    selection = Selection(net, sta, loc, cha, *times)
    margin = timedelta(days=1)
    first = datetime.fromtimestamp(times[0] // NS_PER_S, UTC).date() - margin
    last = datetime.fromtimestamp((times[1] - 1) // NS_PER_S, UTC).date() + margin
    expected = []
    for name in FEW:
        *codes, _, year, day = name.split(".")
        is_near = first <= date(int(year), 1, 1) + (int(day) - 1) * margin <= last
        if is_near and selection.matches_codes(*codes):
            expected.append(name)
    assert sorted(names_of(few, selection)) == sorted(expected)


# --- what cannot be listed ----------------------------------------------------------------


def test_a_folder_that_cannot_be_listed_is_a_problem_and_the_others_go_on(archive, monkeypatch):
    root = archive("ML.A..BHZ.D.2020.001", "ML.B..BHZ.D.2020.001")
    closed = str(root / "2020" / "ML" / "A")
    scandir = os.scandir

    def deny(folder):
        if str(folder) == closed:
            raise PermissionError(13, "Permission denied", closed)
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", deny)
    tally = SdsTally()
    assert names_of(root, None, tally) == ["ML.B..BHZ.D.2020.001"]
    (problem,) = tally.problems
    assert problem.failed
    assert (
        problem.message == f"{closed}: cannot be listed (Permission denied); check its permissions"
    )
