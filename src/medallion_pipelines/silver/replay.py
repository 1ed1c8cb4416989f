"""Replay: records of a quarantine once more, by today's contract or with corrected texts.

Those that are valid now go to the table, exactly once; the others stay, with today's reasons. It is a
batch like any other (see `refine`), only that it comes out of quarantine: staged, checked, written, then
settled in quarantine. Cut off anywhere, the next run of the table finishes it.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import replace

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erased import guard
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.evolution import fingerprint
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.silver.batch import Batch
from medallion_pipelines.silver.conform import conform
from medallion_pipelines.silver.corrections import stage_corrections
from medallion_pipelines.silver.quarantine import breaking
from medallion_pipelines.silver.recover import recovered
from medallion_pipelines.silver.refine import finish, refine, summed
from medallion_pipelines.tables import Staging


def replay(
    log: RunLog, table: Table, *, rule: str | None = None, corrected: Mapping[str, str] | None = None
) -> StepResult:
    """Bring the table up to date; then replay its quarantine, all of it or what broke `rule`, or take
    `corrected` texts by the ids of the records they stand for.

    Raises what `refine` raises; UnknownNameError for ids that are not in quarantine; MedallionError for a
    table that follows snapshots.
    """
    started = time.monotonic()
    if table.of_snapshots:  # a few records of one would be taken for all there are
        raise MedallionError(
            f"{table.key} follows full snapshots: a record of one cannot be taken later. Mend the contract "
            f"and run `medallion rebuild {table.key} PRODUCT`, or deliver a new snapshot."
        )
    first = refine(log, table)  # finishes what was left, and gives the table today's shape
    if corrected is None:
        second = _replayed(log, table, rule, first)
    elif stage_corrections(log.tables, table, corrected):
        second = refine(log, table)
    else:
        second = _nothing(first, f"{table.key}: these records were corrected before.")
    result = summed(first, second) if second.status == "succeeded" else replace(first, notes=second.notes)
    return replace(result, seconds=time.monotonic() - started, version=log.tables.version(table.key))


def _replayed(log: RunLog, table: Table, rule: str | None, first: StepResult) -> StepResult:
    started, tables = time.monotonic(), log.tables
    held = tables.find(table.quarantine_key)
    kept = None if held is None else breaking(held, rule)
    if kept is None or kept.limit(1).first() is None:
        what = f"{table.key}: no record is in quarantine"
        return _nothing(first, f"{what}." if rule is None else f"{what} for the rule {rule}.")
    bronze = recovered(tables, table, kept)
    rows = conform(
        bronze,
        _one_each(table),
        tables.find,
        guard(tables, table),
    )
    upto = first.source_versions.get(f"bronze.{table.name}", -1)  # a replay reads no further
    staging = Staging(tables, table.key)
    batch = Batch(rows, uuid.uuid4().hex, upto, False, fingerprint(table), replay=True).staged(staging)
    moved = batch.rows.where("_outcome <> 'quarantined' OR NOT _errors <=> _quarantined._errors")
    if moved.limit(1).first() is None:
        staging.drop()
        return _nothing(first, f"{table.key}: every record breaks the same rules as before.")
    return finish(log, table, batch, started)


def _nothing(first: StepResult, note: str) -> StepResult:
    return replace(first, status="unchanged", notes=(*first.notes, note))


def _one_each(table: Table) -> Table:
    """A record of a quarantine was cut out of its document already."""
    assert table.source is not None
    if table.source.format != "json":
        return table
    return replace(table, source=replace(table.source, multi_line=False))
