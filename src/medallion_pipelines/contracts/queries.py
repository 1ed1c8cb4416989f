"""Checks the queries of quality items of `type: sql`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from medallion_pipelines.sql import quoted

from .parsing import parsed

if TYPE_CHECKING:
    from .document import Node

# ODCS v3.1 writes {object} and {property}; its schema still gives v3.0's ${table} and ${column}.
_OBJECT, _PROPERTY = ("object", "table"), ("property", "column")
_PLACEHOLDER = re.compile(r"\$?\{([A-Za-z_]\w*)\}")
_STAND_IN = "object_of_this_contract"


def check_query(node: Node, column: str | None) -> str | None:
    """The node's query with `{object}` for the table and its property filled in; None after a problem."""
    from sqlglot import exp

    text = node.value.strip().removesuffix(";").rstrip() if isinstance(node.value, str) else ""
    query = _filled(text, node, column)
    tree = parsed(query.replace("{object}", _STAND_IN), node) if query is not None else None
    if tree is None:
        return None
    if not isinstance(tree, exp.Select):
        node.problem("must be a single SELECT", "It only looks, and returns one number.")
        return None
    if len(tree.expressions) != 1 or tree.is_star:
        node.problem("must return one number", "Select one expression, such as `count(*)`.")
        return None
    within = {each.alias for each in tree.find_all(exp.CTE)}
    tables = {".".join(part.name for part in table.parts) for table in tree.find_all(exp.Table)} - within
    others = sorted(tables - {_STAND_IN})
    if others or not tables:
        node.problem(
            f"reads `{others[0]}`" if others else "does not read `{object}`",
            "It may read `{object}`, this contract's table, and nothing else.",
        )
        return None
    return query


def _filled(text: str, node: Node, column: str | None) -> str | None:
    for match in _PLACEHOLDER.finditer(text):
        if match[1] in _PROPERTY and column is None:
            node.problem(
                f"`{match[0]}` stands for a column, and this is the table's quality",
                "Move it to the property, or name the column.",
            )
            return None
        if match[1] not in _OBJECT + _PROPERTY:
            node.problem(f"`{match[0]}` stands for nothing", "ODCS has `{object}` and `{property}`.")
            return None
    return _PLACEHOLDER.sub(
        lambda match: "{object}" if match[1] in _OBJECT else quoted(column or ""),
        text,
    )
