"""One schema for a feed's Parquet files, and which files do not fit it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from pyspark.sql import SparkSession
from pyspark.sql.types import (
    ArrayType,
    ByteType,
    DataType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    LongType,
    MapType,
    ShortType,
    StructField,
    StructType,
)

from medallion_pipelines.bronze.records import location
from medallion_pipelines.errors import spark_reason

_WIDENING: tuple[tuple[type[DataType], ...], ...] = (
    (ByteType, ShortType, IntegerType, LongType),
    (FloatType, DoubleType),
)


def merged_schema(
    spark: SparkSession, paths: Sequence[str], known: StructType | None
) -> tuple[StructType, dict[str, str]]:
    """The schema that holds `known` and all files that agree with it, and why the others do not fit.

    Files are taken in order: of two that contradict each other, the earlier stays.
    """
    schema = known or StructType()
    # if one of them is broken or contradicts the others, each is looked at
    with suppress(Exception):
        together = spark.read.option("mergeSchema", "true").parquet(*map(location, paths)).schema
        return merge(schema, together), {}
    misfits: dict[str, str] = {}
    for path in paths:
        try:
            schema = merge(schema, spark.read.parquet(location(path)).schema)
        except TypeError as error:
            misfits[path] = f"schema conflict: {error}"
        except Exception as error:  # classic Spark raises py4j's errors, Spark Connect its own
            misfits[path] = spark_reason(error)
    return schema, misfits


def merge(left: StructType, right: StructType) -> StructType:
    """All fields of both, `left`'s first. Raises TypeError that names a field both have with unlike types."""
    merged = _merge(left, right, "record")
    assert isinstance(merged, StructType)
    return merged


def _merge(left: DataType, right: DataType, where: str) -> DataType:
    if isinstance(left, StructType) and isinstance(right, StructType):
        fields = {field.name.lower(): field for field in left}
        for field in right:
            known = fields.get(field.name.lower())
            kind = (
                field.dataType
                if known is None
                else _merge(known.dataType, field.dataType, f"{where}.{field.name}")
            )
            fields[field.name.lower()] = StructField(known.name if known else field.name, kind, nullable=True)
        return StructType(list(fields.values()))
    if isinstance(left, ArrayType) and isinstance(right, ArrayType):
        return ArrayType(_merge(left.elementType, right.elementType, f"{where}[]"), containsNull=True)
    if isinstance(left, MapType) and isinstance(right, MapType):
        keys = _merge(left.keyType, right.keyType, f"{where}.key")
        return MapType(
            keys, _merge(left.valueType, right.valueType, f"{where}.value"), valueContainsNull=True
        )
    if left == right:
        return left
    for kinds in _WIDENING:
        if isinstance(left, kinds) and isinstance(right, kinds):
            return max(left, right, key=lambda kind: kinds.index(type(kind)))
    if isinstance(left, DecimalType) and isinstance(right, DecimalType) and left.scale == right.scale:
        return max(left, right, key=lambda kind: kind.precision)
    raise TypeError(f"{where} is {right.simpleString()}, and {left.simpleString()} so far")
