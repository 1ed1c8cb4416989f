"""Planning and running: what waits for what, and what a failure stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_pipelines.contracts import load_product
from medallion_pipelines.errors import LockedError, UnknownNameError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.operations import run_lock
from medallion_pipelines.steps import plan
from tests.support import column, gold, land_json, rows, silver, step, write_product


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mart = {"inputs": [{"table": "silver.a", "grain": {"id": "id"}}], "key": ["id"]}
    other = {"inputs": [{"table": "silver.b", "grain": {"id": "id"}}], "key": ["id"]}
    return write_product(
        tmp_path / "p",
        silver("a", [column("id", "integer")], key=["id"]),
        silver("b", [column("id", "integer")], key=["id"]),
        gold("mart_a", [column("id", "integer")], **mart),
        gold("mart_b", [column("id", "integer")], **other),
        mart_a="SELECT id FROM {a}",
        mart_b="SELECT id FROM {b}",
    )


def test_steps_come_after_what_they_are_made_from(folder: Path) -> None:
    keys = [s.key for s in plan(load_product(folder))]
    assert keys == ["bronze.a", "bronze.b", "silver.a", "silver.b", "gold.mart_a", "gold.mart_b"]


def test_a_named_table_brings_what_it_is_made_from(folder: Path) -> None:
    assert [s.key for s in plan(load_product(folder), ["gold.mart_b"])] == [
        "bronze.b",
        "silver.b",
        "gold.mart_b",
    ]


def test_an_unknown_table_is_refused_with_what_there_is(folder: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"p has no gold\.mart\. It has bronze\.a, .*silver\.b\."):
        plan(load_product(folder), ["gold.mart"])


def test_a_failing_table_fails_its_dependants_and_no_other(lakehouse: Lakehouse, folder: Path) -> None:
    land_json(lakehouse, "a/a.json", [{"id": 1}])
    land_json(lakehouse, "b/b.json", [{"id": 1}])
    write_product(folder, mart_a="SELECT id FROM {a} WHERE raise_error('no')")
    write_product(
        folder,
        silver(
            "b",
            [column("id", "integer")],
            key=["id"],
            quality=[{"type": "library", "metric": "rowCount", "mustBeGreaterThan": 5}],
        ),
    )
    result = lakehouse.run(folder)
    assert not result.succeeded
    assert {s.table: s.status for s in result.steps} == {
        "bronze.a": "succeeded", "bronze.b": "succeeded", "silver.a": "succeeded", "silver.b": "failed",
        "gold.mart_a": "failed", "gold.mart_b": "skipped",
    }  # fmt: skip
    assert step(result, "gold.mart_b").error == "not run, because silver.b failed"
    assert rows(lakehouse, "ops.runs", "status") == [("failed",)]
    logged = rows(lakehouse, "ops.table_metrics", "table", "status")
    assert logged == sorted((s.table, s.status) for s in result.steps)


@pytest.mark.slow
def test_the_run_log_says_what_a_run_did(lakehouse: Lakehouse, folder: Path) -> None:
    land_json(lakehouse, "a/a.json", [{"id": 1}, {"id": 1}, {"id": "x"}])
    (Path(lakehouse.settings.landing) / "b").mkdir()
    result = lakehouse.run(folder)
    (run,) = lakehouse.table("ops.runs").collect()
    assert (run.run_id, run.product, run.status) == (result.run_id, "p", "succeeded")
    assert run.started_at < run.finished_at
    logged = lakehouse.table("ops.table_metrics").where("table = 'silver.a'").collect()
    assert [
        (r.rows_in, r.rows_valid, r.rows_quarantined, r.rows_duplicate, r.rows_written) for r in logged
    ] == [(3, 1, 1, 1, 1)]
    assert logged[0].source_versions == {"bronze.a": 1}
    assert logged[0].version == lakehouse.tables.version("silver.a")


@pytest.mark.slow
def test_status_shows_rows_quarantine_and_age_against_the_promise(lakehouse: Lakehouse, folder: Path) -> None:
    contract = silver("a", [column("id", "integer")], key=["id"])
    contract["slaProperties"] = [{"property": "freshness", "value": 1, "unit": "h"}]
    write_product(folder, contract)
    land_json(lakehouse, "a/a.json", [{"id": 1}, {"id": "x"}])
    (Path(lakehouse.settings.landing) / "b").mkdir()
    before = {s.table: s for s in lakehouse.status(folder)}
    assert before["silver.a"].rows is None and before["silver.a"].fresh is False
    lakehouse.run(folder)
    status = {s.table: s for s in lakehouse.status(folder)}
    assert (status["silver.a"].rows, status["silver.a"].quarantined, status["silver.a"].fresh) == (1, 1, True)
    assert status["silver.b"].rows == 0 and status["gold.mart_a"].fresh is None


def test_a_second_run_on_one_warehouse_is_turned_away(tmp_path: Path) -> None:
    with (
        run_lock(str(tmp_path / "w")),
        pytest.raises(LockedError, match=r"Another run \(process \d+\)"),
        run_lock(str(tmp_path / "w")),
    ):
        pass
    with run_lock(str(tmp_path / "w")):
        pass
