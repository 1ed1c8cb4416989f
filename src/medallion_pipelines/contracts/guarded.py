"""Which columns are not for everyone's eyes, from classifications and tags."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .model import Column, Product, Table

OPEN = ("public", "internal")
TELLING_TAGS = ("pii", "phi", "gdpr", "personal", "personaldata", "sensitive", "confidential", "restricted")


@dataclass(frozen=True)
class Guard:
    """Why a value is guarded: it is "classified" or "tagged" so."""

    how: str
    level: str

    def __str__(self) -> str:
        return f"{self.how} {self.level}"


def guard(classification: str | None, tags: tuple[str, ...]) -> Guard | None:
    """What guards a value of this classification with these tags; None where anybody may see it."""
    level = (classification or "").strip()
    if level and level.casefold() not in OPEN:
        return Guard("classified", level)
    tag = telling(tags)
    return Guard("tagged", tag) if tag else None


def telling(tags: tuple[str, ...]) -> str | None:
    """The first tag that marks personal or guarded data: `pii`, `pii:email`, `Personal-Data`, ..."""
    for tag in tags:
        words = re.split(r"[^a-z]+", tag.casefold())
        if "".join(words) in TELLING_TAGS or set(words) & set(TELLING_TAGS):
            return tag
    return None


def guards(product: Product, table: Table) -> dict[str, tuple[Guard, ...]]:
    """The guarded columns of a table by name, with all that guards each: its own marks and those of the
    fields within it, else the tag of the table, else the marks of the column that a foreign key points to."""
    tag = telling(table.tags)
    found = {
        column.name: own_guards(column) or ((Guard("tagged", tag),) if tag else ())
        for column in table.columns
    }
    for key in table.foreign_keys:
        target = product.tables.get(f"{table.layer}.{key.to_table}")
        for name, to in zip(key.columns, key.to_columns, strict=False):
            if target is not None and not found[name]:
                found[name] = own_guards(target.column(to))
    return {name: marks for name, marks in found.items() if marks}


def own_guards(column: Column) -> tuple[Guard, ...]:
    """What the column's own marks and those of the fields within it make of it."""
    marks = ((column.classification, column.tags), *((m.classification, m.tags) for m in column.marks_inside))
    return tuple(dict.fromkeys(found for mark in marks if (found := guard(*mark))))
