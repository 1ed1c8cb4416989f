"""Rebuild what came in during a period: the records of bronze from then, and no more than they need.

A row is made of all records of its key, whenever they came. So the keys of the period's records are
looked up, every record of these keys is conformed again by today's contract, and the outcome takes the
place of what the table and its quarantine have of them. The result is that of a rebuild of the whole
table, as far as these keys go; all others stay as they are, and so do the rows of marts made of them.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erased import guard
from medallion_pipelines.evolution import fingerprint
from medallion_pipelines.period import Period
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.silver.batch import Batch
from medallion_pipelines.silver.conform import conform
from medallion_pipelines.silver.quarantine import record_id
from medallion_pipelines.silver.refine import finish, refine, summed
from medallion_pipelines.silver.typed import RECORD_ID, typed
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Staging


def rebuild_period(log: RunLog, table: Table, period: Period) -> StepResult:
    """Bring the table up to date; then make anew what the records are part of that bronze took in during
    the period.

    Where it cannot be told which rows, or which records in quarantine, a record of bronze is part of, the
    table is rebuilt whole. Raises what `refine` raises.
    """
    started, tables, source = time.monotonic(), log.tables, f"bronze.{table.name}"
    why = _why_whole(log, table)
    if why is not None:
        result = refine(log, table, rebuild=True)
        return replace(result, notes=(*result.notes, f"{table.key}: rebuilt whole, because {why}."))
    first = refine(log, table)
    upto = first.source_versions.get(source, -1)
    bronze = tables.read(source, upto) if upto >= 0 else None
    recent = None if bronze is None else bronze.where(period.has(F.col("_ingested_at")))
    if bronze is None or recent is None or recent.limit(1).first() is None:
        note = f"{table.key}: {source} took in no record {period}."
        return replace(first, notes=(*first.notes, note))
    names = list(table.primary_key)
    touched = typed(recent, table).select(*map(quoted, names)).dropna().distinct()

    def among(rows: DataFrame) -> DataFrame:
        rows = rows.withColumn(RECORD_ID, record_id(rows, "_record"))
        rows = rows.join(touched.withColumn("_touched", F.lit(True)), names, "left")
        return rows.where(period.has(F.col("_ingested_at")) | F.col("_touched")).drop("_touched")

    rows = conform(
        bronze,
        table,
        tables.find,
        guard(tables, table),
        among,
        lambda rows: rows.join(touched, names, "left_anti"),
    )
    batch = Batch(rows, uuid.uuid4().hex, upto, False, fingerprint(table), again=True)
    result = summed(first, finish(log, table, batch.staged(Staging(tables, table.key)), started))
    return replace(result, seconds=time.monotonic() - started, version=tables.version(table.key))


def _why_whole(log: RunLog, table: Table) -> str | None:
    if table.changes is not None:
        return "it is made of changes"
    if not table.primary_key:
        return "it has no primary key"
    assert table.source is not None
    # as JSON they are other texts once bronze has wider types
    if table.source.format == "parquet" and log.tables.exists(table.quarantine_key):
        return "records of Parquet files are in quarantine"
    return None
