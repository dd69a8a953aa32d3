"""Find the model that a command line names, and fetch it if that is an address."""

from __future__ import annotations

from pathlib import Path

from quake_cli.messages import Messages


def named_model(messages: Messages, model: str | None, backbone: str | None = None) -> Path:
    """Find a model, and fetch it if it was named by an address and is not kept yet.

    Raises
    ------
    ModelError, ParameterError
        See `quake.model_file.registry.find_model`.
    """
    from quake.model_file.registry import find_model
    from quake.model_file.remote import is_remote, kept_model, parse_remote

    if model is not None and is_remote(model):
        remote = parse_remote(model)
        if kept_model(remote) is None:
            messages.note(f"fetching {remote.url}")
    return find_model(model, backbone, may_download=True)
