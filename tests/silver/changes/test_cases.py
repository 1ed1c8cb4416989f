"""The cases that go wrong elsewhere, each a key of one table, its events in three batches."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pyspark.sql import SparkSession
from tests.silver.changes.conftest import drop

from medallion_pipelines.silver import apply_changes
from medallion_pipelines.tables import Field, local_frame

NAMES = ("k", "seq", "op", "a", "b")
FIELDS = [Field(name, "BIGINT" if name == "seq" else "STRING") for name in NAMES]

# (sequence, operation, a, b) by batch -> versions (start, end, a, b)
Case = tuple[list[list[tuple[Any, ...]]], list[tuple[Any, ...]]]
WITH_ALL_TRACKED: dict[str, Case] = {
    "several changes of a key in one batch": (
        [[(2, "U", "y", None), (1, "U", "x", None), (3, "U", "z", None)]],
        [(1, 2, "x", None), (2, 3, "y", None), (3, None, "z", None)],
    ),
    "insert, update, delete and reinsert in one batch": (
        [[(1, "U", "x", None), (2, "U", "y", None), (3, "D", None, None), (5, "U", "z", None)]],
        [(1, 2, "x", None), (2, 3, "y", None), (5, None, "z", None)],
    ),
    "a late update splits an interval": (
        [[(1, "U", "x", None), (5, "U", "z", None)], [(3, "U", "y", None)]],
        [(1, 3, "x", None), (3, 5, "y", None), (5, None, "z", None)],
    ),
    "a late event before all history": (
        [[(5, "U", "y", None)], [(1, "U", "x", None)]],
        [(1, 5, "x", None), (5, None, "y", None)],
    ),
    "a late delete shortens": (
        [[(1, "U", "x", None), (9, "U", "y", None)], [(4, "D", None, None)]],
        [(1, 4, "x", None), (9, None, "y", None)],
    ),
    "a delete before its late upsert": ([[(5, "D", None, None)], [(3, "U", "x", None)]], [(3, 5, "x", None)]),
    "the second of two deletes ends a late upsert between them": (
        [[(1, "U", "x", None), (3, "D", None, None), (7, "D", None, None)], [(5, "U", "y", None)]],
        [(1, 3, "x", None), (5, 7, "y", None)],
    ),
    "reinsert after delete leaves a gap, for equal values too": (
        [[(1, "U", "x", None)], [(2, "D", None, None)], [(4, "U", "x", None)]],
        [(1, 2, "x", None), (4, None, "x", None)],
    ),
    "a, b, a": (
        [[(1, "U", "x", None)], [(2, "U", "y", None)], [(3, "U", "x", None)]],
        [(1, 2, "x", None), (2, 3, "y", None), (3, None, "x", None)],
    ),
    "NULL to a value and back": (
        [[(1, "U", None, None)], [(2, "U", "x", None)], [(3, "U", None, None)]],
        [(1, 2, None, None), (2, 3, "x", None), (3, None, None, None)],
    ),
    "NULLs that shift between columns": (
        [[(1, "U", "x", None)], [(2, "U", None, "x")]],
        [(1, 2, "x", None), (2, None, None, "x")],
    ),
    "a tie is won by the greater content": (
        [[(1, "U", "y", None)], [(1, "U", "x", "z"), (1, "U", None, "z")]],
        [(1, None, "y", None)],
    ),
    "a tie is won by the delete": (
        [[(1, "U", "x", None), (2, "U", "y", None)], [(2, "D", None, None)]],
        [(1, 2, "x", None)],
    ),
    "exact duplicates": (
        [[(1, "U", "x", None)] * 3, [(1, "U", "x", None)], [(2, "U", "y", None)]],
        [(1, 2, "x", None), (2, None, "y", None)],
    ),
    "a NULL operation is an upsert": ([[(1, None, "x", None)]], [(1, None, "x", None)]),
}
WITH_A_TRACKED: dict[str, Case] = {
    "equal values fold into one version that shows the last of the others": (
        [[(1, "U", "x", "1")], [(2, "U", "x", "2")], [(3, "U", "x", "3")]],
        [(1, None, "x", "3")],
    ),
    "a late event lands between two equal values that had been folded": (
        [[(1, "U", "x", "1"), (5, "U", "x", "5")], [(3, "U", "y", "3")]],
        [(1, 3, "x", "1"), (3, 5, "y", "3"), (5, None, "x", "5")],
    ),
    "a late event moves the beginning of a version": (
        [[(5, "U", "x", "5")], [(3, "U", "x", "3")]],
        [(3, None, "x", "5")],
    ),
    "a late delete lands within a folded version": (
        [[(1, "U", "x", "1"), (5, "U", "x", "5")], [(3, "D", None, None)]],
        [(1, 3, "x", "1"), (5, None, "x", "5")],
    ),
    "NULL equals NULL": ([[(1, "U", None, "1")], [(2, "U", None, "2")]], [(1, None, None, "2")]),
}
WITH_NULLS_IGNORED: dict[str, Case] = {
    "a NULL takes the value before it in sequence": (
        [[(1, "U", "x", "1")], [(2, "U", None, "2")]],
        [(1, 2, "x", "1"), (2, None, "x", "2")],
    ),
    "a late value rewrites NULLs that were filled": (
        [[(1, "U", "x", "1"), (5, "U", None, "5")], [(3, "U", "y", None)]],
        [(1, 3, "x", "1"), (3, 5, "y", "1"), (5, None, "y", "5")],
    ),
    "a NULL is not filled across a delete": (
        [[(1, "U", "x", "1")], [(2, "D", None, None)], [(3, "U", None, "3")]],
        [(1, 2, "x", "1"), (3, None, None, "3")],
    ),
}


def applied(spark: SparkSession, cases: dict[str, Case], **way: Any) -> dict[str, list[tuple[Any, ...]]]:
    """The versions of each case's key, after all of them were applied to one table."""
    target = f"changes_{uuid.uuid4().hex[:8]}"
    for turn in range(3):
        rows = [
            (name, *event)
            for name, (batches, _) in cases.items()
            for event in dict(enumerate(batches)).get(turn, [])
        ]
        apply_changes(
            local_frame(spark, FIELDS, rows), target, keys=["k"], sequence_by="seq",
            apply_as_deletes="op = 'D'", stored_as_scd_type=2, **way,
        )  # fmt: skip
    found: dict[str, list[tuple[Any, ...]]] = {name: [] for name in cases}
    for row in spark.table(target).orderBy("k", "__START_AT").collect():
        found[row.k].append((row["__START_AT"], row["__END_AT"], row.a, row.b))
    drop(spark, target)
    return found


