"""Word the cards that show windows."""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quake.report.gallery import Exhibit
from quake.waveforms.times import format_time


@dataclass(frozen=True)
class WindowCard:
    """A window, as a page shows it.

    Attributes
    ----------
    place : int
        In its list, from 1.
    id, start, end : str
        Times in full.
    date, clock : str
        Of the start, to the hundredth of a second.
    status : str
    probabilities : sequence of (class, text, share of 100)
        In the order of the model.
    margin : str
        Between the two highest.
    flags : str
    source : str
        Data URI of the picture; empty if there is none.
    missing : str
        Why there is none.
    command : str
        That explains it; empty where the files are not known.
    """

    place: int
    id: str
    start: str
    end: str
    date: str
    clock: str
    status: str
    probabilities: Sequence[tuple[str, str, float]]
    margin: str
    flags: str
    source: str
    missing: str
    command: str


def make_cards(exhibits: Sequence[Exhibit], classes: Sequence[str]) -> list[WindowCard]:
    """Describe windows in their order."""
    return [_card(place, exhibit, classes) for place, exhibit in enumerate(exhibits, start=1)]


def _card(place: int, exhibit: Exhibit, classes: Sequence[str]) -> WindowCard:
    record = exhibit.choice.record
    date, _, clock = record.start.rstrip("Z").partition("T")
    return WindowCard(
        place=place,
        id=record.id,
        start=record.start,
        end=record.end,
        date=date,
        clock=clock[:11],
        status=record.status,
        probabilities=_bars(record.probabilities, classes),
        margin=_margin(record.probabilities),
        flags=" ".join(record.flags),
        source=_data_uri(exhibit.picture),
        missing=exhibit.missing,
        command=_command(exhibit),
    )


def _bars(found: Mapping[str, float], classes: Sequence[str]) -> list[tuple[str, str, float]]:
    shares = [(name, found.get(name, 0.0)) for name in classes]
    return [(name, f"{share:.3f}", 100 * min(max(share, 0.0), 1.0)) for name, share in shares]


def _margin(found: Mapping[str, float]) -> str:
    highest = sorted(found.values())[-2:]
    return f"{highest[-1] - highest[0]:.3f}" if len(highest) == 2 else ""


def _data_uri(picture: bytes | None) -> str:
    if picture is None:
        return ""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def _command(exhibit: Exhibit) -> str:
    if not exhibit.files:
        return ""
    files = " ".join(map(shlex.quote, exhibit.files))
    middle = format_time((exhibit.choice.start_ns + exhibit.choice.end_ns) // 2)
    channels = shlex.quote(exhibit.choice.record.id)
    return f"quake inspect {files} --channels {channels} --at {middle} --output window.png"
