"""Start from the tensors of a model with other classes and the same architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from quake.errors import ParameterError
from quake.models.network import Network
from quake.models.weights import HEAD_TENSORS, PretrainedWeights, load_pretrained


def load_backbone(
    model: Network,
    tensors: Mapping[str, Tensor],
    *,
    old_classes: Sequence[str],
    new_classes: Sequence[str],
    source: str | Path = "the model",
) -> tuple[str, ...]:
    """Copy a trained network into one of the same architecture that may have other classes.

    Everything but the classifier is copied. Of the classifier, the rows of classes that both have
    are copied to where the new order has them; those of new classes stay as they are.

    Parameters
    ----------
    model
        The network, changed in place.
    tensors
        State dict of the trained network.
    old_classes, new_classes
        Classes of the trained network and of `model`, in the order of their logits.
    source
        File of the trained network, for messages.

    Returns
    -------
    tuple of str
        The classes that both have, in the new order.

    Raises
    ------
    ParameterError
        If the number of classes is not that of the network, or of the tensors.
    WeightsError
        If the network is another one; it is then unchanged.
    """
    head = {name: tensors[name] for name in HEAD_TENSORS if name in tensors}
    _check_classes(model.config.num_classes, new_classes, "the network")
    for tensor in head.values():
        _check_classes(len(tensor), old_classes, str(source))
    kept = tuple(name for name in new_classes if name in old_classes) if head else ()
    new_rows = [list(new_classes).index(name) for name in kept]
    old_rows = [list(old_classes).index(name) for name in kept]
    expected = model.state_dict()
    merged = {name: expected[name].clone() for name in head}
    for name, tensor in head.items():
        if merged[name].shape[1:] == tensor.shape[1:]:  # else another backbone, as is told below
            merged[name][new_rows] = tensor[old_rows].to(merged[name])
    with torch.no_grad():
        load_pretrained(model, PretrainedWeights({**tensors, **merged}, Path(source)))
    return kept


def _check_classes(n_logits: int, classes: Sequence[str], owner: str) -> None:
    if n_logits != len(classes):
        raise ParameterError(
            f"{owner}: {n_logits} logits, but {len(classes)} classes were named "
            f"({', '.join(classes)}); name the classes that it has"
        )
