"""A table follows its contract where that loses nothing, and says what to do where it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import column, land_json, rows, silver, step, versions, write_product

from medallion_pipelines.lakehouse import Lakehouse


@pytest.fixture
def folder(lakehouse: Lakehouse, tmp_path: Path) -> Path:
    columns = [column("id", "integer", physicalType="INT"), column("name", required=True)]
    land_json(lakehouse, "things/a.json", [{"id": 1, "name": "a", "size": 5}, {"id": "x", "name": "b"}])
    folder = write_product(tmp_path / "p", silver("things", columns, key=["id"]))
    lakehouse.run(folder)
    return folder


def test_a_new_optional_column_is_added_and_rebuild_fills_it(lakehouse: Lakehouse, folder: Path) -> None:
    columns = [
        column("id", "integer", physicalType="INT"), column("name", required=True), column("size", "integer"),
    ]  # fmt: skip
    write_product(folder, silver("things", columns, key=["id"]))
    note = " ".join(step(lakehouse.run(folder), "silver.things").notes)
    assert "gained column size" in note and "medallion rebuild silver.things" in note
    assert rows(lakehouse, "silver.things") == [(1, "a", None)]
    rebuilt = lakehouse.rebuild("silver.things", folder)
    assert rebuilt.succeeded
    assert rows(lakehouse, "silver.things") == [(1, "a", 5)]
    assert len(rows(lakehouse, "silver.things_quarantine")) == 1
    assert not lakehouse.run(folder).changed


@pytest.mark.slow
def test_a_type_is_widened_in_place(lakehouse: Lakehouse, folder: Path) -> None:
    columns = [column("id", "integer"), column("name")]
    write_product(folder, silver("things", columns, key=["id"]))
    land_json(lakehouse, "things/b.json", [{"id": 3_000_000_000}])
    assert lakehouse.run(folder).succeeded
    assert rows(lakehouse, "silver.things") == [(1, "a"), (3_000_000_000, None)]


REFUSED = {
    "dropped": ([column("id", "integer", physicalType="INT")], "column name is no longer in the contract"),
    "retyped": (
        [column("id", "string"), column("name", required=True)],
        "column id is INT, the contract says STRING",
    ),
    "required": (
        [
            column("id", "integer", physicalType="INT"),
            column("name", required=True),
            column("new", required=True),
        ],
        "column new is new and required",
    ),
}


@pytest.mark.slow
def test_a_change_that_would_lose_something_is_refused_with_the_way_out(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    columns = [column("id", "integer", physicalType="INT"), column("name", required=True)]
    land_json(lakehouse, "things/a.json", [{"id": 1, "name": "a"}])

    def product(changed: bool) -> Path:
        contracts = (
            silver(name, new if changed else columns, key=["id"], path="things/*")
            for name, (new, _) in REFUSED.items()
        )
        return write_product(tmp_path / "p", *contracts)

    assert lakehouse.run(product(changed=False)).succeeded
    before = versions(lakehouse)
    result = lakehouse.run(product(changed=True))
    for name, (_, why) in REFUSED.items():
        failed = step(result, f"silver.{name}")
        assert why in failed.error
        assert f"medallion rebuild silver.{name}" in failed.error
    assert versions(lakehouse) == before


@pytest.mark.slow
def test_rebuild_gives_a_table_its_new_shape_in_one_commit(lakehouse: Lakehouse, folder: Path) -> None:
    at = lakehouse.tables.version("silver.things")
    write_product(folder, silver("things", [column("id", "string"), column("size", "integer")], key=["id"]))
    assert lakehouse.rebuild("silver.things", folder).succeeded
    assert lakehouse.tables.version("silver.things") == at + 1
    assert step(lakehouse.run(folder), "silver.things").status == "unchanged"
    assert rows(lakehouse, "silver.things") == [("1", 5), ("x", None)]
    assert rows(lakehouse, "silver.things_quarantine") == []


@pytest.mark.slow
def test_a_table_that_was_given_another_shape_is_widened_and_still_refuses_what_is_missing(
    lakehouse: Lakehouse, folder: Path
) -> None:
    columns = [column("id", "integer", physicalType="INT"), column("size", "integer"), column("name")]
    write_product(folder, silver("things", columns, key=["id"]))
    assert lakehouse.rebuild("silver.things", folder).succeeded
    assert lakehouse.tables.constrained("silver.things", ["ID"])
    write_product(
        folder, silver("things", [column("id", "integer"), *columns[1:], column("new")], key=["id"])
    )
    land_json(lakehouse, "things/b.json", [{"id": 3_000_000_000, "new": "n"}])
    at = lakehouse.tables.version("silver.things")
    told = step(lakehouse.run(folder), "silver.things")
    assert "silver.things.id is BIGINT now." in told.notes
    assert lakehouse.tables.version("silver.things") == at + 3  # the column, the type, the rows
    assert rows(lakehouse, "silver.things") == [(1, 5, "a", None), (3_000_000_000, None, None, "n")]
    assert [one.required for one in lakehouse.tables.fields("silver.things")] == [True, False, False, False]
    assert not lakehouse.run(folder).changed
