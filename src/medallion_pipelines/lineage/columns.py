"""Which columns a column is made of, by contracts and SQL. Pure; no table is looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medallion_pipelines.origins import How, Origin, fields_of, inputs_of, of_query, resolved, takes_all

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Column, Table


@dataclass(frozen=True)
class ColumnLineage:
    """The origins of each column that are known; `undeclared` has the others, and why they are not.

    A column without origins is made of no column, such as COUNT(*).
    """

    origins: Mapping[str, tuple[Origin, ...]] = field(default_factory=dict)
    undeclared: Mapping[str, str] = field(default_factory=dict)


def column_lineage(tables: Mapping[str, Table], table: Table) -> ColumnLineage:
    """What the columns of a table are made of.

    What the contract's `transformSourceObjects` say counts; else the source fields of a silver column, and
    the SQL of a mart. `tables` are those of the product, by key.
    """
    inputs = inputs_of(tables, table)
    queried = {}
    if table.transform is not None and table.transform.suffix == ".sql":
        queried = of_query(table, inputs)
    origins: dict[str, tuple[Origin, ...]] = {}
    undeclared: dict[str, str] = {}
    for column in table.columns:
        if table.layer == "silver":
            found: tuple[Origin, ...] | str = _of_record(table, column)
        elif column.made_of:
            found = _declared(column, inputs)
        else:
            why = "the SELECT has no such column" if queried else _PYTHON
            found = queried.get(column.name.casefold(), why)
        if isinstance(found, str):
            undeclared[column.name] = found
        else:
            origins[column.name] = found
    return ColumnLineage(origins, undeclared)


_PYTHON = "the transform is Python: declare transformSourceObjects"
_ALL = "the expression takes all fields (`*`): declare transformSourceObjects"


def _of_record(table: Table, column: Column) -> tuple[Origin, ...] | str:
    if column.expression is not None and not column.made_of and takes_all(column.expression):
        return _ALL
    how: How = "IDENTITY" if column.expression is None else "TRANSFORMATION"
    names = column.made_of or (column.fields if column.expression is None else tuple(_named(table, column)))
    return tuple(sorted({Origin(f"bronze.{table.name}", name, how) for name in names}))


def _named(table: Table, column: Column) -> Iterator[str]:
    """The fields that an expression names, itself or by columns that are read of them."""
    plain = {each.name.casefold(): each for each in table.columns if each.expression is None}
    for name in fields_of(column.expression or ""):
        if name != "_metadata":
            yield from plain[name.casefold()].fields if name.casefold() in plain else (name,)


def _declared(column: Column, inputs: Mapping[str, Table]) -> tuple[Origin, ...] | str:
    """The origins that a contract names (`input.column`, or `input` for its rows)."""
    origins = set()
    for text in column.made_of:
        found = resolved(text, inputs)
        if found is None:
            return f"transformSourceObjects name `{text}`, which no input has"
        if found[1] is not None:
            origins.add(Origin(found[0].key, found[1], "TRANSFORMATION"))
    return tuple(sorted(origins))
