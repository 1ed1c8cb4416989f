"""Silver: each record is valid in the table or in quarantine with all its reasons, exactly once."""

from __future__ import annotations

import importlib
import itertools
from pathlib import Path

import pytest
from tests.support import column, counts, land_json, land_text, rows, silver, step, versions, write_product

from medallion_pipelines.lakehouse import Lakehouse

EVERY_TYPE = [
    column("id", "integer", required=True),
    column("amount", "number", physicalType="DECIMAL(38,12)"),
    column("ratio", "number"),
    column("small", "integer", physicalType="INT"),
    column("on", "boolean"),
    column("day", "date"),
    column("at", "timestamp"),
    column("local", "timestamp", physicalType="TIMESTAMP_NTZ"),
    column("clock", "time"),
    column("shape", "object", properties=[column("w", "integer"), column("h", "integer")]),
    column("tags", "array", items=column("tag", "string")),
    column("any", "object", physicalType="VARIANT"),
]


def errors(lakehouse: Lakehouse, table: str) -> list[tuple[tuple[str, str | None, str | None], ...]]:
    """Per quarantined record its (rule, column, value)s."""
    found = lakehouse.table(f"silver.{table}_quarantine").select("_errors").collect()
    return sorted((tuple((e.rule, e.column, e.value) for e in row._errors) for row in found), key=repr)


@pytest.mark.engine
def test_every_type_is_read_exactly(lakehouse: Lakehouse, tmp_path: Path) -> None:
    land_text(
        lakehouse,
        "all/a.json",
        '{"id":1,"amount":12345678901234567890.123456789012,"ratio":0.1,"small":7,"on":true,"day":"2013-01-31",'
        '"at":"2013-01-31T10:00:00+02:00","local":"2013-01-31 10:00:00","clock":"23:59:01.5",'
        '"shape":{"w":1,"h":2},"tags":["a","b"],"any":{"x":[1]}}\n'
        '{"id":2}\n'
        '{"id":"3","amount":"1.5","ratio":"2","small":4.0,"on":"false","tags":[]}\n',
    )
    lakehouse.run(write_product(tmp_path / "p", silver("all", EVERY_TYPE, key=["id"])))
    text = lakehouse.table("silver.all").selectExpr(
        "to_json(struct(*), map('ignoreNullFields', 'true')) AS r"
    )
    assert sorted(row.r for row in text.collect()) == [
        '{"id":1,"amount":12345678901234567890.123456789012,"ratio":0.1,"small":7,"on":true,"day":"2013-01-31",'
        '"at":"2013-01-31T08:00:00.000Z","local":"2013-01-31T10:00:00.000","clock":"23:59:01.5",'
        '"shape":{"w":1,"h":2},"tags":["a","b"],"any":{"x":[1]}}',
        '{"id":2}',
        '{"id":3,"amount":1.500000000000,"ratio":2.0,"small":4,"on":false,"tags":[]}',
    ]


MISFITS = [
    ("id", '"x"'), ("id", "1.5"), ("id", "99999999999999999999"), ("id", "1e400"), ("small", "3000000000"),
    ("amount", '"1,5"'), ("ratio", '"much"'), ("on", "2"), ("day", '"31.1.2013"'), ("day", '"2013-02-30"'),
    ("day", '"2013"'), ("at", '"12:30"'), ("at", '"2013-13-01T00:00:00Z"'), ("shape", '"w"'),
    ("shape", '{"w":"wide"}'), ("tags", '{"a":1}'), ("clock", '"25:00"'),
]  # fmt: skip


def test_a_value_of_another_type_is_quarantined_with_the_value(lakehouse: Lakehouse, tmp_path: Path) -> None:
    lines = [
        f'{{"id":1,"{name}":{value}}}' if name != "id" else f'{{"id":{value}}}' for name, value in MISFITS
    ]
    land_text(lakehouse, "all/a.json", "\n".join([*lines, '{"id":2}']))
    product = write_product(tmp_path / "p", silver("all", EVERY_TYPE))
    total = len(MISFITS)
    assert counts(lakehouse.run(product), "silver.all") == (total + 1, 1, total, 0)
    found = lakehouse.table("silver.all_quarantine").select("record", "_errors").collect()
    by_record = {row.record: row._errors for row in found}
    for line, (name, _) in zip(lines, MISFITS, strict=True):
        (error,) = by_record[line]
        assert error.column == name, line
        assert error.rule == ("type" if name != "clock" else error.rule)
        assert error.value is not None, line


