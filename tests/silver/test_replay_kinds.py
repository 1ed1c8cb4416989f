"""Replay of every kind of feed and table, and what stops one."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from tests.silver.refused import KEY, cut_off, ids, quarantine, things, trail
from tests.support import column, counts, land_json, land_text, rows, silver, step, versions, write_product

from medallion_pipelines.lakehouse import Lakehouse


@pytest.mark.slow
def test_a_failed_check_leaves_table_and_quarantine_as_they_are_and_a_limit_does_not_count(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    limit = {"custom": {"quarantineLimit": {"mustBeLessThan": 60, "unit": "percent"}}}
    few = [{"type": "sql", "query": "SELECT max(id) FROM {object}", "mustBeLessThan": 20}]
    land_json(lakehouse, "things/a.json", [{"id": n} for n in (1, 2, 3, 10, 20, "x")])
    assert lakehouse.run(write_product(tmp_path / "p", things(9, **limit))).succeeded
    there = versions(lakehouse)
    checked = write_product(tmp_path / "p", things(50, quality=few, **limit))
    stopped = step(lakehouse.replay(KEY, checked), KEY)
    assert "silver.things was not written" in stopped.error
    assert "The records are in quarantine as before" in stopped.error
    assert versions(lakehouse) == there
    assert lakehouse.run(checked).succeeded  # nothing is left of it
    assert versions(lakehouse) == there
    mended = write_product(tmp_path / "p", things(15, quality=few, **limit))
    assert counts(lakehouse.replay(KEY, mended), KEY) == (0, 1, -1, 0)
    assert rows(lakehouse, KEY) == [(1,), (10,), (2,), (3,)]
    texts = ids(lakehouse, mended)
    corrected = {texts['{"id": 20}']: '{"id": 4}', texts['{"id": "x"}']: '{"id": "y"}'}
    assert counts(lakehouse.replay(KEY, mended, corrected=corrected), KEY) == (0, 1, -1, 0)
    assert quarantine(lakehouse) == [('{"id": "y"}', "type")]


@pytest.mark.slow
def test_a_replayed_record_loses_to_a_later_one_of_its_key(lakehouse: Lakehouse, tmp_path: Path) -> None:
    def product(maximum: int) -> Path:
        columns = [
            column("id", "integer"),
            column("seq", "integer"),
            column("v", "integer", logicalTypeOptions={"maximum": maximum}),
        ]
        csv = {"kind": "csv", "custom": {"sequenceBy": ["seq"]}, "path": "things/*.csv"}
        return write_product(tmp_path / "p", silver("things", columns, key=["id"], **csv))

    narrow = product(9)
    land_text(lakehouse, "things/a.csv", "id,seq,v\n1,1,10\n1,2,20\n2,1,10\n2,3,30\n3,1,99\n")
    land_text(lakehouse, "things/b.csv", "v,seq,id\n5,2,2\n10,2,4\n")
    assert counts(lakehouse.run(narrow), KEY) == (7, 1, 6, 0)
    assert rows(lakehouse, KEY) == [(2, 2, 5)]
    # key 1: the later of two; key 2: one is older than the row that is there, one newer
    assert counts(lakehouse.replay(KEY, product(25)), KEY) == (0, 2, -4, 2)
    assert rows(lakehouse, KEY) == [(1, 2, 20), (2, 2, 5), (4, 2, 10)]
    assert [outcome for outcome, _ in trail(lakehouse)] == [
        "duplicate", *["replayed"] * 3, *["still_quarantined"] * 2,
    ]  # fmt: skip
    texts = {"3,1,99": "3,1,9", "2,3,30": "2,3,3"}
    corrected = {one: texts[was] for was, one in ids(lakehouse, narrow).items()}
    assert counts(lakehouse.replay(KEY, narrow, corrected=corrected), KEY) == (0, 2, -2, 0)
    assert rows(lakehouse, KEY) == [(1, 2, 20), (2, 3, 3), (3, 1, 9), (4, 2, 10)]
    assert quarantine(lakehouse) == []


@pytest.mark.slow
@pytest.mark.parametrize("kind", [1, 2])
def test_a_change_that_is_replayed_late_lands_where_it_belongs(
    lakehouse: Lakehouse, tmp_path: Path, kind: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def product(minimum: int, folder: str) -> Path:
        columns = [
            column("id", "integer"),
            column("seq", "integer"),
            column("size", "integer", logicalTypeOptions={"minimum": minimum}),
        ]
        ways = {"sequenceBy": ["seq"], "changes": {"applyAsDeletes": "Op = 'D'", "storedAsScdType": kind}}
        return write_product(
            tmp_path / folder,
            *(silver(name, columns, key=["id"], custom=ways, path="f/*") for name in ("things", "whole")),
        )

    changes = [
        ("I", 1, 1, 5),
        ("U", 1, 2, 1),
        ("U", 1, 3, 6),
        ("I", 2, 1, 2),
        ("D", 2, 2, None),
        ("U", 3, 1, 0),
    ]
    records = [dict(zip(("Op", "id", "seq", "size"), one, strict=True)) for one in changes]
    land_json(lakehouse, "f/a.json", records)
    narrow, wide = product(5, "p"), product(1, "q")
    assert counts(lakehouse.run(narrow, tables=[KEY]), KEY) == (6, 3, 3, 0)
    with monkeypatch.context() as patch:
        patch.setattr(importlib.import_module("medallion_pipelines.silver.refine"), "settle", cut_off)
        assert not lakehouse.replay(KEY, wide).succeeded
    again = lakehouse.replay(KEY, wide)
    assert again.succeeded
    assert lakehouse.run(wide, tables=["silver.whole"]).succeeded
    assert rows(lakehouse, KEY) == rows(lakehouse, "silver.whole")
    assert [record for record, _ in quarantine(lakehouse)] == ['{"Op": "U", "id": 3, "seq": 1, "size": 0}']


@pytest.mark.slow
def test_parquet_records_come_back_with_their_types(lakehouse: Lakehouse, tmp_path: Path) -> None:
    def product(maximum: int) -> Path:
        columns = [
            column("id", "integer", logicalTypeOptions={"maximum": maximum}),
            column("at", "timestamp"),
            column("price", "number", physicalType="DECIMAL(20,4)"),
            column("tags", "array", items={"logicalType": "string"}),
            column("raw"),
        ]
        return write_product(
            tmp_path / "p", silver("things", columns, kind="parquet", path="things/*.parquet")
        )

    sql = """SELECT * FROM VALUES
        (10L, TIMESTAMP'2026-01-31 12:00:00.123456Z', 1234567890123456.7891, array('a', NULL), 'é "q"'),
        (99L, TIMESTAMP'1969-12-31 23:59:59.999999Z', NULL, NULL, NULL) AS t (id, at, price, tags, raw)"""
    lakehouse.spark.sql(sql).coalesce(1).write.parquet(str(tmp_path / "out"))
    (part,) = (tmp_path / "out").glob("*.parquet")
    land_text(lakehouse, "things/a.parquet", part.read_bytes())
    narrow = product(9)
    assert counts(lakehouse.run(narrow), KEY) == (2, 0, 2, 0)
    assert counts(lakehouse.replay(KEY, product(50)), KEY) == (0, 1, -1, 0)
    expected = lakehouse.spark.sql(sql).where("id = 10")
    assert lakehouse.table(KEY).exceptAll(expected).count() == 0
    assert lakehouse.table(KEY).count() == 1

    (one,) = ids(lakehouse, narrow).values()
    there = versions(lakehouse)
    for text in ('{"id": "many"}', '{"id": 1, "colour": 1}', "1", "{"):
        refused = step(lakehouse.replay(KEY, narrow, corrected={one: text}), KEY)
        assert f"record {one} of its quarantine is no JSON object that fits" in refused.error
    assert versions(lakehouse) == there
    assert counts(lakehouse.replay(KEY, narrow, corrected={one: '{"id": 9}'}), KEY) == (0, 1, -1, 0)
    assert rows(lakehouse, KEY, "id", "raw") == [(10, 'é "q"'), (9, None)]


@pytest.mark.slow
def test_elements_of_a_document_are_replayed_one_by_one(lakehouse: Lakehouse, tmp_path: Path) -> None:
    def product(maximum: int) -> Path:
        return write_product(tmp_path / "p", things(maximum, multi_line=True))

    land_text(lakehouse, "things/a.json", '[{"id": 1}, {"id": 10}, [{"id": 10}, {"id": 11}], null]')
    assert counts(lakehouse.run(product(9)), KEY) == (4, 1, 3, 0)
    wide = product(50)
    assert counts(lakehouse.replay(KEY, wide), KEY) == (0, 1, -1, 0)
    assert rows(lakehouse, KEY) == [(1,), (10,)]
    left = ids(lakehouse, wide)
    assert len(left) == 2
    assert counts(lakehouse.replay(KEY, wide, corrected={left["null"]: '{"id": 2}'}), KEY) == (0, 1, -1, 0)
    assert lakehouse.rebuild(KEY, wide).succeeded
    assert rows(lakehouse, KEY) == [(1,), (10,), (2,)]
    ((text, rule),) = quarantine(lakehouse)
    assert (text.replace(" ", ""), rule) == ('[{"id":10},{"id":11}]', "malformed")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["settle", "Staging"])
def test_corrections_that_were_cut_off_are_taken_once_by_the_same_command(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    product = write_product(tmp_path / "p", things(9))
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": 99}])
    assert lakehouse.run(product).succeeded
    corrected = {ids(lakehouse, product)['{"id": 99}']: '{"id": 9}'}
    with monkeypatch.context() as patch:
        module = importlib.import_module("medallion_pipelines.silver.corrections")
        # after bronze has it, or after all but that the staged ones go
        cut = cut_off if name == "settle" else type("Cut", (module.Staging,), {"drop": cut_off})
        patch.setattr(module, name, cut)
        assert not lakehouse.replay(KEY, product, corrected=corrected).succeeded
    assert lakehouse.replay(KEY, product, corrected=corrected).succeeded
    assert rows(lakehouse, KEY) == [(1,), (9,)]
    assert quarantine(lakehouse) == []
    assert lakehouse.table("bronze.things").count() == 3
    assert [outcome for outcome, _ in trail(lakehouse)] == ["corrected"]
    totals = lakehouse.table("ops.table_metrics").where("table = 'silver.things'")
    sums = totals.selectExpr("sum(rows_in)", "sum(rows_valid)", "sum(rows_quarantined)").first()
    assert tuple(sums) == (2, 2, 0)
