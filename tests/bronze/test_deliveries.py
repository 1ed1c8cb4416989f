"""What Amazon Data Firehose and the landing function write is captured record by record, as it came."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession
from tests.landing_function.invocations import text
from tests.support import column, counts, land_text, rows, run_only, silver, step, write_product

from medallion_pipelines.jsontext import records
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.results import Arrival
from medallion_pipelines.testing import empty_lakehouse

HOUR = "2026/01/31/23"
GOOD = [
    '{"id":1,"note":"}{\\"x\\":\\u00e9 \u6f22\U0001f6eb"}',
    '{"id": 2, "note": "a \\\\"}',
    '{\r\n  "id": 3,\r\n  "deep": {"x": [{}, {"y": "]"}]}\r\n}',
]
BROKEN = [b'{"id":"\xff\xfe"}', b"no json", b"[{}]"]
TAIL = b'{"id":9,"deep":{"id":4},"no'
DELIVERED = "".join(GOOD[:2]).encode() + BROKEN[0] + BROKEN[1] + GOOD[2].encode() + BROKEN[2] + TAIL
FEEDS = ["bronze.delivered", "bronze.typed", "bronze.refused", "bronze.events"]
TABLES = [name.replace("bronze", "silver") for name in FEEDS]


@pytest.fixture(scope="module")
def captured(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lakehouse]:
    home = tmp_path_factory.mktemp("deliveries")
    with empty_lakehouse(spark, home) as lakehouse:
        deliver(lakehouse, home)
        yield lakehouse


def deliver(lakehouse: Lakehouse, home: Path) -> None:
    land_text(lakehouse, f"delivered/{HOUR}/flights-1-2026-01-31-23-00-00-aaaa.gz", DELIVERED)
    land_text(
        lakehouse, f"delivered/{HOUR}/flights-1-2026-01-31-23-05-00-bbbb", b'\xef\xbb\xbf{"id":5}\n{"id":6}\n'
    )
    land_text(lakehouse, f"delivered/{HOUR}/empty", b"")
    cut_short = gzip.compress(b"".join(b'{"id":%d}' % number for number in range(9_000)))
    target = Path(lakehouse.settings.landing) / f"delivered/{HOUR}/cut-short.gz"
    target.write_bytes(cut_short[: len(cut_short) // 2])
    frame = lakehouse.spark.sql("SELECT 7 AS id, 'typed' AS note").coalesce(1)
    frame.write.parquet(str(home / "parquet"))
    (part,) = (home / "parquet").glob("*.parquet")
    land_text(lakehouse, f"typed/{HOUR}/flights-1-2026-01-31-23-00-00-cccc.parquet", part.read_bytes())
    land_text(
        lakehouse,
        f"errors/processing-failed/{HOUR}/flights-1-2026-01-31-23-00-00-dddd",
        "".join(json.dumps(failed(record)) + "\n" for record in (b'{"id":8}', b"\xff")),
    )
    for number in range(2):
        land_text(lakehouse, f"events/{number}.json", text(number) if number else b"{\n" + text(number)[1:])
    product = write_product(
        home / "product",
        silver(
            "delivered",
            [column("id", "integer"), column("note"), column("deep")],
            path="delivered/*/*/*/*/*",
            concatenated=True,
        ),
        silver(
            "typed", [column("id", "integer"), column("note")], path="typed/*/*/*/*/*.parquet", kind="parquet"
        ),
        silver(
            "refused",
            [
                column("errorCode"),
                column("record", transformLogic="CAST(try_to_binary(rawData, 'base64') AS STRING)"),
            ],
            path="errors/*/*/*/*/*/*",
        ),
        silver(
            "events",
            [
                column("id"),
                column("time", "timestamp"),
                column("flight", "integer", transformLogic="get_json_object(data, '$.flight')"),
            ],
            path="events/*.json",
            multi_line=True,
        ),
    )
    first = run_only(lakehouse, product, *FEEDS, *TABLES)
    assert [one.table for one in first.steps if one.status != "succeeded"] == []
    (note,) = step(first, "bronze.delivered").notes
    assert f"{HOUR[-2:]}/cut-short.gz cannot be read (" in note
    assert counts(first, "bronze.delivered") == (9, 9, 0, 0)
    target.write_bytes(cut_short)
    assert counts(run_only(lakehouse, product, "bronze.delivered"), "bronze.delivered") == (
        9_000,
        9_000,
        0,
        0,
    )
    assert not run_only(lakehouse, product, *FEEDS).changed


def failed(record: bytes) -> dict[str, Any]:
    """As Firehose writes it."""
    return {
        "attemptsMade": 4,
        "arrivalTimestamp": 1769900400000,
        "errorCode": "Lambda.FunctionError",
        "errorMessage": "The Lambda function was successfully invoked but it returned an error result.",
        "attemptEndingTimestamp": 1769900460000,
        "rawData": base64.b64encode(record).decode(),
        "lambdaArn": "arn:aws:lambda:eu-west-1:123456789012:function:transform",
    }


def test_records_without_line_ends_between_them_are_rows_each_byte_for_byte(captured: Lakehouse) -> None:
    frame = captured.table("bronze.delivered").where("_file_path LIKE '%aaaa.gz'")
    kept = [bytes(row[0]) for row in frame.selectExpr("CAST(record AS BINARY) AS r").collect()]
    assert (
        sorted(kept) == sorted([*(one.encode() for one in GOOD), *BROKEN, TAIL]) == sorted(records(DELIVERED))
    )


def test_a_delivery_with_line_ends_is_cut_the_same(captured: Lakehouse) -> None:
    frame = captured.table("bronze.delivered").where("_file_path LIKE '%bbbb'")
    assert sorted(row.record for row in frame.collect()) == ['{"id":5}', '{"id":6}']


def test_what_is_cut_off_or_no_record_is_in_quarantine_with_its_reason_and_harms_no_other(
    captured: Lakehouse,
) -> None:
    assert rows(captured, "silver.delivered", "id") == [(1,), (2,), (3,), (5,), (6,)]
    (note,) = [row.note for row in captured.table("silver.delivered").where("id = 1").collect()]
    assert note == '}{"x":\u00e9 \u6f22\U0001f6eb'
    refused = captured.table("silver.delivered_quarantine")
    found = refused.selectExpr("CAST(record AS BINARY) AS r", "_errors.rule AS rules").collect()
    assert sorted((bytes(row.r), row.rules) for row in found) == sorted(
        (record, ["malformed"]) for record in (*BROKEN, TAIL)
    )


def test_parquet_deliveries_are_captured_typed(captured: Lakehouse) -> None:
    assert rows(captured, "silver.typed") == [(7, "typed")]


def test_what_firehose_could_not_deliver_is_captured_from_its_error_prefix(captured: Lakehouse) -> None:
    assert rows(captured, "silver.refused", "errorCode") == [("Lambda.FunctionError",)] * 2
    whole = captured.table("silver.refused").where("record LIKE '{%'").collect()
    assert [row.record for row in whole] == ['{"id":8}']


def test_landed_events_are_rows_of_the_table_of_their_contract(captured: Lakehouse) -> None:
    assert [row[:1] + row[2:] for row in rows(captured, "silver.events")] == [("f-0", 0), ("f-1", 1)]


def test_what_arrived_is_noted_once_with_its_feed(captured: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", silver("a", [column("id")], path="s3://zone/a/*.json"))
    files = [
        Arrival("job-1", f"s3://zone/{name}", f"s3://archive/{name}") for name in ("a/1.json", "b/2.json")
    ]
    for _ in range(2):
        assert captured.register(files, product) == {"bronze.a": 1, None: 1}
    assert rows(captured, "ops.arrivals", "job", "path", "origin", "feed") == [
        ("job-1", "s3://zone/a/1.json", "s3://archive/a/1.json", "bronze.a"),
        ("job-1", "s3://zone/b/2.json", "s3://archive/b/2.json", None),
    ]
