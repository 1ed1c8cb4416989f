"""A table that follows full snapshots."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from medallion_pipelines.errors import ChangesError
from medallion_pipelines.silver import apply_changes_from_snapshot
from medallion_pipelines.tables import Merged, Tables

Rows = dict[tuple[int, str], tuple[str | None, int | None]]
COLUMNS = "region INT, name STRING, city STRING, size INT"


def snapshot(spark: SparkSession, rows: Rows) -> DataFrame:
    return spark.createDataFrame([(*key, *values) for key, values in rows.items()], COLUMNS)


def found(spark: SparkSession, target: str) -> list[tuple[Any, ...]]:
    return sorted(map(tuple, spark.table(target).collect()), key=repr)


def versions(spark: SparkSession, target: str) -> list[int]:
    there = (target, f"__apply_changes_storage_{target}")
    return [spark.sql(f"DESCRIBE HISTORY {table}").agg({"version": "max"}).collect()[0][0] for table in there]


def random_snapshots(seed: int, count: int) -> list[Rows]:
    """Snapshots in which keys come, change, stay, go and come back."""
    pick = random.Random(seed)
    keys = [(region, name) for region in (1, 2, 11) for name in ("1", "a", "b", "")]
    cities, sizes = ["Rome", "Oslo", None], [1, 2, None]
    made: list[Rows] = []
    for _ in range(count):
        before = made[-1] if made else {}
        rows: Rows = {}
        for key in keys:
            do = pick.choice(["keep", "keep", "change", "drop"])
            if do == "keep" and key in before:
                rows[key] = before[key]
            elif do == "change":
                rows[key] = (pick.choice(cities), pick.choice(sizes))
        made.append(rows)
    return made


def expected(snapshots: list[Rows], versions: list[Any], scd_type: int) -> list[tuple[Any, ...]]:
    """What the table must hold, by plain comparison of each snapshot with the one before."""
    if scd_type == 1:
        return sorted(((*key, *values) for key, values in snapshots[-1].items()), key=repr)
    history: list[list[Any]] = []
    current: dict[tuple[int, str], list[Any]] = {}
    for rows, version in zip(snapshots, versions, strict=True):
        for key in {*current, *rows}:
            values = rows.get(key)
            if key in current and (values is None or tuple(current[key][2:4]) != values):
                current.pop(key)[5] = version
            if values is not None and key not in current:
                current[key] = [*key, *values, version, None]
                history.append(current[key])
    return sorted(map(tuple, history), key=repr)


@pytest.mark.slow
@pytest.mark.parametrize("scd_type", [1, 2])
@pytest.mark.parametrize("seed", range(5))
def test_it_holds_what_the_snapshots_say(spark: SparkSession, target: str, scd_type: int, seed: int) -> None:
    days = [date(2024, 2, 28 - back) for back in (9, 3, 2, 0)]
    snapshots = random_snapshots(seed, len(days))
    for rows, day in zip(snapshots, days, strict=True):
        apply_changes_from_snapshot(
            snapshot(spark, rows), target, keys=["region", "name"], version=day, stored_as_scd_type=scd_type
        )
    assert found(spark, target) == expected(snapshots, days, scd_type)


@pytest.mark.slow
def test_the_same_snapshot_again_changes_nothing(spark: SparkSession, target: str) -> None:
    rows: Rows = {(1, "a"): ("Rome", 1), (2, "b"): (None, None)}
    assert _applied(spark, target, rows, 5) == Merged(2, 0, 0)
    before = versions(spark, target)
    assert _applied(spark, target, rows, 5) == Merged(0, 0, 0)
    assert versions(spark, target) == before


REFUSED: list[tuple[Any, Any, str]] = [
    ({(1, "a"): ("Rome", 1)}, 4, "version 5 already, and 4 does not come after"),
    ({(1, "a"): ("Oslo", 1)}, 5, "version 5 already, and this is another"),
    ({(1, "a"): ("Oslo", 1)}, "six", "the sequence was BIGINT, and is STRING"),
    ({(1, None): ("Oslo", 1)}, 6, "1 rows without region, name and 0 more"),
]


def test_what_cannot_be_followed_is_refused_and_nothing_written(spark: SparkSession, target: str) -> None:
    _applied(spark, target, {(1, "a"): ("Rome", 1)}, 5)
    before = versions(spark, target), found(spark, target)
    for rows, version, says in REFUSED:
        with pytest.raises(ChangesError, match=says):
            _applied(spark, target, rows, version)
    assert (versions(spark, target), found(spark, target)) == before


def test_a_key_that_is_there_twice_is_refused(spark: SparkSession, target: str) -> None:
    twice = snapshot(spark, {(1, "a"): ("Rome", 1)})
    with pytest.raises(ChangesError, match="0 rows without region, name and 1 more"):
        apply_changes_from_snapshot(twice.unionAll(twice), target, keys=["region", "name"], version=1)
    assert not spark.catalog.tableExists(target)


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("again", [False, True])
def test_a_snapshot_that_was_cut_off_is_finished_by_the_next(
    spark: SparkSession, target: str, monkeypatch: pytest.MonkeyPatch, cut: int, again: bool
) -> None:
    # what the second changes the third takes back: without the second in the table, nothing would differ
    first, second, third = ({(1, "a"): (city, 1), (n, "b"): ("x", n)} for n, city in enumerate("RSR"))
    _applied(spark, target, first, 1)
    merges = Tables.merge
    left = [cut]

    def failing(self: Tables, *given: Any, **more: Any) -> Merged:
        left[0] -= 1
        if left[0] == 0:
            raise RuntimeError("cut off")
        return merges(self, *given, **more)

    monkeypatch.setattr(Tables, "merge", failing)
    with pytest.raises(RuntimeError, match="cut off"):
        _applied(spark, target, second, 2)
    monkeypatch.undo()
    if again:
        _applied(spark, target, second, 2)
        with pytest.raises(ChangesError, match="and this is another"):
            _applied(spark, target, third, 2)
    _applied(spark, target, third, 3)
    # cut off before anything was remembered, and not given again, the second has never been
    there = again or cut == 2
    told = [first, second, third] if there else [first, third]
    assert found(spark, target) == expected(told, [1, 2, 3] if there else [1, 3], 2)


def test_values_are_compared_as_the_table_has_them(spark: SparkSession, target: str) -> None:
    wide = "SELECT 1 AS id, 1.25BD AS price, 3000000000L AS size, 'x' AS note"
    narrow = "SELECT 1 AS id, CAST(1.3 AS DECIMAL(2,1)) AS price, 7 AS size, NULL AS note"
    # moments that a clock in Berlin shows alike
    moments = [datetime(2024, 10, 27, hour, 30, tzinfo=UTC) for hour in (0, 1)]
    for version, text in zip(moments, (wide, narrow), strict=True):
        apply_changes_from_snapshot(spark.sql(text), target, keys="id", version=version)
    assert [tuple(map(str, row)) for row in spark.table(target).collect()] == [("1", "1.30", "7", "None")]
    with pytest.raises(ChangesError, match="does not come after it"):
        apply_changes_from_snapshot(spark.sql(wide), target, keys="id", version=moments[0])


def test_names_that_the_table_needs_are_refused_before_anything_is_written(
    spark: SparkSession, target: str
) -> None:
    for name in ("__gone", "__Snapshot_Deleted", "__START_AT"):
        with pytest.raises(ChangesError, match=name):
            apply_changes_from_snapshot(
                spark.sql(f"SELECT 1 AS id, 2 AS {name}"), target, keys="id", version=1
            )
    assert not spark.catalog.tableExists(target)
    odd = "SELECT 1 AS rows, 2 AS _, 3 AS `a.b`, 4 AS _now, 5 AS _is_now"
    for version in (1, 2):
        apply_changes_from_snapshot(spark.sql(odd), target, keys=["rows", "a.b"], version=version)
    assert [tuple(row) for row in spark.table(target).collect()] == [(1, 2, 3, 4, 5)]


@pytest.mark.slow
def test_a_column_that_comes_later_is_added_and_a_key_may_be_all_there_is(
    spark: SparkSession, target: str
) -> None:
    way: dict[str, Any] = {"keys": "id", "stored_as_scd_type": 2}
    apply_changes_from_snapshot(spark.sql("SELECT 1 AS id"), target, version=1, **way)
    apply_changes_from_snapshot(spark.sql("SELECT 1 AS id UNION ALL SELECT 2"), target, version=2, **way)
    apply_changes_from_snapshot(spark.sql("SELECT 2 AS ID, 'x' AS v"), target, version=3, **way)
    rows = spark.table(target).select("id", "v", "__START_AT", "__END_AT").collect()
    assert sorted(map(tuple, rows), key=repr) == [(1, None, 1, 3), (2, "x", 3, None), (2, None, 2, 3)]


def _applied(spark: SparkSession, target: str, rows: Rows, version: Any) -> Merged:
    return apply_changes_from_snapshot(
        snapshot(spark, rows), target, keys=["region", "name"], version=version, stored_as_scd_type=2
    )
