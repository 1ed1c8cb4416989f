"""Apply a batch of changes to a table, in one commit, in one of three ways:

type 2                              `_history`: the versions of the touched keys, made from their events
type 1, a row is its last event     `_newest`: one MERGE compares the batch with the table
type 1, a row is put together       `_whole`: the rows of the touched keys, made from their events; that is
  from several events               where the memory has all events, and for a batch that truncates
"""

from __future__ import annotations

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.silver.changes.events import (
    DELETE,
    TRUNCATE,
    UPSERT,
    Found,
    by_name,
    examine,
    key_names,
    rank,
    winner,
)
from medallion_pipelines.silver.changes.history import DELETE_ROW, history
from medallion_pipelines.silver.changes.latest import latest
from medallion_pipelines.silver.changes.opening import opened
from medallion_pipelines.silver.changes.spec import ACTION, END, GONE, LATE, SEQUENCE, START, ChangeSpec
from medallion_pipelines.silver.changes.table import ChangeTable
from medallion_pipelines.silver.order import comparable
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Merged, Tables

SMALL = 200_000  # changes whose keys every task can have in memory


def apply(tables: Tables, key: str, changes: DataFrame, spec: ChangeSpec) -> Merged:
    """Apply a batch; a second time it changes nothing. Raises ChangesError before anything is written."""
    found = examine(changes, spec)
    table = opened(tables, key, spec, changes)
    if not found.rows:
        return Merged(0, 0, 0)
    events = table.events(changes)
    if table.remembers_all:
        table.remember(events, found)
    elif found.deletes or found.truncates:
        table.remember(events.where(F.col("_operation") != UPSERT), found)
    if spec.scd_type == 2:
        return _history(table, events, found)
    if table.remembers_all or found.truncates:
        return _whole(table, events, found)
    return _newest(table, events, found)


def catch_up(table: ChangeTable, at: Column) -> bool:
    """Bring the table up to what is remembered of one sequence: a batch that was cut off before the table
    was written. False where nothing is. Only for tables whose memory has all events."""
    events = table.remembered().where(F.col("_sequence") == at)
    found = Found(events.count(), 0, 0)
    if found.rows:
        (_history if table.spec.scd_type == 2 else _whole)(table, events, found)
    return found.rows > 0


def _touched(table: ChangeTable, rows: DataFrame, events: DataFrame, found: Found) -> DataFrame:
    """The rows of keys that some events have."""
    keys = key_names(len(table.keys))
    for condition in table.within(found, keys):
        rows = rows.where(condition)
    wanted = events.select(*keys).distinct()
    return rows.join(F.broadcast(wanted) if found.rows <= SMALL else wanted, keys, "left_semi")


def _history(table: ChangeTable, events: DataFrame, found: Found) -> Merged:
    keys = key_names(len(table.keys))
    there = _touched(table, table.rows(F.col(START)), events, found)
    known = events
    if table.remembers_all:
        there = there.withColumn("_operation", F.lit(None).cast("int"))
        known = _touched(table, table.remembered(), events, found)
    elif table.remembers:
        known = _touched(table, table.remembered(), events, found).unionByName(events)
    row = F.lit(None).cast(there.schema["_row"].dataType)
    everything = known.withColumn("_row", row).unionByName(there)
    tracked = table.spec.tracked([field.name for field in table.values])
    todo = history(everything, keys, tracked, ignore_null_updates=table.spec.ignore_null_updates)
    names = [field.name for field in table.keys]
    ends = (F.col("_start").alias(START), F.col("_end").alias(END))
    source = todo.select(*_named(table), *ends, F.col("_action").alias(ACTION))
    return table.tables.merge(
        source,
        table.key,
        on=[*names, START],
        delete_when=f"source.{ACTION} = '{DELETE_ROW}'",
        update_when="true",
        insert_when=f"source.{ACTION} <> '{DELETE_ROW}'",
        columns=[*names, *(field.name for field in table.values), START, END],
        within=table.within(found),
    )


