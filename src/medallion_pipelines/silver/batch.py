"""A staged batch of one silver table, and how it gets into the table and its quarantine."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.evolution import fits, shape_of
from medallion_pipelines.silver.changed import take, take_anew
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.silver.order import order_sql
from medallion_pipelines.silver.quarantine import without
from medallion_pipelines.silver.reasons import ERRORS
from medallion_pipelines.silver.typed import RECORD_ID
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Field, Merged, Shape, Staged, Staging, Tables

_QUARANTINE = (
    Field("record", "STRING", comment="the record as it came (Parquet: as JSON)"),
    Field("_header", "STRING", comment="the CSV header it was read under"),
    Field("_errors", ERRORS, comment="every reason"),
    Field("_file_path", "STRING"),
    Field("_file_modification_time", "TIMESTAMP"),
    Field("_ingested_at", "TIMESTAMP", comment="when bronze captured it"),
    Field("_quarantined_at", "TIMESTAMP"),
    Field("_batch_id", "STRING"),
)


@dataclass(frozen=True)
class Batch:
    """Conformed rows (see `conform`) of bronze up to a version."""

    rows: DataFrame
    token: str
    upto: int
    rebuild: bool  # of all of bronze, to take the place of what is there
    contract: str  # fingerprint of the one it was conformed by
    passed: bool = False  # the checks, in an earlier run: some of it may be written already
    replay: bool = False  # of records that are in quarantine; `upto` is how far the table had come
    whole: bool = False  # of all of bronze: what is in quarantine is in it, too
    again: bool = False  # of all records of some keys, to take the place of these keys' rows
    held: int | None = None  # `again`: how many of its records were in quarantine before it was written

    @property
    def state(self) -> dict[str, object]:
        """What is kept with the staged rows."""
        return {one.name: getattr(self, one.name) for one in fields(self) if one.name != "rows"}

    def staged(self, staging: Staging) -> Batch:
        """The same batch, computed."""
        return replace(self, rows=staging.write(self.rows, self.token, self.state))

    @staticmethod
    def resumed(left: Staged, table: Table) -> Batch:
        """The batch of a run that was cut off."""
        # the contract may have gained a column since
        new = {c.name: F.lit(None).cast(c.type) for c in table.columns if c.name not in left.rows.columns}
        return Batch(left.rows.withColumns(new) if new else left.rows, **left.state)


def write_quarantine(tables: Tables, table: Table, batch: Batch, count: int) -> None:
    """Put the records that were not taken beside the table; a second time does nothing."""
    key = table.quarantine_key
    if count and not tables.exists(key):
        comment = f"Records that {table.key} did not take, with every reason."
        tables.create(key, Shape(_QUARANTINE, comment))
    if not tables.exists(key) or not (count or batch.whole or batch.again):
        return
    header = (
        F.col("_header") if "_header" in batch.rows.columns else F.lit(None).cast("string").alias("_header")
    )
    rows = batch.rows.where("_outcome = 'quarantined'").select(
        F.col("_record").alias("record"),
        header,
        "_errors",
        "_file_path",
        "_file_modification_time",
        "_ingested_at",
        F.current_timestamp().alias("_quarantined_at"),
        F.lit(batch.token).alias("_batch_id"),
    )
    if batch.again:
        others = without(tables.read(key), batch.rows.select(RECORD_ID))
        tables.overwrite(others.unionByName(rows), key)
    elif batch.whole and tables.version(key) > 0:
        tables.overwrite(rows, key)
    else:
        tables.append(rows, key, token=batch.token)


def held(tables: Tables, table: Table, batch: Batch) -> int:
    """How many of the records in quarantine the batch judges again."""
    if not tables.exists(table.quarantine_key):
        return 0
    rows = tables.read(table.quarantine_key)
    return rows.count() - without(rows, batch.rows.select(RECORD_ID)).count()


def versions_beside(tables: Tables, table: Table) -> dict[str, int]:
    """The versions of the tables that belong to a table and are written with it."""
    beside = [table.quarantine_key, *([memory_of(table.key)] if table.changes is not None else [])]
    return {key: tables.version(key) for key in beside}


def withdraw(tables: Tables, table: Table, token: str) -> None:
    """Take out of quarantine what a batch that is given up had put there."""
    key = table.quarantine_key
    if tables.exists(key):
        rows = tables.read(key)
        if rows.where(F.col("_batch_id") == token).limit(1).first() is not None:
            tables.overwrite(rows.where(F.col("_batch_id") != token), key)


@dataclass(frozen=True)
class Written:
    """What became of the valid records of a batch: those that count in the table (`again`: how many more
    than before), and its rows that were written and deleted for them."""

    taken: int
    rows: int
    deleted: int


def write(tables: Tables, table: Table, batch: Batch, valid: int) -> Written:
    """Take the valid rows into the table; a second time changes nothing."""
    names = [column.name for column in table.columns]
    if table.changes is not None:
        return _take_changes(tables, table, batch, valid)
    if batch.again:
        return _put_in_place(tables, table, batch)
    rows = batch.rows.where("_outcome = 'valid'").select(*map(quoted, names))
    if batch.rebuild:
        return _rebuild(tables, table, rows, valid, batch.token)
    if not valid:
        return Written(0, 0, 0)
    if not table.primary_key:
        tables.append(rows, table.key, token=batch.token)
        return Written(valid, valid, 0)
    newer = f"{order_sql(table, 'source')} > {order_sql(table, 'target')}"
    merged = tables.merge(rows, table.key, on=table.primary_key, update_when=newer, columns=names)
    taken = merged.inserted + merged.updated
    return Written(taken, taken, 0)


def _put_in_place(tables: Tables, table: Table, batch: Batch) -> Written:
    """Make the rows of the batch's keys those of the batch, and no others."""
    names, key = [column.name for column in table.columns], list(table.primary_key)
    valid = batch.rows.where("_outcome = 'valid'").select(*map(quoted, names))
    lost = batch.rows.where("_outcome = 'quarantined'").select(*map(quoted, key)).dropna().distinct()
    lost = lost.join(valid.select(*map(quoted, key)), key, "left_anti")
    kept = valid.withColumn("_present", F.lit(True))
    same = f"{order_sql(table, 'source')} <=> {order_sql(table, 'target')}"
    merged = tables.merge(
        kept.unionByName(lost.withColumn("_present", F.lit(False)), allowMissingColumns=True),
        table.key,
        on=key,
        delete_when="NOT source._present",
        update_when=f"NOT ({same})",
        insert_when="source._present",
        columns=names,
    )
    return Written(merged.inserted - merged.deleted, merged.inserted + merged.updated, merged.deleted)


def _take_changes(tables: Tables, table: Table, batch: Batch, valid: int) -> Written:
    if batch.rebuild:
        before = tables.read(table.key).count()
        return Written(valid, take_anew(tables, table, batch.rows).inserted, before)
    merged = take(tables, table, table.key, batch.rows) if valid else Merged(0, 0, 0)
    return Written(valid, merged.inserted + merged.updated, merged.deleted)


def _rebuild(tables: Tables, table: Table, rows: DataFrame, valid: int, token: str) -> Written:
    empty = tables.version(table.key) == 0  # it was created for this batch
    before = 0 if empty else tables.read(table.key).count()
    if not fits(tables, table):
        tables.remake(rows, table.key, shape_of(table))
    elif empty:  # appending is the cheaper way
        tables.append(rows, table.key, token=token)
    else:
        tables.overwrite(rows, table.key)
    return Written(valid, valid, before)
