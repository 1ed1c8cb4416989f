"""Changes from full snapshots: what differs has changed, what is not there any more was deleted.

What a snapshot was compared with is the table, so the one before must be wholly in it: the memory's
properties say which was begun and which was done.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.errors import ChangesError
from medallion_pipelines.silver.changes.apply import apply
from medallion_pipelines.silver.changes.opening import opened
from medallion_pipelines.silver.changes.spec import END, ChangeSpec, find, find_all
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.silver.order import comparable
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Merged, Tables, ddl

DELETED = "__snapshot_deleted"
_BEGUN, _DONE = "medallion.snapshot_begun", "medallion.snapshot_done"
Version = int | str | date | datetime


def sequence_of(version: Version) -> Column:
    """A snapshot's version as the sequence of its changes."""
    value = F.lit(version)
    return value.cast("bigint") if isinstance(version, int) else value


def apply_snapshot(
    tables: Tables, key: str, snapshot: DataFrame, version: Version, spec: ChangeSpec
) -> Merged:
    """Make a table follow a snapshot; `spec` is for the changes that come of it.

    Raises ChangesError, and writes nothing, if a key is NULL or there twice, if a later snapshot was applied
    already, another under this version, or one before it not to its end.
    """
    names = find_all(spec.keys, snapshot.columns, "keys")
    _check_keys(snapshot, names)
    said = _as_text(snapshot, sequence_of(version))
    again = tables.exists(key) and _is_done_already(tables, key, snapshot, sequence_of(version), said)
    changes = snapshot.withColumn(DELETED, F.lit(False))
    if not again:
        opened(tables, key, spec, changes)
        tables.set_property(memory_of(key), _BEGUN, said)
    changes = _differing(tables, key, snapshot, names, spec.scd_type)
    if again:
        if changes.limit(1).count():
            raise ChangesError(
                f"{key} follows a snapshot of version {said} already, and this is another: "
                "nothing was written. Give it a version of its own."
            )
        return Merged(0, 0, 0)
    merged = apply(tables, key, changes, spec)
    tables.set_property(memory_of(key), _DONE, said)
    return merged


def _check_keys(snapshot: DataFrame, names: Sequence[str]) -> None:
    missing = F.lit(False)
    for name in names:
        missing = missing | F.col(quoted(name)).isNull()
    sizes = snapshot.groupBy(*(F.col(quoted(name)) for name in names)).agg(F.count(F.lit(1)).alias("rows"))
    row: Any = sizes.agg(
        F.sum(F.when(missing, F.col("rows"))).alias("missing"),
        F.sum(F.when(~missing, F.col("rows") - 1)).alias("twice"),
    ).first()
    if row.missing or row.twice:
        raise ChangesError(
            f"The snapshot has {row.missing or 0} rows without {', '.join(names)} and {row.twice or 0} more "
            "of keys that it has already: nothing was written. A snapshot has each key once."
        )


def _as_text(snapshot: DataFrame, version: Column) -> str:
    row: Any = snapshot.sparkSession.range(1).select(version.cast("string").alias("version")).first()
    return str(row.version)


def _is_done_already(tables: Tables, key: str, snapshot: DataFrame, version: Column, said: str) -> bool:
    """Whether a snapshot of this version was applied. Raises ChangesError if it is not this one's turn."""
    begun, done = (tables.property(memory_of(key), name) for name in (_BEGUN, _DONE))
    if begun not in (done, said):
        raise ChangesError(
            f"{key}: the snapshot of version {begun} was begun and not finished. "
            f"Apply it again before {said}."
        )
    if not done:
        return False
    kind = ddl(snapshot.select(version.alias("version")).schema["version"].dataType)
    row: Any = (
        snapshot.sparkSession.range(1).select((F.lit(done).try_cast(kind) > version).alias("later")).first()
    )
    if row.later:
        raise ChangesError(
            f"{key} follows the snapshot of version {done} already, and {said} does not come after it. "
            "Snapshots are applied in order; to take a late one, make the table anew from all of them."
        )
    return done == said


def _differing(
    tables: Tables, key: str, snapshot: DataFrame, names: Sequence[str], scd_type: int
) -> DataFrame:
    """The snapshot's rows that are not so in the table, and the table's that are gone, `DELETED`."""
    there = tables.read(key, tables.version(key))  # fixed: it is asked for again while the table changes
    if scd_type == 2:
        there = there.where(f"{END} IS NULL")
    values = [(f.name, ddl(f.dataType)) for f in snapshot.schema.fields if f.name not in names]

    def before(name: str, kind: str) -> Column:
        found = find(name, there.columns)
        return (F.lit(None) if found is None else F.col(quoted(found))).cast(kind).alias(name)

    keys = find_all(names, there.columns, "keys")
    now = snapshot.select(
        *(F.col(quoted(name)).alias(f"_now_{place}") for place, name in enumerate(names)),
        F.struct(F.lit(0).alias("_"), *(F.col(quoted(name)) for name, _ in values)).alias("_now"),
    )
    was = there.select(
        *(F.col(quoted(name)).alias(f"_was_{place}") for place, name in enumerate(keys)),
        F.struct(F.lit(0).alias("_"), *(before(name, kind) for name, kind in values)).alias("_was"),
    )
    pairs = [(f"_now_{place}", f"_was_{place}") for place in range(len(names))]
    both = now.join(was, [F.col(one) == F.col(other) for one, other in pairs], "full_outer")
    same = (
        F.expr(f"{comparable(values, '_now.')} <=> {comparable(values, '_was.')}") if values else F.lit(True)
    )
    gone, new = F.col("_now").isNull(), F.col("_was").isNull()
    return both.where(gone | new | ~same).select(
        *(F.coalesce(*pair).alias(name) for name, pair in zip(names, pairs, strict=True)),
        *(F.col("_now").getField(name).alias(name) for name, _ in values),
        gone.alias(DELETED),
    )