def test_a_record_is_quarantined_with_all_its_reasons(lakehouse: Lakehouse, tmp_path: Path) -> None:
    columns = [
        column("id", "integer", required=True),
        column("size", "integer", logicalTypeOptions={"minimum": 1, "maximum": 9}),
        column("name", "string", logicalTypeOptions={"maxLength": 3}),
        column("note", "string", quality=[
            {"type": "library", "metric": "nullValues", "mustBe": 0, "severity": "warning", "name": "noted"}
        ]),
    ]  # fmt: skip
    ordered = {
        "type": "custom", "engine": "medallion", "name": "id_before_size", "implementation": "id < size",
    }  # fmt: skip
    product = write_product(tmp_path / "p", silver("things", columns, quality=[ordered]))
    land_json(
        lakehouse,
        "things/a.json",
        [
            {"id": 1, "size": 5, "name": "abc", "note": "x"},
            {"id": 2, "size": 5, "name": "abc"},  # a warning
            {"id": 3, "note": "x"},  # rules on NULL pass
            {"id": 7, "size": 0, "name": "abcd", "note": "x"},
            {"size": "big", "note": "x"},
            '{"id": 9, "size": 5',
        ],
    )
    result = lakehouse.run(product)
    assert counts(result, "silver.things") == (6, 3, 3, 0)
    assert step(result, "silver.things").warnings == 1
    assert [row[0] for row in rows(lakehouse, "silver.things", "id")] == [1, 2, 3]
    assert errors(lakehouse, "things") == sorted(
        [
            (
                ("size_minimum", "size", "0"),
                ("name_max_length", "name", "abcd"),
                ("id_before_size", None, None),
            ),
            (("required", "id", None), ("type", "size", "big")),
            (("malformed", None, '{"id": 9, "size": 5'),),
        ],
        key=repr,
    )
    log = lakehouse.table("ops.table_metrics").where("table = 'silver.things'").first()
    assert log is not None
    assert log.violations == {
        "size_minimum": 1, "name_max_length": 1, "id_before_size": 1, "required": 1, "type": 1,
        "malformed": 1, "noted": 1,
    }  # fmt: skip


@pytest.mark.slow
def test_quarantine_keeps_the_record_and_where_it_came_from(lakehouse: Lakehouse, tmp_path: Path) -> None:
    land_text(lakehouse, "things/a b.json", '{"id": "x",  "z": 1.10}\n')
    lakehouse.run(write_product(tmp_path / "p", silver("things", [column("id", "integer")])))
    row = lakehouse.table("silver.things_quarantine").first()
    assert row is not None
    assert row.record == '{"id": "x",  "z": 1.10}'
    assert row._file_path.endswith("/things/a%20b.json")
    assert row._errors[0].asDict() == {
        "rule": "type", "column": "id", "message": "is not of type BIGINT", "value": "x",
    }  # fmt: skip


KEYED = [column("id", "integer"), column("seq", "integer"), column("v", "string")]
VERSIONS = [
    {"id": 1, "seq": 1, "v": "a"},
    {"id": 1, "seq": 3, "v": "c"},
    {"id": 1, "seq": 2, "v": "b"},
    {"id": 1, "seq": 3, "v": "b"},  # a tie: decided by content, not by arrival
    {"id": 2, "seq": None, "v": "x"},
    {"id": 2, "seq": 1, "v": None},
]


