"""Write the survey of a store as one self-contained HTML page.

All that comes from files goes through the template engine, which escapes it. The page refers to
nothing outside of itself, and tells the browser to load nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from quake import __version__
from quake.inference.coverage import Seconds
from quake.report.heat_table import make_heat_table
from quake.report.histogram_figure import HEIGHT, WIDTH, make_figure
from quake.report.survey import Survey, all_failures, store_name
from quake.report.totals import STATUSES
from quake.report.window_card import make_cards

if TYPE_CHECKING:
    from jinja2 import Environment

MAX_FAILURES = 200

# Characters that HTML does not allow, and those that turn the direction of a text, so that names
# from files cannot show something else than they are.
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffe\uffff]"
)


class Table(Protocol):
    """A small table of texts, as `quake info` shows of models."""

    @property
    def title(self) -> str:
        """Above it."""

    @property
    def rows(self) -> Sequence[Sequence[str]]:
        """Rows of cells."""

    @property
    def columns(self) -> Sequence[str]:
        """Headings; without them the first cell of a row is its name."""


def write_page(file: BinaryIO, survey: Survey, model: Sequence[Table] = ()) -> None:
    """Write the page; the same survey gives the same bytes.

    Parameters
    ----------
    file : binary file
    survey : Survey
    model : tables of the card of the model; without them, what the store knows is shown
    """
    environment = _environment()
    style, script = _inline("report.css"), _inline("report.js")
    stream = environment.get_template("report.html.jinja").stream(
        **_contents(survey),
        model=model,
        policy=_policy(style, script),
        style=_markup(style),
        script=_markup(script),
    )
    stream.enable_buffering(200)
    for text in stream:
        # Paths that are no UTF-8 come from the journal as lone surrogates.
        file.write(text.encode("utf-8", "backslashreplace"))


def clean(value: Any) -> Any:
    """Replace characters that have no place in a page."""
    from markupsafe import Markup

    if isinstance(value, str) and not isinstance(value, Markup):
        return _UNWANTED.sub("\ufffd", value)
    return value


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("quake.report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=clean,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["count"] = lambda number: f"{number:,}"
    environment.filters["px"] = lambda value: f"{value:.1f}".removesuffix(".0")
    return environment


def _inline(name: str) -> str:
    return (files("quake.report") / "templates" / name).read_text(encoding="utf-8")


def _markup(text: str) -> str:
    from markupsafe import Markup

    return Markup(text)  # nosec B704


def _policy(style: str, script: str) -> str:
    """Content security policy: this style and this script, pictures in the page, nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src data:",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _contents(survey: Survey) -> dict[str, Any]:
    """All that the template shows."""
    from quake.pictures.palette import class_colours

    colours = class_colours(survey.facts.classes)
    what = "events" if survey.events.are_there else "windows"
    failures = all_failures(survey)
    return {
        "version": __version__,
        "name": store_name(survey.facts.root),
        "facts": survey.facts,
        "survey": survey,
        "totals": survey.totals,
        "events": survey.events,
        "colours": colours,
        "what": what,
        "map": make_heat_table(survey.map, what),
        "histograms": _histograms(survey, colours),
        "width": WIDTH,
        "height": HEIGHT,
        "failures": failures[:MAX_FAILURES],
        "n_failures": len(failures),
        "parameters": _parameters(survey.facts.values),
        **_counts(survey),
        **_lists(survey),
    }


def _counts(survey: Survey) -> dict[str, Any]:
    """Rows of the tables of the summary."""
    totals = survey.totals
    return {
        "n_station_days": totals.station_days.total(),
        "n_windows": totals.windows.total(),
        "statuses": _rows((name, totals.windows[name]) for name in STATUSES),
        "labels": _rows(_labels(survey)),
        "reasons": _rows(sorted(totals.reasons.items())),
        "what_was_read": _rows(
            [
                ("files", totals.files),
                ("with problems", totals.files_with_problems),
                ("channel sets", totals.channel_sets),
                *((f"station-days {name}", n) for name, n in sorted(totals.station_days.items())),
            ]
        ),
        "seconds": _seconds(survey.seconds),
    }


def _labels(survey: Survey) -> list[tuple[Any, ...]]:
    """Scored windows, and events where there are any, by label."""
    windows, events = survey.totals.labels, survey.events.by_label
    others = sorted((windows.keys() | events.keys()) - set(survey.facts.classes))
    names = (*survey.facts.classes, *others)
    if not survey.events.are_there:
        return [(name, windows[name]) for name in names]
    return [(name, windows[name], events[name]) for name in names]


def _lists(survey: Survey) -> dict[str, Any]:
    classes = survey.facts.classes
    strongest = survey.strongest.items()
    return {
        "strongest": {name: make_cards(exhibits, classes) for name, exhibits in strongest},
        "least_certain": make_cards(survey.least_certain, classes),
    }


def _rows(rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    """Numbers as texts, with a comma at the thousands."""
    return [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]


def _seconds(seconds: Seconds) -> list[tuple[str, str, float]]:
    """Input and its parts: name, seconds, share of the input in percent.

    The parts are rounded, and their sum is to be what they add up to.
    """
    parts = {
        "scored": round(seconds.scored_s, 3),
        "no_data": round(seconds.no_data_s, 3),
        "rejected": round(seconds.rejected_s, 3),
        "failed": round(seconds.failed_s, 3),
    }
    total = round(sum(parts.values()), 3)
    values = {"input": total, **parts}
    return [
        (name, f"{value:,.3f}", 100 * value / total if total else 0.0)
        for name, value in values.items()
    ]


def _histograms(survey: Survey, colours: Mapping[str, str]) -> list[Any]:
    counts = survey.histograms.counts
    largest = int(counts.max(initial=0))
    return [
        make_figure(name, colours[name], counts[number], largest, survey.facts.thresholds[name])
        for number, name in enumerate(survey.facts.classes)
    ]


def _parameters(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _text(value)) for name, value in values.items()]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_text(part)}" for name, part in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)
