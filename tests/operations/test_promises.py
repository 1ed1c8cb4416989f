"""What contracts promise, checked: by name, in words, and kept in `ops.table_status`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.support import column, land_json, rows, silver, write_product

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.results import TableStatus

OLD = [{"property": "freshness", "value": 1, "unit": "h", "element": "a.at"}]


@pytest.mark.parametrize(
    ("stands", "broken"),
    [
        ({"status": "succeeded"}, None),
        ({"status": "unchanged", "freshness_seconds": 60, "age_seconds": 59, "fresh": True}, None),
        ({}, "no run has reached it"),
        ({"status": "failed"}, "its last run failed"),
        ({"status": "skipped"}, "its last run skipped"),
        ({"status": "restoring"}, "its restore was cut off"),
        (
            {"status": "succeeded", "freshness_seconds": 3600, "age_seconds": 90061, "fresh": False},
            "1 day, 1:01:01 old; at most 1:00:00 is promised",
        ),
        ({"status": "succeeded", "unreadable": "it is not there any more"}, "it is not there any more"),
        (
            {"status": "succeeded", "freshness_seconds": 3600, "fresh": False},
            "empty; at most 1:00:00 is promised",
        ),
    ],
)
def test_a_promise_is_broken_where_a_run_failed_or_the_table_is_too_old(stands, broken) -> None:
    assert TableStatus("silver.a", **stands).broken == broken


def test_a_stale_table_is_told_and_noted(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = write_product(
        tmp_path / "p",
        {**silver("a", [column("at", "timestamp")]), "slaProperties": OLD},
        silver("b", [column("id", "integer")]),
    )
    land_json(lakehouse, "a/1.json", [{"at": "2020-01-01T00:00:00Z"}])
    lakehouse.run(folder, tables=["silver.a"])
    a, b = lakehouse.quality(folder)
    assert a.broken is not None and a.broken.endswith("old; at most 1:00:00 is promised")
    assert b.broken == "no run has reached it"
    noted = rows(lakehouse, "ops.table_status", "product", "table", "rows", "promised_seconds", "broken")
    assert noted == [("p", "silver.a", 1, 3600, a.broken), ("p", "silver.b", None, None, b.broken)]
    noted_a = lakehouse.table("ops.table_status").where("`table` = 'silver.a'").selectExpr("string(as_of)")
    assert noted_a.first()[0].startswith("2020-01-01 00:00:0")


@pytest.mark.slow
def test_a_table_that_is_gone_or_cannot_be_read_breaks_its_promise_and_hides_no_other(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = write_product(
        tmp_path / "p",
        *(silver(name, [column("id", "integer")]) for name in ("broken", "gone", "kept", "never")),
    )
    for name in ("broken", "gone", "kept"):
        land_json(lakehouse, f"{name}/1.json", [{"id": 1}])
    lakehouse.run(folder, tables=["silver.broken", "silver.gone", "silver.kept"])
    place = Path(lakehouse.settings.warehouse or "") / lakehouse.settings.schema("silver")
    shutil.rmtree(place / "gone")
    for commit in (place / "broken" / "_delta_log").glob("*.json"):
        commit.write_text("not JSON\n", "utf-8")
    later = Lakehouse(lakehouse.settings, lakehouse.spark)  # as another process, which has seen no table yet
    broken, gone, kept, never = later.quality(folder)
    assert broken.broken is not None and broken.broken.startswith("it cannot be read: ")
    assert gone.broken == "it is not there any more"
    assert (kept.broken, kept.rows) == (None, 1)
    assert never.broken == "no run has reached it"
