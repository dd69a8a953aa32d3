"""Link a page to pictures of station-days."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from quake.events import Event, parse_channel_set
from quake.pictures.album import HELICORDER
from quake.pictures.picture_file import picture_name

_MOST = 4


@dataclass(frozen=True)
class PictureLinks:
    """Pictures that `quake predict --plot` drew.

    Attributes
    ----------
    folder : Path
        Of the pictures.
    page_folder : Path
        Of the page.
    """

    folder: Path
    page_folder: Path

    def of(self, event: Event) -> Sequence[tuple[str, str]]:
        """Text and address of the pictures that there are of the day of an event."""
        found: list[tuple[str, str]] = []
        for name in event.channel_sets:
            path = self.folder / picture_name(parse_channel_set(name), event.onset[:10])
            for file, what in ((path, "day"), (path.with_suffix(HELICORDER), "helicorder")):
                if file.is_file():
                    found.append((f"{what} of {name}", self._address(file)))
        return found[:_MOST]

    def _address(self, file: Path) -> str:
        relative = os.path.relpath(file.absolute(), self.page_folder.absolute())
        return quote(Path(relative).as_posix())
