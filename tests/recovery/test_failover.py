"""A copy that is worked on: the landing zone has other addresses there, and every file counts once."""

from __future__ import annotations

import importlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support import column, land_json, rows, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.errors import MedallionError, SetupError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.recovery import adopt, clone, failback, failover, replicate, verify
from medallion_pipelines.recovery.ledger import address
from medallion_pipelines.settings import Settings
from medallion_pipelines.tables import Tables

COLUMNS = [column("id", "integer"), column("v", "string")]
REGION = "region b, 50%"


def product(folder: Path) -> Path:
    """A table without a key: what comes twice is there twice."""
    return write_product(folder, silver("clicks", COLUMNS, path="clicks/*"))


def other_region(lakehouse: Lakehouse, home: Path) -> Settings:
    """Settings of a copy; its landing zone has what there is by now."""
    landing = home / REGION / "landing"
    shutil.copytree(lakehouse.settings.landing, landing)
    return replace(lakehouse.settings, warehouse=str(home / REGION / "warehouse"), landing=str(landing))


def forget(lakehouse: Lakehouse) -> None:
    """One session sees one warehouse at a time."""
    for layer in ("bronze", "silver", "gold", "ops"):
        lakehouse.spark.sql(f"DROP SCHEMA IF EXISTS {lakehouse.settings.schema(layer)} CASCADE")


