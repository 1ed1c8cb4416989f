"""Collects a table's rules and checks under names that are unique and stay the same."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .document import Node
    from .model import Check, Rule

# What a quarantined record can be blamed for besides the rules of the contract.
_RESERVED = ("type", "required", "unique", "foreign_key", "malformed", "quarantine_limit")


@dataclass
class Rulebook:
    rules: list[Rule] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    _names: set[str] = field(default_factory=set)

    def name_given(self, node: Node) -> str | None:
        """The `name` or `id` of a quality item; a problem where another item has it."""
        for key in ("name", "id"):
            name = node.text(key)
            if name is not None:
                if name in _RESERVED:
                    node.at(key).problem(f"`{name}` is a name of the pipeline's own", "Choose another.")
                elif name in self._names:
                    node.at(key).problem(
                        f"another rule of this table is named `{name}`", "Name each rule once."
                    )
                self._names.add(name)
                return name
        return None

    def name_made(self, stem: str) -> str:
        """`stem`, numbered where it is taken: in the order of the contract, so it is stable."""
        name, number = stem, 1
        while name in self._names:
            number += 1
            name = f"{stem}_{number}"
        self._names.add(name)
        return name
