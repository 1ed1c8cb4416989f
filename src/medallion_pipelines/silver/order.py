"""Which of two rows with the same key wins."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.sql import quoted

_UNORDERED = re.compile(r"\bMAP<|\bVARIANT(?=[>,]|$)")  # Spark compares them as text only
_EXACT = """map('timestampFormat', "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX", 'timestampNTZFormat',
    "yyyy-MM-dd'T'HH:mm:ss.SSSSSS", 'timeZone', 'UTC')"""


def order(table: Table) -> SparkColumn:
    """What decides between rows of one key: `sequence_by`, then all columns, so that no tie is left
    to the order of arrival. Greater wins; NULL is least."""
    return F.expr(order_sql(table))


def order_sql(table: Table, side: str | None = None) -> str:
    """`order` as SQL, over one side of a MERGE (`source`, `target`) or over plain rows."""
    rest = (c.name for c in table.columns if c.name not in table.sequence_by)
    columns = (table.column(name) for name in (*table.sequence_by, *rest))
    return comparable(((c.name, c.type) for c in columns), "" if side is None else f"{side}.")


def comparable(columns: Iterable[tuple[str, str]], prefix: str = "") -> str:
    """One value, as SQL, that compares as some columns (name, type) do, one after the other.

    Every part is nullable on purpose: MERGE compares the structs of both sides, whose types must be alike.
    """
    values = (
        f"to_json({prefix}{quoted(name)}, {_EXACT})"
        if _UNORDERED.search(kind.upper())
        else f"{prefix}{quoted(name)}"
        for name, kind in columns
    )
    parts = (f"CASE WHEN {v} IS NOT NULL THEN {v} END AS o{place}" for place, v in enumerate(values))
    return f"struct({', '.join(parts)})"
