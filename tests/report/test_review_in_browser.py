"""The table of events and the review in a browser: order, filters, keys, files."""

import csv
import io
import json
import shutil

import pytest
from browser import CHROMIUM, Browser
from obspy import Stream, Trace, read_events
from report_stores import ONE, TWO, event, hours, span, window
from strategies import noise

from quake.datasets.tables import read_label_table
from quake.inference.coverage import Coverage
from quake.report import write_page
from quake.store.entries import state_of

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here"),
]

DAY = "2020-05-01"
RATE_HZ = 20.0


@pytest.fixture
def browser(tmp_path):
    folder = tmp_path / "profile"
    found = Browser(folder)
    yield found
    found.close()
    shutil.rmtree(folder, ignore_errors=True)


def write_components(folder, key):
    """An hour from midnight, a file for each component, as an SDS archive has them."""
    paths = []
    for code, samples in zip("ZNE", noise(int(3600 * RATE_HZ)), strict=True):
        header = {
            "network": key.network,
            "station": key.station,
            "location": key.location,
            "channel": key.band_instrument + code,
            "sampling_rate": RATE_HZ,
            "starttime": f"{DAY}T00:00:00",
        }
        path = folder / f"{key.station}.{code}.mseed"
        Stream([Trace(samples.astype("float32"), header)]).write(str(path), format="MSEED")
        paths.append(path)
    return paths


@pytest.fixture
def store(make_store, tmp_path):
    """Four events at two stations, whose records are there, three files each."""
    for key in (ONE, TWO):
        for code, path in zip("ZNE", write_components(tmp_path, key), strict=True):
            recorded = span(key, DAY, code, str(path), 1, RATE_HZ)
            make_store.file(path, [recorded], state=state_of(str(path)))
        coverage = Coverage(input=hours(DAY, (0, 1)))
        make_store.day(key, DAY, [window(key, f"{DAY}T00:00:00", (0.9, 0.05, 0.05))],
                       coverage=coverage)  # fmt: skip
    make_store.events(
        DAY,
        [
            event("earthquake", f"{DAY}T00:05:00", str(ONE), probability=0.9, snr_db=20.0),
            event("surface_event", f"{DAY}T00:20:00", str(ONE), probability=0.6, snr_db=9.0),
            event("earthquake", f"{DAY}T00:35:00", str(TWO), probability=0.7, snr_db=30.0),
            event("earthquake", f"{DAY}T00:35:30", str(TWO), probability=0.8, snr_db=12.0),
        ],
    )
    return make_store


@pytest.fixture
def page(store, survey, tmp_path):
    path = tmp_path / "page.html"
    with path.open("wb") as file:
        write_page(file, survey(store))
    return path


def shown(browser):
    """Clocks of the rows that are seen, in their order."""
    rows = "document.querySelectorAll('#event-table tbody tr:not([hidden]) th span')"
    return json.loads(browser.value(f"JSON.stringify(Array.from({rows}, (e) => e.textContent))"))


def choose(browser, name, value):
    browser.value(
        f"(() => {{ const e = document.getElementById('filters').elements[{name!r}];"
        f" e.value = {value!r}; e.dispatchEvent(new Event('input', {{ bubbles: true }})); }})()"
    )


def text_of(browser, selector):
    return browser.value(f"document.querySelector({selector!r}).textContent")


def test_a_click_on_a_head_orders_the_table_and_another_one_turns_it(browser, page):
    browser.show(page, 1280)
    clocks = shown(browser)
    assert [clock[:5] for clock in clocks] == ["00:05", "00:20", "00:35", "00:35"]
    browser.click("[data-key=snr] button")
    assert shown(browser) == [clocks[i] for i in (1, 3, 0, 2)]
    browser.click("[data-key=snr] button")
    assert shown(browser) == [clocks[i] for i in (2, 0, 3, 1)]
    assert browser.value("document.querySelector('[data-key=snr]').ariaSort") == "descending"


@pytest.mark.parametrize(
    ("filters", "left"),
    [
        ({"label": "0"}, [0, 2, 3]),
        ({"station": "1"}, [2, 3]),
        ({"p": "0.7"}, [0, 2, 3]),
        ({"snr": "15", "label": "0"}, [0, 2]),
        ({"kind": "doubt"}, []),
        ({"verdict": "done"}, []),
    ],
)
def test_filters_leave_what_passes_all_of_them(browser, page, filters, left):
    browser.show(page, 1280)
    clocks = shown(browser)
    for name, value in filters.items():
        choose(browser, name, value)
    assert shown(browser) == [clocks[i] for i in left]
    assert text_of(browser, "#shown") == f"{len(left)} of 4 shown"


