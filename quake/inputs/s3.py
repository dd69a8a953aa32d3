"""Read S3: ``s3://BUCKET/KEY``, anonymously unless the settings of fsspec say otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quake.inputs.object_store import ObjectStore, time_of
from quake.waveforms.file_state import FileState

# Settings that say who asks.
_SIGNED = {"anon", "key", "secret", "token", "profile"}


class S3(ObjectStore):
    """Buckets of Amazon, and of all who speak the same protocol."""

    package = "s3fs"

    def open(self) -> Any:
        """Open it with the settings of fsspec; without any, nobody signs."""
        import fsspec

        given = fsspec.config.conf.get("s3", {})
        options = {} if _SIGNED & set(given) else {"anon": True}
        return fsspec.filesystem("s3", use_listings_cache=False, version_aware=False, **options)

    def state(self, uri: str, about: Mapping[str, Any]) -> FileState:
        """Size, time and ETag."""
        etag = str(about.get("ETag") or "").strip('"')
        return FileState(uri, int(about["size"]), time_of(about.get("LastModified")), etag)

    def list_folder(self, name: str, head: str) -> list[Mapping[str, Any]]:
        """Have the server leave out what begins with other letters."""
        if not head:
            return super().list_folder(name, head)
        listed = self.files.find(name, maxdepth=1, withdirs=True, detail=True, prefix=head)
        return [about for about in listed.values() if about["name"].rstrip("/") != name]
