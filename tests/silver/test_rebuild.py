"""A rebuild: readers see the table as it was, or as it is then."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import column, gold, land_json, rows, silver, step, write_product

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.tables import Tables

COLUMNS = [column("id", "integer"), column("seq", "integer"), column("v", "string")]
MEMORY = "silver.__apply_changes_storage_things"


def product(folder: Path, scd_type: int = 2) -> Path:
    way = {"applyAsDeletes": "op = 'D'", "storedAsScdType": scd_type}
    custom = {"sequenceBy": ["seq"], "changes": way}
    mart = gold(
        "per_id",
        [column("id", "integer"), column("n", "integer")],
        [{"table": "silver.things", "grain": {"id": "id"}}],
        key=["id"],
    )
    return write_product(
        folder,
        silver("things", COLUMNS, key=["id"], custom=custom),
        mart,
        per_id="SELECT id, count(*) AS n FROM {things} GROUP BY id",
    )


def built(lakehouse: Lakehouse, folder: Path) -> None:
    land_json(lakehouse, "things/a.json", [{"id": n, "seq": 1, "v": "a"} for n in (1, 2)])
    assert lakehouse.run(folder).succeeded
    land_json(lakehouse, "things/b.json", [{"id": 1, "seq": 3, "v": "c"}, {"op": "D", "id": 2, "seq": 2}])
    assert lakehouse.run(folder).succeeded


def contents(lakehouse: Lakehouse) -> list[list[tuple[object, ...]]]:
    return [rows(lakehouse, key) for key in ("silver.things", MEMORY, "gold.per_id")]


@pytest.mark.slow
def test_a_history_is_made_beside_the_table_and_takes_its_place_in_one_commit(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    folder = product(tmp_path / "p")
    built(lakehouse, folder)
    tables, key = lakehouse.tables, "silver.things"
    before, at, made_with = (
        contents(lakehouse),
        tables.version(key),
        tables.property(key, "medallion.changes"),
    )
    result = step(lakehouse.rebuild(key, folder), key)
    assert (result.rows_written, result.rows_deleted) == (3, 3)
    assert tables.version(key) == at + 1
    assert contents(lakehouse) == before
    assert tables.property(key, "medallion.changes") == made_with
    assert tables.property(MEMORY, "medallion.remembers") == "deletes"
    assert [one for one in tables.keys("ops") if "things" in one] == []
    # and it goes on from there: a late event of a key that was deleted
    land_json(lakehouse, "things/c.json", [{"id": 2, "seq": 0, "v": "late"}, {"id": 3, "seq": 1, "v": "a"}])
    assert lakehouse.run(folder).succeeded
    assert rows(lakehouse, key, "id", "v", "__START_AT", "__END_AT") == [
        (1, "a", 1, 3), (1, "c", 3, None), (2, "a", 1, 2), (2, "late", 0, 1), (3, "a", 1, None),
    ]  # fmt: skip
    assert rows(lakehouse, "gold.per_id") == [(1, 2), (2, 2), (3, 1)]


@pytest.mark.slow
@pytest.mark.parametrize("swapped", [0, 1, 2], ids=["before the memory", "before the table", "after both"])
def test_a_rebuild_cut_off_between_its_commits_is_done_again_by_the_next_run(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, swapped: int
) -> None:
    folder = product(tmp_path / "p")
    built(lakehouse, folder)
    before, done, count = contents(lakehouse), Tables.replace_with, 0

    def cut_off(tables: Tables, key: str, other: str) -> None:
        nonlocal count
        if count == swapped:
            raise RuntimeError("cut off")
        count += 1
        done(tables, key, other)
        if count == swapped == 2:
            raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(Tables, "replace_with", cut_off)
        assert "cut off" in str(step(lakehouse.rebuild("silver.things", folder), "silver.things").error)
    assert rows(lakehouse, "silver.things") == before[0]
    land_json(lakehouse, "things/c.json", [{"id": 2, "seq": 0, "v": "late"}])
    assert lakehouse.run(folder).succeeded
    assert rows(lakehouse, "silver.things", "id", "v", "__START_AT", "__END_AT") == [
        (1, "a", 1, 3), (1, "c", 3, None), (2, "a", 1, 2), (2, "late", 0, 1),
    ]  # fmt: skip
    assert [one for one in lakehouse.tables.keys("ops") if "things" in one] == []


@pytest.mark.slow
def test_a_rebuild_may_give_it_another_type_in_the_same_commit(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = product(tmp_path / "p")
    built(lakehouse, folder)
    before, at = rows(lakehouse, "silver.things"), lakehouse.tables.version("silver.things")
    product(folder, scd_type=1)
    assert lakehouse.rebuild("silver.things", folder).succeeded
    assert lakehouse.tables.version("silver.things") == at + 1
    assert rows(lakehouse, "silver.things") == [(1, 3, "c")]
    land_json(lakehouse, "things/c.json", [{"id": 2, "seq": 1, "v": "late"}, {"id": 3, "seq": 1, "v": "a"}])
    assert lakehouse.run(folder).succeeded
    assert rows(lakehouse, "silver.things") == [(1, 3, "c"), (3, 1, "a")]
    assert rows(lakehouse, "gold.per_id") == [(1, 1), (3, 1)]
    # and back again, with its memory
    product(folder)
    lakehouse.restore("silver.things", at, folder)
    assert rows(lakehouse, "silver.things") == before
    assert lakehouse.run(folder).succeeded
    assert rows(lakehouse, "silver.things", "id", "v", "__START_AT", "__END_AT") == [
        (1, "a", 1, 3), (1, "c", 3, None), (2, "late", 1, 2), (3, "a", 1, None),
    ]  # fmt: skip
    assert rows(lakehouse, "gold.per_id") == [(1, 2), (2, 1), (3, 1)]


@pytest.mark.slow
def test_all_tables_of_a_layer_are_rebuilt_and_no_other(lakehouse: Lakehouse, tmp_path: Path) -> None:
    folder = product(tmp_path / "p")
    built(lakehouse, folder)
    before = contents(lakehouse)
    assert [one.table for one in lakehouse.rebuild("silver", folder).steps] == ["silver.things"]
    (mart,) = lakehouse.rebuild("gold", folder).steps
    assert (mart.table, mart.rows_written, mart.rows_deleted) == ("gold.per_id", 2, 2)
    assert contents(lakehouse) == before
