"""Conform: each record is valid, a duplicate, or quarantined with all its reasons."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from pyspark.sql import SparkSession
from tests.support import column, conformed, outcomes, reasons, silver

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


@pytest.mark.engine
def test_every_type_is_read_exactly(spark: SparkSession) -> None:
    lines = [
        '{"id":1,"amount":12345678901234567890.123456789012,"ratio":0.1,"small":7,"on":true,"day":"2013-01-31",'
        '"at":"2013-01-31T10:00:00+02:00","local":"2013-01-31 10:00:00","clock":"23:59:01.5",'
        '"shape":{"w":1,"h":2},"tags":["a","b"],"any":{"x":[1]}}',
        '{"id":2}',
        '{"id":"3","amount":"1.5","ratio":"2","small":4.0,"on":"false","tags":[]}',
    ]
    found = conformed(spark, silver("all", EVERY_TYPE, key=["id"]), lines)
    assert outcomes(found, "id", "amount", "ratio", "small", "on") == [
        ("valid", 1, Decimal("12345678901234567890.123456789012"), 0.1, 7, True),
        ("valid", 2, None, None, None, None),
        ("valid", 3, Decimal("1.500000000000"), 2.0, 4, False),
    ]
    (first,) = (row for row in found if row.id == 1)
    assert (first.day, first.local, first.clock) == (
        date(2013, 1, 31),
        datetime(2013, 1, 31, 10),
        "23:59:01.5",
    )
    assert first["at"].astimezone(UTC) == datetime(2013, 1, 31, 8, tzinfo=UTC)
    assert (first.shape, first.tags, first.any.toPython()) == ((1, 2), ["a", "b"], {"x": [1]})


def test_a_table_may_have_many_columns_with_rules(spark: SparkSession) -> None:
    columns = [column(f"c{place}", "integer", required=True) for place in range(150)]
    whole = {f"c{place}": place for place in range(150)}
    found = conformed(
        spark, silver("wide", columns), [json.dumps(whole), json.dumps({**whole, "c149": None})]
    )
    assert sorted(row._outcome for row in found) == ["quarantined", "valid"]
    (bad,) = (row for row in found if row._outcome == "quarantined")
    assert [(error.rule, error.column) for error in bad._errors] == [("required", "c149")]


MISFITS = [
    ("id", '"x"'), ("id", "1.5"), ("id", "99999999999999999999"), ("id", "1e400"), ("small", "3000000000"),
    ("amount", '"1,5"'), ("ratio", '"much"'), ("on", "2"), ("day", '"31.1.2013"'), ("day", '"2013-02-30"'),
    ("day", '"2013"'), ("at", '"12:30"'), ("at", '"2013-13-01T00:00:00Z"'), ("shape", '"w"'),
    ("shape", '{"w":"wide"}'), ("tags", '{"a":1}'), ("clock", '"25:00"'),
]  # fmt: skip


def test_a_value_of_another_type_is_quarantined_with_the_value(spark: SparkSession) -> None:
    lines = [
        f'{{"id":1,"{name}":{value}}}' if name != "id" else f'{{"id":{value}}}' for name, value in MISFITS
    ]
    found = conformed(spark, silver("all", EVERY_TYPE), [*lines, '{"id":2}'])
    by_record = {row._record: row._errors for row in found if row._outcome == "quarantined"}
    assert outcomes(row for row in found if row._outcome == "valid") == [("valid",)]
    for line, (name, _) in zip(lines, MISFITS, strict=True):
        (error,) = by_record[line]
        assert error.column == name, line
        assert error.rule == ("type" if name != "clock" else error.rule)
        assert error.value is not None, line


def test_nothing_hides_behind_a_json_value(spark: SparkSession) -> None:
    tails = (
        ',"x":{"id":2}',
        '} {"id":2',
        ',"x":null} {"id":2}',
        ' {"id":2}',
        "]",
        ',{"id":2}',
        ',"value":{"id":2}',
    )
    lines = ['{"id":1} ', '{"id":1,"id":2}', *(f'{{"id":1}}{tail}' for tail in tails)]
    found = conformed(spark, silver("lines", [column("id", "integer")]), lines)
    assert outcomes((row for row in found if row._outcome == "valid"), "id") == [("valid", 1), ("valid", 2)]
    malformed = {row._record for row in found if [error.rule for error in row._errors] == ["malformed"]}
    assert malformed == {*lines[2:]}

    documents = [
        '[{"id":1},{"id":3}]',
        *(f'[{{"id":1}}]{tail}' for tail in (',"x":[2]', '} {"id":2', "]", ",[2]")),
    ]
    found = conformed(spark, silver("docs", [column("id", "integer")], multi_line=True), documents)
    assert outcomes((row for row in found if row._outcome == "valid"), "id") == [("valid", 1), ("valid", 3)]
    malformed = {row._record for row in found if [error.rule for error in row._errors] == ["malformed"]}
    assert malformed == {*documents[1:]}


def test_a_record_is_quarantined_with_all_its_reasons(spark: SparkSession) -> None:
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
    found = conformed(
        spark,
        silver("things", columns, quality=[ordered]),
        [
            {"id": 1, "size": 5, "name": "abc", "note": "x"},
            {"id": 2, "size": 5, "name": "abc"},  # a warning
            {"id": 3, "note": "x"},  # rules on NULL pass
            {"id": 7, "size": 0, "name": "abcd", "note": "x"},
            {"size": "big", "note": "x"},
            '{"id": 9, "size": 5',
        ],
    )
    taken = [(row.id, row._warnings) for row in found if row._outcome == "valid"]
    assert sorted(taken) == [(1, []), (2, ["noted"]), (3, [])]
    assert reasons(found) == sorted(
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


def test_only_one_whole_json_object_is_a_record(spark: SparkSession) -> None:
    wrong = [
        '{"id":1} {"id":2}', '{"id":1},{"id":2}', '{"id":1},"x":2', '{"id":1},"x":{"y":2}', '{"id":1}}',
        '{"id":1}]', '{"id":1} x', 'null,"r":{"id":1}', '"a","r":{"id":1}', '1,"r":{"id":1}', '[{"id":1}]',
    ]  # fmt: skip
    right = ['{"id":1}', '  {"id":1}  ', '\t{"id":1}\t', '{"id":1,"text":"},{"}', '{"id":1,"deep":{"id":2}}']
    found = conformed(spark, silver("things", [column("id", "integer")]), [*wrong, *right])

    assert outcomes(found) == [("quarantined",)] * len(wrong) + [("valid",)] * len(right)
    assert reasons(found) == sorted(((("malformed", None, record),) for record in wrong), key=repr)


def test_the_latest_of_a_key_is_valid_and_the_rest_are_duplicates(spark: SparkSession) -> None:
    columns = [column("id", "integer"), column("seq", "integer"), column("v", "string")]
    contract = silver("things", columns, key=["id"], custom={"sequenceBy": ["seq"]})
    records = [
        {"id": 1, "seq": 1, "v": "z"},
        {"id": 1, "seq": 3, "v": "c"},
        {"id": 1, "seq": 3, "v": "b"},  # a tie: decided by content, not by arrival
        {"id": 2, "seq": None, "v": "x"},
        {"id": 2, "seq": 1, "v": None},
        {"id": None, "seq": 1, "v": "keyless"},
        {"id": None, "seq": 1, "v": "keyless"},
    ]
    assert outcomes(conformed(spark, contract, records), "id", "seq", "v") == [
        ("duplicate", 1, 1, "z"),
        ("duplicate", 1, 3, "b"),
        ("duplicate", 2, None, "x"),
        ("quarantined", None, 1, "keyless"),
        ("quarantined", None, 1, "keyless"),
        ("valid", 1, 3, "c"),
        ("valid", 2, 1, None),
    ]


def test_without_a_key_every_record_is_kept(spark: SparkSession) -> None:
    found = conformed(spark, silver("things", [column("id", "integer")]), [{"id": 1}] * 3)
    assert outcomes(found, "id") == [("valid", 1)] * 3


def test_a_renamed_source_field_is_read_under_both_names(spark: SparkSession) -> None:
    columns = [column("id", "integer"), column("mail", custom={"renamedFrom": ["e_mail"]})]
    found = conformed(
        spark, silver("people", columns), [{"id": 1, "mail": "new"}, {"id": 2, "e_mail": "old"}]
    )
    assert outcomes(found, "id", "mail", "_unknown") == [("valid", 1, "new", []), ("valid", 2, "old", [])]


def test_computed_columns_see_fields_and_the_files_metadata(spark: SparkSession) -> None:
    columns = [
        column("id", "integer"),
        column("full", transformLogic="concat(first, ' ', last)"),
        column("file", transformLogic="_metadata.file_name"),
    ]
    found = conformed(spark, silver("people", columns), [{"id": 1, "first": "Ada", "last": "Lovelace"}])
    assert outcomes(found, "full", "file", "_unknown") == [("valid", "Ada Lovelace", "a.json", [])]


def test_fields_the_contract_does_not_know_are_named(spark: SparkSession) -> None:
    found = conformed(spark, silver("things", [column("id", "integer")]), [{"id": 1, "gate": "A", "seat": 2}])
    assert outcomes(found, "id", "_unknown") == [("valid", 1, ["gate", "seat"])]


def test_a_reference_must_be_found_and_a_missing_one_is_no_reference(spark: SparkSession) -> None:
    checked = {"customProperties": [{"property": "enforcement", "value": "checked"}]}
    points = [{"type": "foreignKey", "to": "customers.name", **checked}]
    orders = silver("orders", [column("id", "integer"), column("customer", relationships=points)], key=["id"])
    customers = silver("customers", [column("name")], key=["name"])
    records = [{"id": 1, "customer": "Ada"}, {"id": 2, "customer": "Bo"}, {"id": 3}]
    there = spark.sql("SELECT * FROM VALUES ('Ada'), ('Ada'), (NULL) AS customers(name)")
    found = conformed(spark, orders, records, beside=[customers], tables={"silver.customers": there})
    assert outcomes(found, "id") == [("quarantined", 2), ("valid", 1), ("valid", 3)]
    assert reasons(found) == [(("foreign_key", "customer", "Bo"),)]


def test_a_value_that_must_be_unique_belongs_to_one_row(spark: SparkSession) -> None:
    columns = [column("id", "integer"), column("mail", "string", unique=True)]
    people = silver("people", columns, key=["id"])
    records = [
        {"id": 1, "mail": "x"}, {"id": 2, "mail": "x"}, {"id": 3}, {"id": 4}, {"id": 5, "mail": "y"},
        {"id": 6, "mail": "y"}, {"id": 7, "mail": "twice"},
    ]  # fmt: skip
    # the column has become unique after two rows with the same value came in
    there = spark.sql("SELECT * FROM VALUES (5L, 'y'), (7L, 'twice'), (8L, 'twice') AS people(id, mail)")
    found = conformed(spark, people, records, tables={"silver.people": there})
    assert outcomes(found, "id") == [
        ("quarantined", 2), ("quarantined", 6), ("quarantined", 7),
        ("valid", 1), ("valid", 3), ("valid", 4), ("valid", 5),
    ]  # fmt: skip
    assert {reason for reasons_ in reasons(found) for reason in reasons_} == {
        ("unique", "mail", "x"), ("unique", "mail", "y"), ("unique", "mail", "twice"),
    }  # fmt: skip


def test_a_stray_quote_spoils_its_own_csv_record_and_no_more(spark: SparkSession) -> None:
    people = silver("people", [column("id"), column("name")], kind="csv")
    lines = ['1,"open', '2,5" pipe', '"3,Ada', '4,"Bo"', "5"]
    found = conformed(spark, people, lines, header="id,name")
    assert outcomes((row for row in found if row._outcome == "valid"), "id", "name") == [
        ("valid", "2", '5" pipe'),
        ("valid", "4", "Bo"),
    ]
    assert {row._record for row in found if row._outcome == "quarantined"} == {'1,"open', '"3,Ada', "5"}


def test_parquet_values_are_taken_by_name_and_only_where_they_fit(spark: SparkSession) -> None:
    columns = [
        column("id", "integer"),
        column("shape", "object", properties=[column("w", "integer"), column("h", "integer")]),
        column("day", "date"),
    ]
    things = silver("things", columns, kind="parquet", path="things/*.parquet")
    records = spark.sql(
        """SELECT named_struct('id', id, 'shape', named_struct('h', h, 'w', w), 'day', day) AS record
        FROM VALUES (1.0D, 2, 1, DATE'2013-01-31'), (1.5D, 2, 1, NULL), (CAST(NULL AS DOUBLE), 4, 3, NULL)
        AS t(id, h, w, day)"""
    )
    found = conformed(spark, things, records)
    assert outcomes((row for row in found if row._outcome == "valid"), "id", "shape", "day") == [
        ("valid", 1, (1, 2), date(2013, 1, 31)),
        ("valid", None, (3, 4), None),
    ]
    assert reasons(found) == [(("type", "id", "1.5"),)]


def test_a_decimal_given_as_text_with_a_comma_is_refused_and_a_nested_one_is_no_matter(
    spark: SparkSession,
) -> None:
    amounts = silver("amounts", [column("amount", "number", physicalType="DECIMAL(9,2)")])
    lines = ['{"amount":5,"refund":{"amount":"1,50"}}', '{"amount":"1,50"}', '{"amount":"2.50"}']
    found = conformed(spark, amounts, lines)
    assert outcomes(found, "amount") == [
        ("quarantined", None), ("valid", Decimal("2.50")), ("valid", Decimal("5.00")),
    ]  # fmt: skip


def test_ties_are_decided_by_maps_and_variants_too(spark: SparkSession) -> None:
    columns = [
        column("id", "integer"),
        column("tags", "object", physicalType="MAP<STRING, STRING>"),
        column("any", "object", physicalType="VARIANT"),
    ]
    records = [
        {"id": 1, "tags": {"a": "1"}, "any": [1]},
        {"id": 1, "tags": {"a": "2"}, "any": [1]},
        {"id": 1, "tags": {"a": "2"}, "any": [2]},
    ]
    for arrived in (records, records[::-1]):
        found = conformed(spark, silver("things", columns, key=["id"]), arrived)
        (winner,) = (row for row in found if row._outcome == "valid")
        assert (winner.tags, winner.any.toPython()) == ({"a": "2"}, [2])


def test_another_quote_is_escaped_by_itself(spark: SparkSession) -> None:
    people = silver("people", [column("id"), column("name")], kind="csv", options={"quote": "'"})
    found = conformed(spark, people, ["1,'6\"'", "2,'it''s, so'"], header="id,name")
    assert outcomes(found, "id", "name") == [("valid", "1", '6"'), ("valid", "2", "it's, so")]
