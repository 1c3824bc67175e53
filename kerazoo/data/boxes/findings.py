"""What is found odd in annotations: counted by kind, with places, and what was done about it."""

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from kerazoo.data.source import Finding

_log = logging.getLogger("kerazoo")
_said: set[str] = set()  # a split is opened several times in a run


# Kind -> what is done. What is fine is counted, and told by `kerazoo check` alone.
FINE = {
    "pictures without boxes": "kept: they teach what is background",
    "crowd or difficult boxes": "neither learned nor counted as mistakes",
}
MENDED = {
    "boxes in shares of the picture": "taken as such, in pixels",
    "boxes with swapped corners": "turned round",
    "boxes without area": "left out",
    "boxes that are not numbers": "left out",
    "boxes outside their picture": "left out",
    "boxes that reach beyond their picture": "cut at its sides",
    "boxes given twice": "taken once",
    "annotation ids given twice": "taken as different boxes",
    "boxes of a picture that is not listed": "left out",
    "boxes drawn on the picture as it is stored": "turned upright, as EXIF says",
    "turned pictures whose size does not tell how they were annotated": "taken as upright",
    "objects without an outline": "what is in their boxes does not count",
    "parts of outlines with fewer than three points": "left out",
    "pictures listed twice": "taken once",
    "pictures that are missing": "left out",
    "pictures that cannot be read": "left out",
}
REFUSED = {
    "pictures of another size than annotated": "the boxes cannot be placed",
    "picture ids given twice": "nobody can tell which boxes belong to which",
}
ACTIONS = {**FINE, **MENDED, **REFUSED}
BEYOND = 1.0  # pixels that a box may reach beyond its picture without being counted


@dataclass
class Findings:
    """A list that is filled while annotations are read."""

    places: dict[str, list[str]] = field(default_factory=dict)

    def add(self, kind: str, place: str) -> None:
        """Counts one more of a kind (a key of `ACTIONS`), at a place: file and line, or id."""
        assert kind in ACTIONS
        self.places.setdefault(kind, []).append(place)

    def all(self) -> tuple[Finding, ...]:
        """All of them, in the order of `ACTIONS`."""
        return tuple(
            Finding(kind, action, tuple(self.places[kind]), kind in FINE)
            for kind, action in ACTIONS.items()
            if kind in self.places
        )

    def refusals(self) -> list[Finding]:
        """Those with which nothing can be learned."""
        return [each for each in self.all() if each.kind in REFUSED]


def tell(name: str, findings: Iterable[Finding]) -> None:
    """A warning of each kind that changed something, once."""
    for each in findings:
        text = f"{name}: {each}"
        if not each.fine and text not in _said:
            _said.add(text)
            _log.warning("%s", text)
