"""Refine: bring a silver table up to date with its bronze table, each record exactly once.

A batch is computed once, into a staging table; checks look at it; then quarantine and table are
written from it, each under the batch's token, and last the run log says how far the table has come.
Killed anywhere, the next run finds the staged batch and finishes it: writes that happened are not
repeated (an append by its token, a merge because it changes nothing the second time).
"""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import ChangeRefusedError, ConservationError, MedallionError, QualityError
from medallion_pipelines.evolution import evolve, fields, shape
from medallion_pipelines.quality import judge
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog, now
from medallion_pipelines.silver.conform import ERRORS, conform, order_sql
from medallion_pipelines.silver.summary import Summary, summarize
from medallion_pipelines.tables import Field, Tables, out_of_reach, quote

QUARANTINE = (
    Field("record", "STRING", comment="the record as it came (Parquet: as JSON)"),
    Field("_header", "STRING", comment="the CSV header it was read under"),
    Field("_errors", ERRORS, comment="every reason"),
    Field("_file_path", "STRING"),
    Field("_file_modification_time", "TIMESTAMP"),
    Field("_ingested_at", "TIMESTAMP", comment="when bronze captured it"),
    Field("_quarantined_at", "TIMESTAMP"),
    Field("_batch_id", "STRING"),
)


@dataclass(frozen=True)
class _Batch:
    token: str
    upto: int  # version of bronze that was read up to
    rebuild: bool
    rows: DataFrame
    passed: bool = False  # the checks, in an earlier run: some of it may be written already


def quarantine_key(table: Table) -> str:
    """The quarantine of a silver table: `silver.<table>_quarantine`."""
    return f"{table.key}_quarantine"


def refine(log: RunLog, table: Table, *, rebuild: bool = False) -> StepResult:
    """Take what is new in bronze into the table, or (`rebuild`) all of bronze in place of its rows.

    Raises QualityError (a check failed: nothing was written), ChangeRefusedError (the contract changed
    in a way the table cannot follow), ConservationError (rows do not add up: a defect).
    """
    started = time.monotonic()
    tables, source = log.tables, f"bronze.{table.name}"
    notes: list[str] = []
    done = log.progress(table.key)
    existed = tables.exists(table.key)
    if not existed:
        _create(tables, table)
    elif not rebuild:
        if _other_key(tables, table):
            raise ChangeRefusedError(
                f"The primary key of {table.key} in {table.path.name} is not that of the table. "
                f"Undo the change, or run `medallion rebuild {table.key}` to make it anew from bronze."
            )
        notes += evolve(tables, table)
    result = StepResult(table.key, "unchanged", source_versions=dict(done.source_versions if existed else {}))
    left = tables.staged(table.key)
    if left is not None and not rebuild and existed and left[1]["token"] != done.token:
        rows, state = left
        batch = _Batch(
            str(state["token"]),
            int(str(state["upto"])),
            bool(state["rebuild"]),
            _with_all_columns(rows, table),
            passed=bool(state.get("passed")),
        )
        notes.append(f"{table.key}: finished the batch that an interrupted run had left.")
        result = _finish(log, table, batch, started)
    if left is not None:
        tables.unstage(table.key)
    after = -1 if rebuild else int(result.source_versions.get(source, -1))
    if existed and not rebuild and after < 0:
        _refuse_unknown_past(tables, table)
    upto = tables.version(source)
    if upto < after:
        raise MedallionError(
            f"{source} is at version {upto}, but {table.key} had read it up to {after}: it was made anew. "
            f"Run `medallion rebuild {table.key}`."
        )
    if upto > after:
        batch = _stage(tables, table, source, after, upto, rebuild)
        result = _sum(result, _finish(log, table, batch, started))
        tables.unstage(table.key)
    return replace(
        result,
        seconds=time.monotonic() - started,
        version=tables.version(table.key),
        notes=(*notes, *result.notes),
    )


