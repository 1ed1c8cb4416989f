"""Which guarded values columns carry, near or far from where these are stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.guarded import Guard, guards
from medallion_pipelines.origins import reads_elsewhere

from .lineage import Shown, origins

if TYPE_CHECKING:
    from collections.abc import Mapping

    from medallion_pipelines.contracts.model import Product, Table

Carried = dict[Shown, tuple[Guard, ...]]


@dataclass(frozen=True)
class Flow:
    """By table and column: the guarded columns whose values a column shows, with what guards these. Where
    nobody can tell what a column is made of, and its inputs have guarded ones, it is `unknown`."""

    carried: Mapping[Shown, Carried]
    unknown: frozenset[Shown]


def flow(product: Product) -> Flow:
    """Follows guarded values from silver through computed columns, marts and views."""
    carried: dict[Shown, Carried] = {}
    unknown: set[Shown] = set()
    guarded = {key: guards(product, table) for key, table in product.tables.items()}

    def shown(origin: Shown) -> Carried:
        """What a column shows to whoever reads it."""
        own = guarded[origin[0]].get(origin[1])
        return carried.get(origin, {}) | ({origin: own} if own else {})

    for table in _in_order(product):
        made = origins(product, table)
        for column in table.columns:
            here = (table.key, column.name)
            if column.declassified or column.name not in made:
                continue
            found = made[column.name]
            if found is None:
                if any(map(shown, _readable(product, table))):
                    unknown.add(here)
                continue
            carried[here] = {
                origin: what for each in sorted(found) if each != here for origin, what in shown(each).items()
            }
    return Flow({origin: what for origin, what in carried.items() if what}, frozenset(unknown))


def _readable(product: Product, table: Table) -> list[Shown]:
    """The columns that a column of the table may be made of."""
    sources = [f"{each.layer}.{each.table}" for each in table.inputs] or [table.key]
    if reads_elsewhere(table):
        sources = list(product.tables)
    return [(key, column.name) for key in sources for column in product.tables[key].columns]


def _in_order(product: Product) -> list[Table]:
    """Each table after those it is made of."""
    done: dict[str, Table] = {}

    def add(table: Table) -> None:
        if table.key not in done:
            for each in table.inputs:
                add(product.tables[f"{each.layer}.{each.table}"])
            done[table.key] = table

    for table in product.tables.values():
        add(table)
    return list(done.values())
