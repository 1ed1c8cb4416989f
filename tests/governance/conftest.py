"""A workspace to govern: Unity Catalog with what the shop's first run made."""

from __future__ import annotations

import os

import pytest
from tests.governance.scene import shop, wanted
from tests.governance.unity import Unity, served

PRINCIPALS = {"engineer", "analyst", "care", "north", "board", "shop-data"}


def run_once(unity, desired):
    """The schemas and tables that the bundle and a first run of the product leave behind."""
    unity.put("catalog", desired.catalog)
    for schema in desired.schemas[:-1]:
        unity.put("schema", schema)
    for table in desired.tables:
        names = [full.rpartition(".") for full in sorted(desired.columns)]
        columns = {column: "string" for owner, _, column in names if owner == table}
        unity.table(table, columns or {"record": "string"}, "VIEW" if table in desired.views else "MANAGED")


@pytest.fixture
def product(tmp_path):
    return shop(tmp_path)


@pytest.fixture
def unity(product, monkeypatch):
    """Served over HTTP, and where the SDK looks for a workspace."""
    pytest.importorskip("databricks.sdk", reason="databricks-sdk is not installed (extra `databricks`)")
    unity = Unity(principals=set(PRINCIPALS))
    run_once(unity, wanted(product))
    for name in [name for name in os.environ if name.startswith("DATABRICKS_")]:
        monkeypatch.delenv(name)
    with served(unity) as address:
        monkeypatch.setenv("DATABRICKS_HOST", address)
        monkeypatch.setenv("DATABRICKS_TOKEN", "token")
        monkeypatch.setenv("DATABRICKS_WAREHOUSE_ID", "w1")
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nowhere")
        yield unity