@pytest.fixture(scope="module")
def all_tracked(spark: SparkSession) -> dict[str, list[tuple[Any, ...]]]:
    return applied(spark, WITH_ALL_TRACKED, except_column_list=["op"])


@pytest.fixture(scope="module")
def a_tracked(spark: SparkSession) -> dict[str, list[tuple[Any, ...]]]:
    way = {"except_column_list": ["op", "seq"], "track_history_column_list": ["a"]}
    return applied(spark, WITH_A_TRACKED, **way)


@pytest.fixture(scope="module")
def nulls_ignored(spark: SparkSession) -> dict[str, list[tuple[Any, ...]]]:
    return applied(spark, WITH_NULLS_IGNORED, except_column_list=["op", "seq"], ignore_null_updates=True)


@pytest.mark.parametrize("case", WITH_ALL_TRACKED)
def test_history_is_exact(all_tracked: dict[str, list[tuple[Any, ...]]], case: str) -> None:
    assert all_tracked[case] == WITH_ALL_TRACKED[case][1]


@pytest.mark.slow
@pytest.mark.parametrize("case", WITH_A_TRACKED)
def test_history_of_one_column_is_exact(a_tracked: dict[str, list[tuple[Any, ...]]], case: str) -> None:
    assert a_tracked[case] == WITH_A_TRACKED[case][1]


@pytest.mark.slow
@pytest.mark.parametrize("case", WITH_NULLS_IGNORED)
def test_history_without_nulls_is_exact(nulls_ignored: dict[str, list[tuple[Any, ...]]], case: str) -> None:
    assert nulls_ignored[case] == WITH_NULLS_IGNORED[case][1]
