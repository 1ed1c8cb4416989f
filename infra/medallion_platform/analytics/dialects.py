"""The contracts' Spark SQL and types in the words of Athena and Redshift."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

import sqlglot
from sqlglot import exp

from medallion_platform.settings import SettingsError

if TYPE_CHECKING:
    from medallion_platform.analytics.contracts import Field, LakeTable

Dialect = Literal["athena", "redshift"]
_REDSHIFT = {
    "DOUBLE": "DOUBLE PRECISION", "FLOAT": "REAL", "INT": "INTEGER", "STRING": "VARCHAR(65535)",
    "TIMESTAMP_NTZ": "TIMESTAMP", "TINYINT": "SMALLINT",
}  # fmt: skip
_ATHENA = {"FLOAT": "REAL", "INT": "INTEGER", "STRING": "VARCHAR", "TIMESTAMP_NTZ": "TIMESTAMP"}
# What Redshift does not have, and would say only when somebody asks.
_NOT_IN_REDSHIFT = (exp.Filter, exp.Lambda, exp.Explode)


def column_type(field: Field, dialect: Dialect) -> str:
    """The type of a column; a TIMESTAMP is in UTC, without a zone of its own."""
    assert field.glue_type, "which refuses what has no counterpart"
    return (_REDSHIFT if dialect == "redshift" else _ATHENA).get(field.type, field.type)


def view_query(table: LakeTable, dialect: Dialect, schemas: dict[str, str]) -> str:
    """The query of a view, over tables in the schema of their layer; its columns as the contract has them.

    Raises SettingsError for what the dialect does not have.
    """
    assert table.query is not None
    strange = sorted(f"{layer}.{name}" for layer, name in table.inputs if layer not in schemas)
    if strange:
        raise SettingsError(
            f"{table.layer}.{table.name}: {dialect} cannot make this view, because it has no {strange[0]}."
        )
    named = {name: f"`{schemas[layer]}`.`{name}`" for layer, name in table.inputs}
    text = re.sub(r"\{(\w+)\}", lambda match: named[match[1]], table.query)
    tree = sqlglot.parse_one(text, dialect="spark")
    if dialect == "redshift":
        found = next(tree.find_all(*_NOT_IN_REDSHIFT), None)
        if found is not None:
            raise SettingsError(
                f"{table.layer}.{table.name}: Redshift has no counterpart of {found.sql(dialect='spark')}."
            )
        tree = tree.transform(_fractions)
    inner = tree.transform(_strict).sql(dialect=dialect, identify=True)
    columns = ", ".join(
        f'CAST("{field.name}" AS {column_type(field, dialect)}) AS "{field.name}"' for field in table.fields
    )
    return f'SELECT {columns} FROM ({inner}) AS "{table.name}"'


def _strict(node: exp.Expression) -> exp.Expression:
    """A cast that cannot be done is an error, as it is in Spark."""
    if isinstance(node, exp.TryCast):
        return exp.Cast(this=node.this, to=node.args["to"])
    return node


def _fractions(node: exp.Expression) -> exp.Expression:
    """The mean of whole numbers is a whole number in Redshift, if nobody asks for another."""
    if isinstance(node, exp.Avg):
        return exp.Avg(this=exp.cast(node.this, "DOUBLE"))
    return node
