"""The flights product as its files have it: contracts as YAML, transforms run on given DataFrames."""

from __future__ import annotations

import runpy
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession

PRODUCT = Path(str(resources.files("medallion_pipelines"))) / "products" / "flights"
SPARK_TYPES = {
    "string": "string",
    "integer": "bigint",
    "number": "double",
    "boolean": "boolean",
    "date": "date",
    "timestamp": "timestamp",
}


def contracts(layer: str) -> dict[str, dict[str, Any]]:
    """The contracts of a layer by table name."""
    paths = sorted((PRODUCT / layer).glob("*.odcs.yaml"))
    return {path.name.removesuffix(".odcs.yaml"): yaml.safe_load(path.read_text()) for path in paths}


def columns(contract: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Names and Spark types, as DataFrame.dtypes has them."""
    found = [(each["name"], _spark_type(each)) for each in contract["schema"][0]["properties"]]
    if (custom(contract, "changes") or {}).get("storedAsScdType") == 2:
        found += [("__START_AT", "timestamp"), ("__END_AT", "timestamp")]
    return found


def _spark_type(column: Mapping[str, Any]) -> str:
    return str(column.get("physicalType", SPARK_TYPES[column["logicalType"]])).lower()


def custom(contract: Mapping[str, Any], name: str) -> Any:
    """A custom property of the contract's table; None if it has none of that name."""
    entries = contract["schema"][0]["customProperties"]
    return next((each["value"] for each in entries if each["property"] == name), None)


def transform(spark: SparkSession, name: str, inputs: Mapping[str, DataFrame]) -> DataFrame:
    """Run the transform beside the gold contract `name`."""
    sql = PRODUCT / "gold" / f"{name}.sql"
    if sql.exists():
        return spark.sql(sql.read_text(), **inputs)
    result: DataFrame = runpy.run_path(str(sql.with_suffix(".py")))["transform"](**inputs)
    return result


def frame(spark: SparkSession, table: pd.DataFrame, contract: Mapping[str, Any]) -> DataFrame:
    """`table` as a DataFrame of the contract's columns; columns that `table` lacks are left out."""
    typed = [(name, kind) for name, kind in columns(contract) if name in table]
    schema = ", ".join(f"`{name}` {kind}" for name, kind in typed)
    values = [_values(table[name], kind) for name, kind in typed]
    return spark.createDataFrame(list(zip(*values, strict=True)), schema)


def _values(column: pd.Series, kind: str) -> list[Any]:
    plain = {"bigint": int, "double": float, "boolean": bool, "string": str}
    if kind in plain:
        convert = plain[kind]
    elif kind.startswith("decimal"):
        convert = Decimal
    elif kind == "date":
        convert = lambda value: value.date()  # noqa: E731
    else:
        convert = lambda value: value.tz_localize("UTC").to_pydatetime()  # noqa: E731
    return [
        convert(value) if present else None for value, present in zip(column, column.notna(), strict=True)
    ]
