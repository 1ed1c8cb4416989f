"""The checks of a silver table, between computing a batch and writing it."""

from __future__ import annotations

from dataclasses import replace

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import ChangesError, QualityError
from medallion_pipelines.quality import judge
from medallion_pipelines.silver.batch import Batch
from medallion_pipelines.silver.changed import refuse_late
from medallion_pipelines.silver.order import order
from medallion_pipelines.silver.typed import CORRECTS, DELETES, TRUNCATES
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Staging, Tables


def gate(tables: Tables, table: Table, batch: Batch) -> list[str]:
    """Raise QualityError if a check of severity error fails, ChangesError if a snapshot comes too late; notes
    of the checks of severity warning."""
    staging = Staging(tables, table.key)
    kept = batch.rows.where("_outcome = 'valid'")
    if table.changes is not None:  # of what a delete holds nothing counts
        kept = kept.where(f"NOT {DELETES} AND NOT {TRUNCATES}")
    verdicts = judge(kept, [check for check in table.checks if check.scope == "batch"])
    if table.quarantine_limit is not None and not batch.replay:  # a replay quarantines nothing anew
        anew = f" AND {CORRECTS} IS NULL" if CORRECTS in batch.rows.columns else ""
        limit = replace(table.quarantine_limit, metric=f"count_if(_outcome = 'quarantined'{anew})")
        verdicts += judge(batch.rows, [limit])
    whole = [check for check in table.checks if check.scope == "table"]
    if whole:
        verdicts += judge(_as_it_will_be(tables, table, batch), whole)
    if not batch.rebuild:
        try:
            refuse_late(tables, table, batch.rows)
        except ChangesError:
            staging.drop()
            raise
    failed = [verdict for verdict in verdicts if not verdict.passed]
    errors = [str(verdict) for verdict in failed if verdict.check.severity == "error"]
    if errors:
        staging.drop()
        where = (
            "The records are in quarantine as before"
            if batch.replay
            else "Nothing of this batch is in the table or its quarantine"
        )
        raise QualityError(
            f"{table.key} was not written: {'; '.join(errors)}. {where}; "
            "mend the data or the contract and run again."
        )
    # once something is written the checks would see the batch twice, or (rebuild, again) come too late
    if verdicts or batch.rebuild or batch.again or table.of_snapshots:
        staging.mark(batch.token, replace(batch, passed=True).state)
    return [f"{table.key}: {verdict}" for verdict in failed]


def _as_it_will_be(tables: Tables, table: Table, batch: Batch) -> DataFrame:
    names = [quoted(column.name) for column in table.columns]
    new = batch.rows.where("_outcome = 'valid'").select(*names)
    if batch.rebuild:
        return new
    there = tables.read(table.key).select(*names)
    if batch.again:
        keys = batch.rows.select(*map(quoted, table.primary_key)).dropna().distinct()
        return there.join(keys, list(table.primary_key), "left_anti").select(*names).unionAll(new)
    both = there.unionAll(new)
    if not table.primary_key:
        return both
    latest = Window.partitionBy(*map(quoted, table.primary_key)).orderBy(order(table).desc())
    return both.withColumn("_place", F.row_number().over(latest)).where("_place = 1").drop("_place")
