"""What apply_changes takes, refuses, remembers and leaves behind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession

from medallion_pipelines.errors import ChangesError
from medallion_pipelines.silver import apply_changes
from medallion_pipelines.tables import Merged, Tables

USUAL: dict[str, Any] = {
    "keys": "id",
    "sequence_by": "seq",
    "apply_as_deletes": "op = 'D'",
    "except_column_list": ["op"],
}


def changes(spark: SparkSession, rows: str, columns: str = "id, seq, op, v") -> DataFrame:
    return spark.sql(f"SELECT * FROM VALUES {rows} AS t({columns})")


def found(spark: SparkSession, target: str) -> list[tuple[Any, ...]]:
    return sorted(map(tuple, spark.table(target).collect()), key=repr)


def version(spark: SparkSession, target: str) -> int:
    row = spark.sql(f"DESCRIBE HISTORY {target} LIMIT 1").first()
    assert row is not None
    return int(row.version)


@pytest.mark.engine
@pytest.mark.parametrize("scd_type", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_batch_is_one_commit_that_readers_see_whole(
    spark: SparkSession, target: str, scd_type: int
) -> None:
    way = {**USUAL, "stored_as_scd_type": scd_type}
    apply_changes(changes(spark, "(1, 1, 'U', 'x'), (2, 1, 'U', 'y'), (3, 1, 'U', 'z')"), target, **way)
    before = version(spark, target)
    merged = apply_changes(
        changes(spark, "(1, 2, 'U', 'a'), (2, 2, 'D', NULL), (4, 1, 'U', 'b')"), target, **way
    )
    assert version(spark, target) == before + 1
    ends = [(1, None), (1, None), (2, None)] if scd_type == 2 else [(), (), ()]
    now = [(3, 1, "z", *ends[0]), (4, 1, "b", *ends[1]), (1, 2, "a", *ends[2])]
    past = [(1, 1, "x", 1, 2), (2, 1, "y", 1, 2)] if scd_type == 2 else []
    assert found(spark, target) == sorted([*now, *past], key=repr)
    assert (merged.inserted, merged.updated, merged.deleted) == ((2, 2, 0) if scd_type == 2 else (1, 1, 1))


@pytest.mark.parametrize(
    "rows", ["(NULL, 1, 'U', 'x'), (2, 2, 'U', 'y')", "(1, NULL, 'U', 'x'), (2, 2, 'U', 'y')"]
)
def test_a_missing_key_or_sequence_refuses_the_batch(spark: SparkSession, target: str, rows: str) -> None:
    apply_changes(changes(spark, "(2, 1, 'U', 'x')"), target, **USUAL)
    before = version(spark, target), found(spark, target)
    with pytest.raises(ChangesError, match=r"Of 2 changes 1 have no value in .*: nothing was written"):
        apply_changes(changes(spark, rows), target, **USUAL)
    assert (version(spark, target), found(spark, target)) == before


@pytest.mark.slow
def test_keys_whose_concatenations_are_alike_are_not_alike(spark: SparkSession, target: str) -> None:
    rows = "('a_b', 'c', 1, 1), ('a', 'b_c', 1, 2), ('a', 'b', 1, 3)"
    apply_changes(
        changes(spark, rows, "k1, k2, seq, v"),
        target,
        keys=["k1", "k2"],
        sequence_by="seq",
        stored_as_scd_type=2,
    )
    apply_changes(
        changes(spark, "('a', 'b_c', 2, 4)", "k1, k2, seq, v"), target,
        keys=["k1", "k2"], sequence_by="seq", stored_as_scd_type=2,
    )  # fmt: skip
    now = spark.table(target).where("__END_AT IS NULL").select("k1", "k2", "v").orderBy("v")
    assert list(map(tuple, now.collect())) == [("a_b", "c", 1), ("a", "b", 3), ("a", "b_c", 4)]


@pytest.mark.slow
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0, 1]])
def test_a_truncate_empties_what_was_there_until_then_whenever_it_comes(
    spark: SparkSession, target: str, order: list[int]
) -> None:
    way = {**USUAL, "apply_as_truncates": "op = 'T'"}
    batches = [
        "(1, 1, 'U', 'old'), (2, 9, 'U', 'new')",
        "(CAST(NULL AS INT), 5, 'T', CAST(NULL AS STRING)), (3, 6, 'U', 'after')",
        "(4, 4, 'U', 'late'), (5, 5, 'U', 'tied'), (1, 7, 'U', 'again')",
    ]
    for place in order:
        apply_changes(changes(spark, batches[place]), target, **way)
    assert found(spark, target) == [(1, 7, "again"), (2, 9, "new"), (3, 6, "after")]


@pytest.mark.slow
def test_several_sequence_columns_give_a_struct(spark: SparkSession, target: str) -> None:
    way: dict[str, Any] = {"keys": "id", "sequence_by": ["day", "nr"], "stored_as_scd_type": 2}
    apply_changes(changes(spark, "(1, 2, 1, 'b'), (1, 1, 9, 'a')", "id, day, nr, v"), target, **way)
    apply_changes(changes(spark, "(1, 1, 10, 'late')", "id, day, nr, v"), target, **way)
    rows = spark.table(target).orderBy("__START_AT").collect()
    starts = [(row.v, row["__START_AT"].asDict()) for row in rows]
    assert starts == [("a", {"day": 1, "nr": 9}), ("late", {"day": 1, "nr": 10}), ("b", {"day": 2, "nr": 1})]
    assert [row["__END_AT"] and tuple(row["__END_AT"]) for row in rows] == [(1, 10), (2, 1), None]


@pytest.mark.slow
@pytest.mark.parametrize("order", [[0, 1, 2], [2, 1, 0]])
def test_a_column_that_a_batch_lacks_keeps_its_value(
    spark: SparkSession, target: str, order: list[int]
) -> None:
    batches = [
        changes(spark, "(1, 1, 'U', 'x', 10), (2, 1, 'U', 'y', 20)", "id, seq, op, v, w"),
        changes(spark, "(1, 2, 'U', 'z')"),
        changes(spark, "(2, 3, 'U', 30)", "id, seq, op, w"),
    ]
    for place in order:
        apply_changes(batches[place], target, **USUAL)
    rows = spark.table(target).select("id", "seq", "v", "w").orderBy("id").collect()
    assert list(map(tuple, rows)) == [(1, 2, "z", 10), (2, 3, "y", 30)]


@pytest.mark.slow
def test_columns_are_added_and_widened_in_mid_history(spark: SparkSession, target: str) -> None:
    way = {**USUAL, "stored_as_scd_type": 2}
    apply_changes(changes(spark, "(1, 1, 'U', 5)"), target, **way)
    apply_changes(changes(spark, "(1, 2, 'U', 5000000000, 'more')", "id, seq, op, v, note"), target, **way)
    apply_changes(changes(spark, "(1, 3, 'U', 7)"), target, **way)
    rows = spark.table(target).select("v", "note", "__START_AT", "__END_AT").orderBy("__START_AT").collect()
    assert list(map(tuple, rows)) == [(5, None, 1, 2), (5_000_000_000, "more", 2, 3), (7, None, 3, None)]
    before = version(spark, target)
    with pytest.raises(ChangesError, match="column v is BIGINT, and STRING in these changes"):
        apply_changes(changes(spark, "(1, 4, 'U', 'text')"), target, **way)
    assert version(spark, target) == before


def test_what_a_table_was_made_with_must_stay(spark: SparkSession, target: str) -> None:
    apply_changes(changes(spark, "(1, 1, 'U', 'x')"), target, **USUAL, stored_as_scd_type=2)
    for other in (
        {"keys": ["id", "v"]},
        {"sequence_by": "v"}, {"track_history_column_list": ["v"]}, {"stored_as_scd_type": 1},
        {"ignore_null_updates": True},
    ):  # fmt: skip
        with pytest.raises(ChangesError, match="was not made by apply_changes with these keys"):
            apply_changes(
                changes(spark, "(1, 1, 'U', 'x')"), target, **{**USUAL, "stored_as_scd_type": 2, **other}
            )
    assert found(spark, target) == [(1, 1, "x", 1, None)]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"keys": []}, "keys must name at least one column"),
        ({"keys": "nope"}, "keys names nope, but there is only id, seq, op, v"),
        ({"stored_as_scd_type": 3}, "stored_as_scd_type must be 1 or 2"),
        ({"column_list": ["v"]}, "exclude each other"),
        ({"track_history_column_list": ["v"]}, "stored_as_scd_type=2 only"),
        ({"stored_as_scd_type": 2, "apply_as_truncates": "op = 'T'"}, "stored_as_scd_type=1 only"),
        ({"except_column_list": ["id"]}, "names a key"),
    ],
)
def test_what_makes_no_sense_is_refused(
    spark: SparkSession, target: str, wrong: dict[str, Any], why: str
) -> None:
    with pytest.raises(ChangesError, match=why):
        apply_changes(changes(spark, "(1, 1, 'U', 'x')"), target, **{**USUAL, **wrong})
    assert not spark.catalog.tableExists(target)


@pytest.mark.parametrize("scd_type", [pytest.param(1, marks=pytest.mark.slow), 2])
def test_a_batch_cut_off_before_the_table_was_written_is_made_whole_by_the_next(
    spark: SparkSession, target: str, scd_type: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    way = {**USUAL, "except_column_list": ["op", "seq"], "stored_as_scd_type": scd_type}
    first, lost, other = "(1, 5, 'U', 'c')", "(1, 3, 'U', 'b'), (2, 1, 'U', 'x')", "(1, 4, 'D', NULL)"
    apply_changes(changes(spark, first), target, **way)
    merge = Tables.merge

    def cut_off(self: Tables, source: DataFrame, key: str, **given: Any) -> Merged:
        if key == target:
            raise KeyError("the machine went away")
        return merge(self, source, key, **given)

    with monkeypatch.context() as patch:
        patch.setattr(Tables, "merge", cut_off)
        with pytest.raises(KeyError):
            apply_changes(changes(spark, lost), target, **way)
    assert len(found(spark, target)) == 1
    for rows in (other, lost):
        apply_changes(changes(spark, rows), target, **way)
    expected = [(1, "b", 3, 4), (1, "c", 5, None), (2, "x", 1, None)]
    assert found(spark, target) == (expected if scd_type == 2 else [(1, "c"), (2, "x")])


@pytest.mark.slow
def test_a_refused_batch_changes_neither_table_nor_memory(spark: SparkSession, target: str) -> None:
    way = {**USUAL, "stored_as_scd_type": 2, "track_history_column_list": ["v", "seq"]}
    apply_changes(changes(spark, "(1, 1, 'U', 5)"), target, **way)
    both = (target, f"__apply_changes_storage_{target}")
    before = [version(spark, table) for table in both]
    for rows, columns in (
        ("(1, 2L, 'U', 'text', 7)", "id, seq, op, v, more"),
        ("(1, 'x', 'U', 5, 7)", "id, seq, op, v, more"),
    ):
        with pytest.raises(ChangesError, match=r"does not fit in it|the sequence was INT"):
            apply_changes(changes(spark, rows, columns), target, **way)
    assert [version(spark, table) for table in both] == before


@pytest.mark.slow
def test_a_tracked_column_may_be_missing_from_a_batch(spark: SparkSession, target: str) -> None:
    way = {**USUAL, "stored_as_scd_type": 2, "track_history_column_list": ["v"]}
    apply_changes(changes(spark, "(1, 1, 'U', 'x')"), target, **way)
    apply_changes(changes(spark, "(1, 2, 'U')", "id, seq, op"), target, **way)
    assert found(spark, target) == [(1, 1, "x", 1, 2), (1, 2, None, 2, None)]


@pytest.mark.slow
def test_a_table_made_anew_has_nothing_to_do_with_the_one_before(spark: SparkSession, target: str) -> None:
    apply_changes(changes(spark, "(1, 9, 'D', 'x')"), target, **USUAL)
    spark.sql(f"DROP TABLE {target}")
    apply_changes(changes(spark, "(1, 1, 'U', 'y')"), target, **USUAL, ignore_null_updates=True)
    assert found(spark, target) == [(1, 1, "y")]


@pytest.mark.slow
@pytest.mark.parametrize("scd_type", [1, 2])
def test_names_and_types_may_be_odd(spark: SparkSession, target: str, scd_type: int) -> None:
    columns = "id, day, nr, `_action`, `_gone`, m"
    way: dict[str, Any] = {"keys": "ID", "sequence_by": ["day", "nr"], "stored_as_scd_type": scd_type}
    early = "map('t', TIMESTAMP'2026-01-01 00:00:00.000001')"
    apply_changes(changes(spark, f"(1, 1, 1, 'a', 'b', {early})", columns), target, **way)
    late = early.replace("001'", "002'")
    apply_changes(changes(spark, f"(1, 1, 2, 'a', 'b', {late})", columns.upper()), target, **way)
    rows = (
        spark.table(target)
        .selectExpr("nr", "`_action`", "CAST(m['t'] AS STRING) AS t")
        .orderBy("nr")
        .collect()
    )
    first, second = (1, "a", "2026-01-01 00:00:00.000001"), (2, "a", "2026-01-01 00:00:00.000002")
    assert list(map(tuple, rows)) == ([first, second] if scd_type == 2 else [second])


@pytest.mark.slow
def test_it_works_on_the_batches_of_a_stream(spark: SparkSession, target: str, tmp_path: Path) -> None:
    source, way = str(tmp_path / "source"), {**USUAL, "stored_as_scd_type": 2}
    for rows in ("(1, 2, 'U', 'b')", "(1, 1, 'U', 'a')"):
        changes(spark, rows).write.format("delta").mode("append").save(source)
        stream = spark.readStream.format("delta").load(source).writeStream.trigger(availableNow=True)
        stream = stream.option("checkpointLocation", str(tmp_path / "checkpoint"))
        stream.foreachBatch(lambda batch, _: apply_changes(batch, target, **way)).start().awaitTermination()
    assert found(spark, target) == [(1, 1, "a", 1, 2), (1, 2, "b", 2, None)]


@pytest.mark.slow
@pytest.mark.parametrize("scd_type", [1, 2])
def test_a_table_may_have_nothing_but_keys(spark: SparkSession, target: str, scd_type: int) -> None:
    way = {**USUAL, "except_column_list": ["op", "seq", "v"], "stored_as_scd_type": scd_type}
    for rows in (
        "(1, 5, 'D', 'x'), (2, 1, 'U', 'x')",
        "(1, 1, 'U', 'x'), (2, 2, 'U', 'y'), (3, 1, 'U', 'x')",
    ):
        apply_changes(changes(spark, rows), target, **way)
    expected = [(1, 1, 5), (2, 1, None), (3, 1, None)]
    assert found(spark, target) == (expected if scd_type == 2 else [(2,), (3,)])


@pytest.mark.slow
def test_a_key_may_have_ten_thousand_changes(spark: SparkSession, target: str) -> None:
    way: dict[str, Any] = {"keys": "id", "sequence_by": "seq", "stored_as_scd_type": 2}
    events = "SELECT 1 AS id, {} AS seq, {} % 7 AS v FROM range(10000)"
    for half in ("id * 2", "id * 2 + 1"):
        apply_changes(spark.sql(events.format(half, half)), target, **way)
    wrong = spark.table(target).where(
        "NOT (__END_AT <=> CASE WHEN seq < 19999 THEN seq + 1 END AND v = seq % 7)"
    )
    assert (spark.table(target).count(), wrong.count()) == (20_000, 0)


@pytest.mark.slow
def test_a_batch_may_have_a_million_keys(spark: SparkSession, target: str) -> None:
    way: dict[str, Any] = {"keys": "id", "sequence_by": "seq", "stored_as_scd_type": 2}
    for turn in (2, 1):
        apply_changes(spark.sql(f"SELECT id, {turn} AS seq, id % 9 AS v FROM range(1000000)"), target, **way)
    wrong = spark.table(target).where("NOT (__END_AT <=> CASE WHEN seq = 1 THEN 2 END)")
    assert (spark.table(target).count(), wrong.count()) == (2_000_000, 0)
