"""No file is trained and tested on, however its path is spelled, and whatever row is missing."""

from dataclasses import replace
from pathlib import Path

import pytest

from quake.datasets.collection import merge
from quake.datasets.labels import LabelledSpan
from quake.datasets.opening import open_collection
from quake.datasets.split import Split, check_leakage, group_rows, split_by_event
from quake.errors import LabelError

EARLY = "2020-01-01T00:00:00Z,2020-01-01T00:01:00Z"
LATE = "2020-01-01T09:00:00Z,2020-01-01T09:01:00Z"


@pytest.fixture
def table(tmp_path):
    def write(name, *rows):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(["path,start,end,label", *rows]) + "\n")
        return open_collection(path)

    return write


def event(row):
    return LabelledSpan(row, Path(f"{row}.ms"), 0, 10**9, "earthquake", "one", "", "x", None)


def files(spans, rows):
    return {spans[i].path.resolve() for i in rows}


def test_a_file_in_two_tables_in_two_folders_is_one_record(table):
    rows = [f"../w/{i}.ms,{{}},{('earthquake', 'noise')[i % 2]}" for i in range(60)]
    spans = merge(
        [
            table("a/a.csv", *(row.format(EARLY) for row in rows)),
            table("b/b.csv", *(row.format(LATE) for row in rows)),
        ]
    ).spans
    split = split_by_event(spans)
    parts = [files(spans, part) for part in (split.train, split.validation, split.test)]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts)) == 60


def test_an_absolute_path_and_a_relative_one_are_one_record(table, tmp_path):
    spans = table("a/a.csv", f"x.ms,{EARLY},eq", f"{tmp_path}/a/x.ms,{LATE},eq").spans
    assert len(group_rows(spans, 60.0)) == 1


def test_a_link_to_a_folder_is_that_folder(table, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    spans = table("a.csv", f"real/x.ms,{EARLY},eq", f"link/x.ms,{LATE},eq").spans
    assert len(group_rows(spans, 60.0)) == 1


def test_files_of_one_name_in_two_folders_are_two_records(table):
    spans = table("a.csv", f"a/x.ms,{EARLY},eq", f"b/x.ms,{LATE},eq").spans
    assert len(group_rows(spans, 60.0)) == 2


def test_a_relative_path_means_another_file_after_the_folder_changes(tmp_path, monkeypatch):
    span = event(1)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    absolute = [
        replace(span, path=tmp_path / name / span.path, group=name, row=row)
        for row, name in enumerate("ab", start=2)
    ]
    for position, name in enumerate("ab"):
        monkeypatch.chdir(tmp_path / name)
        groups = group_rows([span, *absolute], 60.0)
        assert sorted(map(sorted, groups)) == sorted([[0, position + 1], [2 - position]])


def test_a_repetition_under_another_spelling_is_left_out_by_name(table):
    merged = merge(
        [table("a/a.csv", f"../w/x.ms,{EARLY},eq"), table("w/b.csv", f"x.ms,{EARLY},eq")]
    )
    assert len(merged.spans) == len(merged.excluded) == 1
    assert "repeats" in merged.excluded[0].reason


def test_a_contradiction_under_another_spelling_is_refused(table):
    one, other = table("a/a.csv", f"../w/x.ms,{EARLY},eq"), table("w/b.csv", f"x.ms,{EARLY},noise")
    with pytest.raises(LabelError, match="two labels"):
        merge([one, other])


@pytest.mark.parametrize("absent", range(3))
def test_an_event_on_two_sides_is_seen_whichever_of_its_rows_is_in_no_part(absent):
    spans = [event(row) for row in (2, 3, 4)]
    train, test = (i for i in range(3) if i != absent)
    with pytest.raises(LabelError, match=f"row {train + 2} of .*row {test + 2} of"):
        check_leakage(spans, Split((train,), (), (test,)), 60.0)
