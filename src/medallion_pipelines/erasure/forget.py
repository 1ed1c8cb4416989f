"""What tables and logs remember: old versions, log entries, samples."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.erasure.records import bronze_of
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.pipeline import PARALLEL
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.silver.quarantine import LOG
from medallion_pipelines.sql import string
from medallion_pipelines.tables import Tables

# commits that bring rows; an erasure makes none such in bronze
_BRINGS = ("WRITE", "STREAMING UPDATE", "COPY INTO", "RESTORE", "CLONE", "CREATE", "REPLACE")


def forget(tables: Tables, product: Product, table: Table) -> None:
    """Old versions and logs of a table and what is beside it; bronze's once the table has read it all."""
    keys = [
        one
        for one in (bronze_of(table), table.quarantine_key, table.key, memory_of(table.key))
        if tables.exists(one)
    ]
    _move_on(tables, product, table)  # change files are about to go
    _drop_versions(tables, keys)
    _move_on(tables, product, table)  # and log entries
    for key in keys:
        tables.drop_log(key)


def _move_on(tables: Tables, product: Product, table: Table) -> None:
    """Note that the table has read bronze as it is now: it has only lost rows since. Raises MedallionError
    where it has not."""
    log, bronze = RunLog(tables, product.name), bronze_of(table)
    log.begin()
    done, upto = log.progress(table.key), tables.version(bronze)
    if not done.source_versions or done.source_versions.get(bronze) == upto:
        return
    since = done.source_versions.get(bronze, -1)
    for commit in tables.history(bronze):
        if since < commit.version <= upto and commit.operation.startswith(_BRINGS):
            raise MedallionError(
                f"{bronze} got records while they were being erased (version {commit.version}, "
                f"{commit.operation}): another run is at work. None are lost. The erasure is not complete: "
                "when that run has ended, give the same command again, and let none run beside it."
            )
    beside = [table.quarantine_key, *([memory_of(table.key)] if table.changes is not None else [])]
    step = StepResult(
        table.key,
        "succeeded",
        version=tables.version(table.key),
        source_versions={bronze: upto},
        beside_versions={key: tables.version(key) for key in beside},
    )
    log.step(step, token=done.token, contract=done.contract)


def clear_ops(tables: Tables, touched: list[Table]) -> None:
    """Samples of records and values, in drift, notes and error messages."""
    names = ", ".join(string(key) for table in touched for key in (table.key, bronze_of(table)))
    where = f"`table` IN ({names})"
    cleared = "'cleared by an erasure'"
    tables.update("ops.drift", {"example": "NULL"}, where=f"{where} AND example IS NOT NULL")
    said = "error IS NOT NULL OR size(notes) > 0"
    tables.update(
        "ops.table_metrics",
        {"error": f"CASE WHEN error IS NOT NULL THEN {cleared} END", "notes": "array()"},
        where=f"{where} AND ({said})",
    )
    tables.update("ops.files", {"error": cleared}, where=f"feed IN ({names}) AND error <> {cleared}")
    keys = ["ops.drift", "ops.table_metrics", "ops.files", *([LOG] if tables.exists(LOG) else [])]
    _drop_versions(tables, keys)
    for key in keys:
        tables.drop_log(key)
    tables.sweep()


def _drop_versions(tables: Tables, keys: list[str]) -> None:
    with ThreadPoolExecutor(PARALLEL) as pool:
        list(pool.map(tables.drop_versions, keys))
