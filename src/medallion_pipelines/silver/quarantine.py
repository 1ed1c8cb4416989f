"""What is in quarantine: records with their ids and reasons, and how they leave it."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.results import QuarantineStatus
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.silver.typed import CORRECTS, QUARANTINED
from medallion_pipelines.tables import Field, Shape, Tables

LOG = "ops.quarantine_log"
_OUTCOMES = """CASE _became WHEN 'valid' THEN 'replayed' WHEN 'quarantined' THEN 'still_quarantined'
    ELSE _became END"""
_LOG = Shape(
    (
        Field("run_id", "STRING", required=True),
        Field("table", "STRING", comment="layer.table"),
        Field("record_id", "STRING", comment="as `medallion quarantine show` has it"),
        Field("rules", "ARRAY<STRING>", comment="what it was in quarantine for"),
        Field("outcome", "STRING", comment="replayed, duplicate, corrected or still_quarantined"),
        Field("token", "STRING", comment="the replay"),
        Field("recorded_at", "TIMESTAMP"),
    ),
    "Records of quarantines that were replayed or corrected, and what became of each.",
)


def record_id(rows: DataFrame, text: str = "record") -> SparkColumn:
    """A hash of a record and of where it came from: the same in quarantine and, from bronze, after a
    rebuild. Equal records that were captured together share it."""
    header = F.col("_header") if "_header" in rows.columns else F.lit(None).cast("string")
    parts = (F.col(text), header, F.col("_file_path"), F.unix_micros("_ingested_at").cast("string"))
    # hashed one by one, so that no text can pass for the end of one and the beginning of the next
    hashes = (F.coalesce(F.sha2(part.cast("binary"), 256), F.lit("")) for part in parts)
    return F.left(F.sha2(F.concat_ws(" ", *hashes).cast("binary"), 256), F.lit(32))


def without(kept: DataFrame, ids: DataFrame) -> DataFrame:
    """Rows of a quarantine, without those of some ids (a frame of one column)."""
    (name,) = ids.columns
    gone = ids.select(F.col(name).alias("_id")).distinct()
    return kept.withColumn("_id", record_id(kept)).join(gone, "_id", "left_anti").select(*kept.columns)


def without_corrected(rows: DataFrame, bronze: DataFrame) -> DataFrame:
    """Judged rows of bronze (their text is `_record`), without those that others of them correct."""
    if CORRECTS not in bronze.columns:
        return rows
    corrected = bronze.select(F.col(CORRECTS).alias("_corrected")).dropna().distinct()
    return rows.join(corrected, record_id(rows, "_record") == F.col("_corrected"), "left_anti")


def breaking(rows: DataFrame, rule: str | None) -> DataFrame:
    """The records that are in quarantine for a rule, or all of them."""
    return rows if rule is None else rows.where(F.exists("_errors", lambda error: error["rule"] == rule))


def shown(tables: Tables, table: Table, rule: str | None) -> DataFrame:
    """The records of a quarantine as people see them, the oldest first."""
    rows = breaking(tables.read(table.quarantine_key), rule)
    return rows.select(
        record_id(rows).alias("id"),
        F.col("_errors").alias("errors"),
        "record",
        F.col("_header").alias("header"),
        F.col("_file_path").alias("file_path"),
        F.col("_file_modification_time").alias("file_modification_time"),
        F.col("_ingested_at").alias("ingested_at"),
        F.col("_quarantined_at").alias("quarantined_at"),
    ).orderBy("quarantined_at", "file_path", "id")


def status(tables: Tables, table: Table) -> QuarantineStatus | None:
    """How much is in the quarantine of a table; None where it has none."""
    if not tables.exists(table.quarantine_key):
        return None
    rows = tables.read(table.quarantine_key)
    whole = rows.agg(
        F.count(F.lit(1)).alias("records"),
        F.min("_quarantined_at").alias("oldest"),
        F.max("_quarantined_at").alias("newest"),
    ).first()
    assert whole is not None
    rules = (
        rows.select(F.explode(F.array_distinct(F.col("_errors.rule"))).alias("rule"))
        .groupBy("rule")
        .agg(F.count(F.lit(1)).alias("records"))
        .orderBy(F.desc("records"), "rule")
        .collect()
    )
    return QuarantineStatus(
        table.key,
        whole.records,
        {row.rule: row.records for row in rules},
        _iso(whole.oldest),
        _iso(whole.newest),
    )


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="seconds")


def settle(log: RunLog, table: Table, judged: DataFrame, token: str) -> None:
    """Let records leave quarantine, or give them today's reasons; a second time does nothing more.

    `judged` are staged: `_quarantined` is each as it is in quarantine, `_outcome` what became of it (those
    that are quarantined stay), `_errors` today's reasons. The log is told of each, without its content.
    """
    tables, key = log.tables, table.quarantine_key
    was = judged.select(
        f"{QUARANTINED}.*", F.col("_outcome").alias("_became"), F.col("_errors").alias("_today")
    )
    was = was.withColumn("_id", record_id(was))
    _tell(log, table, was, token)
    if tables.exists(key):  # not if somebody dropped it since
        rows = tables.read(key)
        # by id and not from the version that was read: what came since stays, too
        others = without(rows, was.select("_id"))
        stay = was.where("_became = 'quarantined'").withColumn("_errors", F.col("_today"))
        tables.overwrite(others.unionByName(stay.select(*rows.columns)), key)


def settle_corrected(log: RunLog, table: Table, rows: DataFrame, token: str) -> int:
    """Let records leave quarantine that records of a staged batch correct; how many did, now or before.

    They left when the corrections were given, save where the quarantine was restored to before that.
    """
    tables, key = log.tables, table.quarantine_key
    if CORRECTS not in rows.columns or not tables.exists(key):
        return 0
    corrected = rows.where(F.col(CORRECTS).isNotNull()).select(F.col(CORRECTS).alias("_id")).distinct()
    if corrected.limit(1).first() is None:
        return 0
    kept = tables.read(key, tables.version(key))  # of this version: it is asked for again once they are gone
    found = kept.withColumn("_id", record_id(kept)).join(corrected, "_id", "left_semi")
    if found.limit(1).first() is not None:
        left = found.select(
            F.struct(*kept.columns).alias(QUARANTINED), F.lit("corrected").alias("_outcome"), "_errors"
        )
        settle(log, table, left, token)
    if not tables.exists(LOG):
        return 0
    mine = (F.col("table") == table.key) & (F.col("token") == token)
    return tables.read(LOG).where(mine).count()


def _tell(log: RunLog, table: Table, was: DataFrame, token: str) -> None:
    log.tables.create(LOG, _LOG)
    told = was.select(
        F.lit(log.run_id).alias("run_id"),
        F.lit(table.key).alias("table"),
        F.col("_id").alias("record_id"),
        F.array_distinct(F.col("_errors.rule")).alias("rules"),
        F.expr(_OUTCOMES).alias("outcome"),
        F.lit(token).alias("token"),
        F.current_timestamp().alias("recorded_at"),
    )
    log.tables.append(told, LOG, token=f"{token}-log")
