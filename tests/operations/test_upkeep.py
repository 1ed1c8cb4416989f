"""Maintenance: what it does to files, and that it costs no record, no version that is promised, no batch."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support import column, gold, land_json, rows, silver, write_product

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.operations import upkeep

KEPT = [{"property": "retention", "value": 40, "unit": "d"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_product(
        tmp_path / "p",
        {**silver("a", [column("id", "integer")], key=["id"]), "slaProperties": KEPT},
        gold("mart", [column("id", "integer")], [{"table": "silver.a", "grain": {"id": "id"}}], key=["id"]),
        mart="SELECT id FROM {a}",
    )


def files(lakehouse: Lakehouse, key: str) -> int:
    return len(list((Path(lakehouse.settings.warehouse or "") / key_path(lakehouse, key)).glob("*.parquet")))


def key_path(lakehouse: Lakehouse, key: str) -> str:
    layer, name = key.split(".")
    return f"{lakehouse.settings.schema(layer)}/{name}"


def kept(lakehouse: Lakehouse, key: str) -> tuple[str, str]:
    names = ("delta.deletedFileRetentionDuration", "delta.logRetentionDuration")
    return tuple(lakehouse.tables.property(key, name) for name in names)  # type: ignore[return-value]


@pytest.mark.slow
def test_small_files_are_joined_versions_kept_and_the_next_run_finds_nothing_new(
    lakehouse: Lakehouse, folder: Path
) -> None:
    for number in (1, 2):
        land_json(lakehouse, f"a/{number}.json", [{"id": number}])
        assert lakehouse.run(folder).succeeded
    before = {key: files(lakehouse, key) for key in ("bronze.a", "silver.a", "ops.files")}
    results = {result.table: result for result in lakehouse.maintain(folder)}
    assert {result.error for result in results.values()} == {None}
    assert {"bronze.a", "silver.a", "gold.mart", "ops.runs", "ops.table_metrics"} <= results.keys()
    assert (results["bronze.a"].files_removed, results["bronze.a"].files_added) == (2, 1)
    assert results["bronze.a"].vacuumed
    # what was joined is young: every version stays readable
    assert all(files(lakehouse, key) > count for key, count in before.items())
    assert kept(lakehouse, "bronze.a") == kept(lakehouse, "silver.a") == ("interval 40 days",) * 2
    assert kept(lakehouse, "gold.mart") == ("interval 7 days", "interval 30 days")
    versions = {key: lakehouse.tables.version(key) for key in ("bronze.a", "silver.a", "gold.mart")}
    again = lakehouse.run(folder)
    assert again.succeeded and {step.rows_in for step in again.steps} == {0}
    assert {key: lakehouse.tables.version(key) for key in versions} == versions
    assert rows(lakehouse, "silver.a", "id") == rows(lakehouse, "gold.mart", "id") == [(1,), (2,)]


def test_a_table_waits_for_vacuum_while_another_has_yet_to_read_its_older_changes(
    lakehouse: Lakehouse, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_json(lakehouse, "a/1.json", [{"id": 1}])
    assert lakehouse.run(folder, tables=["bronze.a"]).succeeded
    tables, at = lakehouse.tables, lakehouse.tables.version("bronze.a")
    assert upkeep._waiting(tables, "bronze.a", 7, {"silver.a": at - 1}) == []  # what it has to read is young
    monkeypatch.setattr(upkeep, "timedelta", lambda days: timedelta(days=0))  # as if a week had gone by
    assert upkeep._waiting(tables, "bronze.a", 7, {"silver.a": at - 1}) == ["silver.a"]
    assert upkeep._waiting(tables, "bronze.a", 7, {"silver.a": at}) == []


@pytest.mark.slow
def test_a_table_that_others_have_yet_to_read_is_not_vacuumed(
    lakehouse: Lakehouse, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_json(lakehouse, "a/1.json", [{"id": 1}])
    assert lakehouse.run(folder, tables=["silver.a"]).succeeded
    land_json(lakehouse, "a/2.json", [{"id": 2}])
    assert lakehouse.run(folder, tables=["bronze.a"], alone=True).succeeded
    monkeypatch.setattr(upkeep, "timedelta", lambda days: timedelta(days=0))  # as if weeks had gone by
    results = {result.table: result for result in lakehouse.maintain(folder)}
    assert not results["bronze.a"].vacuumed
    assert results["bronze.a"].notes[0] == "not vacuumed, because silver.a has yet to read its older changes."
    assert results["silver.a"].vacuumed
    assert lakehouse.run(folder, tables=["silver.a"], alone=True).succeeded
    assert rows(lakehouse, "silver.a", "id") == [(1,), (2,)]


@pytest.mark.slow
def test_a_table_that_fails_is_told_and_stops_no_other(
    lakehouse: Lakehouse, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    land_json(lakehouse, "a/1.json", [{"id": 1}])
    lakehouse.run(folder, tables=["bronze.a"])
    monkeypatch.setattr(upkeep, "_kept", lambda tables, product: [("bronze.gone", 7), ("bronze.a", 7)])
    gone, there = lakehouse.maintain(folder)
    assert gone == replace(gone, table="bronze.gone", vacuumed=False)
    assert gone.error is not None and "gone" in gone.error
    assert there.error is None and there.vacuumed
