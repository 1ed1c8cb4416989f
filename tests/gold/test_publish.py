"""A mart equals its transformation of its inputs, however it got there."""

from __future__ import annotations

import copy
import random
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tests.support import column, gold, rows, run_only, silver, step, versions, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.evolution import shape_of
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.results import StepResult

SALES = silver(
    "sales",
    [column("id", "integer"), column("shop"), column("day", "integer"), column("amount", "integer")],
    key=["id"],
)
SHOPS = silver("shops", [column("shop"), column("city")], key=["shop"])
DAILY = gold(
    "daily",
    [column("shop"), column("day", "integer"), column("city"), column("total", "integer")],
    [
        {"table": "silver.sales", "grain": {"shop": "shop", "day": "day"}},
        {"table": "silver.shops", "lookup": {"shop": "shop"}},
    ],
    key=["shop", "day"],
)
DAILY_SQL = """
SELECT s.shop, s.day, max(p.city) AS city, sum(s.amount) AS total
FROM {sales} AS s LEFT JOIN {shops} AS p ON p.shop = s.shop
WHERE s.shop IS NOT NULL AND s.day IS NOT NULL GROUP BY s.shop, s.day
"""


@pytest.fixture
def folder(lakehouse: Lakehouse, tmp_path: Path) -> Path:
    """A product whose silver tables are there, filled behind the pipeline's back, and its mart, too."""
    folder = write_product(tmp_path / "p", SALES, SHOPS, DAILY, daily=DAILY_SQL)
    for table in load_product(folder).tables.values():
        if table.layer == "silver":
            lakehouse.tables.create(table.key, shape_of(table))
    change(lakehouse, "silver.shops", "INSERT INTO {} VALUES ('a', 'Rome')")
    change(lakehouse, "silver.sales", "INSERT INTO {} VALUES (1, 'a', 1, 5)")
    assert refreshed(lakehouse, folder).status == "succeeded"
    return folder


def refreshed(lakehouse: Lakehouse, folder: Path, mart: str = "daily") -> StepResult:
    (one,) = run_only(lakehouse, folder, f"gold.{mart}").steps
    return one


def recomputed(lakehouse: Lakehouse) -> list[tuple[Any, ...]]:
    text = DAILY_SQL.format(
        sales=lakehouse.tables.name("silver.sales"), shops=lakehouse.tables.name("silver.shops")
    )
    return sorted((tuple(row) for row in lakehouse.sql(text).collect()), key=repr)


def change(lakehouse: Lakehouse, table: str, statement: str) -> None:
    """Change an input behind the pipeline's back, as an erasure or a correction would."""
    lakehouse.spark.sql(statement.format(lakehouse.tables.name(table)))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 6))])
def test_after_any_inserts_updates_and_deletes_it_equals_a_recompute(
    lakehouse: Lakehouse, folder: Path, seed: int
) -> None:
    pick = random.Random(seed)
    for turn in range(4 if seed else 2):  # seed 0 runs by default, the others have time
        for _ in range(pick.randint(1, 3)):
            shop, day, number = pick.choice("abc"), pick.randint(1, 3), pick.randint(1, 8)
            change(
                lakehouse,
                *pick.choice(
                    [
                        ("silver.sales", f"INSERT INTO {{}} VALUES ({turn}00, '{shop}', {day}, {number})"),
                        ("silver.sales", f"UPDATE {{}} SET amount = {number} WHERE id % 3 = {day % 3}"),
                        ("silver.sales", f"UPDATE {{}} SET day = {day}, shop = '{shop}' WHERE id = {number}"),
                        ("silver.sales", f"UPDATE {{}} SET shop = NULL WHERE id = {number}"),
                        ("silver.sales", f"DELETE FROM {{}} WHERE shop = '{shop}' AND day = {day}"),
                        ("silver.shops", f"DELETE FROM {{}} WHERE shop = '{shop}'"),
                        ("silver.shops", f"INSERT INTO {{}} SELECT '{shop}', 'Oslo {turn}' WHERE NOT EXISTS "
                         f"(SELECT 1 FROM {lakehouse.tables.name('silver.shops')} WHERE shop = '{shop}')"),
                        ("silver.shops", f"UPDATE {{}} SET city = 'city {number}' WHERE shop = '{shop}'"),
                    ]
                ),
            )  # fmt: skip
        one = refreshed(lakehouse, folder)
        assert one.error is None and not any("in full" in note for note in one.notes)
        assert rows(lakehouse, "gold.daily") == recomputed(lakehouse)


