"""Deletes what was found in a table of the lakehouse."""

from __future__ import annotations

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erased import ERASED, identities
from medallion_pipelines.erasure.records import Place, is_documents
from medallion_pipelines.silver.typed import DOCUMENT
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Tables

REST = "_rest"


def purge(tables: Tables, table: Table, place: Place, looked: DataFrame) -> None:
    """Delete the rows of a place that hold an erased key; a second time there are none."""
    gone = looked.where(ERASED)
    in_bronze = place.key.startswith("bronze.")
    if in_bronze and is_documents(table):
        on, change = f"target.record = source.{DOCUMENT}", {"record": f"source.{REST}"}
        tables.delete(remainders(gone, DOCUMENT), place.key, on=on, change=change, append_only=True)
    elif place.is_raw:
        assert table.source is not None
        # a record of Parquet is a struct in bronze, and its JSON in quarantine
        record = (
            "to_json(target.record)" if in_bronze and table.source.format == "parquet" else "target.record"
        )
        on, names = f"{record} = source._record", ["_record"]
        if table.source.format == "csv":  # another header makes another record of the same text
            on, names = f"{on} AND target._header <=> source._header", ["_record", "_header"]
        tables.delete(gone.select(*names).distinct(), place.key, on=on, append_only=in_bronze)
    else:
        columns = sorted({column for one in identities(table) for column in one.columns})
        on = " AND ".join(f"target.{quoted(c)} <=> source.{quoted(c)}" for c in columns)
        tables.delete(gone.select(*map(quoted, columns)).distinct(), place.key, on=on)


def remainders(gone: DataFrame, *by: str) -> DataFrame:
    """Of JSON documents with records that go, `_rest`: the document without them, NULL if nothing is left."""
    kept = F.filter(
        F.from_json(F.col(DOCUMENT), "array<string>"), lambda text: ~F.array_contains("_gone", text)
    )
    texts = F.transform(kept, lambda text: F.coalesce(text, F.lit("null")))
    rest = F.when(F.size(texts) > 0, F.concat(F.lit("["), F.array_join(texts, ","), F.lit("]")))
    grouped = gone.groupBy(*{*by, DOCUMENT}).agg(F.collect_set("_record").alias("_gone"))
    return grouped.select(*by, rest.alias(REST))
