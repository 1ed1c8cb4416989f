"""What the columns of a product are made of, as far as their SQL or their contracts tell."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.model import Input

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlglot import exp

    from medallion_pipelines.contracts.model import Column, Product, Table

Origin = tuple[str, str]  # a table's key and one of its columns
_VERSIONS = {"__START_AT": "TIMESTAMP", "__END_AT": "TIMESTAMP"}


def origins(product: Product, table: Table) -> Mapping[str, frozenset[Origin] | None]:
    """The columns of its inputs, or of its own, that each column shows values of; None where nobody can tell.

    A count of values, and whether there is one, tells none of them. Neither do joins, filters and groupings
    here: what a query finds by a value is not followed.
    """
    if table.layer == "silver":
        return {column.name: _computed(table, column) for column in table.columns if column.expression}
    told = {column.name: _told(product, table, column) for column in table.columns}
    if table.transform is None or table.transform.suffix != ".sql":
        return told
    found = _queried(product, table)
    return {name: found.get(name.casefold(), told[name]) for name in told}


def _computed(table: Table, column: Column) -> frozenset[Origin] | None:
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    try:
        tree = sqlglot.parse_one(column.expression or "", dialect="databricks")
    except SqlglotError:
        return None
    by_case = {each.name.casefold(): each.name for each in table.columns}
    named = (each.parts[0].name.casefold() for each in _without_counts(tree).find_all(exp.Column))
    return frozenset((table.key, by_case[name]) for name in named if name in by_case)


def _told(product: Product, table: Table, column: Column) -> frozenset[Origin] | None:
    """What `transformSourceObjects` says; a table alone stands for all its columns."""
    if not column.made_of:
        return None
    found: set[Origin] = set()
    for text in column.made_of:
        origin = _resolved(product, table, text)
        if origin is None:
            return None
        found |= origin
    return frozenset(found)


def _resolved(product: Product, table: Table, text: str) -> set[Origin] | None:
    for each in table.inputs:
        source = product.tables[_key(each)]
        for name in (source.key, source.name):
            if text == name:
                return {(source.key, column.name) for column in source.columns}
            if text.startswith(f"{name}."):
                wanted = text.removeprefix(f"{name}.").split(".")[0].casefold()
                return {(source.key, c.name) for c in source.columns if c.name.casefold() == wanted} or None
    return None


def reads_elsewhere(table: Table) -> bool:
    """Whether the SQL of a mart or view names tables beside its inputs, or cannot be read."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    if table.transform is None or table.transform.suffix != ".sql":
        return False
    text = re.sub(r"\{(\w+)\}", r"input__\1", table.transform.read_text("utf-8"))
    try:
        tree = sqlglot.parse_one(text, dialect="databricks")
    except (SqlglotError, RecursionError):
        return True
    inputs = {f"input__{each.table}".casefold() for each in table.inputs}
    within = {each.alias.casefold() for each in tree.find_all(exp.CTE)}
    return any(each.name.casefold() not in inputs | within for each in tree.find_all(exp.Table))


def _queried(product: Product, table: Table) -> dict[str, frozenset[Origin] | None]:
    """By sqlglot's lineage through the query; nothing where it cannot follow it."""
    import sqlglot
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it warns of is unknown here anyway
    assert table.transform is not None
    inputs = {each.table: product.tables[_key(each)] for each in table.inputs}
    stand_in = {name: f"input__{source.layer}__{name}" for name, source in inputs.items()}
    schema = {
        stand_in[name].casefold(): {c.name: c.type or "STRING" for c in source.columns} | _VERSIONS
        for name, source in inputs.items()
    }
    by_stand_in = {stand_in[name].casefold(): source for name, source in inputs.items()}
    text = table.transform.read_text("utf-8").strip().rstrip(";")
    text = re.sub(r"\{(\w+)\}", lambda match: stand_in.get(match[1], match[1]), text)
    try:
        tree = _without_counts(sqlglot.parse_one(text, dialect="databricks"))
        found = lineage(None, tree, dict(schema), dialect="databricks")
    except (SqlglotError, RecursionError, KeyError, ValueError):
        return {}
    return {name.casefold(): _leaves(node, by_stand_in) for name, node in found.items()}


def _leaves(node: object, tables: Mapping[str, Table]) -> frozenset[Origin] | None:
    from sqlglot import exp

    found: set[Origin] = set()
    for each in node.walk():  # type: ignore[attr-defined]
        if each.downstream:
            continue
        if not isinstance(each.expression, exp.Table):
            if each.expression.find(exp.Column, exp.Star, exp.Placeholder):
                return None
            continue
        source = tables.get(each.expression.name.casefold())
        name = exp.to_column(each.name).name.casefold()
        if source is None:
            return None
        named = {(source.key, c.name) for c in source.columns if name in (c.name.casefold(), "*")}
        if not named and name.upper() not in _VERSIONS:  # a row as a whole, a name that the query gives
            return None
        found |= named
    return frozenset(found)


def _without_counts(tree: exp.Expr) -> exp.Expr:
    from sqlglot import exp

    counts = (exp.Count, exp.CountIf, exp.ApproxDistinct)

    def plain(node: exp.Expr) -> exp.Expr:
        tells_null = isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)
        return exp.Literal.number(0) if isinstance(node, counts) or tells_null else node

    return tree.transform(plain)


def _key(each: Input) -> str:
    return f"{each.layer}.{each.table}"
