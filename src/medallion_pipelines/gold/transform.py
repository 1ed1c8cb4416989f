"""A mart's transformation: a `.sql` file with `{input}` placeholders, or a `.py` file with `transform`."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import MedallionError
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Tables


def apply(spark: SparkSession, table: Table, inputs: Mapping[str, DataFrame]) -> DataFrame:
    """Run the transformation on its inputs (by table name); the contract's columns, in its order and types.

    Raises MedallionError where the result's columns are not the contract's.
    """
    assert table.transform is not None
    if table.transform.suffix == ".sql":
        result = spark.sql(table.transform.read_text(encoding="utf-8"), **inputs)  # type: ignore[arg-type]
    else:
        result = _python(table.transform)(**inputs)
    have = {name.lower() for name in result.columns}
    missing = [column.name for column in table.columns if column.name.lower() not in have]
    extra = sorted(have - {column.name.lower() for column in table.columns})
    if missing or extra or len(result.columns) != len(table.columns):
        raise MedallionError(
            f"{table.transform.name} does not return the columns of {table.path.name}: "
            f"missing {', '.join(missing) or 'none'}; not in the contract {', '.join(extra) or 'none'}."
        )
    return result.selectExpr(
        *(f"CAST({quoted(c.name)} AS {c.type}) AS {quoted(c.name)}" for c in table.columns)
    )


def view_select(tables: Tables, table: Table) -> str:
    """The SELECT of a view: placeholders replaced by quoted table names."""
    assert table.transform is not None
    names = {i.table: tables.name(f"{i.layer}.{i.table}") for i in table.inputs}
    text = table.transform.read_text(encoding="utf-8").strip().rstrip(";")

    def name(match: re.Match[str]) -> str:
        if match[1] not in names:
            known = ", ".join(names)
            raise MedallionError(
                f"{table.transform}: {{{match[1]}}} is none of the contract's inputs ({known})."
            )
        return names[match[1]]

    return re.sub(r"\{(\w+)\}", name, text)


def _python(path: Path):  # type: ignore[no-untyped-def]
    spec = importlib.util.spec_from_file_location(f"medallion_transform_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    if not callable(getattr(module, "transform", None)):
        raise MedallionError(
            f"{path} has no function `transform`; give it one that takes the inputs by name."
        )
    return module.transform
