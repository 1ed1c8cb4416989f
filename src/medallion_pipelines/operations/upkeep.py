"""Maintenance: small files joined, files that no kept version needs deleted, statistics gathered.

How long versions are kept is in the contract (`retention`), and never less than a week: so long a reader or
writer may be under way, and `medallion restore` can go back. A table is not vacuumed while another has yet
to read changes of it that are older: without their files silver would have to be made anew, and marts, too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.errors import spark_reason
from medallion_pipelines.results import UpkeepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.steps import plan
from medallion_pipelines.tables import Tables
from medallion_pipelines.transient import retried

LEAST_DAYS = 7
_AT_ONCE = 4
_PASSING = ("ops.staging_", "ops.rebuild_")  # a batch, and a table of changes on its way
_NO_STATISTICS = "ANALYZE was left out: outside Databricks, Delta tables have no statistics of their own."


def maintain(
    tables: Tables, product: Product, on_finish: Callable[[UpkeepResult], None] = lambda result: None
) -> list[UpkeepResult]:
    """Look after every table of a product, and after the logs in `ops`; what was done to each.

    One that fails is in its result, and stops no other. May run beside runs, and again at any time.
    """
    log = RunLog(tables, product.name)
    retried(log.begin, lambda told: None)  # runs that begin meanwhile make its tables, too
    unread = _readers(log, product)
    kept = dict(_kept(tables, product))
    results = []
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for result in pool.map(lambda key: _look_after(tables, key, kept[key], unread.get(key, {})), kept):
            on_finish(result)
            results.append(result)
    return results


def tables_of(tables: Tables, product: Product) -> list[str]:
    """All tables of a product that are there, with the logs in `ops`: no views, and no staged batches."""
    return [key for key, _ in _kept(tables, product)]


def _kept(tables: Tables, product: Product) -> Iterator[tuple[str, int]]:
    """The tables that are there, and for how many days each keeps its versions."""
    for table in product.tables.values():
        days = max(table.retention_days or LEAST_DAYS, LEAST_DAYS)
        for key in _with_beside(table):
            if tables.exists(key):
                yield key, days
    for key in tables.keys("ops"):
        if not key.startswith(_PASSING):
            yield key, LEAST_DAYS


def _with_beside(table: Table) -> tuple[str, ...]:
    """A table, with its bronze table, its quarantine and its memory of changes; of a view nothing."""
    if table.layer == "gold":
        return (table.key,) if table.kind == "table" else ()
    memory = f"silver.__apply_changes_storage_{table.name}"
    return f"bronze.{table.name}", table.key, table.quarantine_key, memory


def _readers(log: RunLog, product: Product) -> dict[str, dict[str, int]]:
    """For each table the version that each of those made from it has read it up to."""
    found: dict[str, dict[str, int]] = {}
    for step in plan(product):
        for key, version in log.progress(step.key).source_versions.items():
            found.setdefault(key, {})[step.key] = version
    return found


def _look_after(tables: Tables, key: str, days: int, readers: dict[str, int]) -> UpkeepResult:
    started = time.monotonic()
    notes: list[str] = []

    def work() -> UpkeepResult:
        tables.keep_versions(key, days)
        removed, added = tables.optimize(key)
        waiting = _waiting(tables, key, days, readers)
        if waiting:
            notes.append(f"not vacuumed, because {', '.join(waiting)} has yet to read its older changes.")
        else:
            tables.vacuum(key)
        analyzed = tables.analyze(key)
        return UpkeepResult(key, removed, added, vacuumed=not waiting, analyzed=analyzed)

    try:
        result = retried(work, notes.append)
        notes += [] if result.analyzed else [_NO_STATISTICS]
    except Exception as error:  # whatever it is, the other tables go on
        result = UpkeepResult(key, error=f"{type(error).__name__}: {spark_reason(error)}")
    return replace(result, seconds=time.monotonic() - started, notes=tuple(notes))


def _waiting(tables: Tables, key: str, days: int, readers: dict[str, int]) -> list[str]:
    """Who has changes to read that are older than what VACUUM keeps."""
    behind = {reader: version for reader, version in readers.items() if version < tables.version(key)}
    if not behind:
        return []
    oldest = datetime.now(UTC) - timedelta(days=days)
    old = [c.version for c in tables.history(key) if not c.keeps_rows and c.at <= oldest]
    return sorted(reader for reader, version in behind.items() if any(commit > version for commit in old))