def test_files_have_what_is_shown(browser, page, tmp_path):
    browser.show(page, 1280)
    choose(browser, "label", "0")
    table = browser.download(tmp_path, "[data-do=csv]")
    rows = list(csv.DictReader(io.StringIO(table.read_text("utf-8"))))
    assert [(row["label"], row["onset"][11:19]) for row in rows] == [
        ("earthquake", "00:05:00"),
        ("earthquake", "00:35:00"),
        ("earthquake", "00:35:30"),
    ]
    catalogue = read_events(str(browser.download(tmp_path, "[data-do=quakeml]")))
    assert [e.resource_id.id.rpartition("/")[2] for e in catalogue] == [r["id"] for r in rows]
    assert str(catalogue[0].picks[0].time) == f"{DAY}T00:05:00.000000Z"


def test_keys_judge_events_the_least_certain_first_and_give_a_label_table(browser, page, tmp_path):
    browser.show(page, 1280)
    browser.click("[data-do=review]")
    assert text_of(browser, "#place") == "1 of 4, 0 reviewed"
    # By the margin: 00:20 (0.2), 00:35:00 (0.4), 00:35:30 (0.6), 00:05 (0.8).
    assert "00:20:00" in text_of(browser, "#stage time")
    browser.press("1")  # an earthquake, no surface event
    assert "00:35:00" in text_of(browser, "#stage time")
    browser.press("n", "k")
    assert text_of(browser, "#verdict") == "noise"
    browser.press("j", "a", "o")
    for letter in "Ice quake":
        browser.press(letter)
    browser.press("Enter")
    assert text_of(browser, "#place") == "4 of 4, 4 reviewed"
    path = browser.download(tmp_path, "#review [data-do=labels]")
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8"))))
    assert [(row["label"], row["verdict"], row["was"]) for row in rows] == [
        ("ice_quake", "changed", "earthquake"),
        ("earthquake", "changed", "surface_event"),
        ("noise", "noise", "earthquake"),
        ("earthquake", "accepted", "earthquake"),
    ]
    spans = read_label_table(path).spans
    assert [span.label for span in spans] == ["ice_quake", "earthquake", "noise", "earthquake"]
    # The noise ends before the event 30 s after it.
    assert (rows[2]["start"][11:19], rows[2]["end"][11:19]) == ("00:34:45", "00:35:28")
    assert rows[2]["p_time"] == ""
    assert (rows[0]["start"][11:19], rows[0]["end"][11:19]) == ("00:04:45", "00:05:45")
    assert rows[0]["p_time"][11:19] == "00:05:00"
    read = spans[0].reader.read(spans[0], 0)
    lengths = {c: sum(len(s.samples) for s in read.channel_set.segments[c]) for c in "ZNE"}
    assert min(lengths.values()) >= 60 * RATE_HZ


def test_noise_without_room_between_events_has_no_row(browser, page, tmp_path):
    browser.show(page, 1280)
    verdict = '{"label": "noise", "note": ""}'
    browser.value(f"eventTable.verdicts.set(3, {verdict}), 1")
    rows = list(csv.DictReader(io.StringIO(browser.value("eventReview.labelTable()"))))
    # 00:35:30 is noise, but the event at 00:35 lasts until 00:36: nothing is left of the minute.
    assert rows == []


def test_verdicts_are_undone_noted_and_kept_for_the_next_time(browser, page):
    browser.show(page, 1280)
    browser.click("[data-do=review]")
    browser.press("a", "k", "m")
    for letter in 'a "b", c':
        browser.press(letter)
    browser.press("Enter")
    assert text_of(browser, "#verdict") == '\u2713 surface_event \u00b7 a "b", c'
    (row,) = csv.DictReader(io.StringIO(browser.value("eventReview.labelTable()")))
    assert row["note"] == 'a "b", c'
    browser.show(page, 1280)
    assert browser.value("eventTable.verdicts.size") == 1
    choose(browser, "verdict", "done")
    assert len(shown(browser)) == 1
    browser.click("#event-table tbody tr:not([hidden]) th")
    browser.press("u", "Escape")
    assert browser.value("eventTable.verdicts.size") == 0
    assert browser.value("document.getElementById('review').open") is False


@pytest.mark.parametrize("width", [390, 1280])
def test_the_review_fits_the_screen_and_says_nothing_in_the_console(browser, page, width):
    browser.show(page, width)
    browser.click("[data-do=review]")
    sizes = "(() => { const e = document.getElementById('review');"
    assert browser.value(f"{sizes} return e.scrollWidth <= e.clientWidth; }})()")
    assert browser.value("document.querySelectorAll('#stage .wave').length") == 3
    assert browser.value("document.documentElement.scrollWidth") <= width
    complaints = browser.of("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert complaints == []
    urls = {request["request"]["url"] for request in browser.of("Network.requestWillBeSent")}
    assert {url for url in urls if not url.startswith("data:")} == {page.as_uri()}


def test_all_pictures_are_there_without_any_script(browser, page):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.show(page, 390)
    browser.call("Emulation.setScriptExecutionDisabled", value=False)
    assert browser.value("document.querySelectorAll('#cards .drawing').length") == 4
    assert browser.value("getComputedStyle(document.getElementById('filters')).display") == "none"
