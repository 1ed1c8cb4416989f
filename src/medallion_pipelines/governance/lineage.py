"""Which columns' values a column shows, as far as SQL or contracts tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medallion_pipelines.origins import fields_of, inputs_of, of_query, resolved

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

    from medallion_pipelines.contracts.model import Column, Product, Table

Shown = tuple[str, str]  # a table's key and one of its columns


def origins(product: Product, table: Table) -> Mapping[str, frozenset[Shown] | None]:
    """The columns of its inputs, or of its own, that each column shows values of; None where nobody can tell.

    A count of values, and whether there is one, tells none of them. Neither do joins, filters and groupings
    here: what a query finds by a value is not followed. What the contract declares counts where the SQL does
    not tell.
    """
    if table.layer == "silver":
        return {column.name: _computed(table, column) for column in table.columns if column.expression}
    inputs = inputs_of(product.tables, table)
    queried = {}
    if table.transform is not None and table.transform.suffix == ".sql":
        queried = of_query(table, inputs, _without_counts)
    found: dict[str, frozenset[Shown] | None] = {}
    for column in table.columns:
        told = queried.get(column.name.casefold())
        if isinstance(told, tuple):
            found[column.name] = frozenset((each.table, each.column) for each in told)
        else:
            found[column.name] = _declared(column, inputs)
    return found


def _computed(table: Table, column: Column) -> frozenset[Shown] | None:
    from sqlglot.errors import SqlglotError

    try:
        named = fields_of(column.expression or "", _without_counts)
    except SqlglotError:
        return None
    by_case = {each.name.casefold(): each.name for each in table.columns}
    return frozenset((table.key, by_case[name.casefold()]) for name in named if name.casefold() in by_case)


def _declared(column: Column, inputs: Mapping[str, Table]) -> frozenset[Shown] | None:
    """What `transformSourceObjects` says; a table alone stands for all its columns."""
    found: set[Shown] = set()
    for text in column.made_of:
        named = resolved(text, inputs)
        if named is None:
            return None
        owner, name = named
        found |= {(owner.key, each.name) for each in owner.columns if name in (None, each.name)}
    return frozenset(found) if column.made_of else None


def _without_counts(tree: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    counts = (exp.Count, exp.CountIf, exp.ApproxDistinct)

    def plain(node: exp.Expr) -> exp.Expr:
        tells_null = isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)
        return exp.Literal.number(0) if isinstance(node, counts) or tells_null else node

    return tree.transform(plain)
