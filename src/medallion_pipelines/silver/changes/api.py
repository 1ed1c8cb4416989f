"""What users call."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame

from medallion_pipelines.errors import ChangesError
from medallion_pipelines.silver.changes.apply import apply
from medallion_pipelines.silver.changes.snapshot import Version, apply_snapshot, sequence_of, spec_of
from medallion_pipelines.silver.changes.spec import ChangeSpec
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Merged, NamedTables, parts


def apply_changes(
    changes: DataFrame,
    target: str,
    *,
    keys: str | Sequence[str],
    sequence_by: str | Sequence[str] | Column,
    apply_as_deletes: str | Column | None = None,
    apply_as_truncates: str | Column | None = None,
    ignore_null_updates: bool = False,
    column_list: str | Sequence[str] | None = None,
    except_column_list: str | Sequence[str] | None = None,
    stored_as_scd_type: int | str = 1,
    track_history_column_list: str | Sequence[str] | None = None,
    track_history_except_column_list: str | Sequence[str] | None = None,
) -> Merged:
    """Apply a batch of inserts, updates and deletes to a table, which is made where it is missing.

    The table depends on the set of all changes that it was ever given, and on nothing else: not on their
    order, on how they were cut into batches, or on how often one came.

    changes: a batch; it is read more than once and must give the same rows each time.
    target: the table, `catalog.schema.table` or less. What has to be remembered beyond what it shows is
        beside it, in `__apply_changes_storage_<table>`.
    keys: the columns that say which row a change is of.
    sequence_by: the column (or columns, or an expression) that orders a key's changes.
    apply_as_deletes, apply_as_truncates: conditions, as SQL or Column, for changes that delete their key, or
        (type 1) all there was until then. Where the condition is NULL, the change is an upsert.
    ignore_null_updates: a NULL leaves the value as it was before, in sequence.
    column_list, except_column_list: the columns to store; all of them by default.
    stored_as_scd_type: 1 keeps the last version of a key; 2 every version, from `__START_AT` until
        `__END_AT` (NULL while it holds), both of `sequence_by`'s type.
    track_history_column_list, track_history_except_column_list: the columns (type 2) whose change makes a
        new version; all stored ones by default.

    Returns the rows inserted, updated and deleted. Raises ChangesError, and writes nothing, where a key or
    sequence is NULL or what is asked does not fit the table.
    """
    spec = ChangeSpec(
        _names(keys) or (),
        _sequence(sequence_by),
        apply_as_deletes,
        apply_as_truncates,
        ignore_null_updates,
        _names(column_list),
        _names(except_column_list),
        _scd_type(stored_as_scd_type),
        _names(track_history_column_list),
        _names(track_history_except_column_list),
    )
    return apply(NamedTables(changes.sparkSession), _canonical(target), changes, spec)


def apply_changes_from_snapshot(
    snapshot: DataFrame,
    target: str,
    *,
    keys: str | Sequence[str],
    version: Version,
    stored_as_scd_type: int | str = 1,
    track_history_column_list: str | Sequence[str] | None = None,
    track_history_except_column_list: str | Sequence[str] | None = None,
) -> Merged:
    """Make a table follow a full snapshot: rows that differ have changed, rows not there any more are gone.

    snapshot: all rows there are, each key once; it is read more than once and must give the same rows.
    target: as for `apply_changes`; the table is made by the first snapshot.
    version: what orders the snapshots, of one type for all of them; `__START_AT` and `__END_AT` of type 2
        have it. Snapshots come in order; the same one may come again, and changes nothing.
    stored_as_scd_type, track_history_column_list, track_history_except_column_list: as for `apply_changes`.

    Returns the rows inserted, updated and deleted. Raises ChangesError, and writes nothing, where a key is
    NULL or there twice, where a later version was applied already, or another snapshot under this version.
    A call that was cut off is finished by the next.
    """
    spec = spec_of(
        _names(keys) or (),
        sequence_of(version),
        _scd_type(stored_as_scd_type),
        _names(track_history_column_list),
        _names(track_history_except_column_list),
    )
    return apply_snapshot(NamedTables(snapshot.sparkSession), _canonical(target), snapshot, version, spec)


def _sequence(given: str | Sequence[str] | Column) -> tuple[str, ...] | Column:
    if isinstance(given, str):
        return (given,)
    return given if isinstance(given, Column) else tuple(given)


def _names(given: str | Sequence[str] | None) -> tuple[str, ...] | None:
    if given is None:
        return None
    return (given,) if isinstance(given, str) else tuple(given)


def _scd_type(given: int | str) -> int:
    """1 or 2; other numbers are refused later, with everything else."""
    return int(given) if str(given).isdecimal() else 0


def _canonical(name: str) -> str:
    """One spelling of a name, so that what is beside the table has one, too."""
    try:
        return ".".join(part if part.replace("_", "").isalnum() else quoted(part) for part in parts(name))
    except ValueError as error:
        raise ChangesError(str(error)) from None
