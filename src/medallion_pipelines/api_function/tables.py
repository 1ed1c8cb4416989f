"""The tables that the APIs show, and what of each a caller may see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from medallion_pipelines.api_function.errors import RefusedError
from medallion_pipelines.api_function.kinds import Kind, kind


@dataclass(frozen=True)
class Column:
    """A column. Roles other than `seen_by` (None: all that read the table) get `hidden` in its place."""

    name: str
    type: str
    seen_by: frozenset[str] | None = None
    hidden: str | None = None

    @property
    def kind(self) -> Kind:
        found = kind(self.type)
        assert found is not None, "the packager leaves out columns of other types"
        return found


@dataclass(frozen=True)
class Table:
    """A gold table. `roles` has those who may read it, each with its rows: a condition, or None for all."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    roles: Mapping[str, str | None]

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)

    def seen_by(self, roles: Iterable[str]) -> Seen:
        """What somebody with these roles sees. Raises RefusedError where that is nothing."""
        own = frozenset(roles) & set(self.roles)
        if not own:
            raise RefusedError(403, f"None of your roles may read {self.name}.")
        masked = {
            column.name for column in self.columns if column.seen_by is not None and not own & column.seen_by
        }
        conditions = [self.roles[role] for role in sorted(own)]
        rows = None if None in conditions else " OR ".join(f"({each})" for each in conditions)
        return Seen(self, frozenset(masked), rows)


@dataclass(frozen=True)
class Seen:
    """A table as a caller sees it: without the values of `masked` columns, and the rows of a condition."""

    table: Table
    masked: frozenset[str]
    rows: str | None


def document(tables: Iterable[Table]) -> dict[str, Any]:
    """The tables as a JSON document."""
    return {
        table.name: {
            "columns": [
                {
                    "name": column.name,
                    "type": column.type,
                    "seen_by": None if column.seen_by is None else sorted(column.seen_by),
                    "hidden": column.hidden,
                }
                for column in table.columns
            ],
            "key": list(table.key),
            "roles": dict(table.roles),
        }
        for table in tables
    }


def read(found: Mapping[str, Any]) -> dict[str, Table]:
    """The tables of such a document."""
    return {
        name: Table(
            name,
            tuple(
                Column(
                    each["name"],
                    each["type"],
                    None if each["seen_by"] is None else frozenset(each["seen_by"]),
                    each["hidden"],
                )
                for each in table["columns"]
            ),
            tuple(table["key"]),
            table["roles"],
        )
        for name, table in found.items()
    }
