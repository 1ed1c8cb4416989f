"""The SQL functions that decide who sees a column's values, and which rows."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from medallion_pipelines.sql import string

from .diff import comment
from .model import Function

if TYPE_CHECKING:
    from collections.abc import Iterable

    from medallion_pipelines.contracts.guarded import Guard
    from medallion_pipelines.contracts.model import Role, Table

MASKED = "***"
_PLAIN = re.compile(r"[A-Za-z0-9]+(_[A-Za-z0-9]+)*")
_LONGEST = 200


def sees(role: Role, guards: tuple[Guard, ...]) -> bool:
    """Whether a role sees values that are guarded so."""
    if role.access == "write":
        return True
    cleared = {level.casefold() for level in role.clearance}
    return role.access == "read" and all(guard.level.casefold() in cleared for guard in guards)


def mask(
    schema: str, product: str, full_name: str, table: Table, name: str, guards: tuple[Guard, ...]
) -> Function:
    """Shows the value of the table's column `name` to roles that are cleared for all that guards it."""
    column = table.column(name)
    cleared = _member(role.name for role in groups(table) if sees(role, guards))
    hidden = string(MASKED) if column.type == "STRING" else f"CAST(NULL AS {column.type})"
    body = f"CASE WHEN {cleared} THEN value ELSE {hidden} END" if cleared else hidden
    function = f"{schema}.{_name('mask', full_name, name)}"
    return Function(function, (("value", column.type),), column.type, body, comment(product))


def row_filter(
    schema: str, product: str, full_name: str, table: Table
) -> tuple[Function, tuple[str, ...]] | None:
    """Shows each role its rows, and the columns that it looks at; None where all see all rows."""
    readers = [role for role in groups(table) if role.access]
    if not any(role.rows for role in readers):
        return None
    columns = tuple(dict.fromkeys(name for role in readers for name in _spelt(role, table)))
    conditions = [_member(role.name for role in readers if not role.rows)]
    conditions += [f"({_member([role.name])} AND ({role.rows}))" for role in readers if role.rows]
    parameters = tuple((name, table.column(name).type) for name in columns)
    name = f"{schema}.{_name('rows', full_name)}"
    body = " OR ".join(filter(None, conditions))
    takes = ", ".join(f"{name_} {type_}" for name_, type_ in parameters)  # the body does not name the types
    return Function(name, parameters, "BOOLEAN", body, f"{comment(product)} It takes {takes}."), columns


def groups(table: Table) -> list[Role]:
    """The roles that are groups of the account."""
    return [role for role in table.roles if role.recipients is None]


def _member(names: Iterable[str]) -> str:
    return " OR ".join(f"is_account_group_member({string(name)})" for name in names)


def _spelt(role: Role, table: Table) -> list[str]:
    """The columns of the role's condition, as the table spells them."""
    by_case = {column.name.casefold(): column.name for column in table.columns}
    return [by_case[name.casefold()] for name in role.rows_of]


def _name(kind: str, table: str, *column: str) -> str:
    """A name that tells what it is for, by the table's schema and name; with a hash where two could be the
    same. Products of one catalog share the schema of functions."""
    schema, _, own = table.partition(".")[2].partition(".")
    parts = [schema, own, *column]
    name = f"{kind}_" + "__".join(parts)
    if all(_PLAIN.fullmatch(part) for part in parts) and len(name) <= _LONGEST:
        return name.lower()
    mark = hashlib.sha256("\0".join(parts).casefold().encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_]', '_', name)[:_LONGEST]}_{mark}".lower()
