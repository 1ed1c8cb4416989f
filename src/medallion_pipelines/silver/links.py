"""Where a record points to: its checked foreign keys, looked up."""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import ForeignKey, Table
from medallion_pipelines.silver.changes.spec import END
from medallion_pipelines.sql import quoted

Read = Callable[[str], DataFrame | None]  # a table of the lakehouse by key, or None where it is not there yet


def pointed(rows: DataFrame, table: Table, read: Read) -> DataFrame:
    """A column per checked foreign key, `_points_n`: TRUE where the row points to something."""
    for number, key in enumerate(checked_keys(table)):
        target = read(f"{table.layer}.{key.to_table}")
        if target is None:
            rows = rows.withColumn(f"_points_{number}", F.lit(False))
            continue
        if END in target.columns:  # of a history, what holds
            target = target.where(F.col(END).isNull())
        names = [f"_to_{number}_{place}" for place in range(len(key.columns))]
        keys = target.select(*(F.col(quoted(c)).alias(n) for c, n in zip(key.to_columns, names, strict=True)))
        hits = keys.dropna().distinct().withColumn(f"_points_{number}", F.lit(True))
        pairs = zip(key.columns, names, strict=True)
        condition = [F.col(quoted(column)) == F.col(name) for column, name in pairs]
        rows = rows.join(hits, condition, "left").drop(*names)
    return rows


def checked_keys(table: Table) -> list[ForeignKey]:
    """The foreign keys that are looked up; the others are only told."""
    return [key for key in table.foreign_keys if key.checked]
