"""Whatever the order, the batches and the repetitions, the table is what the set of events makes it."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
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
Row = tuple[int, int, str, str | None, int | None, tuple[str, ...]]  # the columns that it brings
BOTH = ("a", "b")
few = settings(
    max_examples=1,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
many = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def histories(pick: random.Random, count: int, shapes: tuple[tuple[str, ...], ...]) -> list[Row]:
    """Up to nine events each of some keys, with ties, deletes, equal values and NULLs."""
    rows: list[Row] = []
    for key in range(count):
        for _ in range(pick.randint(1, 9)):
            deletes = pick.random() < 0.25
            a, b = pick.choice([None, "x", "y"]), pick.choice([None, 1, 2])
            rows.append((key, pick.randint(1, 8), "D" if deletes else "U", a, b, pick.choice(shapes)))
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


def frames(spark: SparkSession, batch: list[Row]) -> list[DataFrame]:
    """A batch, or one for each set of columns that its events bring."""
    found = []
    for shape in sorted({row[5] for row in batch}):
        names = ("k", "seq", "op", *shape)
        fields = [field for field in FIELDS if field.name in names]
        places = [FIELDS.index(field) for field in fields]
        rows = [tuple(row[place] for place in places) for row in batch if row[5] == shape]
        found.append(local_frame(spark, fields, rows))
    return found


def events(rows: list[Row], key: int, *, with_sequence: bool, since: int) -> list[oracle.Event]:
    return [
        (
            row[1],
            "delete" if row[2] == "D" else "upsert",
            {
                **({"seq": row[1]} if with_sequence else {}),
                **{name: row[3 + BOTH.index(name)] for name in row[5]},
            },
        )
        for row in rows
        if row[0] == key and row[2] != "T" and row[1] > since
    ]


WAYS: dict[str, dict[str, Any]] = {
    "type 1": {"stored_as_scd_type": 1},
    "type 1, NULLs ignored": {"stored_as_scd_type": 1, "ignore_null_updates": True},
    "type 1, sequence not stored": {"stored_as_scd_type": 1, "except_column_list": ["op", "seq"]},
    "type 1, truncates, columns that come and go": {
        "stored_as_scd_type": 1, "apply_as_truncates": "op = 'T'",
    },
    "type 2": {"stored_as_scd_type": 2},
    "type 2, columns that come and go": {"stored_as_scd_type": 2},
    "type 2, one column tracked": {"stored_as_scd_type": 2, "track_history_column_list": ["a"]},
    "type 2, NULLs ignored, one column tracked": {
        "stored_as_scd_type": 2, "ignore_null_updates": True, "track_history_column_list": ["b"],
    },
    "type 2, sequence not stored, NULLs ignored": {
        "stored_as_scd_type": 2, "ignore_null_updates": True, "except_column_list": ["op", "seq"],
    },
}  # fmt: skip

FIRST = ("type 2, NULLs ignored, one column tracked",)  # it does most


def check(
    spark: SparkSession, target: str, way: dict[str, Any], seed: int, keys: int, cuts: int, come_and_go: bool
) -> None:
    pick = random.Random(seed)
    rows = histories(pick, keys, (BOTH, ("a",), ("b",)) if come_and_go else (BOTH,))
    truncates = [pick.randint(1, 4) for _ in range(2 if "apply_as_truncates" in way else 0)]
    rows += [(-1, at, "T", None, None, BOTH) for at in truncates]
    drop(spark, target)
    given = {"except_column_list": ["op"], **way}
    for batch in batches(pick, rows, cuts):
        for frame in frames(spark, batch):
            apply_changes(frame, target, keys="k", sequence_by="seq", apply_as_deletes="op = 'D'", **given)
    with_sequence = "seq" not in given["except_column_list"]
    columns = ["seq", "a", "b"] if with_sequence else ["a", "b"]
    ignore_null = way.get("ignore_null_updates", False)
    expected = []
    for key in range(keys):
        mine = events(rows, key, with_sequence=with_sequence, since=max(truncates, default=0))
        if way["stored_as_scd_type"] == 1:
            row = oracle.scd1(mine, columns, ignore_null=ignore_null)
            expected += [(key, *row.values())] if row is not None else []
        else:
            tracked = way.get("track_history_column_list", columns)
            expected += [(key, *one) for one in oracle.scd2(mine, columns, tracked, ignore_null=ignore_null)]
    table = spark.table(target)
    ends = ["__START_AT", "__END_AT"] if way["stored_as_scd_type"] == 2 else []
    assert sorted(table.columns) == sorted(["k", *columns, *ends])
    found = sorted(map(tuple, table.select("k", *ends, *columns).collect()), key=repr)
    wrong = set(found) ^ set(expected)
    keys_wrong = sorted({row[0] for row in wrong})[:1]
    assert len(found) == len(set(found)) and not wrong, (
        [row for row in rows if row[0] in keys_wrong],
        [row for row in found if row[0] in keys_wrong],
        [row for row in expected if row[0] in keys_wrong],
    )


@pytest.mark.parametrize(
    "name", [name if name in FIRST else pytest.param(name, marks=pytest.mark.slow) for name in WAYS]
)
@few
@given(seed=st.integers(0, 2**32))
def test_hundreds_of_histories_come_out_as_their_events_say(
    spark: SparkSession, target: str, name: str, seed: int
) -> None:
    check(spark, target, WAYS[name], seed, 300, 2, "come and go" in name)


@pytest.mark.slow
@pytest.mark.parametrize("name", WAYS)
@many
@given(seed=st.integers(0, 2**32), cuts=st.integers(1, 6))
def test_thousands_of_histories_come_out_as_their_events_say(
    spark: SparkSession, target: str, name: str, seed: int, cuts: int
) -> None:
    check(spark, target, WAYS[name], seed, 300, cuts, "come and go" in name)
