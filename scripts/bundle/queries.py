"""Dashboards and alerts: their SQL against the tables there will be, and what they show of its columns."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import sqlglot
from scripts.bundle.config import Config
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify import qualify

from medallion_pipelines.contracts.model import Product
from medallion_pipelines.operations.promises import TABLE_STATUS
from medallion_pipelines.runlog import DRIFT, FILES, RUNS, TABLE_METRICS
from medallion_pipelines.tables import Field

_WIDTH = 6  # of a dashboard's page
_OPS: Mapping[str, tuple[Field, ...]] = {
    "runs": RUNS,
    "table_metrics": TABLE_METRICS,
    "files": FILES,
    "drift": DRIFT,
    "table_status": TABLE_STATUS,
}
Schemas = Mapping[str, Mapping[str, Mapping[str, str]]]  # schema to table to column to type


def check_queries(config: Config, product: Product) -> None:
    """Note SQL that cannot run, columns that are not there, and widgets that show nothing or overlap."""
    schemas = _schemas(config, product)
    for at, dashboard in config.each("dashboards"):
        file = config.files[at.removeprefix("resources.")].parent / str(dashboard.get("file_path"))
        if not file.is_file():
            continue
        try:
            _check_dashboard(config, at, dashboard, json.loads(file.read_text(encoding="utf-8")), schemas)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            config.problem(f"{at}.file_path", f"{file.name} is no dashboard: {type(error).__name__}: {error}")
    for at, alert in config.each("alerts"):
        columns = _columns(config, f"{at}.query_text", str(alert.get("query_text")), None, schemas)
        source = alert.get("evaluation", {}).get("source", {}).get("name")
        if columns is not None and source not in columns:
            config.problem(f"{at}.evaluation.source.name", f"the query has no column {source}")


def _schemas(config: Config, product: Product) -> Schemas:
    names = {key: str(schema.get("name")) for key, schema in config.resources.get("schemas", {}).items()}
    found: dict[str, dict[str, Mapping[str, str]]] = {name: {} for name in names.values()}
    for table in product.tables.values():
        if table.layer in names:
            found[names[table.layer]][table.name] = {column.name: column.type for column in table.columns}
    if "ops" in names:
        found[names["ops"]] = {name: {one.name: one.type for one in fields} for name, fields in _OPS.items()}
    return found


def _check_dashboard(
    config: Config, at: str, dashboard: dict[str, Any], content: dict[str, Any], schemas: Schemas
) -> None:
    schema = dashboard.get("dataset_schema")
    columns: dict[str, set[str] | None] = {}
    for dataset in content.get("datasets", []):
        name = dataset["name"]
        if name in columns:
            config.problem(at, f"there are two datasets {name}")
        where = f"{at}.datasets.{name}"
        columns[name] = _columns(config, where, "".join(dataset["queryLines"]), schema, schemas)
    names: Counter[str] = Counter()
    shown = set()
    for page in content.get("pages", []):
        places = {item["widget"]["name"]: item["position"] for item in page["layout"]}
        names.update(item["widget"]["name"] for item in page["layout"])
        _check_places(config, f"{at}.pages.{page['name']}", places)
        for item in page["layout"]:
            shown |= _check_widget(config, f"{at}.widgets.{item['widget']['name']}", item["widget"], columns)
    for name, count in names.items():
        if count > 1:
            config.problem(at, f"there are {count} widgets {name}")
    for name in columns.keys() - shown:
        config.problem(f"{at}.datasets.{name}", "no widget shows it")


def _check_widget(
    config: Config, at: str, widget: dict[str, Any], columns: Mapping[str, set[str] | None]
) -> set[str]:
    """The datasets it shows."""
    fields, datasets = set(), set()
    for query in widget.get("queries", []):
        dataset = query["query"]["datasetName"]
        datasets.add(dataset)
        if dataset not in columns:
            config.problem(at, f"there is no dataset {dataset}")
        for one in query["query"]["fields"]:
            fields.add(one["name"])
            there = columns.get(dataset)
            if there is not None and one["expression"].strip("`") not in there:
                config.problem(at, f"the dataset {dataset} has no column {one['expression']}")
    encodings = widget.get("spec", {}).get("encodings", {})
    for encoding in [*encodings.get("columns", []), *(e for e in encodings.values() if isinstance(e, dict))]:
        if encoding["fieldName"] not in fields:
            config.problem(at, f"it shows {encoding['fieldName']}, which its query does not ask for")
    return datasets


def _check_places(config: Config, at: str, places: Mapping[str, Mapping[str, int]]) -> None:
    for name, place in places.items():
        if place["x"] < 0 or place["x"] + place["width"] > _WIDTH:
            config.problem(at, f"the widget {name} is wider than the page")
    for (one, a), (other, b) in combinations(places.items(), 2):
        beside = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
        if not beside and a["y"] < b["y"] + b["height"] and b["y"] < a["y"] + a["height"]:
            config.problem(at, f"the widgets {one} and {other} overlap")


def _columns(config: Config, at: str, sql: str, schema: str | None, schemas: Schemas) -> set[str] | None:
    """The columns of a query; None where they cannot be told: it is wrong, or reads a system table."""
    try:
        query = sqlglot.parse_one(sql, read="databricks")
    except SqlglotError as error:
        config.problem(at, f"cannot be read: {' '.join(str(error).split())[:200]}")
        return None
    flat: dict[str, Mapping[str, str]] = {}
    for table in query.find_all(exp.Table):
        if table.catalog == "system":
            return None
        found = schemas.get(table.db or str(schema), {})
        if table.name not in found:
            config.problem(at, f"there is no table {table.db or schema}.{table.name}")
            return None
        flat[table.name] = found[table.name]
        table.set("db", None)
        table.set("catalog", None)
    try:
        qualified = qualify(query, schema={name: dict(columns) for name, columns in flat.items()},
                            dialect="databricks")  # fmt: skip
    except SqlglotError as error:
        config.problem(at, " ".join(str(error).split())[:200])
        return None
    assert isinstance(qualified, exp.Query)
    return set(qualified.named_selects)
