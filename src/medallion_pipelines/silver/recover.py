"""From the text of a quarantined record back to a row as bronze has it."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.silver.quarantine import record_id
from medallion_pipelines.silver.typed import QUARANTINED
from medallion_pipelines.tables import Tables

NAMED = 5  # records that an error tells of
_BAD = "__bad__"


def recovered(tables: Tables, table: Table, kept: DataFrame, text: str = "record") -> DataFrame:
    """Rows of a quarantine as bronze had them, `text` as their record, and `_quarantined`: each row as it is.

    Raises MedallionError where a text is none of the feed's Parquet rows.
    """
    assert table.source is not None
    own = tables.read(table.quarantine_key).columns
    rows = kept.select(
        F.col(text).alias("record"),
        *("_header", "_file_path", "_file_modification_time", "_ingested_at"),
        record_id(kept).alias("_id"),
        F.struct(*own).alias(QUARANTINED),
    )
    # bronze knows the size of a file, its quarantine does not
    feed = f"bronze.{table.name}"
    files = (
        tables.read("ops.files")
        .where((F.col("feed") == feed) & (F.col("status") == "captured"))
        .groupBy(F.col("path").alias("_path"), F.col("modified_at").alias("_modified"))
        .agg(F.max("size").alias("_file_size"))
    )
    same = (F.col("_file_path") == F.col("_path")) & (F.col("_file_modification_time") == F.col("_modified"))
    rows = rows.join(files, same, "left").drop("_path", "_modified")
    if table.source.format == "parquet":
        kind = tables.read(feed).schema["record"].dataType
        assert isinstance(kind, StructType)
        rows = _structs(rows, table, kind)
    return rows


def _structs(rows: DataFrame, table: Table, kind: StructType) -> DataFrame:
    """`record` from JSON to the struct of Parquet rows."""
    with_bad = StructType([*kind.fields, StructField(_BAD, StringType())])
    rows = rows.withColumn("_read", F.from_json("record", with_bad, {"columnNameOfCorruptRecord": _BAD}))
    known = F.array(*map(F.lit, kind.names))
    strange = F.size(F.array_except(F.json_object_keys("record"), known)) > 0
    sound = F.col("_read").isNotNull() & F.col("_read")[_BAD].isNull() & ~strange
    unfit = rows.where(~F.coalesce(sound, F.lit(False))).select("_id").distinct().limit(NAMED).collect()
    if unfit:
        raise MedallionError(
            f"{table.key}: record {', '.join(sorted(row._id for row in unfit))} of its quarantine is no JSON "
            f"object that fits the columns of bronze.{table.name} ({kind.simpleString()[:500]}). Nothing was "
            "changed; give its text as `medallion quarantine show` has it, with the values mended."
        )
    return rows.withColumn("record", F.col("_read").dropFields(_BAD)).drop("_read")
