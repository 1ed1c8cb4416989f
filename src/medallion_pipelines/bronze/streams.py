"""Streams of Kinesis into bronze, each record exactly once.

A checkpoint says how far the streams were read; Delta takes each batch of it once. On Databricks the built-in
source `kinesis` reads them, elsewhere ours: `_reading` chooses, and nothing else knows.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from medallion_pipelines.bronze.listing import on_databricks
from medallion_pipelines.bronze.parsed import parsed_select
from medallion_pipelines.bronze.shape import bronze_shape
from medallion_pipelines.contracts.model import Table
from medallion_pipelines.errors import DataLossError, MedallionError, SetupError, SourceError
from medallion_pipelines.kinesis.client import connect
from medallion_pipelines.kinesis.options import read_options
from medallion_pipelines.kinesis.shards import made_at
from medallion_pipelines.results import StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.tables import Tables

_RECORDS = (
    "CAST(data AS STRING) AS record",  # the same bytes
    "concat('kinesis://', stream, '/', shardId, '/', sequenceNumber) AS _file_path",
    "approximateArrivalTimestamp AS _file_modification_time",
    "CAST(octet_length(data) AS BIGINT) AS _file_size",
    "current_timestamp() AS _ingested_at",
    "partitionKey AS _partition_key",
    "stream AS _stream",
    "shardId AS _shard_id",
    "sequenceNumber AS _sequence_number",
)
_OURS = ("maxRecordsPerBatch", "failOnDataLoss")  # the built-in source has no such options
_STOP = "millisBehindLatest BIGINT, lost STRING"


def capture_stream(log: RunLog, table: Table, options: Mapping[str, str]) -> StepResult:
    """Capture what the streams of a silver table have by now into `bronze.<table>`.

    Raises SourceError, which names stream, shard and sequence number, where they cannot be read.
    """
    started = time.monotonic()
    assert table.source is not None
    tables, key, token = log.tables, f"bronze.{table.name}", uuid.uuid4().hex
    tables.create(key, bronze_shape(table.source, "STRING"))
    if "_sequence_number" not in tables.read(key).columns:
        raise SourceError(
            f"{key} has records of files, and its contract now names a stream: give the stream a table of "
            "its own, or `path` back to this one."
        )
    checkpoint = tables.checkpoint(key)
    given = {"initialPosition": "trim_horizon", **options}  # nothing is left out unless the contract says so
    before = tables.version(key)
    if before > 0 and not _is_begun(tables.spark, checkpoint):
        given |= _after_what_is_there(tables, key, given)
    try:
        frame = _reading(tables.spark, given, f"{checkpoint}/shards")
        rows = frame.selectExpr(*_RECORDS).withColumn("_batch_id", F.lit(token))
        reports = tables.append_stream(rows, key, checkpoint)
    except Exception as error:  # classic Spark raises py4j's errors, Spark Connect its own
        raise _in_words(error, checkpoint) from error
    count = 0
    if tables.version(key) > before:
        count = tables.read(key).where(F.col("_batch_id") == token).count()
    behind, lost = _said(tables.spark, reports, f"{checkpoint}/shards")
    tables.view(f"{key}_parsed", parsed_select(tables.name(key), table.source), over=[key])
    return StepResult(
        key,
        "succeeded" if count else "unchanged",
        rows_in=count,
        rows_valid=count,
        rows_written=count,
        seconds=time.monotonic() - started,
        version=tables.version(key),
        notes=tuple(lost),
        millis_behind_latest=behind,
    )


def _reading(spark: SparkSession, options: Mapping[str, str], metadata: str) -> DataFrame:
    """The streams as a frame, by the source that this Spark has."""
    reader = spark.readStream.format("kinesis")
    if on_databricks():
        theirs = {name: value for name, value in options.items() if name not in _OURS}
        if "endpointUrl" in theirs:
            theirs["endpoint"] = theirs.pop("endpointUrl")
        return reader.options(**theirs).load()
    try:
        from medallion_pipelines.kinesis.source import KinesisDataSource
    except ImportError as error:
        raise SetupError(
            f"Streams are read by Spark 4.2 or newer, or on Databricks; this is {spark.version} ({error})."
        ) from None
    spark.dataSource.register(KinesisDataSource)
    return reader.options(**_ours(options), metadataPath=metadata).load()


def _ours(options: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in options.items() if name != "serviceCredential"}


def _is_there(spark: SparkSession, path: str) -> bool:
    try:
        _ = spark.read.format("binaryFile").load(path).schema
    except AnalysisException as error:
        if "PATH_NOT_FOUND" not in str(error):
            raise
        return False
    return True


def _is_begun(spark: SparkSession, checkpoint: str) -> bool:
    """Whether a checkpoint has come to its first batch. Raises SourceError where it has lost its batches:
    Delta would take new ones for those that it has."""
    if _is_there(spark, f"{checkpoint}/offsets/[0-9]*"):
        return True
    if _is_there(spark, f"{checkpoint}/commits/[0-9]*"):
        raise SourceError(
            f"The checkpoint {checkpoint} has lost its folder `offsets`. Remove the whole of it: the next "
            "run begins after the last record of each shard that the table has."
        )
    return False


def _after_what_is_there(tables: Tables, key: str, options: Mapping[str, str]) -> dict[str, str]:
    """Where to begin when the checkpoint was lost, and not the records: after the last one of each shard."""
    if on_databricks():
        raise MedallionError(
            f"{key} has records, but the checkpoint that says up to where is gone, and the built-in source "
            "cannot begin after a record. Restore the checkpoint, or move the table away to read all anew."
        )
    wanted = read_options({**_ours(options), "metadataPath": "/"})
    client = connect(wanted)
    since = F.create_map(
        *(F.lit(part) for stream in wanted.streams for part in (stream, made_at(client, stream)))
    )
    number = F.split("_sequence_number", ":")[0]
    last = (
        tables.read(key)
        .where(
            F.col("_shard_id").isNotNull()
            & (F.col("_file_modification_time") >= F.try_element_at(since, F.col("_stream")))
        )
        .groupBy(F.concat_ws("/", "_stream", "_shard_id").alias("shard"))
        .agg(
            F.max(F.struct(F.length(number), number.alias("number"))).alias("last")
        )  # longer than DECIMAL(38)
    )
    found = {row.shard: row.last.number for row in last.collect()}
    return {"initialPosition": json.dumps({"after_sequence_number": found})} if found else {}


def _said(
    spark: SparkSession, reports: Sequence[Mapping[str, Any]], metadata: str
) -> tuple[int | None, list[str]]:
    """How far behind the newest record (ms) the run ended, and what it found to be lost."""
    sources = [report["sources"][0] for report in reports if report.get("sources")]
    sources = [one for one in sources if one["endOffset"] != one["startOffset"]]
    if not sources:
        return None, []
    if on_databricks():
        behind = (sources[-1].get("metrics") or {}).get("maxMsBehindLatest")
        return (None if behind is None else int(float(behind))), []
    offsets = [one["endOffset"] for one in sources]
    ends = [json.loads(one) if isinstance(one, str) else one for one in offsets]
    folders = sorted({f"{metadata}/{end['query']}/{end['batch']}" for end in ends})
    paths = [path for path in folders if _is_there(spark, path)]
    lost = [text for end in ends for text in end["lost"]]
    if not paths:
        return None, lost
    batch = F.regexp_extract("_metadata.file_path", r"/(\d+)/[^/]*$", 1).cast("int")
    row = (
        spark.read.schema(_STOP)
        .json(paths)
        .agg(
            F.max(F.struct(batch.alias("batch"), "millisBehindLatest")).alias("last"),
            F.collect_set("lost").alias("lost"),
        )
        .first()
    )
    assert row is not None
    return row.last.millisBehindLatest, [*lost, *sorted(row.lost)]


def _in_words(error: Exception, checkpoint: str) -> Exception:
    """An error of ours that was raised in a task or on the driver's side of the source; else the error."""
    if isinstance(error, MedallionError):
        return error
    found = re.findall(r"medallion_pipelines\.[\w.]+\.(\w+Error): (.+)", str(error))
    if not found:
        return error
    name, message = found[-1]
    if message.endswith("Start with a new checkpoint."):
        message += f" (Remove {checkpoint}: the next run begins after what the table has.)"
    return {"SetupError": SetupError, "DataLossError": DataLossError}.get(name, SourceError)(message)
