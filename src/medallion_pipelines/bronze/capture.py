"""Capture: from a feed's new files, or its streams, to its append-only bronze table, each record exactly
once."""

from __future__ import annotations

import time
from collections.abc import Sequence

from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from medallion_pipelines.bronze.ledger import (
    Batch,
    Outcome,
    captured_files,
    has_captured,
    note,
    pending,
)
from medallion_pipelines.bronze.parquet import merged_schema
from medallion_pipelines.bronze.parsed import parsed_select
from medallion_pipelines.bronze.records import read_records
from medallion_pipelines.bronze.shape import bronze_shape
from medallion_pipelines.bronze.streams import capture_stream
from medallion_pipelines.contracts.model import Source, Table
from medallion_pipelines.errors import LostRecordsError, SetupError, spark_reason
from medallion_pipelines.machine import NO_S3A
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.tables import Tables, ddl


def capture(log: RunLog, table: Table) -> StepResult:
    """Capture what is new for the feed of one silver table into `bronze.<table>`.

    A file that cannot be read is noted in `ops.files`, reported, and tried again by the next run; it
    does not stop the others. Raises SourceError where there is no landing zone, LostRecordsError where
    records that were captured are gone.
    """
    started = time.monotonic()
    assert table.source is not None
    key = f"bronze.{table.name}"
    _refuse_lost(log, table, key)
    if table.source.stream is not None:
        return capture_stream(log, table, table.source.stream)
    batches, changed = pending(log, key, table.source)
    notes: list[str] = []
    if changed:
        note(log, key, None, [Outcome(file, "changed") for file in changed])
        notes += [
            f"{_short(file.path)} changed after it was captured: it is not read again. "
            "Deliver what is new under a new name."
            for file in changed
        ]
    rows = 0
    for batch in batches:
        outcomes = _capture_batch(log.tables, key, table.source, batch)
        note(log, key, batch.token, outcomes)
        rows += sum(outcome.records or 0 for outcome in outcomes)
        notes += [
            f"{_short(o.file.path)} cannot be read ({o.error}); the next run tries again."
            for o in outcomes
            if o.status == "unreadable"
        ]
    if log.tables.exists(key):
        log.tables.view(f"{key}_parsed", parsed_select(log.tables.name(key), table.source), over=[key])
    return StepResult(
        key,
        "succeeded" if rows else "unchanged",
        rows_in=rows,
        rows_valid=rows,
        rows_written=rows,
        seconds=time.monotonic() - started,
        version=log.tables.version(key),
        notes=tuple(notes),
    )


def _refuse_lost(log: RunLog, table: Table, key: str) -> None:
    """New files in the place of what is gone would hide that it is."""
    tables, done = log.tables, log.progress(table.key)
    at, had_read = tables.version(key), done.source_versions.get(key, -1)
    if at < had_read and tables.version(table.key) >= done.version:  # else that one is made anew, too
        raise LostRecordsError(key, at, table.key, had_read)
    if at < 0 and has_captured(tables, key):
        raise LostRecordsError(key, at, table.key, had_read)


def _capture_batch(tables: Tables, key: str, source: Source, batch: Batch) -> list[Outcome]:
    by_path = {file.path: file for file in batch.files}
    written = _captured(tables, key, batch.token) if batch.resumed else {}
    if written:  # what that run left out is new again
        left_out = "it was left out of an interrupted batch"
        return [
            written.get(path) or Outcome(file, "unreadable", error=left_out) for path, file in by_path.items()
        ]
    schema, broken = None, dict[str, str]()
    if source.format == "parquet":
        known = tables.read(key).schema["record"].dataType if tables.exists(key) else None
        assert known is None or isinstance(known, StructType)
        schema, broken = merged_schema(tables.spark, list(by_path), known)
    readable = [path for path in by_path if path not in broken]
    try:
        _write(tables, key, source, batch.token, readable, schema)
    except Exception as error:  # classic Spark raises py4j's errors, Spark Connect its own
        if "S3AFileSystem not found" in str(error):
            raise SetupError(NO_S3A) from None
        # which of them is it? nothing was written: a commit is all or nothing
        broken |= unreadable(tables, source, readable, schema)
        readable = [path for path in readable if path not in broken]
        if not broken:
            raise
        _write(tables, key, source, batch.token, readable, schema)
    written = _captured(tables, key, batch.token)
    return [
        *(Outcome(by_path[path], "unreadable", error=error) for path, error in broken.items()),
        *(written.get(path) or Outcome(by_path[path], "empty", 0) for path in readable),
    ]


def _write(
    tables: Tables, key: str, source: Source, token: str, paths: Sequence[str], schema: StructType | None
) -> None:
    if not paths:
        return
    records = read_records(tables.spark, source, paths, schema)
    rows = records.withColumn("_batch_id", F.lit(token)).withColumn("_ingested_at", F.current_timestamp())
    tables.create(key, bronze_shape(source, ddl(records.schema["record"].dataType)))
    tables.append(rows, key, token=token, evolve=source.format == "parquet")


def unreadable(
    tables: Tables, source: Source, paths: Sequence[str], schema: StructType | None
) -> dict[str, str]:
    """The files that cannot be read, and why: found by halving, so that good ones cost little."""
    try:
        read_records(tables.spark, source, paths, schema).agg(
            F.max(F.length(F.to_json(F.struct("record"))))
        ).first()
    except Exception as error:
        if len(paths) == 1:
            return {paths[0]: spark_reason(error)}
        half = len(paths) // 2
        return unreadable(tables, source, paths[:half], schema) | unreadable(
            tables, source, paths[half:], schema
        )
    return {}


def _captured(tables: Tables, key: str, token: str) -> dict[str, Outcome]:
    """What a batch really brought, by path: read back from the table."""
    found = captured_files(tables, key, token) if tables.exists(key) else []
    return {outcome.file.path: outcome for outcome in found}


def _short(path: str) -> str:
    return "/".join(path.rsplit("/", 2)[-2:])
