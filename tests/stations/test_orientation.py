"""Orientation: recorded components become true Z, N, E."""

import numpy as np
import pytest
from strategies import ID, START_NS, write_station_xml

from quake.errors import WaveformError
from quake.stations.orientation import Epoch, Orientations, direction, read_orientations
from quake.waveforms.times import NS_PER_S

Z12 = {"Z": "Z", "1": "N", "2": "E"}
TRUE = np.random.default_rng(0).standard_normal((3, 50))  # Z, N, E of the ground


def oriented(**angles):
    """Orientations of codes, without end: "Z" as c_Z=(azimuth, dip)."""
    return Orientations(
        {(ID, c[2:]): [Epoch(-(2**63), 2**63, *angle)] for c, angle in angles.items()}
    )


@pytest.mark.parametrize(
    ("azimuth_deg", "dip_deg", "vector"),
    [
        (0, 0, (0, 1, 0)),
        (90, 0, (0, 0, 1)),
        (180, 0, (0, -1, 0)),
        (0, -90, (1, 0, 0)),
        (123, 90, (-1, 0, 0)),
        (45, 0, (0, np.sqrt(0.5), np.sqrt(0.5))),
        (90, -30, (0.5, 0, np.sqrt(0.75))),
    ],
)
def test_the_direction_of_a_sensor_by_hand(azimuth_deg, dip_deg, vector):
    np.testing.assert_allclose(direction(azimuth_deg, dip_deg), vector, atol=1e-12)


def test_a_sensor_turned_by_90_degrees_by_hand():
    # 1 points east, 2 points south.
    rotation = oriented(c_Z=(0, -90), c_1=(90, 0), c_2=(180, 0)).rotation(ID, Z12, 0)
    z, n, e = TRUE
    np.testing.assert_allclose(rotation @ np.stack([z, e, -n]), TRUE, atol=1e-12)


def test_a_sensor_that_points_as_its_name_says_is_not_turned():
    rotation = oriented(c_Z=(0, -90), c_1=(0, 0), c_2=(90, 0)).rotation(ID, Z12, 0)
    np.testing.assert_allclose(rotation, np.eye(3), atol=1e-12)


def test_a_vertical_that_is_wired_upside_down_is_turned_over():
    rotation = oriented(c_Z=(0, 90), c_1=(0, 0), c_2=(90, 0)).rotation(ID, Z12, 0)
    np.testing.assert_allclose(rotation, np.diag([-1, 1, 1]), atol=1e-12)


def test_a_symmetric_triaxial_sensor_gives_the_ground_motion_back():
    # Galperin: three sensors 120 degrees apart, 35.26 degrees above the horizontal.
    dip = -np.degrees(np.arcsin(np.sqrt(1 / 3)))
    angles = {"Z": (90, dip), "1": (210, dip), "2": (330, dip)}
    recorded = np.stack([direction(*angles[c]) @ TRUE for c in "Z12"])
    rotation = oriented(**{f"c_{c}": angle for c, angle in angles.items()}).rotation(ID, Z12, 0)
    np.testing.assert_allclose(rotation @ recorded, TRUE, atol=1e-12)


def test_an_unknown_component_gives_no_rotation():
    assert oriented(c_Z=(0, -90), c_1=(0, 0)).rotation(ID, Z12, 0) is None


def test_components_that_point_the_same_way_give_no_rotation():
    assert oriented(c_Z=(0, -90), c_1=(10, 0), c_2=(12, 0)).rotation(ID, Z12, 0) is None


def test_the_orientation_is_the_one_of_the_time():
    minute = 60 * NS_PER_S
    epochs = {
        (ID, "Z"): [Epoch(0, 2 * minute, 0, -90)],
        (ID, "1"): [Epoch(0, minute, 0, 0), Epoch(minute, 2 * minute, 90, 0)],
        (ID, "2"): [Epoch(0, minute, 90, 0), Epoch(minute, 2 * minute, 180, 0)],
    }
    orientations = Orientations(epochs)
    first, second, third = (orientations.rotation(ID, Z12, i * minute) for i in range(3))
    np.testing.assert_allclose(first, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(second @ [0, 1, 0], [0, 0, 1], atol=1e-12)
    assert third is None


# --- StationXML ---------------------------------------------------------------------------


@pytest.fixture
def station_xml(tmp_path):
    return write_station_xml(tmp_path / "station.xml")


def test_an_inventory_turns_a_record_to_true_north_and_east(station_xml):
    rotation = read_orientations(station_xml).rotation(ID, Z12, START_NS)
    recorded = np.stack([TRUE[0], direction(30, 0) @ TRUE, direction(120, 0) @ TRUE])
    np.testing.assert_allclose(rotation @ recorded, TRUE, atol=1e-12)


def test_before_the_inventory_begins_nothing_is_known(station_xml):
    assert read_orientations(station_xml).rotation(ID, Z12, START_NS - 1) is None


def test_of_another_channel_set_nothing_is_known(station_xml):
    other = type(ID)("XX", "STA", "00", "HH")
    assert read_orientations(station_xml).rotation(other, Z12, START_NS) is None


@pytest.mark.parametrize("content", ["", "   ", "<FDSNStationXML", "<a/>", "not xml at all"])
def test_what_is_no_station_xml_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "station.xml"
    path.write_text(content)
    with pytest.raises(WaveformError, match="no StationXML") as error:
        read_orientations(path)
    assert str(path) in str(error.value)


def test_a_missing_inventory_is_an_error_that_names_it(tmp_path):
    with pytest.raises(WaveformError, match=r"none\.xml: cannot be read"):
        read_orientations(tmp_path / "none.xml")
