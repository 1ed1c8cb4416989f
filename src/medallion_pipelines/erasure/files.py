"""Rewrites the landing zone's files without some of their records."""

from __future__ import annotations

import gzip
import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import IO, Literal
from urllib.parse import unquote, urlsplit

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.bronze.ledger import Outcome, SourceFile, note
from medallion_pipelines.contracts.model import Source, Table
from medallion_pipelines.csvtext import record_pattern
from medallion_pipelines.erased import ERASED
from medallion_pipelines.erasure.purge import REST, remainders
from medallion_pipelines.erasure.records import is_documents
from medallion_pipelines.jsontext import RECORD
from medallion_pipelines.runlog import RunLog

Edit = Callable[[IO[str]], Iterable[str]]  # from a file's text to the pieces that are left of it
_PACKED = (".bz2", ".deflate", ".lz4", ".snappy", ".zst", ".zstd")


def rewrite(log: RunLog, table: Table, looked: DataFrame) -> list[str]:
    """Take the records that hold an erased key out of their files; the files that only others can rewrite.

    A file keeps its modification time, and the ledger learns its new size before it is put in its place: a
    captured file is neither reported as changed nor read again.
    """
    assert table.source is not None
    gone = looked.where(ERASED)
    left, captured = [], _captured(log, f"bronze.{table.name}")
    for url, edit, modified_at in _edits(table, gone):
        path = _on_this_machine(url)
        if path is None or edit is None:
            left.append(url)
            continue
        beside = path.with_name(f".{path.name}.erasing")  # hidden: no feed's pattern takes it for a file
        copy(path, beside, edit)
        shutil.copystat(path, beside)
        if SourceFile(url, modified_at, path.stat().st_size) in captured:
            file = SourceFile(url, modified_at, beside.stat().st_size)
            note(log, f"bronze.{table.name}", None, [Outcome(file, "captured")])
        beside.replace(path)
    return left


def _edits(table: Table, gone: DataFrame) -> Iterator[tuple[str, Edit | None, datetime]]:
    """Each file that holds something, and how it is rewritten. What comes back are the
    records of erased subjects, and no others."""
    assert table.source is not None
    origin = ["_file_path", "_file_modification_time"]
    if is_documents(table):
        for row in remainders(gone, *origin).collect():
            yield row[0], partial(_instead, row[REST] or ""), row[1].astimezone(UTC)
        return
    # as bytes: what is no UTF-8 would not come out of Spark as text
    per_file = gone.groupBy(*origin).agg(F.collect_set(F.col("_record").cast("binary")).alias("records"))
    for row in per_file.collect():
        records = {bytes(record) for record in row.records}
        edit = None if table.source.format == "parquet" else without(records, table.source)
        yield row[0], edit, row[1].astimezone(UTC)


def _captured(log: RunLog, feed: str) -> set[SourceFile]:
    files = log.tables.read("ops.files").where((F.col("feed") == feed) & (F.col("status") == "captured"))
    rows = files.select("path", "modified_at", "size").distinct().collect()
    return {SourceFile(row.path, row.modified_at.astimezone(UTC), row.size) for row in rows}


def _on_this_machine(url: str) -> Path | None:
    """Where a file is that Python can write: on a disk here, or a volume of Unity Catalog."""
    parts = urlsplit(url)
    path = Path(unquote(parts.path)).resolve()  # not the link to it
    mounted = parts.scheme == "file" or (parts.scheme == "dbfs" and path.parts[1:2] == ("Volumes",))
    return path if mounted and path.suffix not in _PACKED and path.is_file() else None


def copy(path: Path, beside: Path, edit: Edit) -> None:
    """Write what is left of a file beside it, gzipped as it is."""

    # bytes that are no UTF-8, and line ends, come out as they went in
    def opened(file: Path, mode: Literal["rt", "wt"]) -> IO[str]:
        if path.suffix == ".gz":
            return gzip.open(file, mode, encoding="utf-8", errors="surrogateescape", newline="")
        return file.open(mode, encoding="utf-8", errors="surrogateescape", newline="")

    with opened(path, "rt") as old, opened(beside, "wt") as new:
        new.writelines(edit(old))
    with beside.open("rb+") as written:
        os.fsync(written.fileno())


def without(records: set[bytes], source: Source) -> Edit:
    """The text of a file without records (each as Spark reads it), the rest as it was."""
    by_pattern = source.format == "csv" and source.multi_line

    def as_read(record: str) -> bytes:
        raw = record.encode("utf-8", "surrogateescape")
        # Spark takes a line as it is, but decodes what it cuts by a pattern
        return raw.decode("utf-8", "replace").encode() if by_pattern else raw

    def edit(old: IO[str]) -> Iterator[str]:
        if source.concatenated:
            found = (one[0] for one in re.finditer(RECORD, old.read()))
            yield from (piece for piece in found if as_read(piece) not in records)
            return
        pieces: Iterator[str] = iter(old)
        if by_pattern:
            pattern = record_pattern(
                source.options.get("sep", ","), source.options.get("quote", '"'), source.options.get("escape")
            )
            pieces = (found[0] for found in re.finditer(pattern.replace(r"\z", r"\Z"), old.read()))
        for place, piece in enumerate(pieces):
            record = re.sub(r"(?:\r\n|\n|\r)\Z", "", piece)
            if as_read(record.removeprefix("\ufeff") if place == 0 else record) not in records:
                yield piece

    return edit


def _instead(text: str, _old: IO[str]) -> list[str]:
    return [text]
