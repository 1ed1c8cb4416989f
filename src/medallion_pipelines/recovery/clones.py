"""A copy of a lakehouse whose tables a catalog keeps: deep clones in another catalog (Databricks).

A clone is whole at the version that it is told, and only what is new is copied when it is made again. But it
has versions of its own, and no change feed from before. So a cut is taken when no step has anything left to
read, and failing over writes into the run log that everything was read up to what the clones have.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from medallion_pipelines.contracts.model import Product
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.operations import tables_of
from medallion_pipelines.recovery.ledger import move_files
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import Progress, RunLog
from medallion_pipelines.steps import plan
from medallion_pipelines.tables import Tables

_METRICS, _BEGUN = "ops.table_metrics", "begun"


@dataclass(frozen=True)
class Cloned:
    """A catalog whose tables are clones now, with the versions they are of. All that was committed before
    `taken_at` is in them."""

    catalog: str
    taken_at: datetime
    versions: Mapping[str, int]
    seconds: float


def clone(tables: Tables, product: Product, catalog: str) -> Cloned:
    """Clone a product's tables, and the logs in `ops`, into another catalog, at the versions that they have
    now.

    Nothing may write meanwhile: let it be a task of the job that runs the product, after it. Raises
    MedallionError, and clones nothing, where a step has not read all that there is.
    """
    started, taken_at = time.monotonic(), datetime.now(UTC)
    if catalog == tables.settings.catalog:
        raise MedallionError(f"{catalog} is the catalog of the lakehouse itself: name another one.")
    log = RunLog(tables, product.name)
    log.begin()
    for key, progress in _progress(log, product):
        for source, read in progress.source_versions.items():
            later = [one for one in tables.history(source) if one.version > read and not one.keeps_rows]
            if later:
                raise MedallionError(
                    f"{key} has read {source} up to version {read}, and it is at {later[-1].version}: a "
                    "clone could not tell what changed in between. Run the product first."
                )
    versions = {key: tables.version(key) for key in tables_of(tables, product)}  # all, then the first clone
    for key, version in versions.items():
        tables.deep_clone(key, catalog, version)
    return Cloned(catalog, taken_at, versions, time.monotonic() - started)


def adopt(tables: Tables, product: Product, landing_before: str) -> int:
    """Make clones the lakehouse that is worked on; how many files of the ledger have the addresses of its
    landing zone now, in place of those below `landing_before`. Nothing may have run on them before.

    Done again, it does nothing, unless the landing zone is another one; cut off, it is done again. The next
    clone makes them clones again.
    """
    if not tables.exists(_METRICS):
        raise MedallionError(f"The catalog {tables.settings.catalog} has no {_METRICS}: it is no copy.")
    mark, landing = f"medallion.failedOver.{product.name}", tables.settings.landing
    here = f"{tables.name(_METRICS)} "  # a clone has the properties of what it is of: that one's mark, too
    done = tables.property(_METRICS, mark)
    if done == here + landing:
        return 0
    if done.startswith(here):
        moved = move_files(tables, done.removeprefix(here))
        tables.set_property(_METRICS, mark, here + landing)
        return moved
    tables.set_property(_METRICS, mark, _BEGUN)  # at version 0 the run log would pass for an empty one
    moved = move_files(tables, landing_before, certain=landing_before == landing)
    log = RunLog(tables, product.name)
    log.begin()
    now = {key: tables.version(key) for key in tables_of(tables, product)}
    for key, progress in [*_progress(log, product)]:
        result = StepResult(
            key,
            "succeeded",
            version=now.get(key, -1),
            source_versions={source: now.get(source, -1) for source in progress.source_versions},
            beside_versions={beside: now.get(beside, -1) for beside in progress.beside_versions or {}},
            notes=("Failed over to: a clone, with versions of its own.",),
        )
        log.step(result, token=progress.token, contract=progress.contract)
    tables.set_property(_METRICS, mark, here + landing)
    return moved


def _progress(log: RunLog, product: Product) -> Iterator[tuple[str, Progress]]:
    """How far the tables of a product have come that were ever worked on."""
    for step in plan(product):
        progress = log.progress(step.key)
        if progress.version >= 0:
            yield step.key, progress
