"""What there is of a subject in each place: rows that go, and records that nobody can tell of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erased import ERASED
from medallion_pipelines.erasure.records import Place, captured, corrections, is_documents, landing_of
from medallion_pipelines.erasure.search import MAY_HOLD, UNDIVIDED, Search
from medallion_pipelines.silver.quarantine import record_id
from medallion_pipelines.silver.typed import CORRECTS
from medallion_pipelines.tables import Field, local_frame

_ID = "_id"


@dataclass(frozen=True)
class Counted:
    """Rows that hold a key and records that may, by place; the former also by landing file.

    `undivided` are those of the latter that are documents with the value as a whole word; `files_left` the
    landing files that hold such a document, or could not be read.
    """

    found: dict[str, int] = field(default_factory=dict)
    may_hold: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)
    undivided: dict[str, int] = field(default_factory=dict)
    files_left: set[str] = field(default_factory=set)


def count(search: Search, among: Iterable[Table]) -> Counted:
    """What there is in all places of some tables."""
    counted = Counted()
    for table in among:
        for place in search.places(table):
            looked = look(search, table, place)
            file = "_file_path" if place.key == landing_of(table) else "CAST(NULL AS STRING)"
            rows = (
                looked.groupBy(F.expr(file).alias("file"))
                .agg(
                    F.expr(f"count_if({ERASED})").alias("found"),
                    F.expr(f"count_if({MAY_HOLD})").alias("may"),
                    F.expr(f"count_if({UNDIVIDED})").alias("undivided"),
                )
                .where("found > 0 OR may > 0")
                .collect()
            )
            counted.found[place.key] = sum(row.found for row in rows)
            for kind, numbers in (("may", counted.may_hold), ("undivided", counted.undivided)):
                if number := sum(row[kind] for row in rows):
                    numbers[place.key] = number
            counted.files.update({row.file: row.found for row in rows if row.file and row.found})
            counted.files_left.update(row.file for row in rows if row.file and row.undivided)
        counted.files_left.update(search.landing.broken.get(table.key, ()))
    return counted


def look(search: Search, table: Table, place: Place) -> DataFrame:
    """The rows of a place as `Search.judged` has them. What a corrected record that goes was before goes,
    too: whose it is may be told by the corrected one alone."""
    rows = search.judged(table, place)
    if not place.is_raw:
        return rows
    ids = _originals(search, table)
    if not ids:
        return rows
    known = local_frame(search.tables.spark, [Field("_original", "STRING")], [(one,) for one in sorted(ids)])
    if place.key == landing_of(table):  # when they were captured is not known there: by text and file
        same = [name for name in ("_record", "_header", "_file_path") if name in rows.columns]
        bronze = captured(search.tables, table).read()
        found = bronze.join(F.broadcast(known), record_id(bronze, "_record") == F.col("_original"))
        known = found.select(*(F.col(name).alias(f"_known{name}") for name in same)).distinct()
        on = [rows[name].eqNullSafe(F.col(f"_known{name}")) for name in same]
        hit = F.col("_known_file_path").isNotNull()
    else:
        on, hit = [record_id(rows, "_record") == F.col("_original")], F.col("_original").isNotNull()
    return (
        rows.join(F.broadcast(known), on, "left")
        .withColumns(
            {
                ERASED: F.col(ERASED) | hit,
                MAY_HOLD: F.col(MAY_HOLD) & ~hit,
                UNDIVIDED: F.col(UNDIVIDED) & ~hit,
            }
        )
        .drop(*known.columns)
    )


def _originals(search: Search, table: Table) -> set[str]:
    """The ids of bronze records that a corrected one took the place of, where that one goes; and of documents
    that could not be taken apart: what else is in one is in its correction."""
    place = corrections(search.tables, table)
    if place is None:
        return set()
    rows = search.judged(table, place)
    links = rows.select(record_id(rows, "_record").alias(_ID), CORRECTS, ERASED)
    found = {row[0] for row in links.where(ERASED).select(CORRECTS).distinct().collect()}
    if is_documents(table):
        documents = search.judged(table, captured(search.tables, table)).where(UNDIVIDED)
        superseded = links.select(F.col(CORRECTS).alias(_ID)).distinct()
        ids = documents.select(record_id(documents, "_record").alias(_ID)).join(superseded, _ID, "left_semi")
        found |= {row[0] for row in ids.distinct().collect()}
    new = found
    while new:  # one may have been corrected more than once
        frame = local_frame(search.tables.spark, [Field(_ID, "STRING")], [(one,) for one in sorted(new)])
        new = {row[0] for row in links.join(frame, _ID).select(CORRECTS).distinct().collect()} - found
        found |= new
    return found
