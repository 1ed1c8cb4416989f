"""How every table of a product stands: last run, rows, quarantine, age against its promise."""

from __future__ import annotations

from datetime import UTC, datetime

from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Product, Table
from medallion_pipelines.errors import spark_reason
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
                F.max("version").alias("version"),  # any: the table was made
                F.expr("max(recorded_at) FILTER (WHERE status IN ('succeeded', 'unchanged'))").alias("good"),
            )
        )
        last = {row.table: row for row in rows.collect()}
    keys = sorted(product.tables, key=lambda key: (key.split(".")[0] != "silver", key))
    moment = datetime.now(UTC)
    return [_status(tables, product.tables[key], last.get(key), moment) for key in keys]


def _status(tables: Tables, table: Table, last, moment: datetime) -> TableStatus:  # type: ignore[no-untyped-def]
    as_of = last.good if last is not None else None
    rows, quarantined, unreadable = None, None, None
    try:
        if table.kind == "table" and tables.exists(table.key):
            rows = tables.read(table.key).count()
            if table.freshness is not None and table.freshness.column is not None:
                as_of = _newest(tables, table.key, table.freshness.column)
        elif table.kind == "table" and last is not None and last.version is not None and last.version >= 0:
            unreadable = "it is not there any more"
        if table.layer == "silver":
            key = table.quarantine_key
            quarantined = tables.read(key).count() if tables.exists(key) else 0
    except Exception as error:  # one table, whatever it is, must not keep the others from being looked at
        unreadable = f"it cannot be read: {spark_reason(error)}"
    age = None if as_of is None else int((moment - as_of.astimezone(UTC)).total_seconds())
    promised = table.freshness.seconds if table.freshness is not None else None
    return TableStatus(
        table.key,
        status=last.last.status if last is not None else None,
        last_run=last.last.recorded_at.astimezone(UTC).isoformat(timespec="seconds")
        if last is not None
        else None,
        rows=rows,
        quarantined=quarantined,
        age_seconds=age,
        freshness_seconds=promised,
        fresh=None if promised is None else age is not None and age <= promised,
        error=last.last.error if last is not None else None,
        unreadable=unreadable,
    )


def _newest(tables: Tables, key: str, column: str) -> datetime | None:
    row = tables.read(key).agg(F.max(F.col(quoted(column)).cast("timestamp")).alias("newest")).first()
    return None if row is None else row.newest
