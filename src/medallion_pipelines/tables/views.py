"""Rows under a name, for statements that take no DataFrame."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pyspark.sql import DataFrame

from medallion_pipelines.sql import quoted


@contextmanager
def as_view(rows: DataFrame) -> Iterator[str]:
    """A temporary view of rows, which is gone afterwards: its name, quoted."""
    view = f"rows_{uuid.uuid4().hex}"
    rows.createOrReplaceTempView(view)
    try:
        yield quoted(view)
    finally:
        with suppress(Exception):
            rows.sparkSession.catalog.dropTempView(view)
