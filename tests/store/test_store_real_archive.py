"""The real archive beside the checkout: three stations, four hours, as a store and as a stream."""

import json
from pathlib import Path

import pytest
from stores import assert_status, finished

from quake.output.windows import read_windows

ARCHIVE = Path(__file__).resolve().parents[3] / "shared" / "data" / "sds"

pytestmark = [
    pytest.mark.shared_data,
    pytest.mark.skipif(not ARCHIVE.is_dir(), reason=f"no labelled waveforms at {ARCHIVE}"),
]


def test_the_store_has_the_windows_that_standard_output_has(launch, tmp_path):
    store = tmp_path / "store"
    run = finished(launch("--sds", ARCHIVE, "--output", store, "--events"))
    assert_status(run, 0)
    assert "3 station-days: 3 done" in run.summary
    assert run.seconds["input"] == pytest.approx(2 * 3600 + 3600 + 80 * 60, abs=0.1)
    printed = finished(launch("--sds", ARCHIVE, "--format", "jsonl"))
    expected = [json.loads(line) for line in printed.out.splitlines()]
    found = [
        record.to_dict()
        for path in sorted(store.glob("windows/**/*.parquet"))
        for record in read_windows(path)
    ]
    assert len(expected) == 520
    assert found == expected


def test_one_station_and_one_hour_of_it(launch, tmp_path):
    run = finished(
        launch(
            *("--sds", ARCHIVE, "--station", "ML0?", "--format", "jsonl"),
            *("--start", "2020-05-02T21:00:00", "--end", "2020-05-02T22:00:00"),
        )
    )
    assert_status(run, 0)
    records = [json.loads(line) for line in run.out.splitlines()]
    assert len(records) == 119
    assert records[0]["start"] == "2020-05-02T21:00:00.000000Z"
    assert records[-1]["end"] == "2020-05-02T22:00:00.000000Z"
    assert {record["id"] for record in records} == {"ML.ML02.ML.BH?"}
