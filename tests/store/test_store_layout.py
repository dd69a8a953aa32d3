"""Where results lie: codes of files become folders, and never leave the store."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quake.store.layout import date_of, day_folder, day_of_date, events_folder, windows_file
from quake.waveforms.ids import ChannelSetId
from quake.windows.station_days import DAY_NS

ROOT = Path("/store")


def test_a_station_day_has_a_folder_of_its_own():
    path = windows_file(ROOT, ChannelSetId("ML", "ML02", "ML", "BH"), 18_384 * DAY_NS, "parquet")
    assert path == ROOT / (
        "windows/network=ML/station=ML02/channels=ML.BH/date=2020-05-02/windows.parquet"
    )


def test_codes_that_are_missing_have_the_name_that_hive_gives_them():
    path = day_folder(ROOT, ChannelSetId("", "STA", "", "BH"), 0)
    assert "network=__HIVE_DEFAULT_PARTITION__/station=STA/channels=.BH" in path.as_posix()


def test_dates_before_the_epoch_and_on_leap_days_are_right():
    assert date_of(-DAY_NS) == "1969-12-31"
    assert date_of(day_of_date("2020-02-29")) == "2020-02-29"
    assert events_folder(ROOT, 0) == ROOT / "events/date=1970-01-01"


@pytest.mark.parametrize("code", ["..", "../../etc", "/etc", "a/b", "a.b", "é", "%2F", "a\nb", "~"])
def test_no_code_leaves_its_folder(code):
    path = day_folder(ROOT, ChannelSetId(code, code, code, "BH"), 0)
    assert path.resolve().is_relative_to(ROOT)
    assert len(path.parts) == len(ROOT.parts) + 5


codes = st.text(st.characters(codec="utf-8"), max_size=5)


@given(st.builds(ChannelSetId, codes, codes, codes, codes))
def test_different_channel_sets_have_different_folders(key):
    """The codes can be read back, so no two of them share a folder."""
    _, _, network, station, channels, _ = day_folder(Path("store"), key, 0).parts
    location, _, instrument = channels.partition("=")[2].partition(".")
    found = [network.partition("=")[2], station.partition("=")[2]]
    found = ["" if code == "__HIVE_DEFAULT_PARTITION__" else unquote(code) for code in found]
    assert [*found, unquote(location), unquote(instrument)] == [
        key.network,
        key.station,
        key.location,
        key.band_instrument,
    ]
