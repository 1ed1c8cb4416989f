"""Which columns a column is made of, by contracts and SQL. Pure; no table is looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Column, Table

How = Literal["IDENTITY", "TRANSFORMATION", "AGGREGATION"]
_DIALECT = "databricks"
_INPUT = re.compile(r"\{(\w+)\}")
_STAR = "an expression takes `*`: declare transformSourceObjects"
_PERIOD = ("__START_AT", "__END_AT")  # which a table of changes of type 2 has besides its own


@dataclass(frozen=True, order=True)
class Origin:
    """A column (of bronze: a field of its records) that another is made of."""

    table: str
    column: str
    how: How


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
    inputs = {each.table: tables[f"{each.layer}.{each.table}"] for each in table.inputs}
    origins: dict[str, tuple[Origin, ...]] = {}
    undeclared: dict[str, str] = {}
    found: Mapping[str, tuple[Origin, ...]] | str = {}
    if table.layer == "gold" and any(not column.made_of for column in table.columns):
        found = _of_query(table, inputs)
    for column in table.columns:
        if table.layer == "silver":
            if column.expression is not None and not column.made_of and _has_star(column.expression):
                undeclared[column.name] = _STAR
            else:
                origins[column.name] = _of_record(table, column)
        elif column.made_of:
            declared, unknown = _declared(column, inputs)
            if unknown:
                undeclared[column.name] = f"transformSourceObjects name `{unknown[0]}`, which no input has"
            else:
                origins[column.name] = declared
        elif isinstance(found, str):
            undeclared[column.name] = found
        else:
            origins[column.name] = found[column.name]
    return ColumnLineage(origins, undeclared)


def _of_record(table: Table, column: Column) -> tuple[Origin, ...]:
    how: How = "IDENTITY" if column.expression is None else "TRANSFORMATION"
    names = column.made_of or (column.fields if column.expression is None else tuple(_named(table, column)))
    return tuple(sorted({Origin(f"bronze.{table.name}", name, how) for name in names}))


def _named(table: Table, column: Column) -> Iterator[str]:
    """The fields that an expression names, itself or by columns that are read of them."""
    import sqlglot
    from sqlglot import exp

    plain = {each.name.casefold(): each for each in table.columns if each.expression is None}
    tree = sqlglot.parse_one(column.expression or "", dialect=_DIALECT)
    for part in tree.find_all(exp.Column):
        name = part.parts[0].name  # of a field within an object: the object
        if name != "_metadata":
            yield from plain[name.casefold()].fields if name.casefold() in plain else (name,)


def _has_star(expression: str) -> bool:
    import sqlglot

    return _star_within(sqlglot.parse_one(expression, dialect=_DIALECT))


def _star_within(tree: Any) -> bool:
    """Whether an expression takes all columns, as `struct(*)` does; COUNT(*) takes none."""
    from sqlglot import exp

    for star in tree.find_all(exp.Star):
        holder = star.parent.parent if isinstance(star.parent, exp.Column) else star.parent
        if not isinstance(holder, exp.Select) and star.find_ancestor(exp.Count) is None:
            return True
    return False


def _declared(column: Column, inputs: Mapping[str, Table]) -> tuple[tuple[Origin, ...], list[str]]:
    """The origins that a contract names (`input.column`, or `input` for its rows), and what is neither."""
    origins, unknown = set(), []
    for name in column.made_of:
        source, _, field_ = name.removeprefix("silver.").removeprefix("gold.").partition(".")
        owner = inputs.get(source)
        known = {each.name.casefold(): each.name for each in owner.columns} if owner else {}
        if owner is None or (field_ and field_.casefold() not in known):
            unknown.append(name)
        elif field_:
            origins.add(Origin(owner.key, known[field_.casefold()], "TRANSFORMATION"))
    return tuple(sorted(origins)), unknown


def _of_query(table: Table, inputs: Mapping[str, Table]) -> Mapping[str, tuple[Origin, ...]] | str:
    """The origins of each column by the mart's SELECT; in words why they cannot be known."""
    from sqlglot import parse_one
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage
    from sqlglot.optimizer.qualify import qualify
    from sqlglot.optimizer.scope import build_scope

    if table.transform is None or table.transform.suffix != ".sql":
        return "the transform is Python: declare transformSourceObjects"
    text = _INPUT.sub(r"`\1`", table.transform.read_text(encoding="utf-8"))
    schema: dict[str, object] = {
        name: dict.fromkeys([*(c.name for c in each.columns), *_PERIOD], "STRING")
        for name, each in inputs.items()
    }
    try:
        tree = qualify(parse_one(text, dialect=_DIALECT), schema=schema, dialect=_DIALECT)
        if _star_within(tree):
            return _STAR
        scope = build_scope(tree)
        return {
            column.name: _leaves(lineage(column.name, tree, schema={}, scope=scope, dialect=_DIALECT), inputs)
            for column in table.columns
        }
    except (SqlglotError, ValueError, RecursionError) as error:
        return f"the SQL cannot be followed: {str(error).splitlines()[0]}"


def _leaves(root: Any, inputs: Mapping[str, Table]) -> tuple[Origin, ...]:
    """The columns of inputs at the end of a column's ways; each passes through expressions."""
    from sqlglot import exp

    found: set[Origin] = set()
    todo: list[tuple[Any, How]] = [(root, "IDENTITY")]
    while todo:
        node, how = todo.pop()
        if isinstance(node.source, exp.Table) and node.source.name in inputs:
            owner = inputs[node.source.name]
            names = {column.name.casefold(): column.name for column in owner.columns}
            name = node.name.rsplit(".", 1)[-1].strip('"`')
            found.add(Origin(owner.key, names.get(name.casefold(), name), how))
            continue
        todo += [(each, _more(how, node.expression)) for each in node.downstream]
    return tuple(sorted(found))


def _more(how: How, expression: Any) -> How:
    from sqlglot import exp

    inner = expression.unalias()
    if how == "AGGREGATION" or inner.find(exp.AggFunc):
        return "AGGREGATION"
    return how if isinstance(inner, exp.Column) else "TRANSFORMATION"
