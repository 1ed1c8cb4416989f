"""The notebooks in Databricks' source format, executed cell by cell on a lakehouse of this machine.

What they display is looked at: the frames, in their order.
"""

from __future__ import annotations

import fnmatch
import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import IPython.display
import pandas as pd
import pytest
import yaml
from pyspark.sql import SparkSession

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.scaffold import create
from medallion_pipelines.testing import empty_lakehouse

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
HEADER = "# Databricks notebook source\n"
INSTALL = "%pip install --quiet .."

Shown = list[pd.DataFrame]


def cells(notebook: Path) -> Iterator[str]:
    """The Python of a notebook and of those that it runs. Fails at magic that is not known here."""
    text = notebook.read_text()
    assert text.startswith(HEADER)
    for cell in text.removeprefix(HEADER).split("\n# COMMAND ----------\n"):
        lines = [line for line in cell.splitlines() if line]
        magic = [line.removeprefix("# MAGIC").strip() for line in lines if line.startswith("# MAGIC")]
        if not magic:
            yield cell
            continue
        assert len(magic) == len(lines), f"{notebook.name} has Python and magic in one cell:\n{cell}"
        if magic[0].startswith("%run ./"):
            yield from cells(notebook.parent / f"{magic[0].removeprefix('%run ./')}.py")
        else:
            assert magic == [INSTALL] or magic[0] == "%md", f"{notebook.name}: {magic[0]}"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("notebooks")


@pytest.fixture(scope="module")
def shop(spark: SparkSession, home: Path) -> Iterator[Lakehouse]:
    """Five orders, of which one is refused, and their mart."""
    product = create("shop", home)
    with empty_lakehouse(spark, home) as lakehouse:
        shutil.copytree(product / "landing", lakehouse.settings.landing, dirs_exist_ok=True)
        assert lakehouse.run(product).succeeded
        yield lakehouse


@pytest.fixture
def executed(shop: Lakehouse, home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shown]:
    """Executes a notebook with widgets, and gives what it displays."""
    shown: Shown = []
    monkeypatch.setattr(IPython.display, "display", shown.append)
    for name in ("catalog", "warehouse", "landing"):
        monkeypatch.setenv(f"MEDALLION_{name.upper()}", getattr(shop.settings, name))
    for layer in ("bronze", "silver", "gold", "ops"):
        monkeypatch.setenv(f"MEDALLION_{layer.upper()}_SCHEMA", shop.settings.schema(layer))

    def execute(notebook: str, **widgets: str) -> Shown:
        shown.clear()
        for name, value in {"product": str(home / "shop"), **widgets}.items():
            monkeypatch.setenv(f"WIDGET_{name.upper()}", value)
        namespace: dict[str, Any] = {}
        for cell in cells(NOTEBOOKS / f"{notebook}.py"):
            exec(compile(cell, notebook, "exec"), namespace)
        return list(shown)

    return execute


def test_explore_shows_tables_and_one_of_them_by_its_contract(executed: Callable[..., Shown]) -> None:
    standing, contract, rows, numbers, made_of, history = executed("explore")

    assert dict(zip(standing["table"], standing["rows"], strict=True)) == {
        "silver.shop_orders": 3,
        "gold.shop_customers": 2,
    }
    assert list(contract.column) == list(rows.columns)
    assert sorted(rows.customer_id) == ["ada", "grace"]
    assert list(numbers["summary"]) == ["count", "min", "50%", "max"]
    assert "silver.shop_orders.amount" in " ".join(made_of["made of"])
    assert history.version.min() == 0


def test_triage_shows_what_was_refused_why_and_from_which_file(executed: Callable[..., Shown]) -> None:
    broken, refused, by_day, reasons, records, files, drift = executed("quality_triage")

    assert broken.empty and drift.empty
    assert refused[["table", "records"]].values.tolist() == [["silver.shop_orders", 1]]
    assert by_day[["table", "records", "refused", "percent"]].values.tolist() == [
        ["silver.shop_orders", 5, 1, 20.0]
    ]
    assert reasons[["column", "records", "example"]].values.tolist() == [["amount", 1, "-1.00"]]
    assert json.loads(records.record[0])["order_id"] == 3
    assert files["file_path"][0].endswith("orders/2025-01-01.json")


def test_cost_shows_where_time_goes_and_what_is_stored(executed: Callable[..., Shown]) -> None:
    by_table, by_day, stored = executed("cost")

    assert {"bronze.shop_orders", "silver.shop_orders", "gold.shop_customers"} == set(by_table.table)
    assert (by_table.minutes >= 0).all() and set(by_day.layer) == {"bronze", "silver", "gold"}
    assert {"gold.shop_customers", "silver.shop_orders_quarantine", "ops.files"} <= set(stored.table)
    assert (stored.files[stored.table == "silver.shop_orders"] > 0).all()


@pytest.mark.slow
def test_replay_writes_nothing_until_it_is_told_to_and_then_takes_a_corrected_record(
    shop: Lakehouse, home: Path, executed: Callable[..., Shown]
) -> None:
    before = shop.tables.version("silver.shop_orders")
    waiting, still = executed("replay", table="silver.shop_orders")
    assert list(still.records) == [1]
    assert shop.tables.version("silver.shop_orders") == before

    record = json.loads(waiting.record[0]) | {"amount": 1.0}
    _, steps, became, still = executed(
        "replay",
        table="silver.shop_orders",
        corrected=json.dumps({waiting.id[0]: json.dumps(record)}),
        apply="yes",
    )

    assert steps[["status", "rows_valid", "rows_quarantined"]].values.tolist() == [["succeeded", 1, -1]]
    assert became.values.tolist() == [["corrected", 1]]
    assert list(still.records) == [0]
    assert shop.table("silver.shop_orders").where("order_id = 3").select("amount").first().amount == 1


def test_each_notebook_installs_the_package_and_nothing_runs_before() -> None:
    for notebook in sorted(NOTEBOOKS.glob("*.py")):
        code = notebook.read_text()
        if notebook.name != "lakehouse.py":  # which is run by the others
            assert code.index(f"# MAGIC {INSTALL}") < code.index("# MAGIC %run ./lakehouse")
        for cell in cells(notebook):
            compile(cell, notebook.name, "exec")


@pytest.mark.slow
def test_what_the_bundle_uploads_is_enough_to_install_the_package_from_a_notebook(tmp_path: Path) -> None:
    left_out = yaml.safe_load((ROOT / "databricks.yml").read_text())["sync"]["exclude"]
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if not any(fnmatch.fnmatch(name, pattern.replace("**", "*")) for pattern in left_out):
            (tmp_path / "files" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "files" / name)

    install = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run(
        [*install, "--wheel-dir", tmp_path, ".."], cwd=tmp_path / "files" / "notebooks", check=True
    )

    (wheel,) = tmp_path.glob("medallion_pipelines-*.whl")
    assert "medallion_pipelines/lakehouse.py" in zipfile.ZipFile(wheel).namelist()
