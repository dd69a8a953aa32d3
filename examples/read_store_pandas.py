"""Read a result store with pandas: events of each station and day, and the share of no_data.

    quake predict --sds ARCHIVE --output STORE/ --events
    python examples/read_store_pandas.py STORE

read_store_polars.py and read_store_duckdb.py answer the same with Polars and DuckDB.
"""

import sys
from pathlib import Path

import pandas as pd


def read(store: Path, what: str, time: str, columns: list[str]) -> pd.DataFrame:
    """All files of ``windows`` or ``events``; a station-day is where one starts."""
    files = sorted((store / what).rglob("*.parquet"))
    table = pd.concat(pd.read_parquet(file, columns=[time, *columns]) for file in files)
    return table.assign(date=table[time].dt.date)


def station(channel_set: pd.Series) -> pd.Series:
    """``BK.MHC`` of ``BK.MHC..BH?``."""
    return channel_set.str.split(".").str[:2].str.join(".")


def main() -> None:
    store = Path(sys.argv[1])
    windows = read(store, "windows", "start", ["id", "status"])
    events = read(store, "events", "onset", ["id", "channel_sets"]).explode("channel_sets")
    days = (
        windows.assign(station=station(windows["id"]), no_data=windows["status"].eq("no_data"))
        .groupby(["station", "date"])["no_data"]
        .mean()
        .to_frame()
    )
    seen = events.assign(station=station(events["channel_sets"])).groupby(["station", "date"])
    days["events"] = seen["id"].nunique().reindex(days.index, fill_value=0)
    for (name, date), row in days.sort_index().iterrows():
        print(f"{name} {date} {row['events']:.0f} {row['no_data']:.3f}")


if __name__ == "__main__":
    main()
