"""Stores of what a bucket holds: the same as of the archive, whether it is mounted or not."""

from pathlib import Path

import pytest
from archives import around_midnight, write_sds
from s3_server import serving
from stores import ALFA, assert_status, differences, identities, records, redone, results

LINES = ("--format", "jsonl")


def files_of(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in Path(root).rglob("*")
        if path.is_file()
    }


@pytest.fixture(scope="module")
def running(archive):
    with serving() as server:
        server.put("archive", files_of(archive))
        yield server


@pytest.fixture
def server(running, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", running.url)
    running.requests.clear()
    return running


def test_a_store_of_a_bucket_is_that_of_the_archive(predict, server, archive, tmp_path):
    assert_status(predict(archive, "--output", tmp_path / "mounted", "--events", *LINES), 0)
    run = predict("s3://archive/", "--output", tmp_path / "bucket", "--events", *LINES)
    assert_status(run, 0)
    assert records(tmp_path / "bucket")
    assert differences(results(tmp_path / "mounted"), results(tmp_path / "bucket")) == []


@pytest.mark.parametrize("how", [("--workers", "2"), ("--dask-local", "2")])
def test_workers_fetch_each_object_once(predict_apart, server, archive, tmp_path, how):
    if how[0] == "--dask-local":
        pytest.importorskip("distributed")
    address = {"AWS_ENDPOINT_URL": server.url}
    run = predict_apart("s3://archive/", "--output", tmp_path / "s", *how, env=address)
    assert_status(run, 0)
    fetched = [path for method, path, *_ in server.requests if method == "GET" and ".D." in path]
    assert len(fetched) == len(set(fetched)) == len(files_of(archive))


def test_an_archive_may_be_mounted_later(predict, server, archive, tmp_path):
    command = ("--output", tmp_path / "s", *LINES)
    assert_status(predict("s3://archive/", *command), 0)
    before = identities(tmp_path / "s")
    run = predict("--sds", archive, *command)
    assert_status(run, 0)
    assert "6 station-days: 0 done, 6 done before" in run.summary
    assert redone(before, tmp_path / "s") == []
    # And away again.
    run = predict("s3://archive/", *command)
    assert "6 station-days: 0 done, 6 done before" in run.summary


def test_an_archive_may_move_into_a_bucket(predict, server, archive, tmp_path):
    command = ("--output", tmp_path / "s", *LINES)
    assert_status(predict("--sds", archive, *command), 0)
    for _ in range(2):
        run = predict("--sds", "s3://archive", *command)
        assert_status(run, 0)
        assert "6 station-days: 0 done, 6 done before" in run.summary


def test_where_the_bucket_has_other_bytes_its_days_are_done_again(predict, server, tmp_path):
    root = tmp_path / "other"
    write_sds(root, ALFA)
    server.put("other", files_of(root))
    command = ("--output", tmp_path / "s", *LINES)
    assert_status(predict("s3://other/", *command), 0)
    before = identities(tmp_path / "s")
    (path,) = root.glob("2021/XX/ALFA/HHZ.D/*.064")  # 5 March
    content = bytearray(path.read_bytes())
    content[-40] ^= 1  # the size stays
    path.write_bytes(bytes(content))
    assert_status(predict("--sds", root, *command), 0)
    # The day before reaches into it.
    dates = [folder.rpartition("=")[2] for folder in redone(before, tmp_path / "s")]
    assert dates == ["2021-03-04", "2021-03-05"]
    assert_status(predict("--sds", root, "--output", tmp_path / "expected", *LINES), 0)
    assert records(tmp_path / "s") == records(tmp_path / "expected")


def test_an_object_that_was_put_again_as_it_was_changes_nothing(predict, server, tmp_path):
    root = tmp_path / "again"
    write_sds(root, ALFA[:1])
    files = files_of(root)
    server.put("again", files)
    command = ("s3://again/", "--output", tmp_path / "s", *LINES)
    assert_status(predict(*command), 0)
    server.client().put_object(Bucket="again", Key=next(iter(files)), Body=files[next(iter(files))])
    server.requests.clear()
    run = predict(*command)
    assert "0 done, 2 done before" in run.summary
    assert not server.gets(".D.")


def test_an_object_with_another_tag_is_read_again(predict, server, tmp_path):
    root, other = tmp_path / "one", tmp_path / "other"
    write_sds(root, ALFA[:1])
    write_sds(other, [around_midnight("ALFA", "2021-03-04", minutes=3)])
    server.put("tagged", files_of(root))
    command = ("s3://tagged/", "--output", tmp_path / "s", *LINES)
    assert_status(predict(*command), 0)
    for key, content in files_of(other).items():
        server.client().put_object(Bucket="tagged", Key=key, Body=content)
    run = predict(*command)
    assert "2 done, 0 done before" in run.summary
    assert_status(predict(other, "--output", tmp_path / "expected", *LINES), 0)
    assert records(tmp_path / "s") == records(tmp_path / "expected")


def test_what_cannot_be_read_is_told_and_the_others_go_on(predict, server, tmp_path):
    root = tmp_path / "one"
    write_sds(root, ALFA[:1])
    files = files_of(root)
    server.put("damaged", {**files, "2021/text.mseed": b"no waveforms"})
    run = predict("s3://damaged/", "--output", tmp_path / "s", *LINES)
    assert_status(run, 1)
    (error,) = run.errors
    assert "s3://damaged/2021/text.mseed: neither miniSEED nor SAC" in error


def test_a_pattern_onto_standard_output(predict, server):
    run = predict("s3://archive/2021/XX/ALFA/HH?.D/*.063", "--format", "csv")
    assert_status(run, 0)
    assert "XX.ALFA..HH?" in run.out
    assert "3 inputs (0 failed)" in run.summary


def test_a_journal_does_not_say_whom_a_run_asks(predict, server, tmp_path):
    """Whoever hands over a store would choose what a run without any URI fetches."""
    root = tmp_path / "one"
    write_sds(root, ALFA)
    server.put("journal", files_of(root))
    command = ("--output", tmp_path / "s", *LINES)
    assert_status(predict("s3://journal/", *command), 0)
    before = identities(tmp_path / "s")
    server.requests.clear()
    for path in root.rglob("*.063"):
        path.unlink()  # one day of three is in the bucket alone
    run = predict("--sds", root, *command)
    assert_status(run, 3)  # each of the days reaches into that one
    assert not server.requests
    assert redone(before, tmp_path / "s") == []
    (error,) = run.errors
    assert "s3://journal/2021/XX/ALFA/HHE.D/XX.ALFA..HHE.D.2021.063: is a part of" in error
    assert "name it too" in error
    both = predict("--sds", root, "s3://journal/2021/XX/ALFA/HHE.D/*.063", *command)
    assert_status(both, 0)
    assert redone(before, tmp_path / "s") == []


def test_stores_do_not_stand_in_buckets(predict, archive):
    run = predict(archive, "--output", "s3://archive/store/")
    assert run.status == 2
    assert "--output s3://archive/store/: a store stands in a folder of this machine" in run.err


def test_the_report_of_a_store_fetches_nothing(quake, predict, server, tmp_path):
    root = tmp_path / "one"
    write_sds(root, ALFA[:1])
    server.put("shown", files_of(root))
    assert_status(predict("s3://shown/", "--output", tmp_path / "s"), 0)
    server.requests.clear()
    run = quake("report", tmp_path / "s", "--output", tmp_path / "page.html")
    assert run.status == 0, run.err
    assert not server.requests
    page = (tmp_path / "page.html").read_text()
    assert "is not on this machine" in page
