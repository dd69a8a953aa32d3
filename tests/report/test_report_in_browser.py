"""The page in a browser: no errors, no network, no horizontal scroll, cells that answer."""

import shutil

import pytest
from browser import CHROMIUM, Browser

from quake.report import write_page

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="no Chromium here"),
]


@pytest.fixture
def browser(tmp_path):
    folder = tmp_path / "profile"
    found = Browser(folder)
    yield found
    found.close()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def path(with_events, survey, tmp_path, monkeypatch):
    found = tmp_path / "page.html"
    with found.open("wb") as file:
        write_page(file, survey(with_events))
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_shows_the_page_without_errors_network_and_scrolling(
    browser, path, width, scheme
):
    browser.show(path, width, scheme)
    assert browser.value("document.documentElement.scrollWidth") <= width
    complaints = browser.of("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert complaints == []
    urls = {request["request"]["url"] for request in browser.of("Network.requestWillBeSent")}
    assert {url for url in urls if not url.startswith("data:")} == {path.as_uri()}
    light = browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert light == (scheme == "light")


def background(browser):
    """Of the cell of the first station and day: an event, a fifth no_data, a quarter recorded."""
    return browser.value("getComputedStyle(document.querySelector('td.n3')).backgroundColor")


def test_the_measure_of_the_map_is_chosen_without_any_script(browser, path):
    browser.call("Emulation.setScriptExecutionDisabled", value=True)
    browser.show(path, 1280)
    colours = []
    for letter in "enc":
        browser.click(f"label[for=show-{letter}]")
        colours.append(background(browser))
    assert len(set(colours)) == 3


def test_a_cell_that_is_clicked_says_what_it_is(browser, path):
    browser.show(path, 360)
    browser.click("td.n3")
    told = browser.value("document.querySelector('.told').textContent")
    assert told == "AA.ONE, 2020-05-01: 1 event; 5 windows, 20 % no_data; 25 % recorded"
