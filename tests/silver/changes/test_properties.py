"""Whatever the order, the batches and the repetitions, the table is what the set of events makes it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from tests.silver.changes import oracle
from tests.silver.changes.conftest import drop

from medallion_pipelines.silver import apply_changes
from medallion_pipelines.tables import Field, local_frame

FIELDS = [
    Field("k", "BIGINT"),
    Field("seq", "BIGINT"),
    Field("op", "STRING"),
    Field("a", "STRING"),
    Field("b", "BIGINT"),
]
Row = tuple[int, int, str, str | None, int | None]
few = settings(
    max_examples=1,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
many = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def histories(pick: random.Random, count: int) -> list[Row]:
    """Up to nine events each of some keys, with ties, deletes, equal values and NULLs."""
    rows = []
    for key in range(count):
        for _ in range(pick.randint(1, 9)):
            deletes = pick.random() < 0.25
            a, b = pick.choice([None, "x", "y"]), pick.choice([None, 1, 2])
            rows.append((key, pick.randint(1, 8), "D" if deletes else "U", a, b))
    return rows


def batches(pick: random.Random, rows: list[Row], count: int) -> list[list[Row]]:
    """Every row in at least one batch, some in several; the first batch comes a second time."""
    made: list[list[Row]] = [[] for _ in range(count)]
    for row in rows:
        for batch in pick.sample(made, min(count, pick.choice([1, 1, 2]))):
            batch.extend([row] * pick.choice([1, 1, 2]))
    for batch in made:
        pick.shuffle(batch)
    return [*made, made[0]]


def events(rows: list[Row], key: int, *, with_sequence: bool) -> list[oracle.Event]:
    return [
        (
            seq,
            "delete" if op == "D" else "upsert",
            {**({"seq": seq} if with_sequence else {}), "a": a, "b": b},
        )
        for k, seq, op, a, b in rows
        if k == key
    ]


WAYS: dict[str, dict[str, Any]] = {
    "type 1": {"stored_as_scd_type": 1},
    "type 1, NULLs ignored": {"stored_as_scd_type": 1, "ignore_null_updates": True},
    "type 1, sequence not stored": {"stored_as_scd_type": 1, "except_column_list": ["op", "seq"]},
    "type 2": {"stored_as_scd_type": 2},
    "type 2, one column tracked": {"stored_as_scd_type": 2, "track_history_column_list": ["a"]},
    "type 2, NULLs ignored, one column tracked": {
        "stored_as_scd_type": 2, "ignore_null_updates": True, "track_history_column_list": ["b"],
    },
    "type 2, sequence not stored, NULLs ignored": {
        "stored_as_scd_type": 2, "ignore_null_updates": True, "except_column_list": ["op", "seq"],
    },
}  # fmt: skip

FIRST = ("type 2, NULLs ignored, one column tracked",)  # it does most


def check(spark: SparkSession, target: str, way: dict[str, Any], seed: int, keys: int, cuts: int) -> None:
    pick = random.Random(seed)
    rows = histories(pick, keys)
    drop(spark, target)
    given = {"except_column_list": ["op"], **way}
    for batch in batches(pick, rows, cuts):
        apply_changes(
            local_frame(spark, FIELDS, batch), target,
            keys="k", sequence_by="seq", apply_as_deletes="op = 'D'", **given,
        )  # fmt: skip
    with_sequence = "seq" not in given["except_column_list"]
    columns = ["seq", "a", "b"] if with_sequence else ["a", "b"]
    ignore_null = way.get("ignore_null_updates", False)
    expected = []
    for key in range(keys):
        mine = events(rows, key, with_sequence=with_sequence)
        if way["stored_as_scd_type"] == 1:
            row = oracle.scd1(mine, columns, ignore_null=ignore_null)
            expected += [(key, *row.values())] if row is not None else []
        else:
            tracked = way.get("track_history_column_list", columns)
            expected += [(key, *one) for one in oracle.scd2(mine, columns, tracked, ignore_null=ignore_null)]
    table = spark.table(target)
    ends = ["__START_AT", "__END_AT"] if way["stored_as_scd_type"] == 2 else []
    assert table.columns == ["k", *columns, *ends]
    found = sorted(map(tuple, table.select("k", *ends, *columns).collect()), key=repr)
    wrong = set(found) ^ set(expected)
    keys_wrong = sorted({row[0] for row in wrong})[:1]
    assert len(found) == len(set(found)) and not wrong, (
        [row for row in rows if row[0] in keys_wrong],
        [row for row in found if row[0] in keys_wrong],
        [row for row in expected if row[0] in keys_wrong],
    )


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(way, id=name, marks=() if name in FIRST else pytest.mark.slow)
        for name, way in WAYS.items()
    ],
)
@few
@given(seed=st.integers(0, 2**32))
def test_hundreds_of_histories_come_out_as_their_events_say(
    spark: SparkSession, target: str, way: dict[str, Any], seed: int
) -> None:
    check(spark, target, way, seed, keys=300, cuts=2)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@many
@given(seed=st.integers(0, 2**32), cuts=st.integers(1, 6))
def test_thousands_of_histories_come_out_as_their_events_say(
    spark: SparkSession, target: str, way: dict[str, Any], seed: int, cuts: int
) -> None:
    check(spark, target, way, seed, keys=300, cuts=cuts)
