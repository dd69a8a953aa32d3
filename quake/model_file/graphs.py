"""From a model file to its ONNX graph: beside it, in the user's cache, or built there once."""

from __future__ import annotations

import logging
import shutil
import tempfile
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quake.errors import ModelError
from quake.model_file.card import ModelCard, card_of_metadata
from quake.model_file.identity import model_hash
from quake.model_file.onnx_session import BATCH_SIZE, metadata_of, open_session
from quake.model_file.safetensors_file import load_card

logger = logging.getLogger(__name__)

SUFFIX = ".onnx"

# Raised when the graph of the same model would be another one.
GRAPH_VERSION = 1


@dataclass(frozen=True)
class Graph:
    """An ONNX file, the card of the model in it, and an ONNX Runtime session of one thread."""

    path: Path
    card: ModelCard
    session: Any


def open_graph(model: Path) -> Graph:
    """Resolve a model to its graph, and load it.

    A model file's graph is the ``.onnx`` of the same name beside it if it was made of that very
    file, or one in the user's cache, which is built if it is not there: this takes torch, and
    some ten seconds, once.

    Parameters
    ----------
    model : model file, or an ONNX file that `quake export` wrote

    Raises
    ------
    ModelError
        If the model is missing, damaged or incompatible, or no graph can be built of it.
    """
    if model.suffix == SUFFIX:
        session = open_session(model)
        card = card_of_metadata(model, metadata_of(session))
        _check_shapes(model, card, session)
        return Graph(model, card, session)
    card = load_card(model)
    source = model_hash(model)
    cached = graph_folder() / f"{source}-{GRAPH_VERSION}{SUFFIX}"
    for path in (model.with_suffix(SUFFIX), cached):
        found = _session_of(path, source)
        if found is not None:
            return Graph(path, card, found)
    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=cached.parent).close()
    except OSError as error:
        logger.warning(
            "%s: cannot be written (%s); the graph will be built again the next time",
            cached.parent,
            error.strerror or error,
        )
        return _build_for_now(model, card)
    _build(model, cached)
    return Graph(cached, card, open_session(cached))


def _check_shapes(path: Path, card: ModelCard, session: Any) -> None:
    """Refuse a graph that takes, or gives, something else than its card says."""
    windows = [BATCH_SIZE, len(card.preprocessing.components), card.preprocessing.n_samples]
    for what, tensors, wanted in (
        ("takes", session.get_inputs(), windows),
        ("gives", session.get_outputs(), [BATCH_SIZE, len(card.labels.names)]),
    ):
        try:
            found = [_shape_of(tensor, wanted) for tensor in tensors]
        except UnicodeDecodeError:  # names of dimensions
            found = []
        if found != [("tensor(float)", wanted)]:
            raise ModelError(
                f"{path}: its graph {what} {str(found)[:300]}; by its card {wanted} numbers were "
                "expected; export the model again"
            )


def _shape_of(tensor: Any, wanted: list[int]) -> tuple[str, list[Any]]:
    """Type and shape; what is open is taken for what is wanted."""
    shape = list(tensor.shape)
    if len(shape) == len(wanted):
        shape = [n if isinstance(n, int) else w for n, w in zip(shape, wanted, strict=True)]
    return tensor.type, shape


def graph_folder() -> Path:
    """Folder of the graphs that were built; it need not exist."""
    from platformdirs import user_cache_path

    return user_cache_path("quake") / "graphs"


def _session_of(graph: Path, source: str) -> Any:
    """Load a graph if it was exported, in float32, from the model file of that hash."""
    if not graph.is_file():
        return None
    try:
        session = open_session(graph)
    except ModelError as error:
        logger.warning("%s", error)
        return None
    found = metadata_of(session)
    fits = (found.get("quake_source"), found.get("quake_precision")) == (source, "float32")
    return session if fits else None


def _build(model: Path, graph: Path) -> None:
    """Export a model; torch is loaded for it."""
    logger.warning(
        "%s: has no ONNX graph yet; building it, in %s (some ten seconds)", model, graph.parent
    )
    try:
        from quake.model_file.onnx_file import write_onnx
    except ImportError as error:
        raise ModelError(
            f"{model}: its ONNX graph cannot be built ({error}); install torch and onnxscript as "
            "quake requires them, or use an .onnx file that `quake export` wrote elsewhere"
        ) from error
    write_onnx(model, graph)


def _build_for_now(model: Path, card: ModelCard) -> Graph:
    """Export a model into a folder that goes with the graph."""
    folder = tempfile.mkdtemp(prefix="quake-graph-")
    path = Path(folder) / f"graph{SUFFIX}"
    _build(model, path)
    graph = Graph(path, card, open_session(path))
    weakref.finalize(graph, shutil.rmtree, folder, ignore_errors=True)
    return graph