def _whole(table: ChangeTable, events: DataFrame, found: Found) -> Merged:
    """Where a key's row is put together from its events: make it anew and merge what differs."""
    keys = key_names(len(table.keys))
    kept, there = table.remembered().where(F.col("_operation") != TRUNCATE), table.rows(table.stored_at())
    if not found.truncates:
        kept, there = (_touched(table, rows, events, found) for rows in (kept, there))
    known = kept
    if not table.remembers_all:
        known = kept.unionByName(events.where(F.col("_operation") != TRUNCATE)).unionByName(
            there.drop("_row")
        )
    known = known.join(F.broadcast(table.truncated()), how="cross")
    known = known.where("_truncated IS NULL OR _sequence > _truncated").drop("_truncated")
    now = latest(known, keys).withColumn("_is", F.lit(True))
    both = now.join(there.select(*keys, "_row"), keys, "full_outer")
    parts = [(field.name, field.type) for field in table.values]
    same = F.expr(f"{comparable(parts, '_values.')} <=> {comparable(parts, '_row.values.')}")
    differing = both.where(F.col("_is").isNull() | F.col("_row").isNull() | ~same)
    names = [field.name for field in table.keys]
    return table.tables.merge(
        differing.select(
            *_named(table),
            F.col("_is").isNull().alias(GONE),
        ),
        table.key,
        on=names,
        delete_when=f"source.{GONE}",
        update_when="true",
        insert_when=f"NOT source.{GONE}",
        columns=[*names, *(name for name, _ in parts)],
        within=[] if found.truncates else table.within(found),
    )


def _newest(table: ChangeTable, events: DataFrame, found: Found) -> Merged:
    """Where a key's row is its last event: one MERGE compares the two."""
    keys = key_names(len(table.keys))
    names, parts = [f.name for f in table.keys], [(f.name, f.type) for f in table.values]
    source, late = winner(events, keys, [F.col("_sequence"), *rank(events)]), F.lit(False)
    if table.remembers:
        deleted = _touched(table, table.remembered().where(F.col("_operation") == DELETE), events, found)
        deleted = deleted.groupBy(*keys).agg(F.max("_sequence").alias("_deleted"))
        source = source.join(deleted, keys, "left").join(F.broadcast(table.truncated()), how="cross")
        late = F.greatest("_deleted", "_truncated") >= F.col("_sequence")
    stored = [f"target.{quoted(name)}" for name in table.stored_sequence or ()]
    at = stored[0] if len(stored) == 1 else f"struct({', '.join(stored)})"
    # compared as one value whose parts may all be NULL: MERGE wants both sides of one type
    source_is, target_is = (
        f"struct({at_} AS s, {comparable(by_name(parts), f'{side}.')} AS c)"
        for side, at_ in (
            ("source", f"source.{SEQUENCE}"),
            ("target", f"CAST({at} AS {table.sequence_type})"),
        )
    )
    return table.tables.merge(
        source.select(
            *_named(table),
            F.col("_sequence").alias(SEQUENCE),
            (F.col("_operation") == DELETE).alias(GONE),
            F.coalesce(late, F.lit(False)).alias(LATE),
        ),
        table.key,
        on=names,
        delete_when=f"source.{GONE} AND NOT ({target_is}.s > {source_is}.s)",
        update_when=f"NOT source.{GONE} AND {source_is} > {target_is}",
        insert_when=f"NOT source.{GONE} AND NOT source.{LATE}",
        columns=[*names, *(name for name, _ in parts)],
        within=table.within(found),
    )


def _named(table: ChangeTable) -> list[Column]:
    """Key and value columns under the names that the table gives them."""
    aliases = key_names(len(table.keys))
    return [
        *(F.col(alias).alias(field.name) for alias, field in zip(aliases, table.keys, strict=True)),
        *(F.col("_values").getField(field.name).alias(field.name) for field in table.values),
    ]
