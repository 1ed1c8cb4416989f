"""Which source files there are, and which of them are new: the ledger `ops.files`.

A batch of files is noted as found, under a token, before it is read, and as captured after it was
written; the write itself carries the token. So a run that is killed anywhere is finished by the next
one: it takes up the batches that were found but not captured, with the same files and token.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Source
from medallion_pipelines.errors import SourceError
from medallion_pipelines.runlog import RunLog, now
from medallion_pipelines.tables import Tables

BATCH_FILES = 5_000

# over all that is known of one path: batches that were not finished, and what is listed but not known
_OPEN = """filter(entries, f -> f.status = 'found' AND NOT exists(entries,
    e -> e.token <=> f.token AND e.status <> 'found'))"""
_UNKNOWN = """filter(entries, l -> l.status = 'listed' AND NOT exists(entries,
    e -> e.status IN ('captured', 'changed', 'empty')
        AND e.modified_at = l.modified_at AND e.size = l.size))"""


@dataclass(frozen=True)
class SourceFile:
    """A file as listed: path as Spark's `_metadata.file_path` spells it, size in bytes."""

    path: str
    modified_at: datetime
    size: int


@dataclass(frozen=True)
class Batch:
    """Files that are captured in one commit."""

    token: str
    files: tuple[SourceFile, ...]
    resumed: bool = False  # found by a run that was cut off: it may be written already


@dataclass(frozen=True)
class Outcome:
    """What became of one file."""

    file: SourceFile
    status: str  # captured, empty, unreadable, changed
    records: int | None = None
    error: str | None = None


def resolve(source: Source, landing: str) -> str:
    """Where a feed's files are: its path below the landing zone, unless it is absolute or a URI."""
    if "://" in source.path or source.path.startswith("/"):
        return source.path
    return f"{landing.rstrip('/')}/{source.path}"


def pending(log: RunLog, feed: str, source: Source) -> tuple[list[Batch], list[SourceFile]]:
    """The batches to capture, and the files that changed after they were captured (reported, not reread).

    Raises SourceError where the landing zone itself is missing.
    """
    tables = log.tables
    ledger = tables.read("ops.files").where(F.col("feed") == feed)
    seen = ledger.select("path", "modified_at", "size", "status", "token")
    listed = listing(tables, source)
    if listed is not None:
        seen = seen.unionByName(listed.selectExpr("*", "'listed' AS status", "CAST(NULL AS STRING) AS token"))
    rows = (
        seen.groupBy("path")
        .agg(F.expr("collect_set(struct(modified_at, size, status, token))").alias("entries"))
        .select("path", "entries", F.expr(_OPEN).alias("open"), F.expr(_UNKNOWN).alias("unknown"))
        .where("size(open) > 0 OR size(unknown) > 0")
        .collect()
    )
    unfinished: dict[str, list[SourceFile]] = {}
    new: list[SourceFile] = []
    changed: list[SourceFile] = []
    for row in rows:
        for entry in row.open:
            unfinished.setdefault(entry.token, []).append(_file(row.path, entry))
        if row.unknown and not row.open:
            captured = any(entry.status == "captured" for entry in row.entries)
            (changed if captured else new).append(_file(row.path, row.unknown[0]))
    if new and tables.version(feed) > 0:
        known = _forgotten(tables, feed, ledger, unfinished)
        if not {outcome.file for outcome in known}.isdisjoint(new):
            note(log, feed, None, known)
            return pending(log, feed, source)
    batches = [Batch(token, tuple(files), resumed=True) for token, files in sorted(unfinished.items())]
    new.sort(key=lambda file: (file.modified_at, file.path))
    for start in range(0, len(new), BATCH_FILES):
        batch = Batch(uuid.uuid4().hex, tuple(new[start : start + BATCH_FILES]))
        note(log, feed, batch.token, [Outcome(file, "found") for file in batch.files])
        batches.append(batch)
    return batches, changed


def has_captured(tables: Tables, feed: str) -> bool:
    """Whether the ledger has files of a feed whose records were captured."""
    mine = tables.read("ops.files").where((F.col("feed") == feed) & (F.col("status") == "captured"))
    return mine.limit(1).first() is not None


def forget_files(tables: Tables, feed: str) -> None:
    """Take a feed's files out of the ledger: they are new again."""
    if tables.exists("ops.files"):
        tables.overwrite(tables.read("ops.files").where(F.col("feed") != feed), "ops.files")


def _forgotten(tables: Tables, feed: str, ledger: DataFrame, open_tokens: Iterable[str]) -> list[Outcome]:
    """Files that are in the bronze table, and that a ledger does not know which was lost, or restored to an
    earlier version: it is told of a batch right after that is written."""
    last = ledger.where("status <> 'found'").agg(F.max("recorded_at")).first()
    rows = tables.read(feed)
    if last is not None and last[0] is not None:
        rows = rows.where(F.col("_ingested_at") > F.lit(last[0].astimezone(UTC)))
    return _files_of(rows.where(~F.col("_batch_id").isin([*open_tokens])))


def captured_files(tables: Tables, feed: str, token: str) -> list[Outcome]:
    """The files whose records a batch brought into a bronze table, with how many."""
    return _files_of(tables.read(feed).where(F.col("_batch_id") == token))


def _files_of(rows: DataFrame) -> list[Outcome]:
    counted = rows.groupBy("_file_path", "_file_modification_time", "_file_size").count()
    return [
        Outcome(
            SourceFile(row._file_path, row._file_modification_time.astimezone(UTC), row._file_size),
            "captured",
            row["count"],
        )
        for row in counted.collect()
    ]


def note(log: RunLog, feed: str, token: str | None, outcomes: Sequence[Outcome]) -> None:
    """Write what became of some files to the ledger, in one commit."""
    moment = now()
    log.append(
        "files",
        [
            (
                feed,
                outcome.file.path,
                outcome.file.modified_at,
                outcome.file.size,
                outcome.status,
                outcome.records,
                outcome.error,
                token,
                log.run_id,
                moment,
            )
            for outcome in outcomes
        ],
    )


def _file(path: str, entry: Row) -> SourceFile:
    return SourceFile(path, entry.modified_at.astimezone(UTC), entry.size)


def listing(tables: Tables, source: Source) -> DataFrame | None:
    """The files of a feed: path, modified_at, size; None where there is none. Raises SourceError where the
    landing zone itself is missing."""
    path = resolve(source, tables.settings.landing)
    try:
        files = tables.spark.read.format("binaryFile").load(path)
        _ = files.schema  # Spark Connect looks at the path only when asked for something
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        if path.startswith("/") and not Path(_fixed_part(path)).is_dir():
            raise SourceError(
                f"{_fixed_part(path)} is not a folder, so no file of {source.path} can be read. "
                "Name the landing zone with --landing or MEDALLION_LANDING."
            ) from None
        return None
    # only the metadata is asked for, so no content is read
    return files.selectExpr(
        "_metadata.file_path AS path",
        "_metadata.file_modification_time AS modified_at",
        "_metadata.file_size AS size",
    )


def _fixed_part(path: str) -> str:
    """The folder above the first pattern of a glob."""
    parts: list[str] = []
    for part in path.split("/"):
        if any(character in part for character in "*?[{"):
            return "/".join(parts) or "/"
        parts.append(part)
    return str(Path(path).parent)
