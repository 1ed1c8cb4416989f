"""Silver tables that are made of changes or snapshots: from what a contract says to how they are applied."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import ChangeRefusedError, ChangesError
from medallion_pipelines.evolution import shape_of
from medallion_pipelines.silver.changes.apply import apply
from medallion_pipelines.silver.changes.opening import opened, refuse_unfit
from medallion_pipelines.silver.changes.snapshot import (
    DELETED,
    Version,
    apply_snapshot,
    followed,
    is_later,
    sequence_of,
    spec_of,
)
from medallion_pipelines.silver.changes.spec import END, START, ChangeSpec
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.silver.typed import DELETES, TRUNCATES, VERSION
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Merged, Shape, Tables

_ORDERED = ("bigint", "date", "timestamp", "string")


def make(tables: Tables, table: Table, key: str) -> None:
    """Make the table and its memory, under a key, empty; where they are, they lose what is in them."""
    opened(tables, key, _spec(tables, table), _none(tables, table), anew=shape_of(table))


def refuse_misfit(tables: Tables, table: Table) -> None:
    """Raise ChangeRefusedError where the table cannot follow its contract. (New columns and wider types
    come with the next changes.)"""
    known = {column.name.lower() for column in table.columns} | {START.lower(), END.lower()}
    lost = [field.name for field in tables.fields(table.key) if field.name.lower() not in known]
    why = f"column {', '.join(lost)} is no longer in it." if lost else ""
    try:
        refuse_unfit(tables, table.key, _spec(tables, table), _none(tables, table))
    except ChangesError as error:
        why = str(error)
    if why:
        raise ChangeRefusedError(
            f"{table.key} cannot follow its contract ({table.path.name}) in place: {why} "
            f"Undo the change, or run `medallion rebuild {table.key} PRODUCT` to make it anew from bronze."
        )


def refuse_late(tables: Tables, table: Table, staged: DataFrame) -> None:
    """Raise ChangesError where a batch has a snapshot from before the one that the table follows."""
    if not table.of_snapshots:
        return
    versions = _versions(staged)
    last = followed(tables, table.key, versions[0]) if versions else None
    if last is not None and is_later(last, versions[0]):
        raise ChangesError(
            f"{table.key} was not written: it follows the snapshot {last} already, and {versions[0]} came "
            f"after it. `medallion rebuild {table.key} PRODUCT` takes all snapshots of bronze in order."
        )


def take(tables: Tables, table: Table, key: str, staged: DataFrame) -> Merged:
    """Apply the valid rows of a conformed batch to the table of a key; a second time it changes nothing."""
    names = [quoted(column.name) for column in table.columns]
    valid = staged.where("_outcome = 'valid'")
    if not table.of_snapshots:
        return apply(tables, key, valid.select(*names, DELETES, TRUNCATES), _spec(tables, table))
    merged, refused = Merged(0, 0, 0), staged.where("_outcome = 'quarantined'")
    versions = _versions(staged)
    last = followed(tables, key, versions[0]) if versions else None
    for version in versions:
        # `refuse_late` let the batch pass: what comes before was applied by a run that was cut off
        if last is None or not is_later(last, version):
            this = F.col(VERSION) == sequence_of(version)
            one = apply_snapshot(
                tables,
                key,
                valid.where(this).select(*names),
                version,
                _spec(tables, table, version),
                # where the version is not known, either, it may be of any
                unsure=refused.where(this | F.col(VERSION).isNull()),
            )
            merged = Merged(
                merged.inserted + one.inserted, merged.updated + one.updated, merged.deleted + one.deleted
            )
    return merged


def take_anew(tables: Tables, table: Table, staged: DataFrame) -> Merged:
    """Make the table and its memory anew from a conformed batch: beside them first, then in their place.

    Readers see the table as it was, or as it is then. Cut off anywhere, it has to be done again.
    """
    beside = rebuild_of(table.key)
    make(tables, table, beside)
    merged = take(tables, table, beside, staged)
    for new, old in ((memory_of(beside), memory_of(table.key)), (beside, table.key)):
        if not tables.exists(old):  # dropped by hand; its first version has to be empty (`remembers`)
            tables.create(old, Shape(tables.fields(new)))
        tables.replace_with(old, new)
    tables.drop(beside)
    tables.drop(memory_of(beside))
    return merged


def rebuild_of(key: str) -> str:
    """Where a table of changes is made anew, beside it."""
    return f"ops.rebuild_{key.replace('.', '_')}"


def _versions(staged: DataFrame) -> list[Version]:
    """The snapshots of a batch, in order: as many as there are files, at most."""
    found = staged.where(F.col(VERSION).isNotNull() & (F.col("_outcome") == "valid")).select(VERSION)
    versions = [row[0] for row in found.distinct().orderBy(VERSION).collect()]
    return [one.astimezone(UTC) if isinstance(one, datetime) else one for one in versions]


def _none(tables: Tables, table: Table) -> DataFrame:
    """No changes, with the columns that changes have."""
    types = [f"CAST(NULL AS {column.type}) AS {quoted(column.name)}" for column in table.columns]
    flags = [DELETED] if table.of_snapshots else [DELETES, TRUNCATES]
    named = ", ".join([*types, *(f"false AS {flag}" for flag in flags)])
    return tables.spark.sql(f"SELECT {named} WHERE false")


def _spec(tables: Tables, table: Table, version: Version | None = None) -> ChangeSpec:
    changes = table.changes
    assert changes is not None
    if changes.snapshot_version is not None:
        at = F.lit(None).cast(_version_type(tables, table)) if version is None else sequence_of(version)
        return spec_of(table.primary_key, at, changes.scd_type, changes.tracked, changes.untracked)
    return ChangeSpec(
        table.primary_key,
        table.sequence_by,
        apply_as_deletes=DELETES if changes.deletes else None,
        apply_as_truncates=TRUNCATES if changes.truncates else None,
        ignore_null_updates=changes.ignore_null_updates,
        except_column_list=(DELETES, TRUNCATES),
        scd_type=changes.scd_type,
        track_history_column_list=changes.tracked,
        track_history_except_column_list=changes.untracked,
    )


def _version_type(tables: Tables, table: Table) -> str:
    """The type of a snapshot's version. Raises ChangesError where it has no order."""
    assert table.changes is not None
    files = tables.spark.sql(
        "SELECT named_struct('file_path', '', 'file_name', '', 'file_modification_time', "
        "current_timestamp(), 'file_size', 1L, 'ingested_at', current_timestamp()) AS _metadata"
    )
    kind = files.selectExpr(f"{table.changes.snapshot_version} AS v").schema["v"].dataType.simpleString()
    kind = "bigint" if kind in ("tinyint", "smallint", "int") else kind
    if kind not in _ORDERED:
        raise ChangesError(
            f"{table.key}: `snapshotVersion` gives a {kind}. Cast it to one of {', '.join(_ORDERED)}."
        )
    return kind
