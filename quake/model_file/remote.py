"""Fetch models from an address, and check them against the hash that it has.

An address is fetched once, checked against its hash, and kept in the user's cache folder by it.
What comes is a model file or an exported graph, read as any other: nothing is unpickled. Only an
address that is named, on the command line or in a call, is ever fetched.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any, BinaryIO, NoReturn
from urllib.error import HTTPError
from urllib.parse import quote, unquote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from quake.errors import ModelError, ParameterError
from quake.files import renamed_file

logger = logging.getLogger(__name__)

SUFFIXES = (".safetensors", ".onnx")
"""Of files that may be fetched: none of them can hold code that would run."""

MOST_BYTES = 1 << 30
"""A model of the largest backbone has 350 MB."""

_SCHEMES = ("https", "http", "hf")
_HASH = re.compile(r"sha256=([0-9a-fA-F]{64})")
_LOCAL = {"localhost", "127.0.0.1", "::1"}
_HUB = "https://huggingface.co"
_REVISION = "main"

_TIMEOUT_S = 30.0  # for one attempt to connect, or one silent read
_LONGEST_S = 3600.0  # for all of it
_CHUNK_BYTES = 1 << 20

_HOW = "write it as https://HOST/FILE.safetensors#sha256=HASH or hf://ORG/REPO/FILE#sha256=HASH"


@dataclass(frozen=True)
class RemoteModel:
    """An address, and what the file there has to be.

    Attributes
    ----------
    text : str
        As it was written.
    url : str
        Where the file is fetched.
    sha256 : str
        64 hexadecimal digits, small letters.
    suffix : str
        One of `SUFFIXES`.
    """

    text: str
    url: str
    sha256: str
    suffix: str

    @property
    def path(self) -> Path:
        """Where the file is kept, or would be."""
        return cached_models_folder() / f"{self.sha256}{self.suffix}"


def cached_models_folder() -> Path:
    """Folder of the models that were fetched; it need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("quake") / "models"


def is_remote(model: object) -> bool:
    """Whether what names a model is an address.

    Examples
    --------
    >>> is_remote("hf://org/repo/b0.safetensors"), is_remote("models/b0.safetensors")
    (True, False)
    """
    return isinstance(model, str) and re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", model) is not None


def parse_remote(text: str) -> RemoteModel:
    """Read an address.

    Parameters
    ----------
    text : str
        ``https://HOST/FILE#sha256=HASH`` or ``hf://ORG/REPO[@REVISION]/FILE#sha256=HASH``; the
        latter is a file in a repository of the Hugging Face hub, or of what the environment
        variable ``HF_ENDPOINT`` names instead.

    Raises
    ------
    ParameterError
        If it is none, has no hash, could be read by others on its way, or is of a kind of file
        that is not fetched.
    """
    address, _, fragment = text.partition("#")
    parts = urlsplit(address)
    if parts.scheme.lower() not in _SCHEMES:
        raise ParameterError(
            f"{text}: models are fetched by https and hf, not by {parts.scheme}; {_HOW}"
        )
    if "@" in parts.netloc and parts.scheme.lower() != "hf":
        raise ParameterError(
            "the address of the model holds a user name or a password, which would end up in logs; "
            "fetch the file yourself, and name it"
        )
    found = _HASH.fullmatch(fragment)
    if not found:
        raise ParameterError(
            f"{address}: has no hash, so nobody could tell what comes; {_HOW}, with the "
            "SHA-256 that its publisher gives (sha256sum FILE prints it)"
        )
    suffix = Path(unquote(parts.path)).suffix.lower()
    if suffix not in SUFFIXES:
        raise ParameterError(
            f"{address}: is no {' or '.join(SUFFIXES)} file; other kinds of weights can "
            "hold code and are not fetched"
        )
    url = _hub_url(text, address) if parts.scheme.lower() == "hf" else _checked(address)
    return RemoteModel(text, url, found[1].lower(), suffix)


def _hub_url(text: str, address: str) -> str:
    """Address of a file in a repository of the hub, as the hub's own client asks for it."""
    names = address[len("hf://") :].split("/")
    if len(names) < 3 or not all(names) or {".", ".."} & set(names):
        raise ParameterError(
            f"{text}: names no file in a repository; write it as hf://ORG/REPO/FILE#sha256=HASH"
        )
    repository, _, revision = names[1].partition("@")
    parts = [names[0], repository, "resolve", revision or _REVISION, *names[2:]]
    endpoint = os.environ.get("HF_ENDPOINT") or _HUB
    return _checked(f"{endpoint.rstrip('/')}/{'/'.join(map(quote, map(unquote, parts)))}")


