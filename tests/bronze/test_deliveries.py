"""What Amazon Data Firehose and the landing function write is read record by record, as it came."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import Row, SparkSession
from tests.landing_function.invocations import text
from tests.support import (
    column,
    conformed,
    counts,
    land_text,
    outcomes,
    reasons,
    rows,
    run_only,
    silver,
    step,
    write_product,
)

from medallion_pipelines.bronze.records import read_records
from medallion_pipelines.contracts.model import Source
from medallion_pipelines.jsontext import records
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.results import Arrival

GOOD = [
    '{"id":1,"note":"}{\\"x\\":\\u00e9 \u6f22\U0001f6eb"}',
    '{"id": 2, "note": "a \\\\"}',
    '{\r\n  "id": 3,\r\n  "note": null,\t"deep": {"x": [{}, {"y": "]"}]}\r\n}',
]
BROKEN = [b'{"id":"\xff\xfe"}', b"no json", b"[{}]"]
TAIL = b'{"id":9,"deep":{"id":4},"no'
DELIVERED = b"".join(good.encode() + broken for good, broken in zip(GOOD, BROKEN, strict=True)) + TAIL
CONCATENATED = Source("deliveries/*/*/*/*/*", "json", False, concatenated=True)


@pytest.fixture
def hour(tmp_path: Path) -> Path:
    """Where Firehose delivers: a folder per hour, UTC."""
    hour = tmp_path / "deliveries" / "2026" / "01" / "31" / "23"
    hour.mkdir(parents=True)
    return hour


def read(spark: SparkSession, *files: Path) -> list[Row]:
    frame = read_records(spark, CONCATENATED, [file.as_uri() for file in files])
    return frame.selectExpr("CAST(record AS BINARY) AS record", "_file_path", "_file_size").collect()


def test_records_without_line_ends_between_them_are_rows_each_byte_for_byte(
    spark: SparkSession, hour: Path
) -> None:
    contents = {
        "flights-1-2026-01-31-23-00-00-aaaa.gz": DELIVERED,
        "flights-1-2026-01-31-23-05-00-bbbb": b'\xef\xbb\xbf{"id":5}\n \t\r\n{"id":6}\n',
        "flights-1-2026-01-31-23-10-00-cccc": b"",
        "flights-1-2026-01-31-23-15-00-dddd.gz": b"\n",
    }
    for name, content in contents.items():
        (hour / name).write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    found = read(spark, *hour.iterdir())
    kept = sorted((bytes(row.record), Path(row._file_path).name, row._file_size) for row in found)
    expected = [
        (record, name, (hour / name).stat().st_size)
        for name, content in contents.items()
        for record in records(content)
    ]
    assert kept == sorted(expected)
    assert [record for record, *_ in kept if record not in (b'{"id":5}', b'{"id":6}')] == sorted(
        [*(one.encode() for one in GOOD), *BROKEN, TAIL]
    )


def test_a_delivery_that_is_cut_short_is_an_error_and_not_half_a_file(
    spark: SparkSession, hour: Path
) -> None:
    whole = gzip.compress(b"".join(b'{"id":%d}' % number for number in range(9_000)))
    (hour / "a.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(Exception, match=r".") as raised:
        read(spark, hour / "a.gz")
    assert "a.gz" in str(raised.value)


def test_what_is_cut_off_or_no_record_is_in_quarantine_with_its_reason_and_harms_no_other(
    spark: SparkSession, hour: Path
) -> None:
    delivered = DELIVERED.replace(BROKEN[0], b'{"id" 4}')  # Python could not take what is no text
    (hour / "a").write_bytes(delivered)
    frame = read_records(spark, CONCATENATED, [(hour / "a").as_uri()]).select("record")
    contract = silver("delivered", [column("id", "integer"), column("note")], concatenated=True)
    found = conformed(spark, contract, frame)
    assert [row for row in outcomes(found, "id", "note") if row[0] == "valid"] == [
        ("valid", 1, '}{"x":\u00e9 \u6f22\U0001f6eb'),
        ("valid", 2, "a \\"),
        ("valid", 3, None),
    ]
    assert [[rule for rule, *_ in broken] for broken in reasons(found)] == [["malformed"]] * 4


def test_what_firehose_could_not_deliver_is_read_from_its_error_prefix(spark: SparkSession) -> None:
    contract = silver(
        "refused",
        [
            column("errorCode"),
            column("record", transformLogic="CAST(try_to_binary(rawData, 'base64') AS STRING)"),
        ],
        path="firehose-errors/*/*/*/*/*/*",
    )
    found = conformed(spark, contract, [failed(b'{"id":8}'), {**failed(b""), "rawData": "%"}])
    assert outcomes(found, "errorCode", "record") == [
        ("valid", "Lambda.FunctionError", '{"id":8}'),
        ("valid", "Lambda.FunctionError", None),
    ]


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


def test_landed_events_are_rows_of_the_table_of_their_contract(spark: SparkSession) -> None:
    contract = silver(
        "flight_events",
        [
            column("id"),
            column("time", "timestamp"),
            column("flight", "integer", transformLogic="get_json_object(data, '$.flight')"),
        ],
        path="flight_events/*.json",
        multi_line=True,
    )
    spread = json.dumps(json.loads(text(2)), indent=1)
    found = conformed(spark, contract, [text(1).decode(), spread])
    assert outcomes(found, "id", "flight") == [("valid", "f-1", 1), ("valid", "f-2", 2)]


@pytest.mark.slow
def test_deliveries_are_captured_once_by_the_hour_and_one_that_is_cut_short_is_named(
    lakehouse: Lakehouse, tmp_path: Path
) -> None:
    contract = silver("delivered", [column("id", "integer")], path="delivered/*/*/*/*/*", concatenated=True)
    product = write_product(tmp_path / "product", contract)
    whole = gzip.compress(b"".join(b'{"id":%d}' % number for number in range(9_000)))
    land_text(lakehouse, "delivered/2026/01/31/23/a.gz", b'{"id":1}{"id":2}{"id":')
    land_text(lakehouse, "delivered/2026/02/01/00/_manifest.json", b"{}")
    broken = land_text(lakehouse, "delivered/2026/02/01/00/b", b"").rename(
        Path(lakehouse.settings.landing) / "delivered/2026/02/01/00/b.gz"
    )
    broken.write_bytes(whole[: len(whole) // 2])
    result = run_only(lakehouse, product, "bronze.delivered", "silver.delivered")
    assert counts(result, "bronze.delivered") == (3, 3, 0, 0)
    assert counts(result, "silver.delivered") == (3, 2, 1, 0)
    (note,) = step(result, "bronze.delivered").notes
    assert note.startswith("00/b.gz cannot be read (")
    broken.write_bytes(whole)
    again = run_only(lakehouse, product, "bronze.delivered")
    assert counts(again, "bronze.delivered") == (9_000, 9_000, 0, 0)
    assert not run_only(lakehouse, product, "bronze.delivered").changed


def test_what_arrived_is_noted_once_with_its_feed(lakehouse: Lakehouse, tmp_path: Path) -> None:
    product = write_product(tmp_path / "p", silver("a", [column("id")], path="s3://zone/a/*.json"))
    names = ("a/1.json", "b/2.json")
    files = [Arrival("job-1", f"s3://zone/{name}", f"s3://archive/{name}") for name in names]
    for _ in range(2):
        assert lakehouse.register(files, product) == {"bronze.a": 1, None: 1}
    assert rows(lakehouse, "ops.arrivals", "job", "path", "origin", "feed") == [
        ("job-1", "s3://zone/a/1.json", "s3://archive/a/1.json", "bronze.a"),
        ("job-1", "s3://zone/b/2.json", "s3://archive/b/2.json", None),
    ]
