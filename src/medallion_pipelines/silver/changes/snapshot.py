"""Changes from full snapshots: what differs has changed, what is not there any more was deleted.

A snapshot is compared with the table, so the one before must be wholly in it. The memory's properties say
which was begun and which was done; one that was cut off is finished first, from what was remembered of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.errors import ChangesError
from medallion_pipelines.silver.changes.apply import apply, catch_up
from medallion_pipelines.silver.changes.events import refuse_reserved
from medallion_pipelines.silver.changes.opening import opened
from medallion_pipelines.silver.changes.spec import END, ChangeSpec, find, find_all
from medallion_pipelines.silver.changes.table import ChangeTable, memory_of
from medallion_pipelines.silver.order import comparable
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Merged, Tables

DELETED = "__snapshot_deleted"
_BEGUN, _DONE = "medallion.snapshot_begun", "medallion.snapshot_done"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Version = int | str | date | datetime


def sequence_of(version: Version) -> Column:
    """A snapshot's version as the sequence of its changes."""
    value = F.lit(version)
    return value.cast("bigint") if isinstance(version, int) else value


def spec_of(
    keys: tuple[str, ...],
    version: Column,
    scd_type: int,
    tracked: tuple[str, ...] | None,
    untracked: tuple[str, ...] | None,
) -> ChangeSpec:
    """How the changes that come of a snapshot become the table."""
    return ChangeSpec(
        keys,
        version,
        apply_as_deletes=DELETED,
        except_column_list=(DELETED,),
        scd_type=scd_type,
        track_history_column_list=tracked,
        track_history_except_column_list=untracked,
        snapshots=True,
    )


def followed(tables: Tables, key: str, like: Version) -> Version | None:
    """The version of the snapshot that a table follows, or had begun to; `like` is of their type."""
    memory = memory_of(key)
    begun = tables.property(memory, _BEGUN) if tables.exists(memory) else ""
    return _read(begun, like) if begun else None


def apply_snapshot(
    tables: Tables,
    key: str,
    snapshot: DataFrame,
    version: Version,
    spec: ChangeSpec,
    *,
    unsure: DataFrame | None = None,
) -> Merged:
    """Make a table follow a snapshot; `spec` (see `spec_of`) is for the changes that come of it.

    `unsure` has the keys of rows that are in the snapshot and cannot be taken: they stay as they are in the
    table. Where such a key is not known (NULL), no row is deleted by this snapshot.

    Raises ChangesError, and writes nothing, if a key is NULL or there twice, or if a later snapshot was
    applied already, or another under this version.
    """
    names = find_all(spec.keys, snapshot.columns, "keys")
    refuse_reserved([*snapshot.columns], also=DELETED)
    _check_keys(snapshot, names)
    said = _kept(version)
    memory = memory_of(key)
    known = tables.exists(key) and tables.exists(memory)  # else `opened` says what is wrong
    begun, done = (tables.property(memory, name) if known else "" for name in (_BEGUN, _DONE))
    before = _read(begun, version) if begun else version
    if before is None or is_later(before, version):
        raise ChangesError(
            f"{key} follows the snapshot of version {before or begun} already, and {version} does not come "
            "after it. Snapshots are applied in order, with versions of one type; to take a late one, make "
            "the table anew from all of them."
        )
    table = opened(tables, key, spec, snapshot.withColumn(DELETED, F.lit(False)))
    if begun != done:
        if catch_up(table, sequence_of(before).cast(table.sequence_type)):
            tables.set_property(memory, _DONE, begun)
        else:  # cut off before anything of it was written, it has never been
            begun = done
    changes = _differing(table, snapshot, names)
    if unsure is not None:
        changes = _without_unsure(changes, unsure, names)
    if begun == said:
        if not changes.limit(1).count():
            return Merged(0, 0, 0)
        raise ChangesError(
            f"{key} follows a snapshot of version {version} already, and this is another: "
            "nothing was written. Give it a version of its own."
        )
    tables.set_property(memory, _BEGUN, said)
    merged = apply(tables, key, changes, spec)
    tables.set_property(memory, _DONE, said)
    return merged


