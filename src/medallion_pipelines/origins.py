"""Which columns a query's or an expression's columns are made of, by text. Pure; no table is looked at."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sqlglot import exp

    from medallion_pipelines.contracts.model import Table

How = Literal["IDENTITY", "TRANSFORMATION", "AGGREGATION"]
_DIALECT = "databricks"
_INPUT = re.compile(r"\{(\w+)\}")
_STAND_IN = "input__"  # how inputs are called here: no name of the query's own can be taken for one
_PERIOD = ("__START_AT", "__END_AT")  # which a table of changes of type 2 has besides its own


@dataclass(frozen=True, order=True)
class Origin:
    """A column (of bronze: a field of its records) that another is made of."""

    table: str
    column: str
    how: How


def inputs_of(tables: Mapping[str, Table], table: Table) -> dict[str, Table]:
    """The tables that a gold table is made of, by the name that its SQL and its contract call them."""
    return {each.table: tables[f"{each.layer}.{each.table}"] for each in table.inputs}


def fields_of(expression: str, seen: Callable[[exp.Expr], exp.Expr] = lambda tree: tree) -> list[str]:
    """The fields or columns that an expression names; of a field within an object, the object.

    Raises sqlglot's SqlglotError. `seen` is what of the tree is looked at.
    """
    import sqlglot
    from sqlglot import exp

    tree = seen(sqlglot.parse_one(expression, dialect=_DIALECT))
    return [part.parts[0].name for part in tree.find_all(exp.Column)]


def takes_all(expression: str) -> bool:
    """Whether an expression takes all fields, as `struct(*)` does; COUNT(*) takes none."""
    import sqlglot
    from sqlglot import exp

    tree = sqlglot.parse_one(expression, dialect=_DIALECT)
    return any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star))


def resolved(text: str, inputs: Mapping[str, Table]) -> tuple[Table, str | None] | None:
    """The input and column that an entry of `transformSourceObjects` names; no column where it names the
    table alone, None where no input has it."""
    source, _, name = text.removeprefix("silver.").removeprefix("gold.").partition(".")
    owner = inputs.get(source)
    if owner is None or not name:
        return (owner, None) if owner else None
    outer = name.partition(".")[0].casefold()
    found = next((column.name for column in owner.columns if column.name.casefold() == outer), None)
    return (owner, found) if found else None


def reads_elsewhere(table: Table) -> bool:
    """Whether the SQL of a mart or view names tables beside its inputs, or cannot be read."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import traverse_scope

    if table.transform is None or table.transform.suffix != ".sql":
        return False
    try:
        tree = _parsed(table)
        found = {id(source): source for scope in traverse_scope(tree) for source in scope.sources.values()}
    except (SqlglotError, RecursionError):
        return True
    real = [source for source in found.values() if isinstance(source, exp.Table)]
    qualified = [each for each in tree.find_all(exp.Table) if each.db]
    inputs = {f"{_STAND_IN}{each.table}".casefold() for each in table.inputs}
    return bool(qualified) or any(each.name.casefold() not in inputs for each in real)


def of_query(
    table: Table, inputs: Mapping[str, Table], seen: Callable[[exp.Expr], exp.Expr] = lambda tree: tree
) -> dict[str, tuple[Origin, ...] | str]:
    """The origins of each column of the mart's SELECT, by its name in lower case; in words why they cannot be
    known. `seen` is what of the tree is looked at."""
    from sqlglot.errors import SqlglotError
    from sqlglot.lineage import lineage

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # what it warns of is unknown here anyway
    by_name = {f"{_STAND_IN}{name}".casefold(): source for name, source in inputs.items()}
    schema: dict[str, object] = {
        name: {**{column.name: column.type or "STRING" for column in source.columns},
               **dict.fromkeys(_PERIOD, "TIMESTAMP")}
        for name, source in by_name.items()
    }  # fmt: skip
    try:
        found = lineage(None, seen(_parsed(table)), schema, dialect=_DIALECT)
    except (SqlglotError, RecursionError, KeyError, ValueError) as error:
        why = f"the SQL cannot be followed: {(str(error).splitlines() or [type(error).__name__])[0]}"
        return {column.name.casefold(): why for column in table.columns}
    return {name.casefold(): _leaves(node, by_name) for name, node in found.items()}


def _parsed(table: Table) -> exp.Expr:
    import sqlglot

    assert table.transform is not None
    text = table.transform.read_text("utf-8").strip().rstrip(";")
    return sqlglot.parse_one(_INPUT.sub(rf"`{_STAND_IN}\1`", text), dialect=_DIALECT)


def _leaves(root: Any, tables: Mapping[str, Table]) -> tuple[Origin, ...] | str:
    """The columns of inputs at the end of a column's ways; each passes through expressions."""
    from sqlglot import exp

    found: set[Origin] = set()
    todo: list[tuple[Any, How]] = [(root, "IDENTITY")]
    while todo:
        node, how = todo.pop()
        if node.downstream:
            todo += [(each, _more(how, node.expression)) for each in node.downstream]
        elif isinstance(node.expression, exp.Table):
            origins = set(_columns(node, how, tables))
            if not origins:  # another table, a row as a whole, a name that the query gives
                return f"the SQL cannot be followed: nobody knows what {node.name} is"
            found |= origins
        elif any(
            not isinstance(each.parent, exp.Count)  # of COUNT(*), which is made of no column
            for each in node.expression.find_all(exp.Column, exp.Star, exp.Placeholder)
        ):
            text = node.expression.sql(dialect=_DIALECT)
            return f"the SQL cannot be followed: nobody knows what {text} is made of"
    return tuple(sorted(found))


def _columns(node: Any, how: How, tables: Mapping[str, Table]) -> Iterator[Origin]:
    from sqlglot import exp

    source = tables.get(node.expression.name.casefold())
    if source is None or node.expression.db:
        return
    name = exp.to_column(node.name).name.casefold()
    for known in (*(column.name for column in source.columns), *_PERIOD):
        if name == known.casefold() or (name == "*" and known not in _PERIOD):
            yield Origin(source.key, known, how)


def _more(how: How, expression: Any) -> How:
    from sqlglot import exp

    inner = expression.unalias()
    if how == "AGGREGATION" or inner.find(exp.AggFunc):
        return "AGGREGATION"
    return how if isinstance(inner, exp.Column) else "TRANSFORMATION"
