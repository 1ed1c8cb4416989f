"""Which of two rows with the same key wins."""

from __future__ import annotations

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Column, Table
from medallion_pipelines.sql import quoted

_UNORDERED = ("MAP", "VARIANT")  # Spark compares them as text only


def order(table: Table) -> SparkColumn:
    """What decides between rows of one key: `sequence_by`, then all columns, so that no tie is left
    to the order of arrival. Greater wins; NULL is least."""
    return F.expr(order_sql(table))


def order_sql(table: Table, side: str | None = None) -> str:
    """`order` as SQL, over one side of a MERGE (`source`, `target`) or over plain rows.

    Every part is nullable on purpose: MERGE compares the structs of both sides, whose types must be alike.
    """
    rest = (c.name for c in table.columns if c.name not in table.sequence_by)
    parts = (
        f"CASE WHEN {value} IS NOT NULL THEN {value} END AS o{place}"
        for place, value in enumerate(
            _comparable(table.column(name), side) for name in (*table.sequence_by, *rest)
        )
    )
    return f"struct({', '.join(parts)})"


def _comparable(column: Column, side: str | None) -> str:
    name = quoted(column.name) if side is None else f"{side}.{quoted(column.name)}"
    return f"to_json({name})" if any(kind in column.type for kind in _UNORDERED) else name
