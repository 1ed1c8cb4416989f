"""What a page that anybody may see must not show, from classifications and tags in the contracts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medallion_pipelines.contracts.guarded import guard, telling

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Column, Product, Table


class Secrecy:
    """Knows a product's columns that stay hidden."""

    def __init__(self, product: Product) -> None:
        self._product = product

    def columns(self, table: Table) -> dict[str, str]:
        """The hidden columns of a table by name, each with why.

        A column keeps its secret under its name downstream: a mart's column is hidden if a table that the
        mart is made of hides one of that name.
        """
        found: dict[str, str] = {}
        inherited = {
            name.casefold(): why for source in self._sources(table) for name, why in self._own(source).items()
        }
        own = self._own(table)
        for column in table.columns:
            why = own.get(column.name) or inherited.get(column.name.casefold())
            if why is not None:
                found[column.name] = why
        return found

    def why(self, table: Table) -> str | None:
        """Why records and values of a table are hidden; None where they may be shown."""
        if tag := telling(table.tags):
            return f"the table is tagged {tag}"
        hidden = self._own(table)
        if not hidden:
            return None
        some = ", ".join(f"{name} ({why})" for name, why in list(hidden.items())[:3])
        return f"{some}{' and others' if len(hidden) > 3 else ''}"

    def why_error(self, table: Table) -> str | None:
        """Why an error message about a table is hidden: Spark's may quote values of what it was reading."""
        return next((why for one in (table, *self._sources(table)) if (why := self.why(one))), None)

    def _own(self, table: Table) -> dict[str, str]:
        """What the table's contract itself hides: its columns, and those that point to hidden ones."""
        tag = telling(table.tags)
        reasons = {
            column.name: _why(column) or (f"tagged {tag}" if tag else None) for column in table.columns
        }
        for key in table.foreign_keys:
            target = self._product.tables.get(f"{table.layer}.{key.to_table}")
            theirs = {column.name: _why(column) for column in target.columns} if target else {}
            for name, to in zip(key.columns, key.to_columns, strict=False):
                reasons[name] = reasons.get(name) or theirs.get(to)
        return {name: why for name, why in reasons.items() if why}

    def _sources(self, table: Table) -> list[Table]:
        """The tables that a table is made of, however far up."""
        found: dict[str, Table] = {}
        todo = [table]
        while todo:
            for source in todo.pop().inputs:
                key = f"{source.layer}.{source.table}"
                if key not in found and key in self._product.tables:
                    found[key] = self._product.tables[key]
                    todo.append(found[key])
        return list(found.values())


def _why(column: Column) -> str | None:
    own = guard(column.classification, column.tags)
    inside = ((one.field, guard(one.classification, one.tags)) for one in column.marks_inside)
    return str(own) if own else next((f"in it {field} is {why}" for field, why in inside if why), None)
