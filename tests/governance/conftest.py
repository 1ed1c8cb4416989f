"""A workspace to govern: Unity Catalog with what the shop's first run made."""

from __future__ import annotations

import os

import pytest
from tests.governance.scene import PARTNER, shop, wanted
from tests.governance.unity import Unity, served

GROUPS = {"engineer", "analyst", "care", "north", "board", "shop-data", "bob", "account users"}
HOURS = {key: None for key in os.environ if key.startswith("DATABRICKS_")}


def run_once(unity, desired, catalog="shop_prod"):
    """The schemas and tables that the bundle and a first run of the product leave behind."""
    unity.put("catalog", catalog)
    for schema in desired.schemas[:-1]:
        unity.put("schema", schema)
    for table in desired.tables:
        columns = {
            name.rpartition(".")[2]: "string" for name in desired.columns if name.rpartition(".")[0] == table
        }
        kind = "VIEW" if table in desired.views else "MANAGED"
        unity.table(table, dict(sorted(columns.items())) or {"record": "string"}, kind)


@pytest.fixture
def product(tmp_path):
    return shop(tmp_path)


@pytest.fixture
def unity(product, monkeypatch):
    """Served over HTTP, and where the SDK looks for a workspace."""
    pytest.importorskip("databricks.sdk", reason="databricks-sdk is not installed (extra `databricks`)")
    unity = Unity(principals=set(GROUPS))
    run_once(unity, wanted(product))
    for name in HOURS:
        monkeypatch.delenv(name)
    with served(unity) as address:
        monkeypatch.setenv("DATABRICKS_HOST", address)
        monkeypatch.setenv("DATABRICKS_TOKEN", "token")
        monkeypatch.setenv("DATABRICKS_WAREHOUSE_ID", "w1")
        monkeypatch.setenv("DATABRICKS_CONFIG_FILE", "/nowhere")
        yield unity


__all__ = ["PARTNER"]
