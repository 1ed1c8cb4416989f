"""Silver tables that are made of changes, as contracts declare them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from tests.support import (
    column,
    conformed,
    counts,
    land_json,
    land_text,
    outcomes,
    reasons,
    rows,
    run_only,
    silver,
    step,
    versions,
    write_product,
)

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.silver.changes.table import memory_of
from medallion_pipelines.tables import Merged, Tables

# a delete brings no name, and a check over the batch does not count it
NAMED = {"type": "library", "metric": "nullValues", "mustBe": 0, "severity": "error"}
COLUMNS = [
    column("id", "integer"),
    column("seq", "integer"),
    column("name", "string", required=True, quality=[NAMED]),
    column("size", "integer", logicalTypeOptions={"minimum": 1}),
]
WAY = {"applyAsDeletes": "Op = 'D'", "storedAsScdType": 2}


def contract(name: str = "things", **way: object) -> dict[str, object]:
    return silver(name, COLUMNS, key=["id"], custom={"sequenceBy": ["seq"], "changes": way or WAY})


def history(lakehouse: Lakehouse) -> list[tuple[object, ...]]:
    return rows(lakehouse, "silver.things", "id", "name", "size", "__START_AT", "__END_AT")


def test_a_history_is_kept_of_changes_that_come_late_twice_and_broken(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    product = write_product(tmp_path / "p", contract())
    land_json(
        lakehouse,
        "things/a.json",
        [
            {"Op": "I", "id": 1, "seq": 1, "name": "a", "size": 1},
            {"Op": "U", "id": 1, "seq": 5, "name": "c", "size": 3},
            {"Op": "D", "id": 2, "seq": 4},  # a delete has a key and a sequence, and no more
            {"Op": "U", "id": 3, "seq": 1, "name": "x", "size": 0},
            {"Op": "U", "id": None, "seq": 1, "name": "x", "size": 1},
            {"Op": "D", "id": 3, "seq": None},
        ],
    )
    first = lakehouse.run(product)
    assert counts(first, "silver.things") == (6, 3, 3, 0)
    assert history(lakehouse) == [(1, "a", 1, 1, 5), (1, "c", 3, 5, None)]
    broken = lakehouse.table("silver.things_quarantine").selectExpr("_errors.rule[0]", "_errors.column[0]")
    assert sorted(map(tuple, broken.collect())) == [
        ("required", "id"),
        ("required", "seq"),
        ("size_minimum", "size"),
    ]

    land_json(
        lakehouse,
        "things/b.json",
        [
            {"Op": "U", "id": 1, "seq": 3, "name": "b", "size": 2},
            {"Op": "I", "id": 2, "seq": 2, "name": "late", "size": 9},
            {"Op": "U", "id": 1, "seq": 5, "name": "c", "size": 3},
        ],
    )
    second = lakehouse.run(product)
    assert counts(second, "silver.things") == (3, 3, 0, 0)
    now = [(1, "a", 1, 1, 3), (1, "b", 2, 3, 5), (1, "c", 3, 5, None), (2, "late", 9, 2, 4)]
    assert history(lakehouse) == now
    assert lakehouse.tables.read("ops.drift").count() == 0


@pytest.mark.slow
def test_a_run_that_was_cut_off_after_what_is_remembered_is_finished_by_the_next(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = write_product(tmp_path / "p", contract(applyAsDeletes="Op = 'D'"))
    land_json(lakehouse, "things/a.json", [{"Op": "I", "id": n, "seq": 1, "name": "a"} for n in (1, 2)])
    assert lakehouse.run(product).succeeded
    land_json(
        lakehouse,
        "things/b.json",
        [{"Op": "D", "id": 1, "seq": 2}, {"Op": "U", "id": 2, "seq": 2, "name": "b"}],
    )
    run_only(lakehouse, product, "bronze.things")
    merge = Tables.merge

    def cut_off(self: Tables, source: DataFrame, key: str, **how: Any) -> Merged:
        if key == "silver.things":
            raise RuntimeError("cut off")
        return merge(self, source, key, **how)

    before = versions(lakehouse)
    with monkeypatch.context() as patched:
        patched.setattr(Tables, "merge", cut_off)
        assert "cut off" in str(step(run_only(lakehouse, product, "silver.things"), "silver.things").error)
    after = {key: at for key, at in versions(lakehouse).items() if at != before[key]}
    assert [*after] == ["silver.__apply_changes_storage_things"]
    again = run_only(lakehouse, product, "silver.things")
    assert counts(again, "silver.things") == (2, 2, 0, 0)
    assert rows(lakehouse, "silver.things", "id", "name", "seq") == [(2, "b", 2)]


@pytest.mark.slow
def test_a_batch_that_another_contract_takes_up_leaves_nothing_of_the_first_try_in_quarantine(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = write_product(tmp_path / "p", contract())
    land_json(lakehouse, "things/a.json", [{"Op": "I", "id": 1, "seq": 1, "name": "a", "size": 1}])
    assert lakehouse.run(product).succeeded
    bad = [{"Op": "I", "id": 2, "seq": 1, "name": None}, {"Op": "I", "id": "x", "seq": 1, "name": "b"}]
    land_json(lakehouse, "things/b.json", [*bad, {"Op": "I", "id": 3, "seq": 1, "name": "c"}])

    def cut_off(*given: object, **more: object) -> None:
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(Tables, "merge", cut_off)
        assert "cut off" in str(step(lakehouse.run(product), "silver.things").error)
    assert len(rows(lakehouse, "silver.things_quarantine")) == 2
    optional = {**COLUMNS[2], "required": False, "quality": []}
    columns = [*COLUMNS[:2], optional, COLUMNS[3], column("note")]
    custom = {"sequenceBy": ["seq"], "changes": WAY}
    mended = write_product(tmp_path / "p", silver("things", columns, key=["id"], custom=custom))
    assert counts(lakehouse.run(mended), "silver.things") == (3, 2, 1, 0)
    assert rows(lakehouse, "silver.things", "id") == [(1,), (2,), (3,)]
    assert rows(lakehouse, "silver.things_quarantine", "record") == [
        ('{"Op": "I", "id": "x", "seq": 1, "name": "b"}',)
    ]


@pytest.mark.slow
def test_a_table_that_was_dropped_comes_back_with_each_record_of_its_quarantine_once(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    product = write_product(tmp_path / "p", contract(applyAsDeletes="Op = 'D'"))
    land_json(lakehouse, "things/a.json", [{"Op": "I", "id": n, "seq": 1, "name": "a"} for n in (1, "x")])
    assert lakehouse.run(product).succeeded
    lakehouse.tables.drop("silver.things")
    lakehouse.tables.drop("silver.__apply_changes_storage_things")
    assert counts(lakehouse.run(product), "silver.things") == (2, 1, 1, 0)
    assert rows(lakehouse, "silver.things", "id", "name") == [(1, "a")]
    assert len(rows(lakehouse, "silver.things_quarantine")) == 1


@pytest.mark.slow
def test_debezium_envelopes_and_dms_files_need_no_more_than_a_contract(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    image = "get_json_object(coalesce(after, before), '$.{}')"
    debezium = silver(
        "cities",
        [
            column(
                "id", "integer", transformLogic=image.format("id"), transformSourceObjects=["after", "before"]
            ),
            column("name", "string", transformLogic=image.format("name")),
            column("ts_ms", "integer"),
        ],
        key=["id"],
        custom={"sequenceBy": ["ts_ms"], "changes": {"applyAsDeletes": "op = 'd'"}},
    )
    dms = silver(
        "ships",
        [column("id", "integer"), column("name"), column("changed_at", "timestamp")],
        key=["id"],
        kind="csv",
        options={"header": "true"},
        custom={"sequenceBy": ["changed_at"], "changes": {"applyAsDeletes": "Op = 'D'"}},
    )
    product = write_product(tmp_path / "p", debezium, dms)
    land_json(
        lakehouse,
        "cities/a.json",
        [
            {
                "op": "u",
                "ts_ms": 2,
                "before": {"id": 1, "name": "Oslo"},
                "after": {"id": 1, "name": "Bergen"},
            },
            {"op": "c", "ts_ms": 1, "before": None, "after": {"id": 1, "name": "Oslo"}},
            {"op": "d", "ts_ms": 9, "before": {"id": 2, "name": "Rome"}, "after": None},
            {"op": "c", "ts_ms": 8, "before": None, "after": {"id": 2, "name": "Rome"}},
        ],
    )
    land_text(
        lakehouse,
        "ships/LOAD1.csv",
        "id,name,changed_at\n1,Ark,2024-01-01 00:00:00\n2,Eos,2024-01-01 00:00:00\n",
    )
    land_text(lakehouse, "ships/cdc.csv", "Op,id,name,changed_at\nD,2,Eos,2024-01-02 00:00:00\n"
              "U,1,Ark II,2024-01-03 00:00:00\n")  # fmt: skip
    result = lakehouse.run(product)
    assert counts(result, "silver.cities") == (4, 4, 0, 0)
    assert counts(result, "silver.ships") == (4, 4, 0, 0)
    assert rows(lakehouse, "silver.cities") == [(1, "Bergen", 2)]
    assert rows(lakehouse, "silver.ships", "id", "name") == [(1, "Ark II")]


@pytest.mark.slow
def test_a_contract_that_the_table_cannot_follow_is_refused_with_the_way_out(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    product = write_product(tmp_path / "p", contract())
    land_json(lakehouse, "things/a.json", [{"Op": "I", "id": 1, "seq": 1, "name": "a", "size": 1}])
    lakehouse.run(product)
    before = versions(lakehouse)
    less = silver("things", COLUMNS[:3], key=["id"], custom={"sequenceBy": ["seq"], "changes": WAY})
    for other, says in (
        (less, "column size is no longer in it"),
        (contract(storedAsScdType=1), "as it was made"),
    ):
        land_json(lakehouse, "things/b.json", [{"Op": "I", "id": 2, "seq": 1, "name": "b", "size": 1}])
        failed = step(
            run_only(lakehouse, write_product(tmp_path / "p", other), "silver.things"), "silver.things"
        )
        assert says in failed.error
        assert "medallion rebuild silver.things" in failed.error
        assert versions(lakehouse) == before
    assert lakehouse.rebuild("silver.things", product).succeeded
    assert rows(lakehouse, "silver.things", "id", "seq") == [(1, 1)]


def test_a_delete_or_truncate_is_not_asked_for_rules_or_where_it_points_to(spark: SparkSession) -> None:
    checked = [{"property": "enforcement", "value": "checked"}]
    lines = silver(
        "lines",
        [
            column(
                "id",
                "integer",
                logicalTypeOptions={"minimum": 1},
                relationships=[{"to": "orders.id", "customProperties": checked}],
            ),
            column("seq", "integer"),
        ],
        key=["id"],
        custom={
            "sequenceBy": ["seq"],
            "changes": {"applyAsDeletes": "Op = 'D'", "applyAsTruncates": "Op = 'T'"},
        },
    )
    orders = silver("orders", [column("id", "integer")], key=["id"])
    other_case = conformed(spark, lines, [{"op": "D", "id": 1, "seq": 1}], beside=[orders])
    assert outcomes(other_case) == [("quarantined",)]
    assert ("field_case", None, "Op") in reasons(other_case)[0]
    both = conformed(spark, lines, [{"op": "x", "Op": "D", "id": 1, "seq": 1}], beside=[orders])
    assert outcomes(both, "_deletes") == [("valid", True)]
    past = spark.sql("SELECT 1L AS id, 1L AS __START_AT, 2L AS __END_AT")  # an order that was deleted
    records = [
        {"Op": op, "id": n, "seq": 1} for op, n in [("D", 1), ("D", 0), ("U", 1), ("D", None), ("T", None)]
    ]
    found = conformed(spark, lines, records, beside=[orders], tables={"silver.orders": past})
    assert outcomes(found, "id", "_deletes") == [
        ("quarantined", 1, False),
        ("quarantined", None, True),
        ("valid", 0, True),
        ("valid", 1, True),
        ("valid", None, False),
    ]
    assert reasons(found) == [(("foreign_key", "id", "1"),), (("required", "id", None),)]


@pytest.mark.slow
def test_what_a_rebuild_remembers_is_asked_where_somebody_had_dropped_the_memory(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    product = write_product(tmp_path / "p", contract(applyAsDeletes="Op = 'D'"))
    there = {"Op": "U", "id": 1, "seq": 1, "name": "a", "size": 1}
    land_json(lakehouse, "things/a.json", [there, {"Op": "D", "id": 1, "seq": 5}])
    assert lakehouse.run(product).succeeded
    lakehouse.tables.drop(memory_of("silver.things"))
    assert lakehouse.rebuild("silver.things", product).succeeded
    land_json(lakehouse, "things/b.json", [{**there, "seq": 3}])  # from before it was deleted
    assert lakehouse.run(product).succeeded
    assert rows(lakehouse, "silver.things") == []
