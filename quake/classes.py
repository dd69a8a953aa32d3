"""Classes of events: spellings, their one name each, and the order that a model has them in."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass

from quake.errors import LabelError

# Short names of the Pacific Northwest data set, and the event types of QuakeML 1.2 that belong
# to one of the classes that waveforms at local distances can tell apart. The other types (collapse,
# thunder, ...) are classes of their own.
ALIASES: Mapping[str, str] = {
    "eq": "earthquake",
    "su": "surface_event",
    "no": "noise",
    "px": "explosion",
    "surface event": "surface_event",
    "landslide": "surface_event",
    "slide": "surface_event",
    "rockfall": "surface_event",
    "debris flow": "surface_event",
    "rockslide": "surface_event",
    "snow avalanche": "surface_event",
    "debris avalanche": "surface_event",
    "avalanche": "surface_event",
    "ice quake": "ice_quake",
    "induced or triggered event": "earthquake",
    "rock burst": "earthquake",
    "reservoir loading": "earthquake",
    "fluid injection": "earthquake",
    "fluid extraction": "earthquake",
    "quarry blast": "explosion",
    "mining explosion": "explosion",
    "chemical explosion": "explosion",
    "nuclear explosion": "explosion",
    "controlled explosion": "explosion",
    "industrial explosion": "explosion",
    "accidental explosion": "explosion",
    "experimental explosion": "explosion",
    "road cut": "explosion",
    "blasting levee": "explosion",
}


NOISE = "noise"


_KNOWN = frozenset(name.replace(" ", "_") for name in ALIASES) | frozenset(ALIASES.values())


_LONGEST = max(map(len, _KNOWN))


# Slips of the pen in a name, by its length; more of them make another name.
_SLIPS = ((9, 2), (5, 1))


def canonical_label(text: str, label_map: Mapping[str, str] | None = None) -> str:
    """Resolve aliases and spelling, and the plural of known labels.

    Parameters
    ----------
    text : str
    label_map : mapping of label to class, optional
        What labels of the user's own mean; it goes before what is known here.

    Examples
    --------
    >>> canonical_label(" EQ "), canonical_label("Quarry Blasts")
    ('earthquake', 'explosion')
    >>> canonical_label("VT", {"vt": "eq"})
    'earthquake'
    """
    name = _plain(text)
    if label_map:
        mapped = {_plain(label): meant for label, meant in label_map.items()}
        name = _plain(mapped.get(name, name))
    if name not in _KNOWN and name.removesuffix("s") in _KNOWN:
        name = name.removesuffix("s")
    return ALIASES.get(name.replace("_", " "), name)


def _plain(text: str) -> str:
    return "_".join(text.strip().lower().replace("_", " ").replace("-", " ").split())


@dataclass(frozen=True)
class LabelSet:
    """The classes of a model. Their order is the order of its outputs.

    Raises
    ------
    LabelError
        If there are fewer than two classes, one is named twice, or one has control characters.
    """

    names: tuple[str, ...]

    def __post_init__(self) -> None:
        """Refuse sets that nothing can be told apart with."""
        if len(self.names) < 2 or len(set(self.names)) < len(self.names):
            raise LabelError(
                f"two or more different classes are needed, got {', '.join(self.names) or 'none'}"
            )
        for name in self.names:
            if not name.isprintable():  # they would steer the terminal that shows them
                raise LabelError(f"class {name!r} has control characters; rename it")

    def index(self, name: str) -> int:
        """Position of a class.

        Raises
        ------
        LabelError
            If it is unknown; the message suggests the nearest one.
        """
        try:
            return self.names.index(canonical_label(name))
        except ValueError:
            near = difflib.get_close_matches(canonical_label(name), self.names, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise LabelError(
                f"unknown class {name!r}; the model knows {', '.join(self.names)}{hint}"
            ) from None


def is_known_label(text: str) -> bool:
    """Whether a text is the name of a class that everybody knows, or an alias of one.

    >>> is_known_label("Quarry Blast"), is_known_label("HHZ.D")
    (True, False)
    """
    return canonical_label(text) in _KNOWN


def nearest_known(label: str) -> str | None:
    """Find the known label that another one looks like a slip of the pen of.

    Returns
    -------
    str or None
        None for known labels, and for those that are like none.

    Examples
    --------
    >>> nearest_known("earthqauke"), nearest_known("volcanic_tremor"), nearest_known("noise")
    ('earthquake', None, None)
    """
    if label in _KNOWN or len(label) > _LONGEST + max(slips for _, slips in _SLIPS):
        return None
    allowed = next((slips for length, slips in _SLIPS if len(label) >= length), 0)
    distance, near = min((_slips(label, name), name) for name in sorted(_KNOWN))
    return canonical_label(near) if distance <= allowed else None


def _slips(one: str, other: str) -> int:
    """Letters to add, leave out, change, or swap with the next one to get from one to the other.

    Optimal string alignment distance (Damerau 1964, doi:10.1145/363958.363994).
    """
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            best = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                best = min(best, before[j - 2] + 1)
            row.append(best)
        before, last = last, row
    return last[-1]