def test_only_what_was_touched_is_recomputed_and_written(lakehouse: Lakehouse, folder: Path) -> None:
    change(lakehouse, "silver.sales", "INSERT INTO {} SELECT id, 'b', id, 1 FROM range(2, 52)")
    refreshed(lakehouse, folder)
    before = lakehouse.tables.version("gold.daily")
    change(lakehouse, "silver.sales", "UPDATE {} SET amount = 6 WHERE id = 1")
    one = refreshed(lakehouse, folder)
    assert (one.rows_in, one.rows_written, one.rows_deleted) == (1, 1, 0)
    feed = lakehouse.tables.changes("gold.daily", before, lakehouse.tables.version("gold.daily"))
    found = sorted((row._change_type, row.shop, row.total) for row in feed.collect())
    assert found == [("update_postimage", "a", 6), ("update_preimage", "a", 5)]
    before = lakehouse.tables.version("gold.daily")
    change(lakehouse, "silver.sales", "INSERT INTO {} VALUES (99, NULL, 1, 5)")
    one = refreshed(lakehouse, folder)  # a row without a key touches none
    assert (one.status, one.rows_in, one.rows_written) == ("succeeded", 0, 0)
    assert lakehouse.tables.version("gold.daily") == before
    assert refreshed(lakehouse, folder).status == "unchanged"


@pytest.mark.slow
def test_a_full_refresh_gives_the_same_table_and_nothing_new_no_version(
    lakehouse: Lakehouse, folder: Path
) -> None:
    change(lakehouse, "silver.sales", "INSERT INTO {} VALUES (2, 'b', 1, 7)")
    refreshed(lakehouse, folder)
    incremental, before = rows(lakehouse, "gold.daily"), versions(lakehouse)
    assert refreshed(lakehouse, folder).status == "unchanged"
    assert versions(lakehouse) == before
    full = run_only(lakehouse, folder, "gold.daily", full_refresh=True)
    assert step(full, "gold.daily").rows_written == 2
    assert rows(lakehouse, "gold.daily") == incremental


@pytest.mark.slow
def test_a_grain_of_another_type_is_the_keys_type(lakehouse: Lakehouse, tmp_path: Path) -> None:
    anything = column("any", "object", physicalType="VARIANT")
    events = silver("events", [column("id", "integer"), column("at", "timestamp"), anything], key=["id"])
    mart = gold(
        "per_day",
        [column("day", "date"), column("n", "integer"), anything],
        [{"table": "silver.events", "grain": {"day": "at"}}],
        key=["day"],
    )
    sql = "SELECT to_date(at) AS day, count(*) AS n, any_value(any) AS any FROM {events} GROUP BY 1"
    folder = write_product(tmp_path / "p", events, mart, per_day=sql)
    lakehouse.tables.create("silver.events", shape_of(load_product(folder).tables["silver.events"]))
    add = "INSERT INTO {{}} VALUES ({}, TIMESTAMP'2026-01-31 {}:00:00', parse_json('[1]'))"
    change(lakehouse, "silver.events", add.format(1, "08"))
    refreshed(lakehouse, folder, "per_day")
    change(lakehouse, "silver.events", add.format(2, "09"))
    change(lakehouse, "silver.events", add.format(3, "10"))
    one = refreshed(lakehouse, folder, "per_day")
    assert (one.error, one.rows_written) == (None, 1)
    assert rows(lakehouse, "gold.per_day", "day", "n") == [(date(2026, 1, 31), 3)]


