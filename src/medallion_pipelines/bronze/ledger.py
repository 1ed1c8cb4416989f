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

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.bronze.discovery import discovered
from medallion_pipelines.contracts.model import Source
from medallion_pipelines.runlog import RunLog, now
from medallion_pipelines.tables import Field, Tables, local_frame

BATCH_FILES = 5_000
_FILE = ["path", "modified_at", "size"]


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


def pending(log: RunLog, feed: str, source: Source) -> tuple[list[Batch], list[SourceFile]]:
    """The batches to capture, and the files that changed after they were captured (reported, not reread).

    Raises SourceError where the landing zone itself is missing.
    """
    tables = log.tables
    ledger = tables.read("ops.files").where(F.col("feed") == feed)
    finished = ledger.where("status <> 'found' AND token IS NOT NULL").select("token").distinct()
    rows = ledger.where("status = 'found'").select(*_FILE, "token").join(finished, "token", "left_anti")
    listed = discovered(tables, feed, source)
    if listed is not None:
        known = ledger.where("status IN ('captured', 'changed', 'empty')").select(*_FILE)
        rows = rows.unionByName(listed.join(known, _FILE, "left_anti"), allowMissingColumns=True)
    unfinished: dict[str, list[SourceFile]] = {}
    unlike: list[SourceFile] = []  # what is known, if anything is
    for row in rows.collect():
        file = SourceFile(row.path, row.modified_at.astimezone(UTC), row.size)
        (unlike if row.token is None else unfinished.setdefault(row.token, [])).append(file)
    begun = {file.path for files in unfinished.values() for file in files}
    unlike = [file for file in unlike if file.path not in begun]
    captured = _captured_before(tables, ledger, unlike)
    new = [file for file in unlike if file.path not in captured]
    changed = [file for file in unlike if file.path in captured]
    if new and tables.version(feed) > 0:
        forgotten = _forgotten(tables, feed, ledger, unfinished)
        if not {outcome.file for outcome in forgotten}.isdisjoint(new):
            note(log, feed, None, forgotten)
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


def _captured_before(tables: Tables, ledger: DataFrame, files: Sequence[SourceFile]) -> set[str]:
    """The paths of those files whose records were captured as they were at another time."""
    if not files:
        return set()
    asked = local_frame(tables.spark, [Field("path", "STRING")], [(file.path,) for file in files])
    found = ledger.where("status = 'captured'").select("path").join(asked, "path", "left_semi")
    return {row.path for row in found.distinct().collect()}
