"""Checks the SQL that contracts hold. The parser is loaded only where a contract holds any."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from .document import Node
from .names import suggestion
from .sql import quoted

METADATA = ("file_path", "file_name", "file_modification_time", "file_size", "ingested_at")

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {"true", "false", "null", "current_date", "current_timestamp", "current_user"}
_OBJECT, _COLUMN = ("object", "table"), ("property", "column")
_PLACEHOLDER = re.compile(r"\$?\{(\w+)\}")
# Aggregates that the parser takes for scalar functions.
_MORE_AGGREGATES = {
    "kurtosis", "skewness", "mean", "some", "every", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor",
    "try_avg", "try_sum", "listagg", "string_agg", "mode", "regr_avgx", "regr_avgy", "regr_count", "regr_r2",
    "regr_slope", "regr_intercept", "regr_sxx", "regr_sxy", "regr_syy", "histogram_numeric",
    "count_min_sketch", "percentile_approx", "approx_percentile", "grouping", "grouping_id",
}  # fmt: skip
_GENERATORS = {"explode", "explode_outer", "posexplode", "posexplode_outer", "inline", "inline_outer", "stack"}


def row_expression(node: Node, columns: Collection[str] | None) -> str | None:
    """The node's SQL expression over one row; None after a problem.

    `columns` are those it may name; None for a source record, whose fields are anybody's guess, with
    `_metadata` beside them. A bare column name comes back quoted, everything else as written.
    """
    text = node.value.strip() if isinstance(node.value, str) else ""
    if not text:
        node.problem("must be an SQL expression")
        return None
    if _IDENTIFIER.fullmatch(text) and text.lower() not in _WORDS:
        return _bare_name(text, node, columns)
    tree = _parsed(text, node)
    if tree is None or not _is_row_wise(tree, node) or not _knows_columns(tree, node, columns):
        return None
    return text


def row_condition(node: Node, columns: Collection[str]) -> str | None:
    """Like `row_expression`, for something that is true or false."""
    text = row_expression(node, columns)
    if text is None or text.startswith("`"):
        return text
    from sqlglot import exp

    tree = _parsed(text, node)
    while isinstance(tree, exp.Paren):
        tree = tree.this
    if isinstance(tree, exp.Literal) or isinstance(tree, exp.Binary) and not isinstance(
        tree, exp.Predicate | exp.Connector | exp.Dot | exp.JSONExtract | exp.Bracket
    ):
        node.problem("is not a condition", "Write something that is true or false, such as `a <= b`.")
        return None
    return text


def check_query(node: Node, column: str | None) -> str | None:
    """The node's query with `{object}` for the table, `{property}` filled in; None after a problem."""
    from sqlglot import exp

    text = node.value.strip().rstrip(";").rstrip() if isinstance(node.value, str) else ""
    query = _filled(text, node, column)
    if query is None:
        return None
    stand_in = "object_of_this_contract"
    tree = _parsed(query.replace("{object}", stand_in), node)
    if tree is None:
        return None
    if not isinstance(tree, exp.Select):
        node.problem("must be a single SELECT", "It only looks; it returns one number.")
        return None
    if len(tree.expressions) != 1 or tree.is_star:
        node.problem("must return one number", "Select one expression, such as `count(*)`.")
        return None
    within = {each.alias for each in tree.find_all(exp.CTE)}
    tables = [table.sql() for table in tree.find_all(exp.Table) if table.name not in within]
    others = sorted({table.split(" ")[0] for table in tables} - {stand_in})
    if others or stand_in not in {table.split(" ")[0] for table in tables}:
        node.problem(f"reads {', '.join(others)}" if others else "does not read `{object}`",
                     "It may read `{object}`, this contract's table, and nothing else.")
        return None
    return query


