"""Read Google's buckets: ``gs://BUCKET/NAME``, anonymously unless fsspec's settings say else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from quake.inputs.object_store import ObjectStore, time_of
from quake.waveforms.file_state import FileState

# Read when gcsfs is imported. It asks for folders of buckets by gRPC otherwise, whose retries take
# minutes where a name is not there; nothing here needs them.
os.environ.setdefault("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")


class GoogleStorage(ObjectStore):
    """Buckets of Google."""

    package = "gcsfs"

    def open(self) -> Any:
        """Open it with the settings of fsspec; without any, nobody signs."""
        import fsspec

        given = {**fsspec.config.conf.get("gcs", {}), **fsspec.config.conf.get("gs", {})}
        options = {} if "token" in given else {"token": "anon"}
        return fsspec.filesystem("gs", use_listings_cache=False, **options)

    def state(self, uri: str, about: Mapping[str, Any]) -> FileState:
        """Size, time, and the digest of the content that Google keeps."""
        etag = str(about.get("md5Hash") or about.get("etag") or "")
        modified = about.get("updated") or about.get("mtime")
        return FileState(uri, int(about["size"]), time_of(modified), etag)
