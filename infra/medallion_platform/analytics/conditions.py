"""Which rows a role sees, in the words of services that know less than SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp

from medallion_platform.settings import SettingsError

if TYPE_CHECKING:
    from medallion_platform.analytics.contracts import LakeTable

_COMPARED = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Like, exp.Is)
_TYPES = ("STRING", "TINYINT", "SMALLINT", "INT", "BIGINT", "FLOAT", "DOUBLE", "BOOLEAN", "DECIMAL")
_LONGEST = 2047


def row_filter(table: LakeTable, role: str, condition: str) -> str:
    """As Lake Formation takes it: columns against constants, AND, OR, NOT.

    Raises SettingsError for a condition that it cannot have: it must not come to show more rows.
    """
    tree = _parsed(condition)
    types = {field.name.casefold(): field.type for field in table.fields}
    said = tree.sql(dialect="presto")
    if not _is_plain(tree, types) or len(said) > _LONGEST:
        raise SettingsError(
            f"{table.layer}.{table.name}: the rows of the role {role} ({condition}) cannot be a filter of "
            "Lake Formation. Compare columns of texts, numbers and booleans with constants; combine with "
            "AND, OR and NOT."
        )
    return said


def values(table: LakeTable, role: str, condition: str) -> dict[str, list[str]]:
    """As QuickSight takes it: the values that columns may have, for each column that is named.

    Raises SettingsError for what is no such list.
    """
    found: dict[str, list[str]] = {}
    tree = _parsed(condition)
    for part in tree.flatten() if isinstance(tree, exp.And) else [tree]:
        one = part.unnest()
        column, constants = one.this, []
        if isinstance(one, exp.EQ):
            constants = [one.expression]
        elif isinstance(one, exp.In) and not one.args.get("query"):
            constants = one.expressions
        plain = isinstance(column, exp.Column) and all(isinstance(each, exp.Literal) for each in constants)
        if not constants or not plain or column.name in found or any("," in each.this for each in constants):
            raise SettingsError(
                f"{table.layer}.{table.name}: the rows of the role {role} ({condition}) cannot be a rule of "
                "QuickSight. Write `column = 'value'` or `column IN (...)`, combined with AND."
            )
        found[column.name] = [each.this for each in constants]
    return found


def _parsed(condition: str) -> exp.Expression:
    return sqlglot.parse_one(condition, dialect="spark").unnest()


def _is_plain(tree: exp.Expression, types: dict[str, str]) -> bool:
    tree = tree.unnest()
    if isinstance(tree, (exp.And, exp.Or)):
        return _is_plain(tree.left, types) and _is_plain(tree.right, types)
    if isinstance(tree, exp.Not):
        return _is_plain(tree.this, types)
    if not isinstance(tree, (*_COMPARED, exp.Between, exp.In)):
        return False
    if isinstance(tree, exp.In) and (tree.args.get("query") or not tree.expressions):
        return False
    column = tree.this
    if not isinstance(column, exp.Column):
        return False
    kind = types.get(column.name.casefold(), "")
    constants = [tree.args[name] for name in ("expression", "low", "high") if tree.args.get(name)]
    constants += tree.expressions
    return kind.startswith(_TYPES) and all(
        isinstance(each, (exp.Literal, exp.Boolean, exp.Null)) for each in constants
    )
