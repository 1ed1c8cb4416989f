"""Refine: bring a silver table up to date with its bronze table, each record exactly once.

A batch is computed once, into a staging table; checks look at it; then quarantine and table are
written from it, each under the batch's token, and last the run log says how far the table has come.
Killed anywhere, the next run finds the staged batch and finishes it: writes that happened are not
repeated (an append by its token, a merge because it changes nothing the second time). A replay of the
quarantine (`replay`) is staged and finished in the same way.
"""

from __future__ import annotations

import time
import uuid
from dataclasses import replace

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erased import guard
from medallion_pipelines.errors import ConservationError, LostRecordsError, MedallionError
from medallion_pipelines.evolution import evolve, fingerprint, shape_of
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import Progress, RunLog, now
from medallion_pipelines.silver.batch import (
    Batch,
    held,
    versions_beside,
    withdraw,
    write,
    write_quarantine,
)
from medallion_pipelines.silver.changed import make, refuse_misfit
from medallion_pipelines.silver.conform import conform
from medallion_pipelines.silver.corrections import are_corrections, take_corrections
from medallion_pipelines.silver.gate import gate
from medallion_pipelines.silver.quarantine import settle, settle_corrected
from medallion_pipelines.silver.summary import Summary, summarize
from medallion_pipelines.tables import Staged, Staging, Tables, out_of_reach


def refine(log: RunLog, table: Table, *, rebuild: bool = False) -> StepResult:
    """Take what is new in bronze into the table, or (`rebuild`) all of bronze in place of its rows.

    Raises QualityError (a check failed: nothing was written), ChangeRefusedError (the contract changed
    in a way the table cannot follow), ConservationError (rows do not add up: a defect).
    """
    started = time.monotonic()
    tables, source, staging = log.tables, f"bronze.{table.name}", Staging(log.tables, table.key)
    done, notes = log.progress(table.key), list[str]()
    at = tables.version(table.key)
    existed, remade = at >= 0, at < done.version  # remade: it was dropped, and perhaps made again since
    if remade:
        done = Progress()
    if not existed:
        if table.changes is None:
            tables.create(table.key, shape_of(table))
        else:
            make(tables, table, table.key)
        done = Progress()
    elif not rebuild and done.contract != fingerprint(table):
        if table.changes is None:
            notes += evolve(tables, table)
        else:
            refuse_misfit(tables, table)
    result = StepResult(table.key, "unchanged", source_versions=dict(done.source_versions))
    left = staging.left()
    if left is not None and are_corrections(left):  # whatever becomes of the table, bronze has to have them
        taken = take_corrections(log, table, left)
        result, left = replace(taken, source_versions=result.source_versions), None
    of_this = existed and not remade and not rebuild
    if left is not None and of_this and _wanted(left, done, table):
        batch = Batch.resumed(left, table)
        notes.append(f"{table.key}: finished the batch that an interrupted run had left.")
        result = finish(log, table, batch, started)
    elif left is not None:
        # rows may be gone that an interrupted rebuild was to bring again
        rebuild |= existed and bool(left.state["rebuild"]) and left.state["token"] != done.token
        if not rebuild:
            if left.state["token"] != done.token:
                withdraw(tables, table, str(left.state["token"]))
            staging.drop()
    after = -1 if rebuild else result.source_versions.get(source, -1)
    if existed and not rebuild and after < 0:
        _refuse_unknown_past(tables, table)
    upto = tables.version(source)
    had_read = done.source_versions.get(source, -1)
    if upto < after or (rebuild and upto < 0 <= had_read):
        raise LostRecordsError(source, upto, table.key, had_read)
    if upto > after:
        into_nothing = not existed and table.changes is None
        batch = _stage(tables, table, source, after, upto, rebuild or into_nothing)
        result = summed(result, finish(log, table, batch, started))
    return replace(
        result,
        seconds=time.monotonic() - started,
        version=tables.version(table.key),
        notes=(*notes, *result.notes),
    )


def _wanted(left: Staged, done: Progress, table: Table) -> bool:
    """Whether a batch that was left has to be finished: not if it was, nor, if another contract made it,
    where it would put its rows in the place of all that are there, or (changes) can be made once more."""
    another = left.state["contract"] != fingerprint(table)
    anew = bool(left.state["rebuild"]) or table.changes is not None
    return left.state["token"] != done.token and not (another and anew)


def _refuse_unknown_past(tables: Tables, table: Table) -> None:
    """Without a primary key a record that was taken already cannot be told from a new one."""
    if not table.primary_key and tables.read(table.key).limit(1).first() is not None:
        raise MedallionError(
            f"{table.key} has rows, but ops.table_metrics has no word of how much of bronze it has read. "
            f"To read all of it again would double them; run `medallion rebuild {table.key} PRODUCT`."
        )


