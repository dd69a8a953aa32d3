"""CSV for programs: cells are as they are, also those that a spreadsheet would calculate."""

import csv
import io

import pytest
from hostile_files import sac

from quake.output.windows import read_windows


@pytest.mark.parametrize("sign", "=+-@")
def test_ids_that_look_like_formulas_are_written_as_they_are_and_read_back(quake, tmp_path, sign):
    """An apostrophe before them would make another id of it; docs/security.md says what to do."""
    folder = sac(tmp_path / "in", network=f"{sign}1+1", station="A1")
    out = tmp_path / "windows.csv"
    assert quake("predict", folder, "--output", out).status == 0
    (record,) = read_windows(out)
    assert record.id == f"{sign}1+1.A1..HH?"


def test_codes_with_commas_and_quotes_stay_in_their_cell(quake, tmp_path):
    folder = sac(tmp_path / "in", network='",=1,"', station="A;B,C")
    run = quake("predict", folder, "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(run.out))
    assert row["id"] == '",=1,".A;B,C..HH?'
    assert (row["status"], row["components"], row["flags"]) == ("ok", "ZNE", "resampled")
