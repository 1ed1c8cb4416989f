"""Who is to be erased, and which tables can hold something of them."""

from __future__ import annotations

from dataclasses import dataclass

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.erased import Identity, identities
from medallion_pipelines.errors import UnknownNameError


@dataclass(frozen=True)
class Subject:
    """A value of a unique column of a silver table."""

    table: Table
    column: str
    value: str

    @property
    def identity(self) -> Identity:
        """What the value is a key of."""
        return next(one for one in identities(self.table) if one.own and one.columns == (self.column,))

    def __str__(self) -> str:
        return f"{self.table.key}.{self.column}"  # never with the value: this is logged


def read_subject(text: str, product: Product) -> Subject:
    """The subject that `table.column=value` names. Raises UnknownNameError where that cannot be."""
    place, equals, value = text.partition("=")
    table_name, dot, column = place.strip().removeprefix("silver.").rpartition(".")
    if not equals or not dot or not value:
        raise UnknownNameError(
            "A subject is written table.column=value, such as passengers.passenger_id=123."
        )
    table = product.tables.get(f"silver.{table_name}")
    if table is None:
        known = sorted(one.name for one in product.tables.values() if one.layer == "silver")
        raise UnknownNameError(
            f"{product.name} has no silver table {table_name!r}. It has {', '.join(known) or 'none'}."
        )
    keys = [one.columns[0] for one in identities(table) if one.own and len(one.columns) == 1]
    if column not in keys:
        raise UnknownNameError(
            f"{table.key}.{column} does not tell persons apart: a subject is named by a column that is the "
            f"primary key or `unique`. {table.key} has {', '.join(keys) or 'none'}."
        )
    return Subject(table, column, value)


def reached(product: Product, roots: list[Table]) -> list[Table]:
    """Silver tables, and those that point to them by foreign keys, and so on."""
    found = list(roots)
    for table in found:  # it grows meanwhile
        found += [one for one in pointing_to(product, table) if one not in found]
    return found


def pointing_to(product: Product, table: Table) -> list[Table]:
    """The silver tables with a foreign key to this one, itself aside."""
    return [
        one
        for one in product.tables.values()
        if one.layer == table.layer
        and one is not table
        and any(key.to_table == table.name for key in one.foreign_keys)
    ]


def marts(product: Product, tables: list[Table]) -> list[str]:
    """The keys of the gold tables that are made of these, or of such marts."""
    found = [table.key for table in tables]
    for key in found:  # it grows meanwhile
        found += [
            one.key
            for one in product.tables.values()
            if one.key not in found and any(f"{i.layer}.{i.table}" == key for i in one.inputs)
        ]
    return found[len(tables) :]
