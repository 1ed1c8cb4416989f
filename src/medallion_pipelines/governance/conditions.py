"""The rows that a role sees, in SQL that Athena, Lake Formation and Redshift mean as Spark does.

Contracts say it in Spark's. What all engines take alike is carried over, comparisons of a column with values
of its type; anything else is refused, so that no row is shown by a difference between engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from medallion_pipelines.errors import GovernanceError

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMPARED: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
}  # fmt: skip
_NUMBERS = ("TINYINT", "SMALLINT", "INT", "BIGINT", "DECIMAL")


def common_condition(condition: str, types: Mapping[str, str]) -> str:
    """A condition of a role's `rows` over columns of these types; names are spelt as they are here.

    Raises GovernanceError where the engines might not agree on it.
    """
    return _Condition(types).sql(condition_tree(condition))


def condition_tree(condition: str) -> exp.Expr:
    """A condition of a role's `rows`, parsed."""
    return sqlglot.parse_one(condition, dialect="databricks")


class _Condition:
    def __init__(self, types: Mapping[str, str]) -> None:
        self._columns = {name.casefold(): (name, type_) for name, type_ in types.items()}

    def sql(self, node: exp.Expr) -> str:
        match node:
            case exp.Paren():
                return self.sql(node.this)
            case exp.And() | exp.Or():
                word = "AND" if isinstance(node, exp.And) else "OR"
                return f"({self.sql(node.left)} {word} {self.sql(node.right)})"
            case exp.Not():
                return f"(NOT {self.sql(node.this)})"
            case exp.Is(expression=exp.Null()):
                return f"({self._name(node.this)} IS NULL)"
            case exp.In() if node.expressions and not node.args.get("query"):
                values = ", ".join(self._value(node.this, value) for value in node.expressions)
                return f"({self._name(node.this)} IN ({values}))"
            case exp.Between() if not node.args.get("symmetric"):
                low, high = (self._value(node.this, node.args[name]) for name in ("low", "high"))
                return f"({self._name(node.this)} BETWEEN {low} AND {high})"
            case exp.Column() if self._type(node) == "BOOLEAN":
                return f"({self._name(node)} = TRUE)"
        if type(node) in _COMPARED and isinstance(node.this, exp.Column):
            value = self._value(node.this, node.expression)
            return f"({self._name(node.this)} {_COMPARED[type(node)]} {value})"
        raise _refused(node)

    def _name(self, node: exp.Expr) -> str:
        self._type(node)
        return '"' + self._columns[node.name.casefold()][0].replace('"', '""') + '"'

    def _type(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Column) or node.table or node.name.casefold() not in self._columns:
            raise _refused(node)  # `a.b` is a field within a column
        return self._columns[node.name.casefold()][1]

    def _value(self, column: exp.Expr, node: exp.Expr) -> str:
        type_ = self._type(column)
        if isinstance(node, exp.Literal) and node.is_string and type_ == "STRING":
            return _text(node)
        number = node.this if isinstance(node, exp.Neg) else node
        digits = number.this if isinstance(number, exp.Literal) and not number.is_string else ""
        if type_.startswith(_NUMBERS) and digits.isascii() and digits.isdigit():
            return f"{'-' if number is not node else ''}{digits}"
        raise _refused(node)


def _text(node: exp.Literal) -> str:
    text = str(node.this)
    if "\\" in text:  # Redshift reads it as the beginning of something else
        raise _refused(node)
    return "'" + text.replace("'", "''") + "'"


def _refused(node: exp.Expr) -> GovernanceError:
    return GovernanceError(
        f"`{node.sql(dialect='databricks')}` may mean something else to Athena: compare a column with texts "
        "or whole numbers (=, <>, <, <=, >, >=, BETWEEN, IN, IS NULL, AND, OR, NOT)."
    )
