"""The page itself: what it says, that it is closed in itself, and that nothing escapes into it."""

import base64
import hashlib
import io
import re
from types import SimpleNamespace

import pytest
from report_stores import CLASSES, ONE, Page, event, hours, span, window

from quake.classes import LabelSet
from quake.data.preprocessing import Preprocessing
from quake.errors import WaveformError
from quake.model_file.card import Calibration, ModelCard
from quake.report import ReportOptions, write_page
from quake.report.page import MAX_FAILURES
from quake.store.entries import state_of
from quake.store.layout import windows_file
from quake.waveforms.ids import ChannelSetId
from quake.waveforms.sources import Problem

MAP = "events, share of no_data and share recorded, by station and day"
PNG = b"\x89PNG\r\n\x1a\nnot much of a picture"


@pytest.fixture
def content(survey):
    """Bytes of the page over what a maker has made."""

    def write(maker, options=None, model=()):
        file = io.BytesIO()
        write_page(file, survey(maker, options), model)
        return file.getvalue()

    return write


@pytest.fixture
def page(content):
    return lambda *arguments, **options: Page(content(*arguments, **options))


@pytest.fixture
def card():
    labels = LabelSet(CLASSES)
    return ModelCard({}, labels, Preprocessing(), Calibration(1.0, (0.5, 0.5, 0.5)))


def test_the_summary_says_the_numbers_computed_by_hand(with_events, page):
    found = page(with_events)
    assert found.rows("Windows by status") == [
        ["status", "windows"],
        ["ok", "6"],
        ["uncertain", "1"],
        ["no_data", "1"],
        ["rejected", "1"],
    ]
    assert found.rows("Scored windows by label") == [
        ["label", "windows", "events"],
        ["earthquake", "4", "2"],
        ["surface_event", "1", "0"],
        ["noise", "2", "0"],
    ]
    assert found.rows("Seconds of input") == [
        ["part", "seconds", "share"],
        ["input", "151,200.000", "100.0 %"],
        ["scored", "133,200.000", "88.1 %"],
        ["no_data", "7,200.000", "4.8 %"],
        ["rejected", "7,200.000", "4.8 %"],
        ["failed", "3,600.000", "2.4 %"],
    ]
    assert "2020-05-01 to 2020-05-02, all times UTC" in found.text


def test_the_map_has_a_row_a_station_and_a_cell_a_day(with_events, page):
    found = page(with_events)
    _, days, one, two = found.tables[
        "events, share of no_data and share recorded, by station and day"
    ]
    assert [text for text, _ in days] == ["station", "01", "02"]
    assert [one[0][0], two[0][0]] == ["AA.ONE", "BB.TWO"]
    numbers = ("data-e", "data-n", "data-c")
    assert [cell.get(n) for _, cell in one[1:] for n in numbers] == [
        "1",
        "20",
        "25",
        "1",
        "0",
        "50",
    ]
    assert [cell.get(n) for _, cell in two[1:] for n in numbers] == [None] * 3 + ["1", "0", "100"]
    assert two[2][1]["title"] == "2020-05-02: 1 event; 3 windows, 0 % no_data; 100 % recorded"


def test_the_histograms_are_there_as_numbers_too(with_events, page):
    rows = page(with_events).rows("Windows by probability and class")
    assert rows[0] == ["probability", *CLASSES]
    assert rows[1] == ["0.00 to 0.05", "1", "4", "2"]
    assert rows[-2] == ["0.95 to 1.00", "2", "0", "1"]
    assert rows[-1] == ["all", "7", "7", "7"]


def test_windows_are_listed_in_their_order(with_events, page):
    text = page(with_events).text
    strongest, guesses = text.split("Least certain windows")
    places = [strongest.index(f"{n} {i} {t}") for n, i, t in (
        (1, "BB.TWO.00.BH?", "2020-05-02 12:00:00.00"),
        (2, "AA.ONE..HH?", "2020-05-01 00:00:30.00"),
        (3, "BB.TWO.00.BH?", "2020-05-02 12:02:00.00"),
    )]  # fmt: skip
    assert places == sorted(places)
    assert "the difference between the two highest probabilities" in guesses
    assert "1 AA.ONE..HH? 2020-05-01 00:02:00.00" in guesses
    assert "uncertain margin 0.050" in guesses


