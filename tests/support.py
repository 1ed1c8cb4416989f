"""Small products for tests: contracts as dicts, written to a folder as a user would write them."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F

from medallion_pipelines.contracts import load_product
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.pipeline import run
from medallion_pipelines.results import RunResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.silver import conform
from medallion_pipelines.steps import plan
from medallion_pipelines.tables import Field, local_frame


def column(name: str, kind: str = "string", **more: Any) -> dict[str, Any]:
    """A property; custom properties as `custom={...}`."""
    custom = more.pop("custom", None)
    if custom:
        more["customProperties"] = [{"property": k, "value": v} for k, v in custom.items()]
    return {"name": name, "logicalType": kind, **more}


def silver(
    name: str,
    columns: Sequence[dict[str, Any]],
    *,
    key: Sequence[str] = (),
    path: str | None = None,
    kind: str = "json",
    multi_line: bool | None = None,
    concatenated: bool = False,
    options: Mapping[str, str] | None = None,
    custom: Mapping[str, Any] | None = None,
    **schema: Any,
) -> dict[str, Any]:
    """A silver contract whose feed is `<name>/*` below the landing zone."""
    source: dict[str, Any] = {"path": path or f"{name}/*", "format": kind}
    if multi_line is not None:
        source["multiLine"] = multi_line
    if concatenated:
        source["concatenated"] = True
    if options:
        source["options"] = dict(options)
    return _contract(
        name, _keyed(columns, key), {"layer": "silver", "source": source, **(custom or {})}, schema
    )


def gold(
    name: str,
    columns: Sequence[dict[str, Any]],
    inputs: Sequence[dict[str, Any]],
    *,
    key: Sequence[str] = (),
    kind: str = "table",
    custom: Mapping[str, Any] | None = None,
    **schema: Any,
) -> dict[str, Any]:
    """A gold contract; its SQL goes to `write_product` beside it."""
    custom = {"layer": "gold", "inputs": list(inputs), **(custom or {})}
    return _contract(name, _keyed(columns, key), custom, {"physicalType": kind, **schema})


def write_product(folder: Path, *contracts: dict[str, Any], **sql: str) -> Path:
    """Write contracts, and a `.sql` file per keyword argument."""
    folder.mkdir(parents=True, exist_ok=True)
    for contract in contracts:
        name = contract["schema"][0]["name"]
        (folder / f"{name}.odcs.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    for name, text in sql.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return folder


def land_json(
    lakehouse: Lakehouse, path: str, records: Iterable[Any], *, modified: float | None = None
) -> Path:
    """JSON lines at a path below the landing zone; a text is taken as a line of its own making."""
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    return land_text(lakehouse, path, "".join(f"{line}\n" for line in lines), modified=modified)


def land_text(
    lakehouse: Lakehouse, path: str, content: str | bytes, *, modified: float | None = None
) -> Path:
    """A file at a path below the landing zone; gzipped if its name says so."""
    target = Path(lakehouse.settings.landing) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    target.write_bytes(gzip.compress(data) if path.endswith(".gz") else data)
    if modified is not None:
        os.utime(target, (modified, modified))
    return target


def conformed(
    spark: SparkSession,
    contract: dict[str, Any],
    records: Iterable[Any] | DataFrame,
    *,
    header: str | None = None,
    beside: Iterable[dict[str, Any]] = (),
    tables: Mapping[str, DataFrame] | None = None,
) -> list[Row]:
    """What `conform` makes of records (texts, what JSON is made of, or a frame with a `record`), without
    tables to read or write. `beside` are more contracts, `tables` what can be looked up, by key."""
    with tempfile.TemporaryDirectory() as folder:
        product = load_product(write_product(Path(folder), contract, *beside))
    table = product.tables[f"silver.{contract['name']}"]
    if not hasattr(records, "selectExpr"):
        texts = [(record if isinstance(record, str) else json.dumps(record),) for record in records]
        records = local_frame(spark, [Field("record", "STRING")], texts)
    bronze = records.selectExpr(
        "*",
        "'file:///landing/a.json' AS _file_path",
        "TIMESTAMP'2026-01-31 12:00:00' AS _file_modification_time",
        "1L AS _file_size",
        "TIMESTAMP'2026-01-31 12:00:01' AS _ingested_at",
    )
    if header is not None:
        bronze = bronze.withColumn("_header", F.lit(header))
    return conform(bronze, table, (tables or {}).get).collect()


def outcomes(found: Iterable[Row], *columns: str) -> list[tuple[Any, ...]]:
    """(outcome, value ...) of conformed records, sorted."""
    return sorted(((row._outcome, *(row[name] for name in columns)) for row in found), key=repr)


def reasons(found: Iterable[Row]) -> list[tuple[tuple[str, str | None, str | None], ...]]:
    """Per quarantined record its (rule, column, value)s."""
    refused = (row._errors for row in found if row._errors)
    return sorted((tuple((e.rule, e.column, e.value) for e in errors) for errors in refused), key=repr)


def rows(lakehouse: Lakehouse, table: str, *columns: str) -> list[tuple[Any, ...]]:
    """A table's rows as sorted tuples."""
    frame = lakehouse.table(table)
    found = [tuple(row) for row in frame.select(*(columns or frame.columns)).collect()]
    return sorted(found, key=repr)


def run_only(lakehouse: Lakehouse, product: Path, *keys: str, full_refresh: bool = False) -> RunResult:
    """Run some steps of a product, without those that they wait for."""
    loaded = load_product(product)
    steps = [one for one in plan(loaded) if one.key in keys]
    return run(RunLog(lakehouse.tables, loaded.name), steps, full_refresh=full_refresh)


def step(result: Any, table: str) -> Any:
    """What a run did to one table."""
    return next(one for one in result.steps if one.table == table)


def counts(result: Any, table: str) -> tuple[int, int, int, int]:
    """rows in, valid, quarantined, duplicate."""
    one = step(result, table)
    assert one.error is None, one.error
    return one.rows_in, one.rows_valid, one.rows_quarantined, one.rows_duplicate


def versions(lakehouse: Lakehouse, layers: Sequence[str] = ("bronze", "silver", "gold")) -> dict[str, int]:
    """The Delta version of every table."""
    return {
        key: lakehouse.tables.version(key)
        for layer in layers
        for key in lakehouse.tables.keys(layer)
        if not key.endswith("_parsed")
    }


def _keyed(columns: Sequence[dict[str, Any]], key: Sequence[str]) -> list[dict[str, Any]]:
    return [
        {**one, "primaryKey": True, "primaryKeyPosition": list(key).index(one["name"]) + 1}
        if one["name"] in key
        else one
        for one in columns
    ]


def _contract(
    name: str, columns: Sequence[dict[str, Any]], custom: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": name,
        "version": "1.0.0",
        "status": "active",
        "name": name,
        "schema": [
            {
                "name": name,
                "logicalType": "object",
                "physicalType": "table",
                "customProperties": [{"property": k, "value": v} for k, v in custom.items()],
                **schema,
                "properties": list(columns),
            }
        ],
    }
