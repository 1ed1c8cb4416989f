"""The source `kinesis` of Structured Streaming: its options, its columns, one task per shard.

spark.dataSource.register(KinesisDataSource)
spark.readStream.format("kinesis").option("streamName", ...).option("metadataPath", ...).load()
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition
from pyspark.sql.streaming.datasource import (
    ReadAllAvailable,
    ReadLimit,
    ReadMaxRows,
    SupportsTriggerAvailableNow,
)
from pyspark.sql.types import StructType

from medallion_pipelines.errors import SourceError
from medallion_pipelines.kinesis.client import connect
from medallion_pipelines.kinesis.options import Options, read_options
from medallion_pipelines.kinesis.positions import Offset, Position, milliseconds
from medallion_pipelines.kinesis.reading import Part, has_news, read
from medallion_pipelines.kinesis.shards import (
    Shard,
    discovered,
    gone,
    list_shards,
    outdated,
    readable,
    refuse,
    starting,
)
from medallion_pipelines.kinesis.stops import KEPT_BATCHES, Stops, folder_at

IDLE = 1.0  # seconds until a query without news looks again
LOOKS = 16  # shards that the driver looks at side by side
PLANNING = 10  # attempts of the driver's calls: there is no later batch to leave them to

SCHEMA = (
    "partitionKey STRING, data BINARY, stream STRING, shardId STRING, sequenceNumber STRING, "
    "approximateArrivalTimestamp TIMESTAMP"
)
_ARROW = pa.schema(
    [
        ("partitionKey", pa.string()),
        ("data", pa.binary()),
        ("stream", pa.string()),
        ("shardId", pa.string()),
        ("sequenceNumber", pa.string()),
        ("approximateArrivalTimestamp", pa.timestamp("us", "UTC")),
    ]
)


class KinesisDataSource(DataSource):
    """Streams of Kinesis, with the options and columns of Databricks' source of the same name."""

    @classmethod
    def name(cls) -> str:
        return "kinesis"

    def schema(self) -> str:
        read_options(dict(self.options))  # an option that cannot be is told before the query starts
        return SCHEMA

    def streamReader(self, schema: StructType) -> KinesisStreamReader:  # noqa: ARG002, N802
        return KinesisStreamReader(read_options(dict(self.options)))


@dataclass
class ShardPartition(InputPartition):
    """What one task reads."""

    part: Part
    query: str


class KinesisStreamReader(DataSourceStreamReader, SupportsTriggerAvailableNow):
    """Plans batches on the driver, and reads one shard per task on the executors.

    An offset says where a batch begins in each shard (`Offset`); where it stopped the executors have written
    under `metadataPath`.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._folder = folder_at(options.metadata_path)
        self._until: int | None = None
        self._caught_up: set[str] = set()

    def prepareForTriggerAvailableNow(self) -> None:  # noqa: N802
        self._until = milliseconds(datetime.now(UTC))

    def getDefaultReadLimit(self) -> ReadLimit:  # noqa: N802
        limit = self._options.max_records_per_batch
        return ReadAllAvailable() if limit is None else ReadMaxRows(limit)

    def initialOffset(self) -> dict[str, Any]:  # noqa: N802
        listing = list_shards(connect(self._options, PLANNING), self._options.streams)
        offset = starting(listing, self._options.initial_position, datetime.now(UTC))
        return replace(offset, query=uuid.uuid4().hex).as_json()

    def latestOffset(self, start: dict[str, Any], limit: ReadLimit) -> dict[str, Any]:  # noqa: N802
        """The next batch; `start` again where a run with an end has read all that there was at its start."""
        client = connect(self._options, PLANNING)
        offset = self._finished(Offset.from_json(start))
        listing = list_shards(client, self._options.streams)
        lost = gone(offset, listing)
        offset = discovered(offset, listing)
        found = {key: one for key, one in readable(offset, listing).items() if key not in self._caught_up}
        lost |= outdated(client, found, datetime.now(UTC))
        if lost and self._options.fail_on_data_loss:
            refuse(list(lost.values()))
        found = self._with_news(client, found, listing)
        if not found:
            if self._until is None:
                time.sleep(IDLE)
            return start
        most = -(-limit.max_rows // len(found)) if isinstance(limit, ReadMaxRows) else None
        return replace(
            offset,
            batch=offset.batch + 1,
            reading=found,
            waiting={key: one for key, one in offset.waiting.items() if key not in found},
            closed=tuple(key for key in found if listing[key].closed),
            until=self._until,
            limit=most,
            lost=tuple(lost.values()),
        ).as_json()

    def _with_news(
        self, client: Any, found: dict[str, Position], listing: Mapping[str, Shard]
    ) -> dict[str, Position]:
        """The shards that a batch would find something in."""

        def look(key: str) -> bool:
            part = Part(key, 0, found[key], listing[key].closed)
            return has_news(part, client, self._options)

        with ThreadPoolExecutor(LOOKS) as pool:
            news = dict(zip(found, pool.map(look, found), strict=True))
        if self._until is not None:
            self._caught_up |= {key for key, new in news.items() if not new}
        return {key: position for key, position in found.items() if news[key]}

    def _finished(self, offset: Offset) -> Offset:
        """What holds after the batch of an offset, by what its executors have written."""
        stops = {}
        for key, stop in Stops(self._folder, offset.query).of(offset.batch, offset.reading).items():
            if stop is None:
                raise SourceError(
                    f"Nobody knows where batch {offset.batch} stopped in shard {key}: "
                    f"{self._options.metadata_path} does not say. Either it was removed, or the query did "
                    "not read all rows of the batch (a limit, a foreachBatch that ignores them). "
                    "Start with a new checkpoint."
                )
            stops[key] = stop
        if offset.until is not None and offset.until == self._until:
            self._caught_up |= {key for key, stop in stops.items() if stop.caught_up}
        return offset.after(stops)

    def partitions(self, start: dict[str, Any], end: dict[str, Any]) -> Sequence[InputPartition]:
        if start == end:
            return []
        offset = Offset.from_json(end)
        return [
            ShardPartition(
                Part(key, offset.batch, position, key in offset.closed, offset.until, offset.limit),
                offset.query,
            )
            for key, position in offset.reading.items()
        ]

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        assert isinstance(partition, ShardPartition)
        part = partition.part
        stops = Stops(self._folder, partition.query)
        stream, shard_id = part.shard.split("/")
        for records in read(part, connect(self._options), self._options, stops):
            keys, data, numbers, arrived = zip(*records, strict=True)
            size = len(records)
            yield pa.RecordBatch.from_arrays(
                [
                    pa.array(column, field.type)
                    for column, field in zip(
                        (keys, data, [stream] * size, [shard_id] * size, numbers, arrived),
                        _ARROW,
                        strict=True,
                    )
                ],
                schema=_ARROW,
            )

    def commit(self, end: dict[str, Any]) -> None:
        Stops(self._folder, end["query"]).forget(end["batch"] - KEPT_BATCHES)
