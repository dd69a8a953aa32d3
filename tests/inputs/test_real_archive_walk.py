"""A real SDS archive: all of its files are found, and their names say what is in them."""

from pathlib import Path

import pytest

from quake.inputs.sds import SdsTally, parse_name, sds_files
from quake.inputs.selection import Selection, parse_moment
from quake.inputs.walk import Inputs
from quake.waveforms.readers.waveform_file import scan

SDS = Path(__file__).resolve().parents[3] / "shared" / "data" / "sds"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(
        not SDS.is_dir(), reason="real archive not found: shared/data/sds beside the checkout"
    ),
]


def test_all_files_of_a_real_archive_are_found():
    tally = SdsTally()
    found = list(sds_files(SDS, None, tally))
    assert len(found) > 5
    assert found == sorted(path for path in SDS.rglob("*") if path.is_file())
    assert tally == SdsTally()


def test_a_real_archive_gives_the_same_files_as_a_folder():
    as_archive, as_folder = Inputs(), Inputs()
    as_archive.add_sds(SDS)
    as_folder.add_folder(SDS)
    assert list(as_archive.files) == list(as_folder.files)
    as_archive.add_folder(SDS)
    assert list(as_archive.files) == list(as_folder.files)


def test_real_names_say_what_is_in_the_files():
    for path in sds_files(SDS):
        name = parse_name(path.name)
        for span in scan(path)[0]:
            key = span.id
            assert (key.network, key.station, key.location) == name[:3]
            assert key.band_instrument + span.code == name.channel


@pytest.mark.parametrize(
    ("start", "end", "n_files"),
    [
        ("2020-05-02", "2020-05-03", 3),
        ("2020-123T02:00", "2020-123T03:00", 3),
        ("2020-05-03T10:00", "2020-06-01", 3),  # the day before is read for its overhang
        ("2020-05-04", "2020-06-01", 0),
        ("2019-01-01", "2020-05-01", 0),
    ],
)
def test_a_real_station_is_selected_by_time(start, end, n_files):
    wanted = Selection(stations=("ML02",), start_ns=parse_moment(start), end_ns=parse_moment(end))
    assert len(list(sds_files(SDS, wanted))) == n_files
