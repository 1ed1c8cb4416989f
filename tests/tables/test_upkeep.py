"""What is said to a catalog that is not of this machine: no more than it lets us, and takes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.sql.types import (
    ArrayType,
    DataType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
    VariantType,
)

from medallion_pipelines.settings import Settings
from medallion_pipelines.tables import Tables


class Platform:
    """Stands in for a session on Databricks: notes what it is told."""

    def __init__(self, there: tuple[str, ...] = (), **columns: DataType) -> None:
        self.told: list[str] = []
        self.catalog = SimpleNamespace(databaseExists=there.__contains__, tableExists=lambda name: True)
        self._schema = StructType()
        for name, kind in columns.items():
            self._schema.add(name, kind)

    def sql(self, text: str) -> Any:
        self.told.append(text)

    def table(self, name: str) -> Any:
        return SimpleNamespace(schema=self._schema)


def tables(spark: Platform) -> Tables:
    return Tables(spark, Settings(catalog="main", warehouse=None))  # type: ignore[arg-type]


def test_a_schema_that_is_there_is_not_asked_for() -> None:
    there, missing = Platform(there=("`main`.`ops`",)), Platform()
    tables(there)._ensure_schema("ops")
    tables(missing)._ensure_schema("ops")
    assert there.told == []
    assert missing.told == ["CREATE SCHEMA IF NOT EXISTS `main`.`ops`"]


@pytest.mark.parametrize(
    ("columns", "of"),
    [
        ({"id": LongType(), "odd ` name": StringType(), "at": TimestampType()},
         " FOR COLUMNS `id`, `odd `` name`, `at`"),
        ({"id": LongType(), "a": ArrayType(LongType()), "m": MapType(StringType(), LongType()),
          "s": StructType(), "v": VariantType()}, " FOR COLUMNS `id`"),
        ({"a": ArrayType(LongType())}, ""),
    ],
)  # fmt: skip
def test_statistics_are_of_the_columns_that_can_have_them(
    monkeypatch: pytest.MonkeyPatch, columns: dict[str, DataType], of: str
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.3")
    platform = Platform(**columns)
    assert tables(platform).analyze("silver.a")
    assert platform.told == [f"ANALYZE TABLE `main`.`silver`.`a` COMPUTE STATISTICS{of}"]


def test_statistics_are_left_out_elsewhere() -> None:
    platform = Platform()
    assert not tables(platform).analyze("silver.a")
    assert platform.told == []
