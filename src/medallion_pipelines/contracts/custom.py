"""Our own `customProperties`, where each belongs, and whether one is misspelt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .names import nearest

if TYPE_CHECKING:
    from .document import Node

PLACES = {
    "table": ("layer", "source", "sequenceBy", "clusterBy", "quarantineLimit", "inputs", "changes"),
    "property": ("renamedFrom", "deprecated", "declassified"),
    "relationship": ("enforcement", "severity"),
    "contract": ("owner",),
    "role": ("clearance", "rows", "recipient"),
    "nested property": (),
}
_SAID = {
    "table": "the schema object", "property": "a column", "relationship": "a relationship",
    "contract": "the contract", "role": "a role",
}  # fmt: skip


class CustomProperties:
    """The custom properties of one ODCS element: take ours, then check that nothing of ours is left."""

    def __init__(self, owner: Node, place: str) -> None:
        self._place = place
        self._found: dict[str, Node] = {}
        for entry in owner.items("customProperties"):
            name = entry.text("property")
            if name is None:
                continue
            if name in self._found and name in PLACES[place]:
                entry.problem(f"`{name}` is here twice", "Remove one of them.")
            self._found[name] = entry

    def take(self, name: str) -> Node | None:
        """The value of our property `name`; None where it is absent."""
        entry = self._found.get(name)
        return entry.at("value") if entry is not None else None

    def check(self) -> None:
        """Reports what looks like ours but is misspelt or in the wrong place; others may be there."""
        for name, entry in self._found.items():
            if name in PLACES[self._place]:
                continue
            homes = [place for place, names in PLACES.items() if name in names]
            ours = [each for names in PLACES.values() for each in names]
            near = nearest(name, ours, cutoff=0.8)
            if homes:
                where = " or ".join(_SAID[home] for home in homes)
                entry.at("property").problem(
                    f"`{name}` does not belong here", f"It is a property of {where}."
                )
            elif near is not None:
                entry.at("property").problem(f"`{name}` means nothing here", f"Did you mean `{near}`?")
