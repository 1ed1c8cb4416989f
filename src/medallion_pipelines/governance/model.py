"""The state of Unity Catalog as plain facts, and what changes one into another.

A fact is a key and a value: "the grant of SELECT to analysts on silver.flights", "the mask of the column
email". What is to be and what is there are both such mappings, so a plan is their difference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "object", "record", "comment", "tag", "owner", "not null", "primary key", "foreign key",
    "function", "mask", "row filter", "grant", "shared",
]  # fmt: skip
Value = str | tuple[str, ...]

EVERYONE = ("account users", "users")
GOVERNANCE = "governance"  # the schema that holds the functions
OURS = "medallion_"  # how constraints begin that the contracts made


@dataclass(frozen=True, order=True)
class Key:
    """What a fact is about: `on` is a type of securable (catalog, table, column, ...), `name` its full name.

    `item` tells facts of a kind on one securable apart: the key of a tag, the name of a foreign key, product
    and field of a record, principal and privilege of a grant, the table in a share.
    """

    kind: Kind
    on: str
    name: str
    item: tuple[str, ...] = ()

    @property
    def table(self) -> str | None:
        """The table that the fact is about, if it is about one."""
        if self.on == "table":
            return self.name
        return self.name.rpartition(".")[0] if self.on == "column" else None


State = Mapping[Key, Value]


@dataclass(frozen=True)
class Change:
    """One fact to be made, changed or (`after` None) taken away."""

    key: Key
    before: Value | None
    after: Value | None

    @property
    def opens(self) -> bool:
        """Whether somebody may see more afterwards."""
        if self.key.kind in ("grant", "shared"):
            return self.after is not None
        return self.key.kind in ("mask", "row filter") and self.after is None


@dataclass(frozen=True)
class Function:
    """An SQL function that masks a column or filters rows."""

    name: str
    parameters: tuple[tuple[str, str], ...]  # names and types
    returns: str
    body: str
    comment: str

    @property
    def value(self) -> Value:
        """What is compared. The types are not: a catalog spells them in its own way; body or comment name
        them where they matter."""
        return (",".join(name for name, _ in self.parameters), " ".join(self.body.split()), self.comment)


@dataclass(frozen=True)
class Desired:
    """What the contracts say, and of what. All names are full ones."""

    product: str
    catalog: str
    state: State
    schemas: tuple[str, ...]
    tables: tuple[str, ...]  # also those that only capture and conform make
    columns: frozenset[str] = frozenset()  # of the contracts
    views: frozenset[str] = frozenset()
    functions: Mapping[str, Function] = field(default_factory=dict)
    # by column: roles that must not read the table without it, for it is masked for them or picks their rows
    uncleared: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def governance(self) -> str:
        return f"{self.catalog}.{GOVERNANCE}"


@dataclass(frozen=True)
class Plan:
    """What is to be done, in order; what waits for a table or column; what others made and is left alone."""

    changes: tuple[Change, ...] = ()
    waiting: tuple[str, ...] = ()
    foreign: tuple[tuple[Key, Value], ...] = ()


def principal(name: str) -> str:
    """A principal as Unity Catalog spells it: users in lower case, groups as they are."""
    return name.lower() if "@" in name else name


def parts(value: Value | None) -> tuple[str, ...]:
    """A value as several."""
    return (value,) if isinstance(value, str) else value or ()
