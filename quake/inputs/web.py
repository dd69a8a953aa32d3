"""Read from web servers: ``https://HOST/PATH`` is a file, a page of files, or a pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, BinaryIO

from quake.inputs.object_store import ObjectStore, time_of
from quake.inputs.scheme import SchemeError
from quake.inputs.transfer import Transfers
from quake.waveforms.file_state import FileState


class Web(ObjectStore):
    """Files behind HTTPS or HTTP."""

    at_once = 2
    package = "aiohttp"
    magic = re.compile(r"\*")  # ? begins a query

    def open(self) -> Any:
        """Open it."""
        import fsspec

        return fsspec.filesystem("https", use_listings_cache=False)

    def __init__(self) -> None:
        super().__init__()
        self._transfers = Transfers()

    def copy(self, state: FileState, target: BinaryIO) -> None:
        """Copy a file as a whole: not all servers give parts.

        Raises
        ------
        SchemeError
            If the server does not give it.
        """
        answer = self._transfers.get(state.path, target, state.size)
        if answer.code != 200:
            raise SchemeError(f"{state.path}: the server answers {answer.code} {answer.text}")

    def name_of(self, uri: str) -> str:
        """The URL."""
        return uri

    def uri_of(self, name: str, like: str) -> str:
        """The URL."""
        return name

    def state(self, uri: str, about: Mapping[str, Any]) -> FileState:
        """Size, time and ETag, as the headers of an answer have them.

        Raises
        ------
        SchemeError
            If the server does not say how large it is.
        """
        if about.get("size") is None:
            about = self.files.info(uri)
        if about.get("size") is None:
            raise SchemeError(f"{uri}: the server does not say how large it is; save it first")
        etag = str(about.get("ETag") or "").removeprefix("W/").strip('"')
        return FileState(uri, int(about["size"]), time_of(about.get("Last-Modified")), etag)
