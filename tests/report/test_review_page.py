"""The commands of docs/review.md run, in their order, on the records that the page names."""

import csv
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import obspy
import pytest
from browser import CHROMIUM, Browser

from quake.datasets.tables import read_label_table
from quake.waveforms.times import parse_time
from quake_cli.command import load

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "review.md").read_text(encoding="utf-8")
FINDING, TRAINING, USING = re.findall(r"^```bash\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
DATA = ROOT.parent / "shared" / "data"
CUTS = {"B916": "2019-07-07T08:32:00Z", "ML02": "2020-05-02T21:25:00Z"}
NEAR_NS, NEAR_S_NS = 3 * 10**9, 2 * 10**9


def test_options_of_the_commands_exist():
    for block in (FINDING, TRAINING, USING):
        for name, line in re.findall(r"^quake (\w+) (.*)$", block, re.MULTILINE):
            known = {option for parameter in load(name).params for option in parameter.opts}
            assert set(re.findall(r"--[a-z-]+", line)) <= known


def test_figures_of_the_tables_add_up_to_those_of_the_text():
    rows = re.findall(r"^\| (?:ML|PB)\.\w+ \| (.*) \|$", TEXT, re.MULTILINE)
    columns = [[int(cell.split(" ")[0]) for cell in row.split(" | ")] for row in rows]
    onsets, by_b0, reviewed = (sum(row[i] for row in columns) for i in range(3))
    assert f"of {onsets} onsets b0 finds {by_b0} and the reviewed models {reviewed}" in TEXT
    seen = []
    for place in (3, 4):
        cells = [row.split(" | ")[place] for row in rows]
        pairs = [tuple(map(int, re.fullmatch(r"(\d+) \((\d+)\)", c).groups())) for c in cells]
        seen.append(round(100 * sum(n for _, n in pairs) / sum(n for n, _ in pairs)))
    assert f"{seen[0]} % of the events were seen by PhaseNet before, {seen[1]} % after" in TEXT


def halve(folder):
    """Cut the records where the page does; a folder of each half."""
    for station, cut in CUTS.items():
        for path in (DATA / "sds").rglob(f"*.{station}.*.D.*"):
            stream, time = obspy.read(str(path)), obspy.UTCDateTime(cut)
            for name, part in (
                ("first", stream.slice(endtime=time)),
                ("later", stream.slice(starttime=time)),
            ):
                (folder / name).mkdir(exist_ok=True)
                part.write(str(folder / name / f"{path.name}.mseed"), format="MSEED")


def verdict(found, onsets):
    """What PhaseNet says of an onset; None for an S."""
    time_ns = parse_time(found["onset"])
    own = [onset for onset in onsets if onset["station"] in found["stations"]]
    if any(abs(parse_time(o["p_time"]) - time_ns) < NEAR_NS for o in own):
        return "earthquake"
    return None if any(abs(parse_time(o["s_time"]) - time_ns) < NEAR_S_NS for o in own) else "noise"


def data_of(page):
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="events-data">(.*?)</script>', text, re.DOTALL)[1])


def reviewed_in_browser(page, verdicts, profile):
    browser = Browser(profile)
    try:
        browser.show(page, 1280)
        found = {number: {"label": label, "note": ""} for number, label in verdicts.items()}
        return browser.value(
            f"(() => {{ for (const [n, v] of Object.entries({json.dumps(found)}))"
            " eventTable.verdicts.set(Number(n), v); return eventReview.labelTable(); })()"
        )
    finally:
        browser.close()


def reviewed_by_hand(events, verdicts):
    """Rows of events alone where there is no browser, and noise that is not cut short."""
    rows = [
        {"path": row["path"], "start": row["start"], "end": row["end"], "label": label,
         "event_id": events[number]["id"], "record": events[number]["id"]}
        for number, label in verdicts.items()
        for row in events[number]["rows"]
    ]  # fmt: skip
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not (DATA / "sds").is_dir(), reason="no ../shared/data here")
def test_the_commands_run_in_order_and_the_table_is_the_one_of_the_page(tmp_path):
    """With one epoch of a few windows: that they run is tested, not what comes of them."""
    halve(tmp_path)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    program = bin_folder / "quake"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m quake_cli "$@"\n')
    program.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }

    def run(commands):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, (commands, done.stderr)

    run(FINDING)
    page = tmp_path / "review.html"
    events = data_of(page)["events"]
    with (DATA / "sds_phasenet_onsets.csv").open(encoding="utf-8") as file:
        onsets = list(csv.DictReader(file))
    verdicts = {n: label for n, e in enumerate(events) if (label := verdict(e, onsets))}
    if CHROMIUM.exists():
        table = reviewed_in_browser(page, verdicts, tmp_path / "profile")
    else:
        table = reviewed_by_hand(events, verdicts)
    (tmp_path / "reviewed.csv").write_text(table, encoding="utf-8")
    labels = [span.label for span in read_label_table(tmp_path / "reviewed.csv").spans]
    assert set(labels) == {"earthquake", "noise"}
    short = re.sub(
        r"--epochs \d+ --draws-per-epoch \d+", "--epochs 1 --draws-per-epoch 64", TRAINING
    )
    assert short != TRAINING
    run(short.rstrip() + " --workers 0 --cache none --device cpu")
    run(USING)
    for name in ("before", "after"):
        lines = (tmp_path / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        assert all("onset" in json.loads(line) for line in lines)
