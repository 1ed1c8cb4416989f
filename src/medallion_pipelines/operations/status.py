"""How every table of a product stands: last run, rows, quarantine, age against its promise."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.results import TableStatus
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Tables


def table_status(tables: Tables, product: Product) -> list[TableStatus]:
    """One entry per table of the product, silver first."""
    last = {}
    if tables.exists("ops.table_metrics"):
        rows = (
            tables.read("ops.table_metrics")
            .groupBy("table")
            .agg(
                F.expr("max_by(struct(status, error, recorded_at), recorded_at)").alias("last"),
                # a step that found nothing new proves the table as fresh as its source
                F.expr("max(recorded_at) FILTER (WHERE status IN ('succeeded', 'unchanged'))").alias("good"),
            )
        )
        last = {row.table: row for row in rows.collect()}
    keys = sorted(product.tables, key=lambda key: (key.split(".")[0] != "silver", key))
    moment = datetime.now(UTC)
    return [_status(tables, product.tables[key], last.get(key), moment) for key in keys]


def _status(tables: Tables, table: Table, last, moment: datetime) -> TableStatus:  # type: ignore[no-untyped-def]
    there = table.kind == "table" and tables.exists(table.key)
    quarantined = tables.read(table.quarantine_key).count() if tables.exists(table.quarantine_key) else 0
    as_of = last.good if last is not None else None
    if there and table.freshness is not None and table.freshness.column is not None:
        newest = F.max(F.col(quoted(table.freshness.column)).cast("timestamp")).alias("newest")
        row = tables.read(table.key).agg(newest).first()
        as_of = row.newest if row is not None else None
    age = None if as_of is None else int((moment - as_of.astimezone(UTC)).total_seconds())
    promised = table.freshness.seconds if table.freshness is not None else None
    return TableStatus(
        table.key,
        status=last.last.status if last is not None else None,
        last_run=last.last.recorded_at.astimezone(UTC).isoformat(timespec="seconds")
        if last is not None
        else None,
        rows=tables.read(table.key).count() if there else None,
        quarantined=quarantined if table.layer == "silver" else None,
        age_seconds=age,
        freshness_seconds=promised,
        fresh=None if promised is None else age is not None and age <= promised,
        error=last.last.error if last is not None else None,
    )