def _filled(text: str, node: Node, column: str | None) -> str | None:
    for match in _PLACEHOLDER.finditer(text):
        name = match[1]
        if name in _COLUMN and column is None:
            node.problem(f"`{match[0]}` stands for a column, and this is the table's quality",
                         "Move it to the property, or name the column.")
            return None
        if not name.isdigit() and name not in _OBJECT + _COLUMN:
            node.problem(f"`{match[0]}` stands for nothing", "ODCS has `{object}` and `{property}`.")
            return None

    def fill(match: re.Match[str]) -> str:
        if match[1] in _OBJECT:
            return "{object}"
        return quoted(column or "") if match[1] in _COLUMN else match[0]

    return _PLACEHOLDER.sub(fill, text)


def _bare_name(text: str, node: Node, columns: Collection[str] | None) -> str | None:
    if columns is None:
        return quoted(text)
    found = next((column for column in columns if column.casefold() == text.casefold()), None)
    if found is None:
        node.problem(f"there is no column `{text}`", suggestion(text, columns))
        return None
    return quoted(found)


def _parsed(text: str, node: Node) -> Any:
    import logging

    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    if "${" in text:
        node.problem("`${` would be replaced by Spark before the SQL is read", "Write the value itself.")
        return None
    try:
        tokens = sqlglot.tokenize(text, dialect="databricks")
        if any(token.comments for token in tokens):
            node.problem("holds a comment", "Move it into `description`.")
            return None
        trees = sqlglot.parse(text, dialect="databricks")
    except SqlglotError as error:
        details = getattr(error, "errors", None)
        said = details[0]["description"] if details else str(error).split("\n")[0]
        at = f" near `{details[0]['highlight']}`" if details and details[0].get("highlight") else ""
        node.problem(f"is not valid SQL{at}: {said}")
        return None
    except RecursionError:
        node.problem("is nested too deeply")
        return None
    if len(trees) != 1 or trees[0] is None:
        node.problem("must be one SQL expression", "Remove the `;`.")
        return None
    if isinstance(trees[0], exp.Command):
        node.problem("is not valid SQL")
        return None
    return trees[0]


def _is_row_wise(tree: Any, node: Node) -> bool:
    from sqlglot import exp

    if isinstance(tree, exp.Alias | exp.Star | exp.DDL | exp.DML | exp.Drop | exp.Set | exp.Use | exp.Tuple) or (
        not isinstance(tree, exp.Condition | exp.Query)
    ):
        node.problem("must be one SQL expression", "No alias, no statement.")
        return False
    for part in tree.walk():
        name = part.name.lower() if isinstance(part, exp.Anonymous) else ""
        if isinstance(part, exp.Query | exp.Table):
            node.problem("holds a subquery", "An expression sees one row; compare tables with `relationships`.")
        elif isinstance(part, exp.Window):
            node.problem("holds a window function", "An expression sees one row.")
        elif (isinstance(part, exp.AggFunc) and not isinstance(part.parent, exp.Window)) or name in _MORE_AGGREGATES:
            node.problem(f"holds an aggregate, `{part.sql(dialect='databricks')}`",
                         "An expression sees one row; use quality of `type: sql` for many.")
        elif isinstance(part, exp.UDTF | exp.Explode | exp.Posexplode) or name in _GENERATORS:
            node.problem(f"`{part.sql(dialect='databricks')}` makes many rows of one", "An expression yields one value.")
        elif isinstance(part, exp.Parameter | exp.Placeholder):
            node.problem(f"`{part.sql(dialect='databricks')}` stands for nothing", "Write the value itself.")
        else:
            continue
        return False
    return True


def _knows_columns(tree: Any, node: Node, columns: Collection[str] | None) -> bool:
    from sqlglot import exp

    known = {column.casefold() for column in columns or ()}
    for column in tree.find_all(exp.Column):
        first, *rest = [part.name for part in column.parts]
        if columns is None:
            if first.casefold() == "_metadata" and (not rest or rest[0].casefold() not in METADATA):
                node.problem(f"`_metadata` has no `{rest[0] if rest else ''}`".replace("no ``", "no value of its own"),
                             suggestion(rest[0] if rest else "", METADATA))
                return False
        elif first.casefold() not in known:
            node.problem(f"there is no column `{first}`", suggestion(first, columns))
            return False
    return True