@pytest.mark.slow
def test_files_of_an_interrupted_batch_count_once_in_the_other_region(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = product(tmp_path / "p")
    land_json(lakehouse, "clicks/1.json", [{"id": 1, "v": "a"}])
    capture = importlib.import_module("medallion_pipelines.bronze.capture")

    def note(log: Any, feed: str, token: str | None, outcomes: Any) -> None:
        raise KeyboardInterrupt  # bronze has the batch, and the ledger does not know

    with monkeypatch.context() as patched:
        patched.setattr(capture, "note", note)
        with pytest.raises(KeyboardInterrupt):
            lakehouse.run(folder)
    b = other_region(lakehouse, tmp_path)
    assert b.warehouse is not None
    replicate(lakehouse.settings, b.warehouse)
    with pytest.raises(SetupError, match="This Spark session has come to know the tables of"):
        failover(b, lakehouse.spark)
    assert verify(b.warehouse) == []
    forget(lakehouse)
    assert failover(b, lakehouse.spark).files_moved > 0
    assert failover(b, lakehouse.spark).files_moved == 0
    there = Lakehouse(b, lakehouse.spark)
    land_json(there, "clicks/2.json", [{"id": 2, "v": "b"}])
    assert there.run(folder).succeeded
    assert rows(there, "silver.clicks", "id", "v") == [(1, "a"), (2, "b")]
    # and what is there goes back, with nothing of A's that was never copied
    forget(lakehouse)
    a = lakehouse.settings
    assert a.warehouse is not None
    shutil.copy2(Path(b.landing) / "clicks" / "2.json", Path(a.landing) / "clicks" / "2.json")
    failback(b, a.warehouse, a.landing, lakehouse.spark)
    back = Lakehouse(a, lakehouse.spark)
    result = back.run(folder)
    assert [step.rows_in for step in result.steps] == [0, 0]
    assert rows(back, "silver.clicks", "id", "v") == [(1, "a"), (2, "b")]
    with pytest.raises(MedallionError, match="has not been failed over to"):
        failback(b, a.warehouse, a.landing, lakehouse.spark)
    replicate(a, b.warehouse)
    assert verify(b.warehouse) == []


@pytest.mark.slow
def test_no_file_counts_twice_where_a_landing_zone_was_misnamed(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder, a = product(tmp_path / "p"), lakehouse.settings
    land_json(lakehouse, "clicks/1.json", [{"id": 1, "v": "a"}])
    assert lakehouse.run(folder).succeeded
    b = other_region(lakehouse, tmp_path)
    assert a.warehouse is not None and b.warehouse is not None
    replicate(replace(a, landing=str(tmp_path / "forgotten")), b.warehouse)
    forget(lakehouse)
    with pytest.raises(MedallionError, match=r"knows no file of the landing zone .*/forgotten, but"):
        failover(b, lakehouse.spark)
    assert verify(b.warehouse) == []
    mistaken = replace(b, landing=str(tmp_path / "p"))
    moved = failover(mistaken, lakehouse.spark, a.landing).files_moved
    assert moved > 0
    assert failover(b, lakehouse.spark).files_moved == moved
    there = Lakehouse(b, lakehouse.spark)
    assert [step.rows_in for step in there.run(folder).steps] == [0, 0]
    forget(lakehouse)
    # B's landing zone is known from the failover: whatever the settings of the day say
    failback(replace(b, landing=str(tmp_path / "forgotten")), a.warehouse, a.landing, lakehouse.spark)
    back = Lakehouse(a, lakehouse.spark)
    assert [step.rows_in for step in back.run(folder).steps] == [0, 0]
    assert rows(back, "silver.clicks", "id", "v") == [(1, "a")]


@pytest.mark.slow
def test_erased_records_are_in_no_file_of_the_copy(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDALLION_ERASURE_KEY", "k" * 64)
    keyed = silver("people", COLUMNS, key=["id"], path="people/*")
    folder = write_product(tmp_path / "p", keyed)
    land_json(lakehouse, "people/1.json", [{"id": 1, "v": "Ada Lovelace"}, {"id": 2, "v": "Grace"}])
    assert lakehouse.run(folder).succeeded
    b = str(tmp_path / "b" / "warehouse")
    (tmp_path / "b").mkdir()
    replicate(lakehouse.settings, b)
    before = data_files(tmp_path / "b")
    assert lakehouse.erase("people.id=1", folder).complete
    replicate(lakehouse.settings, b)
    assert verify(b) == []
    after = data_files(tmp_path / "b")  # in both slots
    assert after <= data_files(Path(lakehouse.settings.warehouse or ""))
    assert before - after
    shown = lakehouse.spark.read.format("delta").load(f"{b}/{lakehouse.settings.silver}/people")
    assert [tuple(row) for row in shown.select("id", "v").collect()] == [(2, "Grace")]


def data_files(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*.parquet")}


class Clones(Tables):
    """Deep clones are Databricks' own: here shallow ones, which are versioned and logged alike."""

    to: Mapping[str, str]
    said: list[str]

    def deep_clone(self, key: str, catalog: str, version: int) -> None:
        layer, table = key.split(".", 1)
        real = self.spark
        told: list[str] = []

        class Session:
            catalog = SimpleNamespace(databaseExists=lambda schema: False)

            def sql(self, text: str) -> None:
                told.append(text)

        self.spark = Session()  # type: ignore[assignment]
        try:
            super().deep_clone(key, catalog, version)
        finally:
            self.spark = real
        self.said.append(told[-1])
        target = f"spark_catalog.`{self.to[layer]}`.`{table}`"
        self.spark.sql(
            f"CREATE OR REPLACE TABLE {target} SHALLOW CLONE {self.name(key)} VERSION AS OF {version}"
        )


@pytest.fixture
def catalogs(lakehouse: Lakehouse, tmp_path: Path) -> Iterator[tuple[Settings, Settings]]:
    """A lakehouse whose tables a catalog keeps, and where its clones will be."""
    mark = lakehouse.settings.bronze.rsplit("_", 1)[1]
    made = []
    for region in ("a", "b"):
        schemas = {layer: f"{region}_{layer}_{mark}" for layer in ("bronze", "silver", "gold", "ops")}
        landing = tmp_path / region
        landing.mkdir()
        made.append(Settings(warehouse=None, landing=str(landing), **schemas))
    yield made[0], made[1]
    for settings in made:
        for layer in ("bronze", "silver", "gold", "ops"):
            lakehouse.spark.sql(f"DROP SCHEMA IF EXISTS {settings.schema(layer)} CASCADE")


@pytest.mark.slow
def test_clones_are_worked_on_with_versions_of_their_own(
    lakehouse: Lakehouse, catalogs: tuple[Settings, Settings], tmp_path: Path
) -> None:
    a, b = (Lakehouse(settings, lakehouse.spark) for settings in catalogs)
    folder = product(tmp_path / "p")
    for number in range(3):
        land_json(a, f"clicks/{number}.json", [{"id": number, "v": "a"}])
        assert a.run(folder).succeeded
    for layer in ("bronze", "silver", "ops"):
        a.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {b.settings.schema(layer)}")
    tables = Clones(a.spark, a.settings)
    tables.to, tables.said = {layer: b.settings.schema(layer) for layer in ("bronze", "silver", "ops")}, []
    loaded = load_product(folder)
    land_json(a, "clicks/3.json", [{"id": 3, "v": "a"}])
    a.run(loaded, tables=["bronze.clicks"], alone=True)
    with pytest.raises(
        MedallionError, match=r"silver.clicks has read bronze.clicks up to version 3, and it is at 4"
    ):
        clone(tables, loaded, "other")
    assert tables.said == []
    assert a.run(loaded).succeeded
    done = clone(tables, loaded, "other")
    bronze, silver_table = a.tables.name("bronze.clicks"), a.settings.silver
    assert (
        f"CREATE OR REPLACE TABLE `other`.`{a.settings.bronze}`.`clicks` DEEP CLONE {bronze} VERSION AS OF 4"
        in tables.said
    )
    assert any(f"`other`.`{silver_table}`.`clicks` DEEP CLONE" in text for text in tables.said)
    assert len(tables.said) == len(done.versions)
    # region A is lost; in B the files have other addresses
    shutil.copytree(a.settings.landing, b.settings.landing, dirs_exist_ok=True)
    with pytest.raises(MedallionError, match="knows no file of the landing zone /misspelt, but"):
        adopt(b.tables, loaded, "/misspelt")
    mistaken = Tables(b.spark, replace(b.settings, landing=str(tmp_path / "p")))
    assert adopt(mistaken, loaded, a.settings.landing) > 0
    assert adopt(b.tables, loaded, a.settings.landing) > 0
    assert adopt(b.tables, loaded, a.settings.landing) == 0
    nothing = b.run(loaded)
    assert [(one.error, one.status, one.rows_in) for one in nothing.steps] == [(None, "unchanged", 0)] * 2
    land_json(b, "clicks/4.json", [{"id": 4, "v": "b"}])
    assert b.run(loaded).succeeded
    assert [row[0] for row in rows(b, "silver.clicks", "id")] == [0, 1, 2, 3, 4]


@pytest.mark.parametrize(
    ("landing", "begins"),
    [
        ("/data/landing", "file:/data/landing/"),
        ("/data/my landing/", "file:/data/my%20landing/"),
        ("s3a://lake/landing", "s3a://lake/landing/"),
        ("/Volumes/main/bronze/landing", "dbfs:/Volumes/main/bronze/landing/"),
    ],
)
def test_the_addresses_of_a_landing_zone_begin_as_the_ledger_has_them(landing: str, begins: str) -> None:
    assert address(landing) == begins
