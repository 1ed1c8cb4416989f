"""Conform: from a bronze batch to typed rows, each with its errors and its outcome, in one pass.

The result has the contract's columns and
`_errors`   array<struct<rule, column, message, value>>: all reasons to quarantine the record
`_warnings` array<string>: the rules of severity warning that it breaks
`_unknown`  array<string>: source fields the contract does not know
`_outcome`  valid, quarantined, duplicate or erased
`_record`   the record's text where someone will want it, and `_header`, `_file_path`,
            `_file_modification_time`, `_ingested_at` of bronze.
"""

from __future__ import annotations

from collections.abc import Callable

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erased import ERASED
from medallion_pipelines.silver.links import Read, pointed
from medallion_pipelines.silver.order import order
from medallion_pipelines.silver.quarantine import without_corrected
from medallion_pipelines.silver.reasons import ERRORS, error, judged
from medallion_pipelines.silver.typed import KEPT, VERSION, typed
from medallion_pipelines.silver.unique import with_unique
from medallion_pipelines.sql import quoted


def conform(
    bronze: DataFrame,
    table: Table,
    read: Read,
    guard: Callable[[DataFrame], DataFrame] | None = None,
    among: Callable[[DataFrame], DataFrame] = lambda rows: rows,
    beside: Callable[[DataFrame], DataFrame | None] = lambda rows: rows,
) -> DataFrame:
    """Conform a batch. `read` gives a table of the lakehouse by key, or None where it is not there yet;
    `guard` says of typed rows which are of erased keys: nothing but their number is kept. `among` chooses
    of the typed rows those to conform, `beside` of the table's rows those that the batch leaves there."""
    rows = among(typed(bronze, table))
    if guard is not None:
        rows = guard(rows)
    rows = without_corrected(judged(pointed(rows, table, read), table), bronze)
    if guard is not None:
        rows = _set_aside(rows, table)
    return _with_outcome(with_unique(rows, table, read, beside), table)


def _set_aside(rows: DataFrame, table: Table) -> DataFrame:
    """What is erased holds nothing but a reason to be out: it is in nobody's way, and no example."""
    erased = F.col(ERASED)
    reason = F.array(error(F.lit(True), "erased", None, "is of an erased key", F.lit(None)))
    emptied = [*(c.name for c in table.columns), "_record", "_header"]
    return rows.withColumns(
        {
            **{name: F.when(~erased, F.col(quoted(name))) for name in emptied if name in rows.columns},
            "_errors": F.when(erased, reason.cast(ERRORS)).otherwise(F.col("_errors")),
            **{
                name: F.when(~erased, F.col(name)).otherwise(F.array().cast("array<string>"))
                for name in ("_warnings", "_unknown")
            },
        }
    )


def _with_outcome(rows: DataFrame, table: Table) -> DataFrame:
    valid = F.size("_errors") == 0
    erased = F.col(ERASED) if ERASED in rows.columns else F.lit(False)
    outcome = F.when(erased, "erased").when(~valid, "quarantined")
    if table.primary_key and (table.changes is None or table.of_snapshots):
        # records without a usable key are spread by their text, lest they all meet in one task
        spread = F.when(valid, F.lit(0)).otherwise(F.xxhash64("_record"))
        keys = [F.col(quoted(name)) for name in table.primary_key]
        keys += [F.col(VERSION)] if table.of_snapshots else []
        rank = F.row_number().over(Window.partitionBy(*keys, spread).orderBy(order(table).desc()))
        outcome = outcome.when(rank > 1, "duplicate")
    wanted = ~valid | (F.size("_unknown") > 0)
    return rows.select(
        *(F.col(quoted(c.name)) for c in table.columns),
        *("_errors", "_warnings", "_unknown"),
        outcome.otherwise("valid").alias("_outcome"),
        F.when(wanted, F.col("_record")).alias("_record"),
        *(name for name in KEPT if name in rows.columns and name != ERASED),
    )
