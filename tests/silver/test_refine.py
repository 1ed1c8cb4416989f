"""Silver: each record is valid in the table or in quarantine with all its reasons, exactly once."""

from __future__ import annotations

import importlib
import itertools
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support import (
    column,
    counts,
    land_json,
    land_text,
    rows,
    run_only,
    silver,
    step,
    versions,
    write_product,
)

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.tables import Field, Staging, Tables, local_frame

KEYED = [column("id", "integer"), column("seq", "integer"), column("v", "string")]
VERSIONS = [
    {"id": 1, "seq": 1, "v": "a"},
    {"id": 1, "seq": 3, "v": "c"},
    {"id": 1, "seq": 2, "v": "b"},
    {"id": 1, "seq": 3, "v": "b"},  # a tie: decided by content, not by arrival
    {"id": 2, "seq": None, "v": "x"},
    {"id": 2, "seq": 1, "v": None},
]


@pytest.mark.slow
def test_the_latest_of_a_key_wins_in_any_order_over_batches(lakehouse: Lakehouse, tmp_path: Path) -> None:
    # the same events to two tables, in two orders, two at a time
    orders = [list(order) for order in itertools.islice(itertools.permutations(VERSIONS), 100, 500, 300)]
    names = [f"things_{number}" for number in range(len(orders))]
    tables = [silver(name, KEYED, key=["id"], custom={"sequenceBy": ["seq"]}) for name in names]
    product = write_product(tmp_path / "p", *tables)
    kept = dropped = 0
    for batch in range(3):
        for name, order in zip(names, orders, strict=True):
            land_json(lakehouse, f"{name}/{batch}.json", order[batch * 2 : batch * 2 + 2])
        result = lakehouse.run(product)
        for name in names:
            rows_in, valid, quarantined, duplicate = counts(result, f"silver.{name}")
            assert rows_in == valid + duplicate and not quarantined
            kept, dropped = kept + valid, dropped + duplicate
    for name in names:
        assert rows(lakehouse, f"silver.{name}") == [(1, 3, "c"), (2, 1, None)]
    assert kept + dropped == len(VERSIONS) * len(orders)


