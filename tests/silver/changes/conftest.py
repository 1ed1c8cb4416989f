"""A table for changes that goes with its test, and the memory beside it, too."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession


def drop(spark: SparkSession, target: str) -> None:
    """Drop a table of changes with its memory."""
    for table in (target, f"__apply_changes_storage_{target}"):
        spark.sql(f"DROP TABLE IF EXISTS {table}")


@pytest.fixture
def target(spark: SparkSession) -> Iterator[str]:
    name = f"changes_{uuid.uuid4().hex[:8]}"
    yield name
    drop(spark, name)
