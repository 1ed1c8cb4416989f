"""From the text (or typed value) of a source field to a column's type; NULL where it does not fit."""

from __future__ import annotations

from pyspark.sql import Column as SparkColumn
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Column, Source

_INTEGERS = ("BIGINT", "INT", "SMALLINT", "TINYINT")
_FORMATS = {"DATE": "dateFormat", "TIMESTAMP": "timestampFormat", "TIMESTAMP_NTZ": "timestampFormat"}
_DATE = r"^\s*[+-]?\d{4,7}-\d{1,2}-\d{1,2}"


def converted(raw: SparkColumn, column: Column, source: Source, *, typed: bool) -> SparkColumn:
    """The value as the column's type.

    `typed` says that `raw` has a type of its own (Parquet, JSON decimals), else it is text. As SQL's
    casts have it, numbers are rounded to a DECIMAL's scale; a number with a fraction is no integer,
    and a date or timestamp must name year, month and day.
    """
    kind = column.type
    if typed and kind == "VARIANT":
        return F.to_variant_object(raw)
    if typed and kind.startswith(("STRUCT", "ARRAY", "MAP")):
        return _nested(F.to_json(raw), kind)  # by name: a cast would go by position
    if typed and kind not in _INTEGERS:
        return raw.try_cast(kind)
    if kind == "STRING":
        return raw
    text = raw
    pattern = column.format or source.options.get(_FORMATS.get(kind, ""))
    if pattern is not None and kind in _FORMATS:
        return F.try_to_timestamp(text, F.lit(pattern)).try_cast(kind)
    if kind in _INTEGERS:
        # a number is cut by a cast, where a text with a fraction is refused
        return _whole(text, kind) if typed else F.coalesce(text.try_cast(kind), _seldom(text, kind))
    if kind == "DATE":
        return F.when(text.rlike(_DATE + r"\s*$"), text.try_cast(kind))
    if kind.startswith("TIMESTAMP"):
        # a bare time would be taken for one of today
        return F.when(text.rlike(_DATE), text.try_cast(kind))
    if kind == "VARIANT":
        return F.try_parse_json(text)
    if kind.startswith(("STRUCT", "ARRAY", "MAP")):
        return _nested(text, kind)
    return text.try_cast(kind)


def _whole(value: SparkColumn, kind: str) -> SparkColumn:
    exact = value.try_cast("DECIMAL(38, 9)")
    return F.when(exact == F.floor(exact), exact.try_cast(kind))


def _seldom(value: SparkColumn, kind: str) -> SparkColumn:
    """`_whole`, for the few texts that are no plain integer. In a lambda, so that it adds no Java to the
    method that converts a row: one of more than 8,000 bytes the JVM would not compile."""
    return F.get(F.transform(F.array(value), lambda one: _whole(one, kind)), F.lit(0))


def _nested(text: SparkColumn, kind: str) -> SparkColumn:
    """A JSON text as a nested type; NULL if any part of it does not fit."""
    wrapped = F.concat(F.lit('{"v":'), text, F.lit("}"))
    options = {"columnNameOfCorruptRecord": "__bad__"}
    parsed = F.from_json(wrapped, f"v {kind}, `__bad__` STRING", options)
    return F.get(
        F.transform(F.array(parsed), lambda p: F.when(p["__bad__"].isNull(), p["v"])),
        F.lit(0),
    )
