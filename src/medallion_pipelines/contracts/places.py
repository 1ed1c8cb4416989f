"""Where within a row a value lies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion_pipelines import sql

if TYPE_CHECKING:
    from collections.abc import Callable

    from .document import Node


@dataclass(frozen=True)
class Place:
    """A value within a row: a column, a field of a struct or the elements of an array."""

    node: Node  # the ODCS property
    type: str
    operand: str  # SQL that yields the value
    label: str  # "address.zip"
    column: str
    wrap: Callable[[str], str] = lambda condition: condition
    depth: int = 0

    def field(self, child: Node, name: str, type_: str) -> Place:
        return Place(child, type_, f"{self.operand}.{sql.quoted(name)}", f"{self.label}.{name}", self.column,
                     self.wrap, self.depth)  # fmt: skip

    def elements(self, items: Node, type_: str) -> Place:
        variable = f"x{self.depth + 1}"
        return Place(items, type_, variable, f"{self.label}.items", self.column,
                     lambda condition: self.wrap(f"forall({self.operand}, {variable} -> {condition})"),
                     self.depth + 1)  # fmt: skip