def _create(tables: Tables, table: Table) -> None:
    tables.create(
        table.key,
        fields(table),
        comment=table.description,
        cluster_by=table.cluster_by,
        properties=_properties(table),
    )


def _properties(table: Table) -> dict[str, str]:
    return {"medallion.primary_key": ",".join(table.primary_key)}


def _other_key(tables: Tables, table: Table) -> bool:
    return tables.property(table.key, "medallion.primary_key") != ",".join(table.primary_key)


def _refuse_unknown_past(tables: Tables, table: Table) -> None:
    """Without a primary key a record that was taken already cannot be told from a new one."""
    if not table.primary_key and tables.read(table.key).limit(1).first() is not None:
        raise MedallionError(
            f"{table.key} has rows, but ops.table_metrics has no word of how much of bronze it has read. "
            f"To read all of it again would double them; run `medallion rebuild {table.key}`."
        )


def _stage(tables: Tables, table: Table, source: str, after: int, upto: int, rebuild: bool) -> _Batch:
    try:
        bronze = tables.inserted(source, after, upto)
        conformed = conform(bronze, table, lambda key: tables.read(key) if tables.exists(key) else None)
    except Exception as error:
        if after >= 0 and out_of_reach(error):
            raise MedallionError(
                f"{source} no longer keeps its changes since version {after}, where {table.key} had come to. "
                f"Run `medallion rebuild {table.key}`."
            ) from error
        raise
    token = uuid.uuid4().hex
    rows = tables.stage(conformed, table.key, token, {"upto": upto, "rebuild": rebuild})
    return _Batch(token, upto, rebuild, rows)


def _finish(log: RunLog, table: Table, batch: _Batch, started: float) -> StepResult:
    """Check a staged batch, write it, and record it."""
    tables, source = log.tables, f"bronze.{table.name}"
    found = summarize(batch.rows)
    quarantined = found.outcomes.get("quarantined", 0)
    notes = [] if batch.passed else _gate(tables, table, batch)
    notes += _report_drift(log, table, found, batch.token)
    _write_quarantine(tables, table, batch, quarantined)
    valid, total = found.outcomes.get("valid", 0), sum(found.outcomes.values())
    written, deleted = _write(tables, table, batch, valid)
    result = StepResult(
        table.key,
        "succeeded",
        rows_in=total,
        rows_valid=written,
        rows_quarantined=quarantined,
        rows_duplicate=found.outcomes.get("duplicate", 0) + valid - written,
        rows_written=written,
        rows_deleted=deleted,
        warnings=found.warnings,
        seconds=time.monotonic() - started,
        version=tables.version(table.key),
        source_versions={source: batch.upto},
        notes=tuple(notes),
    )
    _conserve(result)
    log.step(result, token=batch.token, violations=found.violations)
    return result


def _conserve(result: StepResult) -> None:
    accounted = result.rows_valid + result.rows_quarantined + result.rows_duplicate
    if accounted != result.rows_in or result.rows_duplicate < 0:
        raise ConservationError(
            f"{result.table}: {result.rows_in} rows came in, but {result.rows_valid} valid, "
            f"{result.rows_quarantined} quarantined and {result.rows_duplicate} duplicates make {accounted}."
        )


def _gate(tables: Tables, table: Table, batch: _Batch) -> list[str]:
    """Raise QualityError if a check of severity error fails; notes of those of severity warning."""
    kept = batch.rows.where("_outcome = 'valid'")
    verdicts = judge(kept, [check for check in table.checks if check.scope == "batch"])
    if table.quarantine_limit is not None:
        limit = replace(table.quarantine_limit, metric="count_if(_outcome = 'quarantined')")
        verdicts += judge(batch.rows, [limit])
    whole = [check for check in table.checks if check.scope == "table"]
    if whole:
        verdicts += judge(_as_it_will_be(tables, table, batch), whole)
    failed = [verdict for verdict in verdicts if not verdict.passed]
    errors = [str(verdict) for verdict in failed if verdict.check.severity == "error"]
    if errors:
        tables.unstage(table.key)
        raise QualityError(
            f"{table.key} was not written: {'; '.join(errors)}. Nothing of this batch is in the table or its "
            "quarantine; mend the data or the contract and run again."
        )
    if verdicts:  # once something is written the checks would see the batch twice
        tables.mark_staged(
            table.key, batch.token, {"upto": batch.upto, "rebuild": batch.rebuild, "passed": True}
        )
    return [f"{table.key}: {verdict}" for verdict in failed]