def _stage(tables: Tables, table: Table, source: str, after: int, upto: int, rebuild: bool) -> Batch:
    try:
        bronze = tables.inserted(source, after, upto)
        rows = conform(
            bronze,
            table,
            tables.find,
            guard(tables, table),
            beside=lambda rows: None if rebuild else rows,
        )
        batch = Batch(rows, uuid.uuid4().hex, upto, rebuild, fingerprint(table), whole=after < 0)
        return batch.staged(Staging(tables, table.key))
    except Exception as error:
        if after >= 0 and out_of_reach(error):
            raise MedallionError(
                f"{source} no longer keeps its changes since version {after}, where {table.key} had come to. "
                f"Run `medallion rebuild {table.key} PRODUCT`."
            ) from error
        raise


def finish(log: RunLog, table: Table, batch: Batch, started: float) -> StepResult:
    """Check a staged batch, write it, and record it. Raises as `refine` does."""
    tables, source = log.tables, f"bronze.{table.name}"
    found = summarize(batch.rows)
    if batch.again and batch.held is None:
        batch = replace(batch, held=held(tables, table, batch))
    quarantined = found.outcomes.get("quarantined", 0)
    notes = [] if batch.passed else gate(tables, table, batch)
    erased = found.outcomes.get("erased", 0)
    valid, total = found.outcomes.get("valid", 0), sum(found.outcomes.values()) - erased
    if erased:
        notes.append(
            f"{table.key}: {erased} records of erased keys were kept out. Bronze and the landing zone hold "
            "them still: `medallion erase --again PRODUCT`."
        )
    corrected = 0
    if not batch.replay:
        if not batch.again:  # its records' drift was told when they came
            notes += _report_drift(log, table, found, batch.token)
        write_quarantine(tables, table, batch, quarantined)
        corrected = settle_corrected(log, table, batch.rows, batch.token)
    written = write(tables, table, batch, valid)
    violations, warnings = found.violations, found.warnings
    if batch.replay:  # its records and what they broke were counted when they came
        settle(log, table, batch.rows, batch.token)
        notes.append(f"{table.key}: {total - quarantined} of {total} records left quarantine.")
        quarantined, total, violations, warnings = quarantined - total, 0, {}, 0
    duplicates = found.outcomes.get("duplicate", 0) + valid - written.taken
    if batch.held is not None:  # they were counted when they came: what counts is the difference
        quarantined, total, violations, warnings = quarantined - batch.held, corrected, {}, 0
        duplicates = corrected - quarantined - written.taken
    result = StepResult(
        table.key,
        "succeeded",
        rows_in=total - corrected,  # in place of which others came
        rows_valid=written.taken,
        rows_quarantined=quarantined - corrected,
        rows_duplicate=duplicates,
        rows_written=written.rows,
        rows_deleted=written.deleted,
        warnings=warnings,
        seconds=time.monotonic() - started,
        version=tables.version(table.key),
        source_versions={source: batch.upto},
        beside_versions=versions_beside(tables, table),
        notes=tuple(notes),
    )
    if not batch.again:
        _conserve(result)
    log.step(result, token=batch.token, contract=fingerprint(table), violations=violations, once=True)
    Staging(tables, table.key).drop()
    return result


def _conserve(result: StepResult) -> None:
    accounted = result.rows_valid + result.rows_quarantined + result.rows_duplicate
    if accounted != result.rows_in or result.rows_duplicate < 0:
        raise ConservationError(
            f"{result.table}: {result.rows_in} rows came in, but {result.rows_valid} valid, "
            f"{result.rows_quarantined} quarantined and {result.rows_duplicate} duplicates make {accounted}."
        )


def _report_drift(log: RunLog, table: Table, found: Summary, token: str) -> list[str]:
    if found.drift:
        moment = now()
        rows = [(log.run_id, table.key, d.kind, d.field, d.records, d.example, moment) for d in found.drift]
        log.append("drift", rows, token=f"{token}-drift")
    return [f"{table.key}: {one}" for one in found.drift]


def summed(first: StepResult, second: StepResult) -> StepResult:
    """Two batches of one step as one result."""
    if first.status == "unchanged":
        return replace(second, notes=(*first.notes, *second.notes))
    added = {
        name: getattr(first, name) + getattr(second, name)
        for name in (
            "rows_in",
            "rows_valid",
            "rows_quarantined",
            "rows_duplicate",
            "rows_written",
            "rows_deleted",
            "warnings",
        )
    }
    return replace(second, status="succeeded", notes=(*first.notes, *second.notes), **added)
