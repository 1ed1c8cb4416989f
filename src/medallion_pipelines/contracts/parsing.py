"""Parses the SQL that contracts hold. sqlglot is slow to load, so it is, where a contract holds any."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

    from .document import Node


def parsed(text: str, node: Node) -> exp.Expression | None:
    """The syntax tree of one SQL expression or statement; None after a problem."""
    import sqlglot
    from sqlglot import exp
    from sqlglot.errors import ErrorLevel, ParseError, SqlglotError

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of what is a problem here anyway

    if "${" in text:
        node.problem("`${` would be replaced by Spark before the SQL is read", "Write the value itself.")
        return None
    try:
        if any(token.comments for token in sqlglot.tokenize(text, dialect="databricks")):
            node.problem("holds a comment", "Move it into `description`.")
            return None
        trees = sqlglot.parse(text, dialect="databricks", error_level=ErrorLevel.IMMEDIATE)
    except SqlglotError as error:
        detail = error.errors[0] if isinstance(error, ParseError) and error.errors else {}
        near = f" near `{detail['highlight']}`" if detail.get("highlight") else ""
        node.problem(
            f"is not valid SQL{near}", f"{detail['description']}." if detail.get("description") else ""
        )
        return None
    except RecursionError:
        node.problem("is nested too deeply", "Simplify it.")
        return None
    if len(trees) != 1:
        node.problem("must be one SQL expression", "Remove the `;`.")
        return None
    tree = trees[0]
    if not isinstance(tree, exp.Expression) or isinstance(tree, exp.Command):
        node.problem("is not valid SQL here")
        return None
    return tree
