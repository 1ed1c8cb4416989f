"""Checks the SQL expressions over one row that contracts hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion_pipelines.sql import quoted

from .names import suggestion
from .parsing import parsed

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlglot import exp

    from .document import Node

METADATA = ("file_path", "file_name", "file_modification_time", "file_size", "ingested_at")

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_METADATA_NAME = re.compile(r"_metadata\.(\w+)")
_WORDS = {"true", "false", "null", "current_date", "current_timestamp", "current_user", "current_timezone"}
_NOT_CONDITIONS = (
    "Literal", "Add", "Sub", "Mul", "Div", "IntDiv", "Mod", "DPipe", "Concat", "Array", "Struct", "Neg",
)  # fmt: skip
# Aggregates and generators that the parser takes for functions it does not know.
_MORE_AGGREGATES = {
    "kurtosis", "skewness", "mean", "some", "every", "bool_and", "bool_or", "bit_and", "bit_or", "bit_xor",
    "try_avg", "try_sum", "listagg", "string_agg", "mode", "regr_avgx", "regr_avgy", "regr_count", "regr_r2",
    "regr_slope", "regr_intercept", "regr_sxx", "regr_sxy", "regr_syy", "histogram_numeric",
    "count_min_sketch", "percentile_approx", "approx_percentile", "grouping", "grouping_id",
}  # fmt: skip
_GENERATORS = {"Explode", "ExplodeOuter", "Posexplode", "PosexplodeOuter", "Inline"}
_MORE_GENERATORS = {"explode_outer", "posexplode_outer", "inline_outer", "inline", "stack", "json_tuple"}


@dataclass(frozen=True)
class Expression:
    """SQL over one row, and the columns or fields that it names."""

    text: str
    names: tuple[str, ...] = ()


def row_expression(node: Node, columns: Collection[str] | None) -> Expression | None:
    """The node's SQL expression over one row; None after a problem.

    `columns` are those it may name; None for a source record, whose fields are anybody's guess, with
    `_metadata` beside them. A bare name comes back quoted, everything else as written.
    """
    text = node.value.strip() if isinstance(node.value, str) else ""
    if not text:
        node.problem("must be an SQL expression", "In quotes, if it is a number.")
        return None
    if _NAME.fullmatch(text) and text.lower() not in _WORDS:  # most of them, and no parser needed
        return _bare_name(text, node, columns)
    if columns is None and (match := _METADATA_NAME.fullmatch(text)):
        return Expression(text) if _knows_metadata(match[1], node) else None
    tree = parsed(text, node)
    if tree is None or not _is_expression(tree, node) or not _is_row_wise(tree, node):
        return None
    names = _names(tree, node, columns)
    return Expression(text, names) if names is not None else None


def row_condition(node: Node, columns: Collection[str] | None) -> Expression | None:
    """Like `row_expression`, for something that is true or false."""
    expression = row_expression(node, columns)
    if expression is None or expression.text.startswith("`"):
        return expression
    tree = parsed(expression.text, node)
    if tree is not None and type(tree.unnest()).__name__ in _NOT_CONDITIONS:
        node.problem("is not a condition", "Write something that is true or false, such as `a <= b`.")
        return None
    return expression


def _bare_name(text: str, node: Node, columns: Collection[str] | None) -> Expression | None:
    if columns is None:
        return Expression(quoted(text), (text,))
    found = next((column for column in columns if column.casefold() == text.casefold()), None)
    if found is None:
        node.problem(f"there is no column `{text}`", suggestion(text, columns))
        return None
    return Expression(quoted(found), (found,))


def _is_expression(tree: exp.Expression, node: Node) -> bool:
    from sqlglot import exp

    if isinstance(tree, exp.Condition | exp.AtTimeZone | exp.FromTimeZone | exp.Interval):
        return True
    if isinstance(tree, exp.Query):
        node.problem("holds a subquery", "An expression sees one row; compare tables with `relationships`.")
    else:
        node.problem("must be one SQL expression", "No alias, no statement.")
    return False


def _is_row_wise(tree: exp.Expression, node: Node) -> bool:
    from sqlglot import exp

    for part in tree.walk():
        name = part.name.lower() if isinstance(part, exp.Anonymous) else ""
        shown = f"`{part.sql(dialect='databricks')}`"
        if isinstance(part, exp.Query | exp.Table):
            node.problem(
                "holds a subquery", "An expression sees one row; compare tables with `relationships`."
            )
        elif isinstance(part, exp.Window):
            node.problem(f"holds a window function, {shown}", "An expression sees one row.")
        elif (
            isinstance(part, exp.UDTF | exp.Explode | exp.Posexplode | exp.Inline) or name in _MORE_GENERATORS
        ):
            node.problem(f"{shown} makes many rows of one", "An expression yields one value.")
        elif _is_aggregate(part) or name in _MORE_AGGREGATES:
            node.problem(f"holds an aggregate, {shown}", "Use quality of `type: sql` for many rows.")
        elif isinstance(part, exp.Parameter | exp.Placeholder):
            node.problem(f"{shown} stands for nothing", "Write the value itself.")
        else:
            continue
        return False
    return True


def _is_aggregate(part: object) -> bool:
    from sqlglot import exp

    if isinstance(part, exp.Any):  # any(x) is bool_or(x), but x LIKE ANY (...) is a comparison
        return not isinstance(part.parent, exp.Like | exp.ILike)
    return isinstance(part, exp.AggFunc)


def _names(tree: exp.Expression, node: Node, columns: Collection[str] | None) -> tuple[str, ...] | None:
    from sqlglot import exp

    known = {column.casefold() for column in columns or ()}
    found: dict[str, None] = {}
    for column in tree.find_all(exp.Column):
        first, *rest = [part.name for part in column.parts]
        if columns is None and first.casefold() == "_metadata":
            if not _knows_metadata(rest[0] if rest else "", node):
                return None
        elif columns is not None and first.casefold() not in known:
            node.problem(f"there is no column `{first}`", suggestion(first, columns))
            return None
        else:
            found[first] = None
    return tuple(found)


def _knows_metadata(name: str, node: Node) -> bool:
    if name.casefold() in METADATA:
        return True
    node.problem(
        f"`_metadata` has no `{name}`" if name else "`_metadata` is no value", suggestion(name, METADATA)
    )
    return False
