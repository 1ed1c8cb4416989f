"""Where records of a silver table are, before and beside the table, each typed as the table would type it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.erasure.landing import Landing
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.silver.typed import CORRECTS, DOCUMENT, typed
from medallion_pipelines.tables import Tables


@dataclass(frozen=True)
class Place:
    """Somewhere rows of a table are. `read` gives them with the table's columns; `is_raw` are records as
    they came, with `_record`, `_header`, `_malformed` and, of JSON documents, `_document`."""

    key: str  # "silver.x", "bronze.x", "landing of bronze.x"
    read: Callable[[], DataFrame]
    is_raw: bool = False


def places(tables: Tables, landing: Landing, table: Table) -> Iterator[Place]:
    """All places that are there, in the order in which they are cleaned: sources first, so that nothing
    comes back from them. Raises SourceError where there is no landing zone to look at."""
    landed = landing.records(table)
    if landed is not None:
        rows = _typed(landed, table)
        yield Place(landing_of(table), lambda: rows, is_raw=True)
    quarantine = table.quarantine_key
    if tables.exists(bronze_of(table)):
        yield captured(tables, table)
    if tables.exists(quarantine):
        yield Place(quarantine, lambda: _typed(tables.read(quarantine), _quarantined(table)), is_raw=True)
    for key in (table.key, memory_of(table.key)):
        if tables.exists(key):
            yield Place(key, lambda key=key: tables.read(key))  # type: ignore[misc]


def captured(tables: Tables, table: Table) -> Place:
    """The place that is the bronze table."""
    bronze = bronze_of(table)
    return Place(bronze, lambda: _typed(tables.read(bronze), table), is_raw=True)


def corrections(tables: Tables, table: Table) -> Place | None:
    """The corrected records in bronze, with `_corrects`; None where there is none."""
    bronze = bronze_of(table)
    if not tables.exists(bronze) or CORRECTS not in tables.read(bronze).columns:
        return None
    rows = _typed(tables.read(bronze).where(F.col(CORRECTS).isNotNull()), table)
    return Place(bronze, lambda: rows, is_raw=True)


def bronze_of(table: Table) -> str:
    """The bronze table of a silver table."""
    return f"bronze.{table.name}"


def landing_of(table: Table) -> str:
    """What the landing zone's files of a table are called."""
    return f"landing of {bronze_of(table)}"


def is_documents(table: Table) -> bool:
    """Whether a bronze record of the table can hold several records."""
    return table.source is not None and table.source.format == "json" and table.source.multi_line


def _typed(records: DataFrame, table: Table) -> DataFrame:
    for name, kind in {"_file_size": "bigint", "_ingested_at": "timestamp"}.items():
        if name not in records.columns:
            records = records.withColumn(name, F.lit(None).cast(kind))
    if is_documents(table):
        records = records.withColumn(DOCUMENT, F.col("record"))
    return typed(records, table)


def _quarantined(table: Table) -> Table:
    """The table as its quarantine keeps its records: each alone, those of Parquet as JSON."""
    assert table.source is not None
    if table.source.format == "csv":
        return table
    return replace(table, source=replace(table.source, format="json", multi_line=False))
