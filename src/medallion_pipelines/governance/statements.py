"""What REST has no call for, as SQL of Databricks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from medallion_pipelines.sql import quoted, string

from .model import parts

if TYPE_CHECKING:
    from .model import Change, Desired, Function, Key


def statement(change: Change, desired: Desired) -> str | None:
    """The statement that makes a change; None where REST has a call."""
    key, after = change.key, change.after
    match key.kind:
        case "comment":
            return f"COMMENT ON {key.on.upper()} {_full(key.name)} IS {string(str(after))}"
        case "not null":
            return f"{_alter_column(key)} SET NOT NULL"
        case "primary key" if after is None:
            return f"ALTER TABLE {_full(key.name)} DROP PRIMARY KEY"
        case "function" if after is not None:
            return _create(desired.functions[key.name])
        case "mask":
            return f"{_alter_column(key)} " + (f"SET MASK {_full(str(after))}" if after else "DROP MASK")
        case "row filter" if after is None:
            return f"ALTER TABLE {_full(key.name)} DROP ROW FILTER"
        case "row filter":
            function, *columns = parts(after)
            listed = ", ".join(map(quoted, columns))
            return f"ALTER TABLE {_full(key.name)} SET ROW FILTER {_full(function)} ON ({listed})"
    return None


def _create(function: Function) -> str:
    parameters = ", ".join(f"{quoted(name)} {type_}" for name, type_ in function.parameters)
    return (
        f"CREATE OR REPLACE FUNCTION {_full(function.name)}({parameters}) RETURNS {function.returns} "
        f"COMMENT {string(function.comment)} RETURN {function.body}"
    )


def _alter_column(key: Key) -> str:
    table, _, column = key.name.rpartition(".")
    return f"ALTER TABLE {_full(table)} ALTER COLUMN {quoted(column)}"


def _full(name: str) -> str:
    """No part of a name has a dot: contracts refuse it, and so does Unity Catalog."""
    return ".".join(map(quoted, name.split(".")))
