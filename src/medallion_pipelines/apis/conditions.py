"""The rows that a role sees, in Athena's SQL.

Contracts say it in Spark's. What both engines take alike is carried over, comparisons of a column with values
of its type; anything else is refused, so that no row is shown by a difference between engines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from medallion_pipelines.errors import GovernanceError

if TYPE_CHECKING:
    from medallion_pipelines.contracts.model import Table

_COMPARED: dict[type[exp.Expr], str] = {
    exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<=",
}  # fmt: skip
_NUMBERS = ("TINYINT", "SMALLINT", "INT", "BIGINT", "DECIMAL")


def athena_condition(condition: str, table: Table) -> str:
    """A condition of a role's `rows`. Raises GovernanceError where the engines might not agree on it."""
    return _Condition(table).sql(sqlglot.parse_one(condition, dialect="databricks"))


class _Condition:
    def __init__(self, table: Table) -> None:
        self._columns = {column.name.casefold(): column for column in table.columns}

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
            case exp.Column() if self._type(node) == "BOOLEAN":
                return self._name(node)
        if type(node) in _COMPARED and isinstance(node.this, exp.Column):
            value = self._value(node.this, node.expression)
            return f"({self._name(node.this)} {_COMPARED[type(node)]} {value})"
        raise _refused(node)

    def _name(self, node: exp.Expr) -> str:
        self._type(node)
        return '"' + self._columns[node.name.casefold()].name.replace('"', '""') + '"'

    def _type(self, node: exp.Expr) -> str:
        if not isinstance(node, exp.Column) or node.table or node.name.casefold() not in self._columns:
            raise _refused(node)  # `a.b` is a field within a column
        return self._columns[node.name.casefold()].type

    def _value(self, column: exp.Expr, node: exp.Expr) -> str:
        type_ = self._type(column)
        if isinstance(node, exp.Literal) and node.is_string and type_ == "STRING":
            return "'" + str(node.this).replace("'", "''") + "'"
        number = node.this if isinstance(node, exp.Neg) else node
        digits = number.this if isinstance(number, exp.Literal) and not number.is_string else ""
        if type_.startswith(_NUMBERS) and digits.isascii() and digits.isdigit():
            return f"{'-' if number is not node else ''}{digits}"
        raise _refused(node)


def _refused(node: exp.Expr) -> GovernanceError:
    return GovernanceError(
        f"`{node.sql(dialect='databricks')}` may mean something else to Athena: compare a column with texts "
        "or whole numbers (=, <>, <, <=, >, >=, IN, IS NULL, AND, OR, NOT)."
    )
