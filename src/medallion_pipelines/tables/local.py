"""Small frames of Python values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from medallion_pipelines.sql import quoted
from medallion_pipelines.tables.shape import Field

_TYPES = {
    "STRING": pa.string(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "TIMESTAMP": pa.timestamp("us", "UTC"),
    "ARRAY<STRING>": pa.list_(pa.string()),
    "MAP<STRING, BIGINT>": pa.map_(pa.string(), pa.int64()),
}


def local_frame(spark: SparkSession, fields: Sequence[Field], rows: Sequence[Sequence[object]]) -> DataFrame:
    """Rows as a frame. By Arrow: from a list, classic Spark would start a Python worker to copy it."""
    columns = [
        pa.array([_plain(row[place]) for row in rows], _TYPES[field.type])
        for place, field in enumerate(fields)
    ]
    table = pa.Table.from_arrays(columns, names=[field.name for field in fields])
    return spark.createDataFrame(table, ", ".join(f"{quoted(f.name)} {f.type}" for f in fields))


def _plain(value: object) -> object:
    return list(value.items()) if isinstance(value, Mapping) else value
