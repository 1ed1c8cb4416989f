"""Deletes what was found in a table of the lakehouse."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erased import ERASED, identities
from medallion_pipelines.erasure.records import Place, is_documents
from medallion_pipelines.silver.parse import EXACT
from medallion_pipelines.silver.quarantine import LOG, record_id
from medallion_pipelines.silver.typed import DOCUMENT
from medallion_pipelines.sql import quoted, string
from medallion_pipelines.tables import Tables

REST = "_rest"
# as records of Parquet are written wherever they are text
_AS_TEXT = f"to_json(target.record, map({', '.join(string(one) for pair in EXACT.items() for one in pair)}))"


def purge(tables: Tables, table: Table, place: Place, looked: DataFrame) -> None:
    """Delete the rows of a place that hold an erased key; a second time there are none."""
    gone = looked.where(ERASED)
    in_bronze = place.key.startswith("bronze.")
    if in_bronze and tables.exists(LOG):  # it knows records by hashes under no secret
        ids = gone.select(record_id(gone, "_record").alias("_id")).distinct()
        tables.delete(ids, LOG, on=f"target.record_id = source._id AND target.`table` = {string(table.key)}")
    if in_bronze and is_documents(table):
        on, change = f"target.record = source.{DOCUMENT}", {"record": f"source.{REST}"}
        tables.delete(remainders(gone, DOCUMENT), place.key, on=on, change=change, append_only=True)
    elif place.is_raw:
        assert table.source is not None
        # a record of Parquet is a struct in bronze, and its JSON in quarantine
        record = _AS_TEXT if in_bronze and table.source.format == "parquet" else "target.record"
        on, names = f"{record} = source._record", ["_record"]
        if table.source.format == "csv":  # another header makes another record of the same text
            on, names = f"{on} AND target._header <=> source._header", ["_record", "_header"]
        tables.delete(gone.select(*names).distinct(), place.key, on=on, append_only=in_bronze)
    else:
        columns = sorted({column for one in identities(table) for column in one.columns})
        on = " AND ".join(f"target.{quoted(c)} <=> source.{quoted(c)}" for c in columns)
        tables.delete(gone.select(*map(quoted, columns)).distinct(), place.key, on=on)


def remainders(gone: DataFrame, *by: str) -> DataFrame:
    """Of JSON documents with records that go, `_rest`: the document without them, NULL if nothing is left (as
    of one that is a record as a whole)."""
    kept = F.filter(
        F.from_json(F.col(DOCUMENT), "array<string>"), lambda text: ~F.array_contains("_gone", text)
    )
    texts = F.transform(kept, lambda text: F.coalesce(text, F.lit("null")))
    some = (F.size(texts) > 0) & ~F.array_contains("_gone", F.col(DOCUMENT))
    rest = F.when(some, F.concat(F.lit("["), F.array_join(texts, ","), F.lit("]")))
    grouped = gone.groupBy(*{*by, DOCUMENT}).agg(F.collect_set("_record").alias("_gone"))
    return grouped.select(*by, rest.alias(REST))