@pytest.mark.slow
def test_exact_duplicates_are_dropped_where_there_is_a_key_and_kept_where_there_is_none(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    product = write_product(
        tmp_path / "p",
        silver("things", KEYED, key=["id"], path="things/*"),
        silver("events", KEYED, path="things/*"),
    )
    land_json(lakehouse, "things/a.json", [VERSIONS[0]] * 3)
    first = lakehouse.run(product)
    assert counts(first, "silver.things") == (3, 1, 0, 2)
    assert counts(first, "silver.events") == (3, 3, 0, 0)
    before = versions(lakehouse)["silver.things"]
    land_json(lakehouse, "things/b.json", [VERSIONS[0]] * 2)
    second = lakehouse.run(product)
    assert counts(second, "silver.things") == (2, 0, 0, 2)
    assert counts(second, "silver.events") == (2, 2, 0, 0)
    changed = lakehouse.tables.changes("silver.things", before, lakehouse.tables.version("silver.things"))
    assert changed.count() == 0
    assert len(rows(lakehouse, "silver.events")) == 5


def test_quarantine_rules_and_drift_are_recorded(lakehouse: Lakehouse, tmp_path: Path) -> None:
    columns = [column("id", "integer", logicalTypeOptions={"maximum": 9})]
    product = write_product(tmp_path / "p", silver("things", columns))
    lines = ['{"id": "x",  "z": 1.10}', '{"id": 1, "gate": "A1"}', '{"id": 2, "gate": "A2"}', '{"id": 10}']
    land_text(lakehouse, "things/a b.json", "\n".join(lines))
    result = lakehouse.run(product)
    assert counts(result, "silver.things") == (4, 2, 2, 0)
    row = lakehouse.table("silver.things_quarantine").where("contains(record, 'z')").first()
    assert row is not None
    assert row.record == '{"id": "x",  "z": 1.10}'
    assert row._file_path.endswith("/things/a%20b.json")
    assert row._errors[0].asDict() == {
        "rule": "type", "column": "id", "message": "is not of type BIGINT", "value": "x",
    }  # fmt: skip
    log = lakehouse.table("ops.table_metrics").where("table = 'silver.things'").first()
    assert log is not None and log.violations == {"type": 1, "id_maximum": 1}
    assert rows(lakehouse, "ops.drift", "table", "kind", "field", "records", "example") == [
        ("silver.things", "type", "id", 1, "x"),
        ("silver.things", "unknown_field", "gate", 2, '{"id": 1, "gate": "A1"}'),
        ("silver.things", "unknown_field", "z", 1, '{"id": "x",  "z": 1.10}'),
    ]


def test_references_and_unique_values_are_looked_up_in_tables(lakehouse: Lakehouse, tmp_path: Path) -> None:
    checked = {"customProperties": [{"property": "enforcement", "value": "checked"}]}
    points = [{"type": "foreignKey", "to": "customers.name", **checked}]
    orders = [
        column("id", "integer"), column("customer", relationships=points), column("mail", unique=True),
    ]  # fmt: skip
    product = write_product(
        tmp_path / "p",
        silver("orders", orders, key=["id"]),
        silver("customers", [column("name")], key=["name"]),
    )
    land_json(lakehouse, "customers/a.json", [{"name": "Ada"}])
    land_json(
        lakehouse,
        "orders/a.json",
        [{"id": 1, "customer": "Ada", "mail": "x"}, {"id": 2, "customer": "Bo"}, {"id": 3}],
    )
    assert counts(lakehouse.run(product), "silver.orders") == (3, 2, 1, 0)
    land_json(lakehouse, "customers/b.json", [{"name": "Bo"}])
    land_json(
        lakehouse,
        "orders/b.json",
        [{"id": 2, "customer": "Bo", "mail": "x"}, {"id": 1, "mail": "x"}, {"id": 4, "customer": "Bo"}],
    )
    # order 1 came again with less in it: the tie is decided by content, so the row that is there stays
    assert counts(lakehouse.run(product), "silver.orders") == (3, 1, 1, 1)
    assert rows(lakehouse, "silver.orders") == [(1, "Ada", "x"), (3, None, None), (4, "Bo", None)]
    quarantined = lakehouse.table("silver.orders_quarantine").select("_errors").collect()
    found = sorted((e.rule, e.column, e.value) for row in quarantined for e in row._errors)
    assert found == [("foreign_key", "customer", "Bo"), ("unique", "mail", "x")]


STOPS = {
    "limited": {"custom": {"quarantineLimit": {"mustBeLessThan": 50, "unit": "percent"}}},
    "counted": {"quality": [{"type": "library", "metric": "rowCount", "mustBeGreaterThan": 5}]},
    "queried": {"quality": [{"type": "sql", "query": "SELECT max(id) FROM {object}", "mustBeLessThan": 2}]},
}


def test_a_check_stops_a_table_before_anything_is_written(lakehouse: Lakehouse, tmp_path: Path) -> None:
    def product(checked: bool) -> Path:
        contracts = (
            silver(name, [column("id", "integer")], key=["id"], path="things/*", **(stop if checked else {}))
            for name, stop in STOPS.items()
        )
        return write_product(tmp_path / "p", *contracts)

    land_json(lakehouse, "things/a.json", [{"id": 2}, {"id": "x"}])
    stopped = lakehouse.run(product(checked=True))
    for name in STOPS:
        assert f"silver.{name} was not written" in step(stopped, f"silver.{name}").error
    assert versions(lakehouse, ["silver"]) == {f"silver.{name}": 0 for name in STOPS}  # made, and empty
    # the batch waits: without the check it is taken
    taken = lakehouse.run(product(checked=False))
    assert {counts(taken, f"silver.{name}") for name in STOPS} == {(2, 1, 1, 0)}


@pytest.mark.slow
def test_a_failed_warning_check_is_told_and_stops_nothing(lakehouse: Lakehouse, tmp_path: Path) -> None:
    some_null = {
        "type": "library", "metric": "nullValues", "mustBeLessThan": 10, "unit": "percent",
        "severity": "warning", "name": "mostly_there",
    }  # fmt: skip
    product = write_product(tmp_path / "p", silver("things", [column("id", "integer", quality=[some_null])]))
    land_json(lakehouse, "things/a.json", [{"id": 1}, {}])
    result = lakehouse.run(product)
    assert result.succeeded
    assert (
        "mostly_there" in step(result, "silver.things").notes[0]
        and "50 %" in step(result, "silver.things").notes[0]
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "names", [("quarantine_keyless", "table_keyed", "log_keyless"), ("log_keyed", "staging_keyless")]
)
def test_a_run_cut_off_before_any_of_its_writes_is_finished_by_the_next(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
) -> None:
    module = importlib.import_module("medallion_pipelines.silver.refine")
    columns = [column("id", "integer")]
    tables = [
        silver(name, columns, key=["id"] if name.endswith("keyed") else [], path="things/*") for name in names
    ]
    product = write_product(tmp_path / "p", *tables)
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": "x"}])

    def cut_off(at: str, step: Callable[..., object]) -> Callable[..., object]:
        def maybe(*args: object, **kwargs: object) -> object:
            if any(at in str(getattr(arg, "key", getattr(arg, "table", ""))) for arg in args):
                raise KeyError("the machine went away")
            return step(*args, **kwargs)

        return maybe

    with monkeypatch.context() as patch:
        for at, name in (("quarantine", "write_quarantine"), ("table", "write"), ("log", "_conserve")):
            patch.setattr(module, name, cut_off(f"silver.{at}_", getattr(module, name)))
        drop = cut_off("silver.staging_", lambda staging: Staging.drop(staging))
        patch.setattr(module, "Staging", type("Cut", (Staging,), {"drop": drop}))
        assert {one.status for one in lakehouse.run(product).steps if "silver" in one.table} == {"failed"}
    land_json(lakehouse, "things/b.json", [{"id": 2}, {"id": "y"}])
    assert lakehouse.run(product).succeeded
    for name in names:
        assert rows(lakehouse, f"silver.{name}") == [(1,), (2,)], name
        quarantined = [row[0] for row in rows(lakehouse, f"silver.{name}_quarantine", "record")]
        assert sorted(quarantined) == ['{"id": "x"}', '{"id": "y"}'], name
    assert [key for key in lakehouse.tables.keys("ops") if "staging" in key] == []


@pytest.mark.slow
def test_without_a_log_a_keyless_table_is_not_doubled(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", silver("things", [column("id", "integer")]))
    land_json(lakehouse, "things/a.json", [{"id": 1}])
    lakehouse.run(product)
    lakehouse.spark.sql(f"DELETE FROM {lakehouse.tables.name('ops.table_metrics')}")
    failed = step(lakehouse.run(product), "silver.things")
    assert failed.status == "failed" and "medallion rebuild silver.things" in failed.error
    assert rows(lakehouse, "silver.things") == [(1,)]
    lakehouse.rebuild("silver.things", product)
    assert lakehouse.run(product).succeeded
    assert rows(lakehouse, "silver.things") == [(1,)]


@pytest.mark.slow
def test_a_batch_that_had_passed_its_checks_is_not_judged_again(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {"type": "library", "metric": "rowCount", "mustBeLessThan": 3}
    product = write_product(tmp_path / "p", silver("things", [column("id", "integer")], quality=[few]))
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": 2}])
    with monkeypatch.context() as patch:  # the rows are in the table, the log does not know yet
        patch.setattr(importlib.import_module("medallion_pipelines.silver.refine"), "_conserve", _cut_off)
        assert not lakehouse.run(product).succeeded
    assert rows(lakehouse, "silver.things") == [(1,), (2,)]
    assert lakehouse.run(product).succeeded
    assert rows(lakehouse, "silver.things") == [(1,), (2,)]


@pytest.mark.slow
def test_bronze_made_anew_stops_the_run_with_the_way_out(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", silver("things", [column("id", "integer")], key=["id"]))
    for name in "ab":
        land_json(lakehouse, f"things/{name}.json", [{"id": name == "b"}, {"id": 1}])
        lakehouse.run(product)
    before = versions(lakehouse)["silver.things"]
    lakehouse.tables.drop("bronze.things")
    lakehouse.tables.drop("ops.files")
    (Path(lakehouse.settings.landing) / "things/b.json").unlink()
    other = Lakehouse(lakehouse.settings, lakehouse.spark)
    made = local_frame(lakehouse.spark, [Field("record", "STRING")], [('{"id": 1}',)])
    other.tables.create_as(made, "bronze.things", {})
    result = other.run(product)
    failed = step(result, "bronze.things")
    assert "at version 0" in failed.error and "medallion rebuild silver.things" in failed.error
    assert step(result, "silver.things").status == "skipped"
    assert "was made anew" in step(run_only(other, product, "silver.things"), "silver.things").error
    assert versions(lakehouse)["silver.things"] == before


def _cut_off(*args: object, **kwargs: object) -> None:
    raise KeyError("the machine went away")


@pytest.mark.slow
def test_a_table_that_was_dropped_comes_back_whole_though_a_check_stops_the_first_try(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    many = [{"type": "library", "metric": "rowCount", "mustBeGreaterThan": 5, "severity": "error"}]
    product = write_product(tmp_path / "p", silver("things", KEYED, key=["id"]))
    land_json(lakehouse, "things/a.json", [{"id": n, "seq": n, "v": "a"} for n in (1, 2, "x")])
    assert lakehouse.run(product).succeeded
    lakehouse.tables.drop("silver.things")
    checked = write_product(tmp_path / "q", silver("things", KEYED, key=["id"], quality=many))
    assert not lakehouse.run(checked).succeeded
    assert rows(lakehouse, "silver.things") == []
    assert lakehouse.run(product).succeeded
    assert rows(lakehouse, "silver.things", "id") == [(1,), (2,)]
    assert len(rows(lakehouse, "silver.things_quarantine")) == 1


@pytest.mark.slow
def test_a_batch_whose_staging_was_cut_off_before_the_one_before_went_is_the_one_that_counts(
    lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = Staging(lakehouse.tables, "silver.things")
    one = local_frame(lakehouse.spark, [Field("n", "BIGINT")], [(1,)])
    for round_ in range(6):  # tokens come in any order
        with monkeypatch.context() as patched:
            patched.setattr(Tables, "drop", lambda *given: None)
            for n in range(2):
                staging.write(one, uuid.uuid4().hex, {"n": 2 * round_ + n})
        left = staging.left()
        assert left is not None and left.state == {"n": 2 * round_ + 1}
    staging.drop()
    assert staging.left() is None


@pytest.mark.slow
def test_a_rebuild_that_was_cut_off_is_done_by_the_next_run_whatever_the_contract_says_then(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = write_product(tmp_path / "p", silver("things", KEYED, key=["id"]))
    land_json(lakehouse, "things/a.json", [{"id": n, "seq": n, "v": "1"} for n in (1, 2)])
    assert lakehouse.run(product).succeeded
    other = silver("things", [*KEYED[:2], column("v", "integer")], key=["id"])

    done = Tables.remake

    def cut_off(*given: Any) -> None:
        done(*given)
        raise RuntimeError("cut off")

    with monkeypatch.context() as patched:
        patched.setattr(Tables, "remake", cut_off)
        assert not lakehouse.rebuild("silver.things", write_product(tmp_path / "q", other)).succeeded
    assert rows(lakehouse, "silver.things") == [(1, 1, 1), (2, 2, 1)]
    assert step(lakehouse.run(product), "silver.things").error is None
    assert rows(lakehouse, "silver.things") == [(1, 1, "1"), (2, 2, "1")]