@pytest.mark.engine
def test_a_feed_that_no_longer_reaches_back_means_an_announced_full_refresh(
    lakehouse: Lakehouse, folder: Path
) -> None:
    name = lakehouse.tables.name("silver.sales")
    lakehouse.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'false')")
    lakehouse.spark.sql(f"UPDATE {name} SET amount = 9")
    lakehouse.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    one = refreshed(lakehouse, folder)
    assert one.notes == (
        "gold.daily: refreshed in full, because the change feed of an input no longer reaches back.",
    )
    assert rows(lakehouse, "gold.daily") == [("a", 1, "Rome", 9)]


@pytest.mark.slow
def test_another_transformation_means_an_announced_full_refresh(lakehouse: Lakehouse, folder: Path) -> None:
    write_product(folder, daily=DAILY_SQL.replace("sum(s.amount)", "-sum(s.amount)"))
    one = refreshed(lakehouse, folder)
    assert one.notes == ("gold.daily: refreshed in full, because its transformation or contract changed.",)
    assert rows(lakehouse, "gold.daily") == [("a", 1, "Rome", -5)]


BROKEN = {
    "renamed": (DAILY_SQL.replace("AS total", "AS sum"), "missing total; not in the contract sum"),
    "doubled": (
        DAILY_SQL.replace("GROUP BY s.shop, s.day", "GROUP BY ALL UNION ALL SELECT 'a', 1, 'x', 1"),
        "primary_key_unique: 1 rows",
    ),
    "keyless": (DAILY_SQL.replace("s.shop, s.day, max", "NULL AS shop, s.day, max"), "shop_required: 1 rows"),
}


def test_a_mart_that_breaks_its_contract_is_not_written(lakehouse: Lakehouse, folder: Path) -> None:
    marts = []
    for name in BROKEN:
        mart = copy.deepcopy(DAILY)
        mart["schema"][0]["name"] = mart["id"] = name
        marts.append(mart)
    write_product(folder, *marts, **dict.fromkeys(BROKEN, DAILY_SQL))
    names = [f"gold.{name}" for name in BROKEN]
    assert run_only(lakehouse, folder, *names).succeeded
    before = versions(lakehouse)
    broken = write_product(folder, **{name: sql for name, (sql, _) in BROKEN.items()})
    result = run_only(lakehouse, broken, *names)
    for name, (_, message) in BROKEN.items():
        assert message in step(result, f"gold.{name}").error
    assert versions(lakehouse) == before


@pytest.mark.slow
def test_a_mart_may_be_made_in_python_or_be_a_view(lakehouse: Lakehouse, folder: Path) -> None:
    per_shop = gold(
        "per_shop",
        [column("shop"), column("n", "integer")],
        [{"table": "silver.sales", "grain": {"shop": "shop"}}],
        key=["shop"],
    )
    view = gold("cities", [column("shop"), column("city")], [{"table": "silver.shops"}], kind="view")
    write_product(folder, per_shop, view, cities="SELECT shop, upper(city) AS city FROM {shops}")
    (folder / "per_shop.py").write_text(
        "def transform(sales):\n    return sales.groupBy('shop').count().withColumnRenamed('count', 'n')\n"
    )
    assert run_only(lakehouse, folder, "gold.per_shop", "gold.cities").succeeded
    assert rows(lakehouse, "gold.per_shop") == [("a", 1)]
    assert "gold.cities" not in {one.table for one in lakehouse.quality(folder) if one.broken}
    assert refreshed(lakehouse, folder, "cities").status == "unchanged"
    other = Lakehouse(lakehouse.settings, lakehouse.spark)
    assert rows(other, "gold.cities") == [("a", "ROME")]
