"""Travel times against TauP itself, and distances that can be worked out by hand."""

import numpy as np
import pytest
from obspy.core.inventory import Inventory, Network, Station
from obspy.taup import TauPyModel

from quake.errors import WaveformError
from quake.stations.travel_times import KM_PER_DEGREE, Site, TravelTimes, distance_deg, read_sites


def test_distances_along_meridian_equator_and_over_the_pole():
    assert distance_deg(Site(10, 5), Site(12.5, 5)) == pytest.approx(2.5)
    assert distance_deg(Site(0, -179), Site(0, 178)) == pytest.approx(3)
    assert distance_deg(Site(80, 0), Site(80, 180)) == pytest.approx(20)
    assert distance_deg(Site(0, 0), Site(0, 180)) == pytest.approx(180)
    assert pytest.approx(111.195, abs=1e-3) == KM_PER_DEGREE


def test_a_surface_event_is_heard_after_distance_over_velocity():
    # The upper crust of iasp91 has 5.8 km/s.
    travel_s = TravelTimes().p_s(50 / KM_PER_DEGREE, 0)
    assert travel_s == pytest.approx(50 / 5.8, abs=0.01)


@pytest.mark.parametrize(
    ("distance", "depth"), [(0.02, 7.5), (0.33, 4), (1.17, 12), (4.3, 33), (27.4, 120), (93, 10)]
)
def test_interpolated_times_are_those_of_taup(distance, depth):
    arrivals = TauPyModel("iasp91").get_travel_times(depth, distance, phase_list=["ttp"])
    assert TravelTimes().p_s(distance, depth) == pytest.approx(arrivals[0].time, abs=0.3)


def test_out_of_range_is_taken_at_its_end():
    times = TravelTimes()
    assert times.p_s(0.0, -2.0) == times.p_s(0.0, 0.0) == pytest.approx(0)
    assert np.isfinite(times.p_s(180.0, 0.0))


def test_sites_are_read_from_stationxml(tmp_path):
    path = tmp_path / "stations.xml"
    stations = [Station("A", 47.5, 11.25, 800.0), Station("B", -1.0, -71.0, 0.0)]
    Inventory([Network("XX", stations)], source="test").write(path, "STATIONXML")
    assert read_sites(path) == {"XX.A": Site(47.5, 11.25), "XX.B": Site(-1, -71)}
    Inventory([Network("XX")], source="test").write(path, "STATIONXML")
    with pytest.raises(WaveformError, match="no stations in it"):
        read_sites(path)