def _without_unsure(changes: DataFrame, unsure: DataFrame, names: Sequence[str]) -> DataFrame:
    """Changes that delete no row of which the snapshot has something."""
    keys = unsure.select(*(F.col(quoted(name)).alias(f"_unsure_{place}") for place, name in enumerate(names)))
    if keys.where(" OR ".join(f"_unsure_{place} IS NULL" for place in range(len(names)))).limit(1).count():
        return changes.where(~F.col(DELETED))
    pairs = [F.col(quoted(name)) == F.col(f"_unsure_{place}") for place, name in enumerate(names)]
    return changes.join(keys, [F.col(DELETED), *pairs], "left_anti")


def _check_keys(snapshot: DataFrame, names: Sequence[str]) -> None:
    keys = [f"_key_{place}" for place in range(len(names))]
    missing = F.lit(False)
    for one in keys:
        missing = missing | F.col(one).isNull()
    row: Any = (
        snapshot.select(*(F.col(quoted(name)).alias(one) for name, one in zip(names, keys, strict=True)))
        .groupBy(*keys)
        .agg(F.count(F.lit(1)).alias("_rows"))
        .agg(
            F.sum(F.when(missing, F.col("_rows"))).alias("missing"),
            F.sum(F.when(~missing, F.col("_rows") - 1)).alias("twice"),
        )
        .first()
    )
    if row.missing or row.twice:
        raise ChangesError(
            f"The snapshot has {row.missing or 0} rows without {', '.join(names)} and {row.twice or 0} more "
            "of keys that it has already: nothing was written. A snapshot has each key once."
        )


def _kept(version: Version) -> str:
    """A version as the text that is kept of it: a moment's does not depend on a time zone."""
    if isinstance(version, datetime):
        return str((version.astimezone(UTC) - _EPOCH) // timedelta(microseconds=1))
    return str(version)


def _read(kept: str, like: Version) -> Version | None:
    """A version that was kept, as one of the type of another; None where it was not of that type."""
    try:
        if isinstance(like, datetime):
            return _EPOCH + timedelta(microseconds=int(kept))
        if isinstance(like, date):
            return date.fromisoformat(kept)
        return int(kept) if isinstance(like, int) else kept
    except (ValueError, OverflowError):
        return None


def is_later(one: Any, other: Any) -> bool:
    """Whether a version comes after another."""
    return bool(_comparable(one) > _comparable(other))


def _comparable(version: Any) -> Any:
    # one without a time zone is of this machine's, as Spark has it
    return version.astimezone(UTC) if isinstance(version, datetime) else version


def _differing(table: ChangeTable, snapshot: DataFrame, names: Sequence[str]) -> DataFrame:
    """The snapshot's rows that are not so in the table, and the table's that are gone, `DELETED`."""
    tables, key = table.tables, table.key
    there = tables.read(key, tables.version(key))  # fixed: it is asked for again while the table changes
    if table.spec.scd_type == 2:
        there = there.where(f"{END} IS NULL")
    types = {field.name.lower(): field.type for field in (*table.keys, *table.values)}
    values = [(name, types[name.lower()]) for name in snapshot.columns if name not in names]
    own = [str(find(name, there.columns)) for name, _ in values]
    keys = find_all(names, there.columns, "keys")
    now = snapshot.select(
        F.lit(True).alias("_is_now"),
        *(F.col(quoted(n)).cast(types[n.lower()]).alias(f"_now_{place}") for place, n in enumerate(names)),
        _struct([F.col(quoted(name)).cast(kind).alias(name) for name, kind in values]).alias("_now"),
    )
    was = there.select(
        F.lit(True).alias("_is_there"),
        *(F.col(quoted(name)).alias(f"_was_{place}") for place, name in enumerate(keys)),
        _struct([F.col(quoted(one)).alias(name) for one, (name, _) in zip(own, values, strict=True)]).alias(
            "_was"
        ),
    )
    pairs = [(f"_now_{place}", f"_was_{place}") for place in range(len(names))]
    both = now.join(was, [F.col(one) == F.col(other) for one, other in pairs], "full_outer")
    same = (
        F.expr(f"{comparable(values, '_now.')} <=> {comparable(values, '_was.')}") if values else F.lit(True)
    )
    gone, new = F.col("_is_now").isNull(), F.col("_is_there").isNull()
    return both.where(gone | new | ~same).select(
        *(F.coalesce(*pair).alias(name) for name, pair in zip(names, pairs, strict=True)),
        *(F.col("_now").getField(name).alias(name) for name, _ in values),
        gone.alias(DELETED),
    )


def _struct(fields: Sequence[Column]) -> Column:
    return F.struct(*fields) if fields else F.lit(None)
