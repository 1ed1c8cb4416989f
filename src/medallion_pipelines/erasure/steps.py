"""The steps of the pipeline around an erasure: before it silver, after it the marts."""

from __future__ import annotations

from collections.abc import Iterable

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.erasure.subject import marts
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.pipeline import run
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.silver.changed import rebuild_of
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.steps import plan
from medallion_pipelines.tables import Staging, Tables


def bring_up_to_date(tables: Tables, product: Product, whose: list[Table]) -> None:
    """Take in what has landed, and finish what is staged: afterwards no table needs bronze's past, and what
    interrupted runs have left beside the tables is of no use."""
    outcome = run(RunLog(tables, product.name), plan(product, [table.key for table in whose]))
    _stop_if_failed(outcome.steps, "brought up to date")
    for table in whose:
        Staging(tables, table.key).drop()
        for beside in (rebuild_of(table.key), memory_of(rebuild_of(table.key))):
            if tables.exists(beside):
                tables.drop(beside)


def remake(tables: Tables, product: Product, whose: list[Table]) -> list[str]:
    """Make the marts anew that are made of the tables; one by one, each from its inputs' newest version."""
    keys = set(marts(product, whose))
    remade = []
    for step in plan(product):
        if step.key in keys and all(tables.exists(one) for one in _inputs(step.table)):
            outcome = run(RunLog(tables, product.name), [step], full_refresh=True)
            _stop_if_failed(outcome.steps, "made anew")
            remade.append(step.key)
            if step.table.kind == "table":
                Staging(tables, step.key).drop()
                tables.drop_versions(step.key)
                tables.drop_log(step.key)
    return remade


def _inputs(table: Table) -> list[str]:
    return [f"{one.layer}.{one.table}" for one in table.inputs]


def _stop_if_failed(steps: Iterable[StepResult], what: str) -> None:
    failed = [step for step in steps if step.status in ("failed", "skipped")]
    if failed:
        raise MedallionError(
            f"{failed[0].table} could not be {what}, so the erasure is not complete: {failed[0].error} "
            "Mend that, then give the same command again: it goes on from here."
        )
