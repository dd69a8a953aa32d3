"""Read a result store with DuckDB: events of each station and day, and the share of no_data.

    quake predict --sds ARCHIVE --output STORE/ --events
    python examples/read_store_duckdb.py STORE

The folders of the store become columns; those that a query rules out by ``date`` are not read.
read_store_pandas.py and read_store_polars.py answer the same with pandas and Polars.
"""

import sys
from pathlib import Path

import duckdb

QUERY = """
    WITH days AS (
        SELECT regexp_extract(id, '^[^.]*[.][^.]*') AS station, date,
            avg(CAST(status = 'no_data' AS INTEGER)) AS no_data
        FROM read_parquet($windows, hive_partitioning = true)
        GROUP BY ALL
    ), seen AS (
        SELECT regexp_extract(channel_set, '^[^.]*[.][^.]*') AS station, date,
            count(DISTINCT id) AS events
        FROM (
            SELECT id, date, unnest(channel_sets) AS channel_set
            FROM read_parquet($events, hive_partitioning = true)
        )
        GROUP BY ALL
    )
    SELECT station, date, coalesce(events, 0), no_data
    FROM days LEFT JOIN seen USING (station, date)
    ORDER BY station, date
"""


def main() -> None:
    store = Path(sys.argv[1])
    patterns = {what: f"{store}/{what}/**/*.parquet" for what in ("windows", "events")}
    with duckdb.connect() as connection:
        for name, date, n_events, no_data in connection.execute(QUERY, patterns).fetchall():
            print(f"{name} {date} {n_events} {no_data:.3f}")


if __name__ == "__main__":
    main()
