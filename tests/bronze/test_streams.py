"""A silver table that is fed by a stream: bronze keeps every record once, and silver cannot tell."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pyspark.sql import SparkSession
from tests.erasure.scene import SECRET, holding
from tests.kinesis.local import Server, Stream
from tests.support import column, counts, rows, run_only, silver, step, write_product

from medallion_pipelines.bronze import streams
from medallion_pipelines.bronze.shape import bronze_shape
from medallion_pipelines.contracts.model import Source
from medallion_pipelines.errors import SetupError, SourceError
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.settings import Settings
from medallion_pipelines.tables import Tables

pytest.importorskip("pyspark.sql.streaming.datasource")  # Spark 4.2
Product = Callable[..., Path]


@pytest.fixture
def product(tmp_path: Path) -> Product:
    def written(stream: Stream, **options: Any) -> Path:
        columns = [
            column("id", "integer", required=True),
            column("n"),
            column("sent_at", "timestamp"),
            column("arrived_at", "timestamp", transformLogic="_metadata.file_modification_time"),
        ]
        rule = {
            "name": "not_from_the_future",
            "type": "custom",
            "engine": "medallion",
            "implementation": "sent_at <= arrived_at + INTERVAL 5 MINUTES",
        }
        contract = silver("events", columns, key=["id"], quality=[rule])
        for one in contract["schema"][0]["customProperties"]:
            if one["property"] == "source":
                one["value"] = {
                    "stream": stream.name,
                    "format": "json",
                    "options": {"endpointUrl": stream.url, "region": "eu-west-1", **options},
                }
        return write_product(tmp_path / "product", contract)

    return written


def test_records_of_a_stream_reach_bronze_as_bytes_and_silver_or_quarantine(
    kinesis: Server, lakehouse: Lakehouse, product: Product
) -> None:
    stream = kinesis.stream(2)
    big = b'{"id": 3, "n": "' + b"x" * 1_000_000 + b'"}'
    records = [
        b'{"id": 1, "n": "a", "sent_at": "2026-01-31T12:00:00Z"}', b"", b'{"id": 2, "n": "\xff"}', big,
        b"no json", b'{"id": 4}{"id": 5}', b'{"id": 6, "sent_at": "2199-01-31T12:00:00Z"}',
    ]  # fmt: skip
    numbers = [stream.put(one, key=f"k{place}")[0] for place, one in enumerate(records)]
    result = lakehouse.run(product(stream))
    assert counts(result, "bronze.events") == (7, 7, 0, 0)
    assert step(result, "bronze.events").millis_behind_latest == 0
    assert counts(result, "silver.events") == (7, 2, 5, 0)
    bronze = lakehouse.table("bronze.events").selectExpr(
        "_partition_key", "_stream", "_shard_id", "_sequence_number", "_file_path", "_file_size",
        "md5(CAST(record AS BINARY)) AS bytes", "_ingested_at >= _file_modification_time AS later",
    )  # fmt: skip
    shards = dict(zip(numbers, (shard for shard, _ in stream.put_numbers), strict=True))
    assert sorted(tuple(row) for row in bronze.collect()) == [
        (
            f"k{place}", stream.name, shards[number], number,
            f"kinesis://{stream.name}/{shards[number]}/{number}", len(one),
            hashlib.md5(one).hexdigest(), True,
        )
        for place, (one, number) in enumerate(zip(records, numbers, strict=True))
    ]  # fmt: skip
    taken = lakehouse.table("silver.events").selectExpr("id", "length(n)").collect()
    assert sorted(map(tuple, taken)) == [(1, 1), (3, 1_000_000)]
    refused = lakehouse.table("silver.events_quarantine").selectExpr("_file_path", "_errors[0].rule")
    assert {(row[0].rsplit("/")[-1], row[1]) for row in refused.collect()} == {
        *((numbers[place], "malformed") for place in (1, 2, 4, 5)),
        (numbers[6], "not_from_the_future"),
    }
    metrics = lakehouse.table("ops.table_metrics").where("table = 'bronze.events'")
    assert [tuple(row) for row in metrics.select("rows_in", "millis_behind_latest").collect()] == [(7, 0)]


@pytest.mark.engine
@pytest.mark.slow
def test_a_run_takes_what_is_new_also_after_a_split_and_without_its_checkpoint(
    kinesis: Server, lakehouse: Lakehouse, product: Product
) -> None:
    stream = kinesis.stream(2)
    stream.put(*(f'{{"id": {number}}}' for number in range(10)))
    assert bronze_run(lakehouse, product(stream)) == ("succeeded", 10)
    version = lakehouse.tables.version("bronze.events")
    assert bronze_run(lakehouse, product(stream)) == ("unchanged", 0)
    assert lakehouse.tables.version("bronze.events") == version
    stream.split("shardId-000000000000")
    stream.put(*(f'{{"id": {number}}}' for number in range(10, 60)))
    stream.settle()
    # the records tell how far it was, also where another checkpoint was begun and had no batch yet
    (checkpoint,) = (Path(str(lakehouse.settings.warehouse)) / "_checkpoints").glob("*/*")
    shutil.rmtree(checkpoint / "offsets")
    damaged = step(run_only(lakehouse, product(stream), "bronze.events"), "bronze.events").error
    assert damaged == (
        f"The checkpoint {checkpoint} has lost its folder `offsets`. Remove the whole of it: the next run "
        "begins after the last record of each shard that the table has."
    )
    shutil.rmtree(checkpoint)
    (checkpoint / "offsets").mkdir(parents=True)
    (checkpoint / "metadata").write_text(json.dumps({"id": str(uuid.uuid4())}))
    assert bronze_run(lakehouse, product(stream)) == ("succeeded", 50)
    found = lakehouse.table("bronze.events").selectExpr("_shard_id", "_sequence_number").collect()
    assert sorted(map(tuple, found)) == sorted(stream.put_numbers)


def bronze_run(lakehouse: Lakehouse, product: Path) -> tuple[str, int]:
    one = step(run_only(lakehouse, product, "bronze.events"), "bronze.events")
    assert one.error is None, one.error
    return one.status, one.rows_in


def test_a_stream_that_cannot_be_read_fails_its_step_in_words(
    kinesis: Server, lakehouse: Lakehouse, product: Product
) -> None:
    missing = Stream(None, "nowhere", kinesis.url)
    result = run_only(lakehouse, product(missing), "bronze.events")
    assert step(result, "bronze.events").error == (
        "Stream nowhere: there is no such stream or shard in this account and region."
    )


@pytest.mark.slow
def test_a_stream_that_was_made_anew_is_read_once_its_checkpoint_is_removed(
    kinesis: Server, lakehouse: Lakehouse, product: Product
) -> None:
    stream = kinesis.stream()
    stream.put(*(f'{{"id": {number}}}' for number in range(10)))
    assert bronze_run(lakehouse, product(stream)) == ("succeeded", 10)
    stream.settle()
    stream.client.delete_stream(StreamName=stream.name)
    while stream.name in stream.client.list_streams()["StreamNames"]:
        time.sleep(0.01)
    stream.client.create_stream(StreamName=stream.name, ShardCount=1)
    stream.wait()
    stream.put('{"id": 10}')
    (checkpoint,) = (Path(str(lakehouse.settings.warehouse)) / "_checkpoints").glob("*/*")
    error = step(run_only(lakehouse, product(stream), "bronze.events"), "bronze.events").error
    assert error is not None and "If the stream was deleted and made anew, its records are others." in error
    assert error.endswith(f"(Remove {checkpoint}: the next run begins after what the table has.)")
    shutil.rmtree(checkpoint)
    assert bronze_run(lakehouse, product(stream)) == ("succeeded", 1)
    assert bronze_run(lakehouse, product(stream)) == ("unchanged", 0)


def test_a_table_that_files_have_filled_takes_no_stream(
    kinesis: Server, lakehouse: Lakehouse, product: Product
) -> None:
    stream = kinesis.stream()
    lakehouse.tables.create("bronze.events", bronze_shape(Source("events/*.json", "json", False), "STRING"))
    result = run_only(lakehouse, product(stream), "bronze.events")
    assert step(result, "bronze.events").error == (
        "bronze.events has records of files, and its contract now names a stream: give the stream a table of "
        "its own, or `path` back to this one."
    )


@pytest.mark.slow
def test_a_person_is_erased_from_what_a_stream_brought_and_the_report_shows_the_stream(
    kinesis: Server, lakehouse: Lakehouse, product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDALLION_ERASURE_KEY", SECRET)
    stream = kinesis.stream(2)
    stream.put('{"id": 4711, "n": "Lovelace"}', '{"id": 2, "n": "Bo"}', '{"id": 4711, "n": "Love', "no json")
    assert lakehouse.run(product(stream)).succeeded
    result = lakehouse.erase("events.id=4711", product(stream))
    assert result.complete
    assert result.found == {"bronze.events": 2, "silver.events_quarantine": 1, "silver.events": 1}
    assert holding(lakehouse, "Lovelace", "4711") == []
    assert not lakehouse.run(product(stream)).changed
    stream.put('{"id": 4711, "n": "again"}', '{"id": 3, "n": "Cy"}')
    back = lakehouse.run(product(stream))
    assert counts(back, "bronze.events") == (2, 2, 0, 0)
    assert rows(lakehouse, "silver.events", "id", "n") == [(2, "Bo"), (3, "Cy")]
    assert lakehouse.erase(None, product(stream)).found["bronze.events"] == 1
    assert rows(lakehouse, "bronze.events", "record") == [
        ("no json",), ('{"id": 2, "n": "Bo"}',), ('{"id": 3, "n": "Cy"}',),
    ]  # fmt: skip
    page = lakehouse.report(product(stream))
    assert f"kinesis://{stream.name}" in page and "no json" in page


def test_an_archive_for_a_table_that_a_stream_feeds_is_refused_with_the_way_to_go(
    lakehouse: Lakehouse, product: Product
) -> None:
    with pytest.raises(SourceError, match=r"silver\.events is fed by a stream .*docs/ingestion\.md, History"):
        lakehouse.backfill("silver.events", "archive", product(Stream(None, "any", "http://127.0.0.1:1")))


def test_on_databricks_the_built_in_source_is_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, str] = {}
    reader: Any = SimpleNamespace(load=lambda: "rows")
    reader.format = lambda name: asked.update(format=name) or reader
    reader.options = lambda **options: asked.update(options) or reader
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.0")
    spark: Any = SimpleNamespace(readStream=reader)
    given = {
        "streamName": "a",
        "serviceCredential": "c",
        "endpointUrl": "https://e",
        "failOnDataLoss": "false",
    }
    assert streams._reading(spark, given, "/checkpoint/shards") == "rows"
    assert asked == {
        "format": "kinesis",
        "streamName": "a",
        "serviceCredential": "c",
        "endpoint": "https://e",
    }


def test_a_catalog_without_a_folder_needs_a_place_for_checkpoints() -> None:
    tables = Tables(cast("SparkSession", None), Settings(catalog="main", warehouse=None))
    with pytest.raises(SetupError, match=r"catalog main has no folder .* MEDALLION_CHECKPOINTS"):
        tables.checkpoint("bronze.events")