def test_failures_are_listed_with_their_reasons(with_events, page):
    rows = page(with_events).rows("What failed, and what was left out")[1:]
    assert rows == [
        ["/archive/bad.mseed", "failed", "/archive/bad.mseed: is no waveform file"],
        ["/archive/two.mseed", "failed", "/archive/two.mseed: cut off after 23 h"],
    ]


def test_of_very_many_failures_the_first_are_shown(make_store, page):
    for number in range(MAX_FAILURES + 1):
        make_store.file(f"/archive/{number:03}", problems=["is empty"])
    found = page(make_store)
    assert len(found.rows("What failed, and what was left out")) == 1 + MAX_FAILURES
    assert "The first 200 of 201" in found.text


def test_an_empty_store_has_a_page_that_says_so(make_store, page):
    text = page(make_store).text
    assert "This store is empty" in text
    assert "Nothing failed." in text
    assert "There is nothing to show." in text


def test_a_model_that_is_gone_is_told_with_what_the_store_knows(with_events, page):
    found = page(with_events)
    assert "The file of the model was not found here" in found.text
    rows = dict(found.rows("What all results of this store have in common"))
    assert rows["model"] == "0123456789ab"
    assert rows["thresholds"] == "earthquake 0.5, surface_event 0.5, noise 0.5"


def test_the_card_of_the_model_is_shown(with_events, page, card):
    table = SimpleNamespace(title="Quality", rows=[("accuracy", "0.9")], columns=())
    text = page(with_events, ReportOptions(card=card), model=[table]).text
    assert "Quality accuracy 0.9" in text
    assert "was not found here" not in text


def test_the_same_store_gives_the_same_bytes(with_events, content):
    assert content(with_events) == content(with_events)


def draw_plainly(monkeypatch):
    monkeypatch.setattr("quake.report.gallery._picture", lambda choice, spans, card: PNG)


def one_window(maker, path):
    """A store of one window, of a file that is there."""
    path.write_bytes(b"samples")
    day = "2020-05-01"
    maker.file(path, [span(ONE, day, source=str(path))], state=state_of(str(path)))
    maker.day(ONE, day, [window(ONE, f"{day}T00:00:00", (0.9, 0.06, 0.04))])
    return maker


def test_pictures_are_in_the_page(make_store, page, card, tmp_path, monkeypatch):
    draw_plainly(monkeypatch)
    path = tmp_path / "it's here.mseed"
    found = page(one_window(make_store, path), ReportOptions(card=card))
    sources = [image["src"] for image in found.named("img")]
    assert sources == ["data:image/png;base64," + base64.b64encode(PNG).decode()] * 3
    quoted = str(path).replace("'", "'\"'\"'")
    which = "--channels 'AA.ONE..HH?' --at 2020-05-01T00:00:30.000000Z"
    assert f"quake inspect '{quoted}' {which} --output window.png" in found.text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda path: path.unlink(), "is not there any more"),
        (lambda path: path.write_bytes(b"other samples"), "has changed since"),
    ],
)
def test_a_window_whose_file_is_gone_or_changed_stays(
    make_store, page, card, tmp_path, monkeypatch, change, reason
):
    draw_plainly(monkeypatch)
    path = tmp_path / "a.mseed"
    store = one_window(make_store, path)
    change(path)
    found = page(store, ReportOptions(card=card))
    assert found.named("img") == []
    assert f"1 AA.ONE..HH? 2020-05-01 00:00:00.00 No picture: {path}: {reason}." in found.text


def test_a_window_whose_file_cannot_be_read_stays(make_store, page, card, tmp_path, monkeypatch):
    def fail(choice, spans, card):
        raise WaveformError("a.mseed: is damaged")

    monkeypatch.setattr("quake.report.gallery._picture", fail)
    found = page(one_window(make_store, tmp_path / "a.mseed"), ReportOptions(card=card))
    assert "No picture: a.mseed: is damaged." in found.text


def test_a_window_of_which_no_file_is_known_stays(make_store, page, card):
    make_store.day(ONE, "2020-05-01", [window(ONE, "2020-05-01T00:00:00", (0.9, 0.06, 0.04))])
    text = page(make_store, ReportOptions(card=card)).text
    assert "No picture: the journal knows of no file that holds it." in text


def test_damage_in_the_store_is_told(with_events, page):
    path = windows_file(with_events.root, ONE, hours("2020-05-01", (0, 1))[0][0], "parquet")
    path.write_bytes(b"PAR1")
    text = page(with_events).text
    assert "1 files of this store cannot be read" in text
    assert f"{path}: holds no windows that quake wrote" in text


