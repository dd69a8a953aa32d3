"""Hold what builds a network again, checked, as plain JSON types."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from quake.errors import ParameterError
from quake.models.backbones import Backbone, parse_backbone


@dataclass(frozen=True)
class NetworkConfig:
    """All that is needed to build a network again; saved with its weights.

    Parameters
    ----------
    backbone
        A backbone or its name.
    in_channels
        Number of input channels, one a component.
    num_classes
        Number of logits.
    dropout
        Probability of dropping a feature before the classifier, 0 <= dropout < 1.

    Raises
    ------
    ParameterError
        If a value makes no sense.
    """

    architecture: ClassVar[str]

    backbone: Backbone
    in_channels: int = 3
    num_classes: int = 2
    dropout: float = 0.2

    def __post_init__(self) -> None:
        # Values may come from JSON or NumPy: plain Python types are what JSON takes again.
        self._set("backbone", self._backbone())
        for name in ("in_channels", "num_classes"):
            self._set(name, positive_int(name, getattr(self, name)))
        self._set("dropout", probability("dropout", self.dropout))

    def to_dict(self) -> dict[str, Any]:
        """Return it as a dict of JSON types, with the name of the architecture."""
        return {"architecture": self.architecture, **asdict(self), "backbone": self.backbone.value}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Build it from what `to_dict` gave.

        Raises
        ------
        ParameterError
            If it is of another architecture, or names are missing or unknown.
        """
        names = {"architecture", *(field.name for field in fields(cls))}
        if set(values) != names or values["architecture"] != cls.architecture:
            raise ParameterError(
                f"a configuration of architecture {cls.architecture!r} has {sorted(names)}, "
                f"got {dict(values)}"
            )
        return cls(**{name: value for name, value in values.items() if name != "architecture"})

    def _backbone(self) -> Backbone:
        return parse_backbone(self.backbone)

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


def positive_int(name: str, value: Any) -> int:
    """Return a whole number from 1 on as an int.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    try:
        number = 0 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = 0
    if number < 1:
        raise ParameterError(f"{name} is a whole number from 1 on, got {value!r}")
    return number


def probability(name: str, value: Any) -> float:
    """Return a number with 0 <= number < 1 as a float.

    Raises
    ------
    ParameterError
        If it is something else.
    """
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number < 1:
        raise ParameterError(f"{name} is a number with 0 <= {name} < 1, got {value!r}")
    return number
