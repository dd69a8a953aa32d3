"""Read a result store with Polars: events of each station and day, and the share of no_data.

    quake predict --sds ARCHIVE --output STORE/ --events
    python examples/read_store_polars.py STORE

Nothing is read but the columns that are asked for. read_store_pandas.py and read_store_duckdb.py
answer the same with pandas and DuckDB.
"""

import sys
from pathlib import Path

import polars as pl


def station(column: str) -> pl.Expr:
    """``BK.MHC`` of ``BK.MHC..BH?``."""
    return pl.col(column).str.split(".").list.head(2).list.join(".").alias("station")


def day_of(time: str) -> pl.Expr:
    """Date of a time."""
    return pl.col(time).dt.date().alias("date")


def main() -> None:
    store = Path(sys.argv[1])
    windows = pl.scan_parquet(store / "windows/**/*.parquet", hive_partitioning=False)
    events = pl.scan_parquet(store / "events/**/*.parquet", hive_partitioning=False)
    days = windows.group_by(station("id"), day_of("start")).agg(
        pl.col("status").eq("no_data").mean().alias("no_data")
    )
    seen = (
        events.explode("channel_sets")
        .group_by(station("channel_sets"), day_of("onset"))
        .agg(pl.col("id").n_unique().alias("events"))
    )
    table = (
        days.join(seen, on=["station", "date"], how="left")
        .with_columns(pl.col("events").fill_null(0))
        .sort("station", "date")
        .select("station", "date", "events", "no_data")
        .collect()
    )
    for name, date, n_events, no_data in table.iter_rows():
        print(f"{name} {date} {n_events} {no_data:.3f}")


if __name__ == "__main__":
    main()