def _checked(url: str) -> str:
    """The address, if what it gives cannot be read or changed by others on its way."""
    if not _is_safe(url):
        raise ParameterError(
            f"{url}: is not fetched, because others can read and change what comes by http; "
            "name an address with https"
        )
    return url


def _is_safe(url: str) -> bool:
    parts = urlsplit(url)
    if parts.scheme.lower() == "https":
        return bool(parts.hostname)
    return parts.scheme.lower() == "http" and parts.hostname in _LOCAL


def fetch_model(
    remote: RemoteModel, on_bytes: Callable[[int, int | None], None] = lambda done, total: None
) -> Path:
    """Fetch a file, unless it is kept already.

    Parameters
    ----------
    remote : RemoteModel
    on_bytes : callable
        Hears of (done, total) bytes; the total is None where the server does not tell.

    Returns
    -------
    Path
        A file with the hash of the address.

    Raises
    ------
    ModelError
        If it cannot be fetched or kept, is too large, or has another hash.
    """
    kept = kept_model(remote)
    if kept is not None:
        return kept
    logger.info("fetching %s", remote.url)
    try:
        remote.path.parent.mkdir(parents=True, exist_ok=True)
        with _opened(remote) as answer, renamed_file(remote.path) as file:
            _copy(remote, answer, file, on_bytes)
    except HTTPError as error:
        raise _failed(remote, f"the server says {error.code} {error.reason}") from error
    # URLError and timeouts are OSErrors.
    except (OSError, HTTPException) as error:
        raise _failed(remote, str(getattr(error, "reason", "") or error)) from error
    return remote.path


def kept_model(remote: RemoteModel) -> Path | None:
    """The file, if it is kept and still has its hash; one that has another is removed."""
    if not remote.path.is_file():
        return None
    try:
        with remote.path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
        if found == remote.sha256:
            return remote.path
        logger.warning("%s: was damaged since it was fetched, and is removed", remote.path)
        remote.path.unlink()
    except OSError as error:
        raise ModelError(f"{remote.path}: cannot be read ({error.strerror or error})") from error
    return None


class _SafeRedirects(HTTPRedirectHandler):
    """Follows a server to another address only if that is as safe."""

    def redirect_request(
        self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> Request | None:
        """Refuse what would not be fetched if it were named, and ways into this machine."""
        is_local = urlsplit(req.full_url).hostname in _LOCAL
        if not _is_safe(newurl) or (urlsplit(newurl).hostname in _LOCAL and not is_local):
            raise OSError(f"the server sends on to {newurl}, which is not fetched")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opened(remote: RemoteModel) -> Any:
    from quake import __version__

    request = Request(remote.url, headers={"User-Agent": f"quake/{__version__}"})
    return build_opener(_SafeRedirects).open(request, timeout=_TIMEOUT_S)


def _copy(
    remote: RemoteModel,
    answer: Any,
    file: BinaryIO,
    on_bytes: Callable[[int, int | None], None],
) -> None:
    """Copy what comes, as long as it may be what was asked for."""
    total = _length(answer)
    if total is not None and total > MOST_BYTES:
        _refuse_size(remote, total)
    digest, done, until = hashlib.sha256(), 0, time.monotonic() + _LONGEST_S
    while chunk := answer.read(_CHUNK_BYTES):
        done += len(chunk)
        if done > MOST_BYTES:
            _refuse_size(remote, done)
        if time.monotonic() > until:
            raise OSError(f"it took longer than {_LONGEST_S / 60:.0f} minutes")
        digest.update(chunk)
        file.write(chunk)
        on_bytes(done, total)
    if total is not None and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")
    if digest.hexdigest() != remote.sha256:
        raise ModelError(
            f"{remote.url}: has the SHA-256 {digest.hexdigest()}, {remote.sha256} was expected; "
            "nothing was kept. It is another version, or somebody changed it: ask its publisher"
        )


def _length(answer: Any) -> int | None:
    text = answer.headers.get("Content-Length") or ""
    return int(text) if text.isdecimal() else None


def _refuse_size(remote: RemoteModel, n_bytes: int) -> NoReturn:
    raise ModelError(
        f"{remote.url}: has {n_bytes} bytes or more, at most {MOST_BYTES} were expected of a "
        "model; check the address"
    )


def _failed(remote: RemoteModel, reason: str) -> ModelError:
    return ModelError(
        f"{remote.url}: cannot be fetched ({reason}); check the address and the network, or fetch "
        f"the file elsewhere and name its path, or put it to {remote.path}"
    )
