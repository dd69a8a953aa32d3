"""The site: built strictly, whole, and without anything from elsewhere."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from urllib.parse import unquote, urlsplit

import pytest
from fenced_blocks import ROOT

pytest.importorskip("material", reason="the docs group is not installed")
yaml = pytest.importorskip("yaml")

# What is loaded with a page, besides the page.
LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src"}
LINKS_OF_WORDS = {"canonical", "next", "prev"}


class Page(HTMLParser):
    """What a page loads, where it leads to, and the places in it that can be led to."""

    def __init__(self, path):
        super().__init__()
        self.loaded, self.links, self.places = [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.places.add(found.get("id"))
        if tag == "a":
            self.links.append(found.get("href") or "")
        elif tag in LOADED and found.get("rel") not in LINKS_OF_WORDS:
            self.loaded.append(found.get(LOADED[tag]) or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it; a warning is an error there."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path.relative_to(site).as_posix(): Page(path) for path in site.rglob("*.html")}


def test_every_document_has_a_page(pages):
    documents = {
        path.relative_to(ROOT / "docs").with_suffix(".html").as_posix()
        for path in (ROOT / "docs").rglob("*.md")
    }
    documents = {name.replace("README", "index") for name in documents} - {"bundled_b0.html"}
    assert documents | {"changelog.html"} <= pages.keys()


def test_nothing_is_loaded_from_elsewhere(site, pages):
    for name, page in pages.items():
        for target in page.loaded:
            assert not urlsplit(target).netloc, f"{name} loads {target}"
            if target and not target.startswith("data:"):
                # The page for what is not found has the paths of a server.
                top = site if target.startswith("/") else (site / name).parent
                here = top / unquote(urlsplit(target).path).removeprefix("/")
                assert here.exists(), f"{name} loads {target}, which is not there"
    for style in site.rglob("*.css"):
        assert not re.search(r"url\(['\"]?(https?:)?//", style.read_text()), style


def test_links_lead_to_pages_and_places_that_there_are(site, pages):
    for name, page in pages.items():
        if name == "404.html":  # its links are of a server
            continue
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc or not link or link.startswith("javascript"):
                continue
            path = (site / name).parent / unquote(parts.path) if parts.path else site / name
            assert path.resolve().exists(), f"{name}: {link}"
            target = path.resolve().relative_to(site.resolve()).as_posix()
            if parts.fragment and target in pages:
                assert unquote(parts.fragment) in pages[target].places, f"{name}: {link}"


def test_links_out_of_the_documents_are_names_of_files(site):
    text = (site / "cron.html").read_text(encoding="utf-8")
    assert "../examples/cron" not in text
    assert "<code>examples/cron/crontab</code>" in text


def test_bars_in_the_code_of_tables_have_no_backslashes(site):
    text = (site / "commands.html").read_text(encoding="utf-8")
    assert "<code>--model PATH|NAME|URL</code>" in text
    assert "\\|" not in text


def test_the_search_works_in_a_folder(site, pages):
    index = (site / "search" / "search_index.js").read_text(encoding="utf-8")
    assert index.startswith("var __index = {")
    for name, page in pages.items():
        assert any(target.endswith("javascripts/iframe-worker.js") for target in page.loaded), name


def test_what_makes_the_site_is_not_in_it(site):
    assert not list(site.rglob("*.py"))
    assert not (site / "bundled_b0.html").exists()