def _with_all_columns(staged: DataFrame, table: Table) -> DataFrame:
    """A batch left by an earlier run may lack a column that the contract has gained since."""
    missing = {c.name: F.lit(None).cast(c.type) for c in table.columns if c.name not in staged.columns}
    return staged.withColumns(missing) if missing else staged


def _as_it_will_be(tables: Tables, table: Table, batch: _Batch) -> DataFrame:
    names = [quote(column.name) for column in table.columns]
    new = batch.rows.where("_outcome = 'valid'").select(*names)
    if batch.rebuild:
        return new
    there = tables.read(table.key).select(*names)
    if table.primary_key:
        there = there.join(
            new.select(*map(quote, table.primary_key)), list(table.primary_key), "left_anti"
        ).select(*names)
    return there.unionAll(new)


def _report_drift(log: RunLog, table: Table, found: Summary, token: str) -> list[str]:
    if found.drift:
        moment = now()
        rows = [(log.run_id, table.key, d.kind, d.field, d.records, d.example, moment) for d in found.drift]
        log.append("drift", rows, token=f"{token}-drift")
    return [f"{table.key}: {one}" for one in found.drift]


def _write_quarantine(tables: Tables, table: Table, batch: _Batch, count: int) -> None:
    key = quarantine_key(table)
    if count and not tables.exists(key):
        comment = f"Records that {table.key} did not take, with every reason."
        tables.create(key, QUARANTINE, comment=comment)
    if not tables.exists(key) or not (count or batch.rebuild):
        return
    header = (
        F.col("_header") if "_header" in batch.rows.columns else F.lit(None).cast("string").alias("_header")
    )
    rows = batch.rows.where("_outcome = 'quarantined'").select(
        F.col("_record").alias("record"),
        header,
        "_errors",
        "_file_path",
        "_file_modification_time",
        "_ingested_at",
        F.current_timestamp().alias("_quarantined_at"),
        F.lit(batch.token).alias("_batch_id"),
    )
    if batch.rebuild:
        tables.overwrite(rows, key)
    else:
        tables.append(rows, key, token=batch.token)


def _write(tables: Tables, table: Table, batch: _Batch, valid: int) -> tuple[int, int]:
    """Rows inserted or updated, and deleted."""
    names = [column.name for column in table.columns]
    rows = batch.rows.where("_outcome = 'valid'").select(*map(quote, names))
    if batch.rebuild:
        return _rebuild(tables, table, rows, valid)
    if not valid:
        return 0, 0
    if not table.primary_key:
        tables.append(rows, table.key, token=batch.token)
        return valid, 0
    newer = f"{order_sql(table, 'source')} > {order_sql(table, 'target')}"
    merged = tables.merge(rows, table.key, on=table.primary_key, update_when=newer, columns=names)
    return merged.inserted + merged.updated, 0


def _rebuild(tables: Tables, table: Table, rows: DataFrame, valid: int) -> tuple[int, int]:
    before = tables.read(table.key).count()
    if shape(tables.fields(table.key)) != shape(fields(table)) or _other_key(tables, table):
        tables.replace(
            table.key,
            fields(table),
            comment=table.description,
            cluster_by=table.cluster_by,
            properties=_properties(table),
        )
    tables.overwrite(rows, table.key)
    return valid, before


def _sum(first: StepResult, second: StepResult) -> StepResult:
    """Two batches of one step as one result."""
    if first.status == "unchanged":
        return second
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
