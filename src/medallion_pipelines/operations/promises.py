"""What contracts promise of their tables, checked and written down: `ops.table_status`.

A row for each table and check. Alerts and dashboards read it, and need no contract: whether a table is stale
at any later time is `as_of` plus `promised_seconds`, also when checks no longer run.
"""

from __future__ import annotations

from datetime import timedelta

from medallion_pipelines.contracts.model import Product
from medallion_pipelines.operations.status import table_status
from medallion_pipelines.results import TableStatus
from medallion_pipelines.runlog import now
from medallion_pipelines.tables import Field, Shape, Tables, local_frame

TABLE_STATUS = (
    Field("product", "STRING", required=True),
    Field("table", "STRING", comment="layer.table"),
    Field("status", "STRING", comment="of the last run that reached it; NULL: none did"),
    Field("rows", "BIGINT"),
    Field("quarantined", "BIGINT", comment="rows in quarantine"),
    Field("as_of", "TIMESTAMP", comment="how new it is: its newest value, or its last good run"),
    Field("promised_seconds", "BIGINT", comment="how old it may be; NULL: nothing is promised"),
    Field("broken", "STRING", comment="which promise is broken, in words; NULL: none"),
    Field("checked_at", "TIMESTAMP"),
)


def check_promises(tables: Tables, product: Product) -> list[TableStatus]:
    """How every table stands, as `status` tells it, with `broken` filled in; noted in `ops.table_status`."""
    found = table_status(tables, product)
    moment = now()
    rows = [
        (
            product.name,
            one.table,
            one.status,
            one.rows,
            one.quarantined,
            None if one.age_seconds is None else moment - timedelta(seconds=one.age_seconds),
            one.freshness_seconds,
            one.broken,
            moment,
        )
        for one in found
    ]
    tables.create("ops.table_status", Shape(TABLE_STATUS))
    tables.append(local_frame(tables.spark, TABLE_STATUS, rows), "ops.table_status")
    return found