@pytest.mark.parametrize("batches", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_the_latest_of_a_key_wins_in_any_order_and_any_batches(
    lakehouse: Lakehouse, tmp_path: Path, batches: int
) -> None:
    product = write_product(
        tmp_path / "p", silver("things", KEYED, key=["id"], custom={"sequenceBy": ["seq"]})
    )
    order = next(itertools.islice(itertools.permutations(VERSIONS), 37 * batches, None))
    share = -(-len(order) // batches)
    kept = dropped = 0
    for number in range(batches):
        land_json(lakehouse, f"things/{number}.json", order[number * share : (number + 1) * share])
        rows_in, valid, quarantined, duplicate = counts(lakehouse.run(product), "silver.things")
        assert rows_in == valid + duplicate and not quarantined
        kept, dropped = kept + valid, dropped + duplicate
    assert rows(lakehouse, "silver.things") == [(1, 3, "c"), (2, 1, None)]
    assert kept + dropped == len(VERSIONS)


@pytest.mark.slow
def test_exact_duplicates_are_dropped_in_one_batch_and_across_batches(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    product = write_product(tmp_path / "p", silver("things", KEYED, key=["id"]))
    land_json(lakehouse, "things/a.json", [VERSIONS[0]] * 3)
    assert counts(lakehouse.run(product), "silver.things") == (3, 1, 0, 2)
    before = versions(lakehouse)["silver.things"]
    land_json(lakehouse, "things/b.json", [VERSIONS[0]] * 2)
    assert counts(lakehouse.run(product), "silver.things") == (2, 0, 0, 2)
    changed = lakehouse.tables.changes("silver.things", before, lakehouse.tables.version("silver.things"))
    assert changed.count() == 0


@pytest.mark.slow
def test_a_keyless_table_keeps_every_record(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", silver("things", KEYED))
    land_json(lakehouse, "things/a.json", [VERSIONS[0]] * 3)
    lakehouse.run(product)
    land_json(lakehouse, "things/b.json", [VERSIONS[0]] * 2)
    assert counts(lakehouse.run(product), "silver.things") == (2, 2, 0, 0)
    assert len(rows(lakehouse, "silver.things")) == 5


def test_a_record_that_points_nowhere_is_quarantined(lakehouse: Lakehouse, tmp_path: Path) -> None:
    checked = {"customProperties": [{"property": "enforcement", "value": "checked"}]}
    orders = [
        column("id", "integer"),
        column(
            "customer", "string", relationships=[{"type": "foreignKey", "to": "customers.name", **checked}]
        ),
    ]
    product = write_product(
        tmp_path / "p",
        silver("orders", orders, key=["id"]),
        silver("customers", [column("name")], key=["name"]),
    )
    land_json(lakehouse, "customers/a.json", [{"name": "Ada"}])
    land_json(
        lakehouse, "orders/a.json", [{"id": 1, "customer": "Ada"}, {"id": 2, "customer": "Bo"}, {"id": 3}]
    )
    assert counts(lakehouse.run(product), "silver.orders") == (3, 2, 1, 0)
    assert rows(lakehouse, "silver.orders") == [(1, "Ada"), (3, None)]
    assert errors(lakehouse, "orders") == [(("foreign_key", "customer", "Bo"),)]


@pytest.mark.slow
def test_a_value_that_must_be_unique_belongs_to_one_row(lakehouse: Lakehouse, tmp_path: Path) -> None:
    columns = [column("id", "integer"), column("mail", "string", unique=True)]
    product = write_product(tmp_path / "p", silver("people", columns, key=["id"]))
    land_json(
        lakehouse,
        "people/a.json",
        [{"id": 1, "mail": "x"}, {"id": 2, "mail": "x"}, {"id": 3}, {"id": 4}, {"id": 5, "mail": "y"}],
    )
    assert counts(lakehouse.run(product), "silver.people") == (5, 4, 1, 0)
    land_json(
        lakehouse, "people/b.json", [{"id": 6, "mail": "y"}, {"id": 5, "mail": "y"}, {"id": 7, "mail": "z"}]
    )
    assert counts(lakehouse.run(product), "silver.people") == (3, 1, 1, 1)
    assert rows(lakehouse, "silver.people") == [(1, "x"), (3, None), (4, None), (5, "y"), (7, "z")]
    assert errors(lakehouse, "people") == [(("unique", "mail", "x"),), (("unique", "mail", "y"),)]


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

    land_json(lakehouse, "things/a.json", [{"id": 1}])
    assert lakehouse.run(product(checked=False)).succeeded
    before = versions(lakehouse, ["silver"])
    land_json(lakehouse, "things/b.json", [{"id": 2}, {"id": "x"}])
    stopped = lakehouse.run(product(checked=True))
    for name in STOPS:
        assert f"silver.{name} was not written" in step(stopped, f"silver.{name}").error
    assert versions(lakehouse, ["silver"]) == before
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
def test_drift_is_reported_with_counts_and_an_example(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", silver("things", [column("id", "integer")]))
    land_json(lakehouse, "things/a.json", [{"id": 1, "gate": "A1"}, {"id": 2, "gate": "A2"}, {"id": "x"}])
    lakehouse.run(product)
    found = rows(lakehouse, "ops.drift", "table", "kind", "field", "records", "example")
    assert found == [
        ("silver.things", "type", "id", 1, "x"),
        ("silver.things", "unknown_field", "gate", 2, '{"id": 1, "gate": "A1"}'),
    ]


@pytest.mark.slow
def test_a_renamed_source_field_is_read_under_both_names(lakehouse: Lakehouse, tmp_path: Path) -> None:
    columns = [column("id", "integer"), column("mail", custom={"renamedFrom": ["e_mail"]})]
    product = write_product(tmp_path / "p", silver("people", columns))
    land_json(lakehouse, "people/a.json", [{"id": 1, "mail": "new"}, {"id": 2, "e_mail": "old"}])
    lakehouse.run(product)
    assert rows(lakehouse, "silver.people") == [(1, "new"), (2, "old")]
    assert rows(lakehouse, "ops.drift") == []


@pytest.mark.slow
def test_computed_columns_see_fields_and_the_files_metadata(lakehouse: Lakehouse, tmp_path: Path) -> None:
    columns = [
        column("id", "integer"),
        column("full", transformLogic="concat(first, ' ', last)"),
        column("file", transformLogic="_metadata.file_name"),
    ]
    land_json(lakehouse, "people/a.json", [{"id": 1, "first": "Ada", "last": "Lovelace"}])
    lakehouse.run(write_product(tmp_path / "p", silver("people", columns)))
    assert rows(lakehouse, "silver.people") == [(1, "Ada Lovelace", "a.json")]
    assert rows(lakehouse, "ops.drift") == []


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("before quarantine", marks=pytest.mark.slow),
        "before the table",
        pytest.param("before the log", marks=pytest.mark.slow),
        pytest.param("before unstaging", marks=pytest.mark.slow),
    ],
)
def test_a_run_cut_off_anywhere_is_finished_by_the_next(
    lakehouse: Lakehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    module = importlib.import_module("medallion_pipelines.silver.refine")
    keyed = silver("keyed", [column("id", "integer")], key=["id"], path="things/*")
    keyless = silver("keyless", [column("id", "integer")], path="things/*")
    product = write_product(tmp_path / "p", keyed, keyless)
    land_json(lakehouse, "things/a.json", [{"id": 1}, {"id": "x"}])
    with monkeypatch.context() as patch:
        if point == "before quarantine":
            patch.setattr(module, "_write_quarantine", _cut_off)
        elif point == "before the table":
            patch.setattr(module, "_write", _cut_off)
        elif point == "before the log":
            patch.setattr(module, "_conserve", _cut_off)
        else:
            patch.setattr(type(lakehouse.tables), "unstage", _cut_off)
        assert not lakehouse.run(product).succeeded
    land_json(lakehouse, "things/b.json", [{"id": 2}, {"id": "y"}])
    assert lakehouse.run(product).succeeded
    for table in ("silver.keyed", "silver.keyless"):
        assert rows(lakehouse, table) == [(1,), (2,)]
        quarantined = [row[0] for row in rows(lakehouse, f"{table}_quarantine", "record")]
        assert sorted(quarantined) == ['{"id": "x"}', '{"id": "y"}']
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


def _cut_off(*args: object, **kwargs: object) -> None:
    raise KeyError("the machine went away")
