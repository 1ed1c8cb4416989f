"""Corrected records: they go to bronze, as everything does, and those they correct leave quarantine.

Bronze then says of each what it corrects (`_corrects`), so that a rebuild, which reads both again, takes
the corrected one alone. A staged table is the write-ahead log here, too.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace

from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import MedallionError, UnknownNameError
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.silver.batch import versions_beside
from medallion_pipelines.silver.quarantine import LOG, record_id, settle
from medallion_pipelines.silver.recover import NAMED, recovered
from medallion_pipelines.silver.typed import CORRECTS
from medallion_pipelines.tables import Field, Staged, Staging, Tables, local_frame

_KEPT = ("record", "_file_path", "_file_modification_time", "_file_size")
_GIVEN = (Field("_id", "STRING"), Field("_corrected", "STRING"))


def stage_corrections(tables: Tables, table: Table, corrected: Mapping[str, str]) -> bool:
    """Stage corrected texts by the id of the record in quarantine; False where all were taken before.

    Raises UnknownNameError for ids that were never there, MedallionError for texts that are no record.
    """
    blank = sorted(one for one, text in corrected.items() if not text.strip(" \r\n"))
    if blank:
        raise MedallionError(
            f"{table.key}: the corrected text of record {', '.join(blank[:NAMED])} is blank."
        )
    given = local_frame(tables.spark, _GIVEN, list(corrected.items()))
    unknown = given.select("_id")
    kept = tables.find(table.quarantine_key)
    if kept is not None:
        kept = kept.withColumn("_id", record_id(kept))
        unknown = unknown.join(kept.select("_id").distinct(), "_id", "left_anti")
    if tables.exists(LOG):  # corrected before, by a command that was cut off or came twice
        mine = (F.col("table") == table.key) & (F.col("outcome") == "corrected")
        before = tables.read(LOG).where(mine).select(F.col("record_id").alias("_id"))
        unknown = unknown.join(before, "_id", "left_anti")
    names = [row._id for row in unknown.orderBy("_id").limit(NAMED + 1).collect()]
    if names:
        more = ", ..." if len(names) > NAMED else ""
        raise UnknownNameError(
            f"{table.quarantine_key} has no record {', '.join(names[:NAMED])}{more}. "
            f"`medallion quarantine show {table.key}` tells the ids that are there. Nothing was changed."
        )
    if kept is None:
        return False
    found = kept.join(given, "_id")
    if found.limit(1).first() is None:
        return False
    rows = recovered(tables, table, found, "_corrected").select(
        "*",
        F.lit("corrected").alias("_outcome"),
        F.col("_quarantined._errors").alias("_errors"),
    )
    token = uuid.uuid4().hex
    Staging(tables, table.key).write(rows, token, {"token": token, "corrections": True})
    return True


def are_corrections(left: Staged) -> bool:
    """Whether what was left staged are corrections, and no batch."""
    return "corrections" in left.state


def take_corrections(log: RunLog, table: Table, left: Staged) -> StepResult:
    """Append staged corrections to bronze and settle what they correct."""
    tables, source, token = log.tables, f"bronze.{table.name}", str(left.state["token"])
    done, number = log.progress(table.key), left.rows.count()
    result = StepResult(
        table.key,
        "succeeded",
        rows_in=-number,  # they come in again, from bronze
        rows_quarantined=-number,
        version=done.version,
        source_versions=dict(done.source_versions),
        notes=(f"{table.key}: {number} corrected records went to {source}.",),
    )
    if token != done.token:
        columns = tables.read(source).columns
        if CORRECTS not in columns:
            tables.add_columns(source, [Field(CORRECTS, "STRING", comment="id of the record it corrects")])
        rows = left.rows.select(
            *(name for name in (*_KEPT, "_header") if name in columns),
            F.lit(token).alias("_batch_id"),
            F.current_timestamp().alias("_ingested_at"),
            F.col("_id").alias(CORRECTS),
        )
        tables.append(rows, source, token=token)
        settle(log, table, left.rows, token)
        result = replace(result, beside_versions=versions_beside(tables, table))
        log.step(result, token=token, contract=done.contract, once=True)
    Staging(tables, table.key).drop()
    return result
