"""The programs that read a store give the counts that it was written with, all three the same."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

READERS = ("pandas", "polars", "duckdb")


def table(**columns):
    schema = {
        "start": pa.timestamp("us", tz="UTC"),
        "onset": pa.timestamp("us", tz="UTC"),
        "channel_sets": pa.list_(pa.string()),
    }
    return pa.table(
        {name: pa.array(values, schema.get(name, pa.string())) for name, values in columns.items()}
    )


def moment(day, hour):
    return datetime.datetime(2020, 5, day, hour, tzinfo=datetime.UTC)


def put(store, part, **columns):
    path = store / part
    path.parent.mkdir(parents=True)
    pq.write_table(table(**columns), path)


def put_windows(store, station, channel_set, day, statuses):
    put(
        store,
        f"windows/network=XX/station={station}/channels=00.HH/date=2020-05-{day:02}/windows.parquet",
        id=[channel_set] * len(statuses),
        start=[moment(day, hour) for hour in range(len(statuses))],
        status=statuses,
    )


def put_events(store, day, channel_sets):
    put(
        store,
        f"events/date=2020-05-{day:02}/events.parquet",
        id=[f"event-{day}-{i}" for i in range(len(channel_sets))],
        onset=[moment(day, hour) for hour in range(len(channel_sets))],
        channel_sets=channel_sets,
    )


@pytest.fixture
def store(tmp_path):
    """Two stations and two days; the second day of the second station is without events."""
    put_windows(tmp_path, "A", "XX.A.00.HH?", 2, ["ok", "uncertain", "no_data", "ok"])
    put_windows(tmp_path, "A", "XX.A.00.HH?", 3, ["ok", "rejected"])
    put_windows(tmp_path, "B", "XX.B.00.HH?", 2, ["no_data", "no_data"])
    # The second event is one of the network; the third has two channel sets of one station.
    of_both = ["XX.A.00.HH?", "XX.B.00.HH?"]
    put_events(tmp_path, 2, [["XX.A.00.HH?"], of_both, ["XX.A.00.HH?", "XX.A.10.HH?"]])
    put_events(tmp_path, 3, [])
    return tmp_path


@pytest.mark.parametrize("reader", READERS)
def test_events_and_shares_are_those_of_the_store(start, store, reader):
    pytest.importorskip(reader)
    assert start(f"read_store_{reader}.py", store, cwd=store).splitlines() == [
        "XX.A 2020-05-02 3 0.250",
        "XX.A 2020-05-03 0 0.000",
        "XX.B 2020-05-02 1 1.000",
    ]
