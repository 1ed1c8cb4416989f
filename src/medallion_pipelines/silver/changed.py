"""Silver tables that are made of changes: from what a contract says to `apply_changes`."""

from __future__ import annotations

from pyspark.sql import DataFrame

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import ChangeRefusedError, ChangesError
from medallion_pipelines.evolution import shape_of
from medallion_pipelines.silver.changes.apply import apply
from medallion_pipelines.silver.changes.opening import opened, refuse_unfit
from medallion_pipelines.silver.changes.spec import END, START, ChangeSpec
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.silver.typed import DELETES, TRUNCATES
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Merged, Tables


def make(tables: Tables, table: Table, key: str) -> None:
    """Make the table and its memory, under a key, empty; where they are, they lose what is in them."""
    opened(tables, key, _spec(table), _none(tables, table), anew=shape_of(table))


def refuse_misfit(tables: Tables, table: Table) -> None:
    """Raise ChangeRefusedError where the table cannot follow its contract. (New columns and wider types
    come with the next changes.)"""
    known = {column.name.lower() for column in table.columns} | {START.lower(), END.lower()}
    lost = [field.name for field in tables.fields(table.key) if field.name.lower() not in known]
    why = f"column {', '.join(lost)} is no longer in it." if lost else ""
    try:
        refuse_unfit(tables, table.key, _spec(table), _none(tables, table))
    except ChangesError as error:
        why = str(error)
    if why:
        raise ChangeRefusedError(
            f"{table.key} cannot follow its contract ({table.path.name}) in place: {why} "
            f"Undo the change, or run `medallion rebuild {table.key} PRODUCT` to make it anew from bronze."
        )


def _none(tables: Tables, table: Table) -> DataFrame:
    """No changes, with the columns that changes have."""
    types = [f"CAST(NULL AS {column.type}) AS {quoted(column.name)}" for column in table.columns]
    return tables.spark.sql(
        f"SELECT {', '.join(types)}, false AS {DELETES}, false AS {TRUNCATES} WHERE false"
    )


def take(tables: Tables, table: Table, key: str, rows: DataFrame) -> Merged:
    """Apply conformed changes to the table of a key; a second time it changes nothing."""
    names = [quoted(column.name) for column in table.columns]
    return apply(tables, key, rows.select(*names, DELETES, TRUNCATES), _spec(table))


def take_anew(tables: Tables, table: Table, rows: DataFrame) -> Merged:
    """Make the table and its memory anew from conformed changes: beside them first, then in their place.

    Readers see the table as it was, or as it is then. Cut off anywhere, it has to be done again.
    """
    beside = f"ops.rebuild_{table.key.replace('.', '_')}"
    make(tables, table, beside)
    merged = take(tables, table, beside, rows)
    for new, old in ((memory_of(beside), memory_of(table.key)), (beside, table.key)):
        tables.replace_with(old, new)
    tables.drop(beside)
    tables.drop(memory_of(beside))
    return merged


def _spec(table: Table) -> ChangeSpec:
    assert table.changes is not None
    return ChangeSpec(
        table.primary_key,
        table.sequence_by,
        apply_as_deletes=DELETES if table.changes.deletes else None,
        apply_as_truncates=TRUNCATES if table.changes.truncates else None,
        ignore_null_updates=table.changes.ignore_null_updates,
        except_column_list=(DELETES, TRUNCATES),
        scd_type=table.changes.scd_type,
        track_history_column_list=table.changes.tracked,
        track_history_except_column_list=table.changes.untracked,
    )