# What is hostile in a page, as code of a station, name of a class, path, message.
SCRIPT = "<script>alert(1)</script>"
BREAKOUT = '"><img src=x onerror=alert(1)>'
STYLE = "</style></title></table><svg onload=alert(1)>'"


@pytest.fixture
def hostile_store(make_store):
    classes = ["earthquake", f"{SCRIPT}{BREAKOUT}", "noise"]
    make_store.run |= {
        "classes": classes,
        "thresholds": dict.fromkeys(classes, 0.5),
        "device": STYLE,
        "model": BREAKOUT,
    }
    make_store.sign()
    for text in (SCRIPT, BREAKOUT, STYLE, "{{ 7 * 7 }}{% raw %}", "\x00\x1b[31m\u202e\udc80"):
        key = ChannelSetId("AA", text, text, "HH")
        day, path = "2020-05-01", f"/archive/{text}"
        record = window(key, f"{day}T00:00:00", (0.9, 0.06, 0.04), "ok", classes)
        make_store.file(path, [span(key, day, source=path)], [f"{path}: {text}"])
        codes_fit = text.isprintable()
        make_store.day(
            key,
            day,
            [record] if codes_fit else (),  # others have no place in a file name
            problems=[Problem(path, text, failed=False)],
            failed=text,
        )
    make_store.events("2020-05-01", [event(SCRIPT, "2020-05-01T00:00:00", f"AA.{BREAKOUT}..HH?")])
    return make_store


# All that a page is made of.
ELEMENTS = set(
    re.findall(
        r"\w+",
        "html head meta title style body header p h1 nav a main section h2 h3 h4 ul ol li b i div "
        "table caption thead tbody tr th td span input label figure figcaption svg rect line text "
        "details summary time pre code footer script",
    )
)


def test_nothing_that_comes_from_files_becomes_an_element(hostile_store, page):
    table = SimpleNamespace(title=SCRIPT, rows=[(BREAKOUT, STYLE)], columns=(SCRIPT, BREAKOUT))
    found = page(hostile_store, model=[table])
    assert {tag for tag, _ in found.elements} <= ELEMENTS
    assert len(found.named("script")) == 1
    assert len(found.named("style")) == 1
    assert found.named("img") == []
    for tag, attributes in found.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert "style" not in attributes, tag
    assert SCRIPT in found.text
    assert BREAKOUT in found.text
    assert "{{ 7 * 7 }}" in found.text


def test_characters_that_have_no_place_in_a_page_are_replaced(hostile_store, content):
    found = content(hostile_store)
    text = found.decode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert "\ufffd" in text
    assert "\\udc80" in text


def test_the_page_refers_to_nothing_outside(with_events, content):
    found = Page(content(with_events))
    urls = [
        value
        for _, attributes in found.elements
        for name, value in attributes.items()
        if name in ("src", "href", "action", "data", "poster", "srcset", "xlink:href", "xmlns")
    ]
    assert urls
    assert all(url.startswith(("#", "data:image/png;base64,")) for url in urls)
    text = content(with_events).decode()
    assert not re.search(r"url\(|@import|https?:|//[a-z]", text)
    ids = {attributes.get("id") for _, attributes in found.elements}
    assert {url[1:] for url in urls if url.startswith("#")} <= ids


def test_the_policy_allows_the_style_and_the_script_of_the_page_and_nothing_else(
    with_events, content
):
    text = content(with_events).decode()
    (policy,) = [
        meta["content"]
        for meta in Page(text).named("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    for tag, rule in (("style", "style-src"), ("script", "script-src")):
        (inside,) = re.findall(f"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert rules[rule] == f"'sha256-{digest}'"


def test_the_page_begins_as_a_page_does_and_fits_phones(with_events, content):
    found = content(with_events)
    assert found.startswith(b'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n')
    assert b'<meta name="viewport" content="width=device-width, initial-scale=1">' in found
    assert b"prefers-color-scheme: dark" in found


def test_a_page_over_hundreds_of_stations_stays_small(make_store, content):
    make_store.journal.sync = lambda: None  # there is no hurry to have it on disk
    for number in range(320):
        key = ChannelSetId("XX", f"S{number:03}", "", "HH")
        for day in range(1, 29, 9):
            make_store.day(key, f"2020-{1 + number % 12:02}-{day:02}", windows={"ok": 2879})
    found = content(make_store)
    assert len(found) < 3_000_000
    assert "300 of 320 stations are shown" in Page(found).text
