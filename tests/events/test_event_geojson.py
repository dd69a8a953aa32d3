"""GeoJSON of events: by hand, and as GDAL reads it, with which most programs of maps read."""

import io
import json

import geopandas
import pytest
from event_builders import at, event, onset, options, s_onset

from quake.errors import ParameterError
from quake.events import find_events
from quake.output.events import write_events
from quake.stations.travel_times import Site

SITES = {"BK.MHC": Site(37.34, -121.64), "IU.ANMO": Site(34.95, -106.46)}
NETWORK = event(60, 75, p=0.97, keys=("BK.MHC..BH?", "IU.ANMO.00.BH?"), flags=("gap", "clipped:Z"))


def document(events, sites=SITES):
    file = io.BytesIO()
    write_events(file, "geojson", events, sites=sites)
    return file.getvalue()


def test_a_point_is_a_station_that_saw_the_event():
    features = json.loads(document([NETWORK]))["features"]
    assert [f["geometry"] for f in features] == [
        {"type": "Point", "coordinates": [-121.64, 37.34]},
        {"type": "Point", "coordinates": [-106.46, 34.95]},
    ]
    assert [f["id"] for f in features] == [f"{NETWORK.id}/1", f"{NETWORK.id}/2"]
    assert {f["properties"]["event"] for f in features} == {NETWORK.id}


def test_properties_are_flat():
    (feature, _) = json.loads(document([NETWORK]))["features"]
    found = feature["properties"]
    assert not [v for v in found.values() if isinstance(v, list | dict)]
    assert (found["label"], found["p_earthquake"], found["onset"]) == ("earthquake", 0.97, at(60))
    assert (found["network"], found["station"], found["stations"]) == ("BK", "MHC", 2)
    assert found["flags"] == "gap;clipped:Z"


def test_a_station_of_which_nobody_knows_where_it_is_has_no_point():
    (first, second) = json.loads(document([NETWORK], {"BK.MHC": SITES["BK.MHC"]}))["features"]
    assert first["geometry"] is not None
    assert second["geometry"] is None
    assert second["properties"]["station"] == "ANMO"


def test_without_any_places_it_is_refused():
    with pytest.raises(ParameterError, match="--inventory"):
        document([NETWORK], None)


def test_no_events_are_a_collection_without_features():
    assert json.loads(document([])) == {"type": "FeatureCollection", "features": []}


def test_gdal_reads_points_times_and_numbers():
    events = find_events(
        [
            onset(0, key="BK.MHC..BH?"),
            s_onset(4.5, key="BK.MHC..BH?"),
            onset(90, key="XX.NONE..BH?"),
        ],
        options(),
    )
    table = geopandas.read_file(io.BytesIO(document(events)))
    assert table.crs.to_epsg() == 4326
    assert (table.geometry[0].x, table.geometry[0].y) == (-121.64, 37.34)
    assert table.geometry[1] is None
    assert list(table.event) == [e.id for e in events]
    assert table.onset[0].isoformat() == "2020-05-02T20:00:00+00:00"
    assert table.s_onset[0].isoformat() == "2020-05-02T20:00:04.500000+00:00"
    assert table.snr_db[0] == 20.0
    assert set(table.label) == {"earthquake"}
