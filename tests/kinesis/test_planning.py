"""Which shards a batch reads: parents before their children, every record once, a run that ends.

A query is played here without Spark: what its engine asks of the source, in its order.
"""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from medallion_pipelines.errors import DataLossError, SourceError
from medallion_pipelines.kinesis import reading
from medallion_pipelines.kinesis.options import read_options
from tests.kinesis.local import Server, Stream, Trouble, in_order, packed, serving

pytest.importorskip("pyspark.sql.streaming.datasource")  # Spark 4.2
KinesisStreamReader = pytest.importorskip("medallion_pipelines.kinesis.source").KinesisStreamReader


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PERIOD", 0.001)


@dataclass
class Query:
    """A query with a checkpoint: what it has read, batch by batch."""

    options: dict[str, str]
    offset: dict[str, Any] | None = None
    batches: list[list[dict[str, Any]]] = field(default_factory=list)

    def run(self, most: int = 1000) -> int:
        """A run with Trigger.AvailableNow, in a process of its own; the number of batches."""
        reader = KinesisStreamReader(read_options(self.options))
        reader.prepareForTriggerAvailableNow()
        for done in range(most):
            if not self.batch(reader):
                return done
        return most

    def batch(self, reader: KinesisStreamReader, limit: Any = None) -> bool:
        start = self.offset or passed_on(reader.initialOffset())
        end = passed_on(reader.latestOffset(start, limit or reader.getDefaultReadLimit()))
        self.offset = end
        if end == start:
            return False
        self.batches.append(self.rows(reader, start, end))
        reader.commit(end)
        return True

    @staticmethod
    def rows(reader: KinesisStreamReader, start: dict[str, Any], end: dict[str, Any]) -> list[dict[str, Any]]:
        read = [list(reader.read(one)) for one in reader.partitions(start, end)]
        return [row for one in read for batch in one for row in pa.Table.from_batches([batch]).to_pylist()]

    @property
    def data(self) -> list[str]:
        return [row["data"].decode() for rows in self.batches for row in rows]

    def in_shards(self) -> dict[str, list[str]]:
        """The sequence numbers of each shard, in the order in which they came."""
        found = defaultdict(list)
        for rows in self.batches:
            for row in rows:
                found[row["shardId"]].append(row["sequenceNumber"])
        return found


def passed_on(offset: dict[str, Any]) -> dict[str, Any]:
    """An offset as Spark keeps it."""
    kept: dict[str, Any] = json.loads(json.dumps(offset))
    return kept


def query(stream: Stream, folder: Path, **options: str) -> Query:
    return Query(
        {
            "streamName": stream.name, "endpointUrl": stream.url, "region": "eu-west-1",
            "metadataPath": str(folder / "stops"), "initialPosition": "trim_horizon", **options,
        }
    )  # fmt: skip


def test_a_run_reads_all_there_is_and_ends(kinesis: Server, tmp_path: Path) -> None:
    stream = kinesis.stream(3)
    stream.put(*map(str, range(100)))
    one = query(stream, tmp_path)
    assert one.run() == 1
    assert sorted(one.data, key=int) == [str(number) for number in range(100)]
    assert len(one.in_shards()) == 3 and all(map(in_order, one.in_shards().values()))
    stream.put("more")
    assert one.run() == 1
    assert one.data[100:] == ["more"]
    before = one.offset
    assert one.run() == 0
    assert one.offset == before


def test_planning_waits_out_that_kinesis_throttles(
    kinesis: Server, trouble: Trouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = kinesis.stream()
    stream.put("a")
    one = query(stream, tmp_path, endpointUrl=trouble.url)
    monkeypatch.setattr(time, "sleep", lambda seconds: None)
    trouble.answer("ListShards", "LimitExceededException", times=6)
    assert one.run() == 1
    assert one.data == ["a"] and trouble.calls["ListShards"] >= 7


def test_a_run_ends_while_producers_go_on(kinesis: Server, tmp_path: Path) -> None:
    stream, stop = kinesis.stream(), threading.Event()

    def produce() -> None:
        while not stop.is_set():
            stream.put("x")

    producer = threading.Thread(target=produce)
    producer.start()
    try:
        time.sleep(0.1)
        one = query(stream, tmp_path, maxRecordsPerFetch="1")
        assert one.run() < 1000
    finally:
        stop.set()
        producer.join()
    assert 0 < len(one.data) < len(stream.put_numbers)
    one.run()
    assert len(one.data) == len(stream.put_numbers)


def test_a_batch_takes_no_more_than_the_query_allows(kinesis: Server, tmp_path: Path) -> None:
    stream = kinesis.stream(2)
    stream.put(*map(str, range(100)))
    one = query(stream, tmp_path, maxRecordsPerBatch="20")
    assert one.run() >= 5
    assert max(map(len, one.batches)) <= 20
    assert sorted(one.data, key=int) == [str(number) for number in range(100)]


def test_parents_are_read_to_their_end_before_their_children(kinesis: Server, tmp_path: Path) -> None:
    stream = kinesis.stream(1)
    one = query(stream, tmp_path, maxRecordsPerBatch="10")
    names = [f"shardId-{number:012d}" for number in range(4)]
    stream.put(*(f"a{n}" for n in range(30)))
    stream.split(names[0])
    stream.put(*(f"b{n}" for n in range(30)))
    stream.merge(names[1], names[2])
    stream.put(*(f"c{n}" for n in range(30)))
    stream.settle()
    one.run()
    assert sorted(one.data) == sorted(f"{letter}{n}" for letter in "abc" for n in range(30))
    shards = [row["shardId"] for rows in one.batches for row in rows]
    last, first = (
        {s: len(shards) - 1 - shards[::-1].index(s) for s in names},
        {s: shards.index(s) for s in names},
    )
    assert last[names[0]] < min(first[names[1]], first[names[2]])
    assert max(last[names[1]], last[names[2]]) < first[names[3]]
    assert all(map(in_order, one.in_shards().values()))
    assert one.offset is not None and set(one.offset["ended"]) <= {
        f"{stream.name}/{name}" for name in names[:3]
    }


def test_resharding_between_and_during_runs_loses_and_doubles_nothing(
    kinesis: Server, tmp_path: Path
) -> None:
    stream = kinesis.stream(2)
    one = query(stream, tmp_path, maxRecordsPerBatch="50")
    reader = KinesisStreamReader(read_options(one.options))
    count = 0
    for change in ("split", "read", "merge", "read", "split", "split", "read", "merge"):
        stream.put(*map(str, range(count, count + 100)))
        count += 100
        there = sorted(stream.open_shards(), key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
        if change == "split":
            stream.split(there[0]["ShardId"])
        elif change == "merge":
            stream.merge(there[0]["ShardId"], there[1]["ShardId"])
        else:
            one.batch(reader)  # it goes on, however the next run begins
    stream.settle()
    one.run()
    assert sorted(map(int, one.data)) == list(range(count))
    assert all(map(in_order, one.in_shards().values()))


def test_a_replayed_batch_is_read_again_as_it_was(kinesis: Server, tmp_path: Path) -> None:
    stream = kinesis.stream(2)
    stream.put(*map(str, range(10)))
    one = query(stream, tmp_path)
    reader = KinesisStreamReader(read_options(one.options))
    start = passed_on(reader.initialOffset())
    end = passed_on(reader.latestOffset(start, reader.getDefaultReadLimit()))
    partitions = reader.partitions(start, end)
    first = [list(reader.read(one)) for one in partitions[:1]]  # the driver is killed before the other task
    stream.put(*map(str, range(10, 20)))
    again = KinesisStreamReader(read_options(one.options))
    assert [list(again.read(one)) for one in again.partitions(start, end)[:1]] == first
    rows = one.rows(again, start, end)
    assert one.rows(KinesisStreamReader(read_options(one.options)), start, end) == rows
    one.offset, one.batches = end, [rows]
    one.run()
    assert sorted(map(int, one.data)) == list(range(20))


def test_latest_begins_where_the_query_did_and_not_where_its_first_batch_reads(
    kinesis: Server, tmp_path: Path
) -> None:
    stream = kinesis.stream()
    stream.put("before")
    time.sleep(0.05)
    one = query(stream, tmp_path, initialPosition="latest")
    reader = KinesisStreamReader(read_options(one.options))
    one.offset = passed_on(reader.initialOffset())
    time.sleep(0.05)
    stream.put("after")
    one.batch(reader)
    assert one.data == ["after"]


def test_a_query_begins_at_a_time_or_after_sequence_numbers(kinesis: Server, tmp_path: Path) -> None:
    stream = kinesis.stream()
    number = stream.put("a", "b")[0]
    time.sleep(0.05)
    moment = datetime.now(UTC)
    time.sleep(0.05)
    stream.put("c")
    at = {"at_timestamp": moment.isoformat()}
    spelt = {"at_timestamp": moment.strftime("%d.%m.%Y %H:%M:%S.%f")[:-3] + " +0000",
             "format": "dd.MM.yyyy HH:mm:ss.SSS ZZZ"}  # fmt: skip
    after = {"after_sequence_number": {f"{stream.name}/shardId-000000000000": number}}
    for place, (position, expected) in enumerate([(at, "c"), (spelt, "c"), (after, "bc")]):
        one = query(stream, tmp_path / str(place), initialPosition=json.dumps(position))
        one.run()
        assert "".join(one.data) == expected


def test_after_sequence_numbers_what_came_before_their_shards_counts_as_read(
    kinesis: Server, tmp_path: Path
) -> None:
    stream = kinesis.stream()
    stream.put("old")
    stream.split("shardId-000000000000")
    shard = {}
    for place, data in enumerate("abcdefgh"):
        number = stream.put(data, key=f"{place}")[0]
        shard.setdefault(stream.put_numbers[-1][0], (number, data))
    assert len(shard) == 2
    known = min(shard)
    stream.settle()
    after = {"after_sequence_number": {f"{stream.name}/{known}": shard[known][0]}}
    one = query(stream, tmp_path, initialPosition=json.dumps(after))
    one.run()
    assert sorted(one.data) == [data for data in "abcdefgh" if data != shard[known][1]]


def test_a_query_without_an_end_makes_no_batch_while_nothing_comes(
    kinesis: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medallion_pipelines.kinesis.source.IDLE", 0.01)
    stream = kinesis.stream(2)
    one = query(stream, tmp_path)
    reader = KinesisStreamReader(read_options(one.options))
    assert [one.batch(reader) for _ in range(3)] == [True, False, False]
    stream.put("x")
    assert [one.batch(reader) for _ in range(3)] == [True, False, False]
    assert one.data == ["x"] and len(one.batches) == 2


def test_an_idle_shard_is_looked_at_often_enough_to_know_that_nothing_was_lost(
    kinesis: Server, tmp_path: Path
) -> None:
    stream = kinesis.stream()
    stream.put("x")
    one = query(stream, tmp_path)
    assert (one.run(), one.run()) == (1, 0)
    for stop in (tmp_path / "stops").glob("*/*/*"):
        told = json.loads(stop.read_text())
        told["position"]["read_until"] -= 7 * 3_600_000
        stop.write_text(json.dumps(told))
    assert (one.run(), one.run()) == (1, 0)
    assert one.data == ["x"]


def test_records_that_were_packed_are_read_one_by_one_and_a_batch_never_ends_within_a_package(
    kinesis: Server, tmp_path: Path
) -> None:
    stream = kinesis.stream()
    numbers = [
        stream.put(one, key="outer")[0]
        for one in (packed([("a", b"1"), ("b", b"2"), ("c", b"3")]), b"4", packed([("d", b"5")]))
    ]
    one = query(stream, tmp_path, maxRecordsPerBatch="2")
    one.run()
    found = [
        [(row["partitionKey"], row["data"], row["sequenceNumber"]) for row in rows]
        for rows in one.batches
        if rows
    ]
    first, plain, last = numbers
    assert found == [
        [("a", b"1", f"{first}:0"), ("b", b"2", f"{first}:1"), ("c", b"3", f"{first}:2")],
        [("outer", b"4", plain), ("d", b"5", f"{last}:0")],
    ]


def test_several_streams_are_read_in_one_query(kinesis: Server, tmp_path: Path) -> None:
    first, second = kinesis.stream(), kinesis.stream()
    first.put("a")
    second.put("b")
    one = query(first, tmp_path, streamName=f"{first.name}, {second.name}")
    one.run()
    assert {(row["stream"], row["data"]) for rows in one.batches for row in rows} == {
        (first.name, b"a"),
        (second.name, b"b"),
    }


def test_a_stream_that_is_not_named_for_a_time_is_gone_on_with_where_it_was_left(
    kinesis: Server, tmp_path: Path
) -> None:
    first, second = kinesis.stream(2), kinesis.stream()
    both = f"{first.name},{second.name}"
    first.put("a")
    first.split("shardId-000000000000")
    first.settle()
    one = query(first, tmp_path, streamName=both)
    one.run()
    one.options["streamName"] = second.name
    first.put("b")
    second.put("c")
    one.run()
    assert one.data == ["a", "c"]
    one.options["streamName"] = both
    one.run()
    assert one.data == ["a", "c", "b"]


def test_the_stops_of_batches_long_past_are_removed(
    kinesis: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medallion_pipelines.kinesis.source.KEPT_BATCHES", 2)
    stream = kinesis.stream()
    one = query(stream, tmp_path)
    reader = KinesisStreamReader(read_options(one.options))
    for _ in range(5):
        stream.put("x")
        one.batch(reader)
    assert sorted(path.name for path in (tmp_path / "stops").glob("*/*")) == ["4", "5"]


def test_a_query_that_begins_anew_does_not_mind_what_another_left_in_its_folder(
    kinesis: Server, tmp_path: Path
) -> None:
    stream = kinesis.stream()
    stream.put("a")
    one, other = query(stream, tmp_path), query(stream, tmp_path)
    one.run()
    stream.put("b")
    other.run()
    assert (one.data, other.data) == (["a"], ["a", "b"])


def test_a_batch_whose_end_nobody_wrote_down_stops_the_query(kinesis: Server, tmp_path: Path) -> None:
    stream = kinesis.stream()
    one = query(stream, tmp_path)
    one.run()
    for path in (tmp_path / "stops").glob("*/*/*"):
        path.unlink()
    with pytest.raises(SourceError, match=rf"batch 1 stopped in shard {stream.name}/shardId-000000000000"):
        one.run()


def test_a_shard_that_left_before_it_was_read_is_told(kinesis: Server, tmp_path: Path) -> None:
    stream = kinesis.stream()
    stream.put("a")
    one = query(stream, tmp_path)
    one.run()
    assert one.offset is not None
    position = {"kind": "AFTER_SEQUENCE_NUMBER", "value": "4711", "read_until": 1_700_000_000_000}
    one.offset["waiting"] = {f"{stream.name}/shardId-000000000009": position}
    with pytest.raises(
        DataLossError,
        match=r"-000000000009 is gone: .* 4711 .read until 2023-11-14 22:13:20 UTC. is lost.*failOnDataLoss",
    ):
        one.run()
    one.options["failOnDataLoss"] = "false"
    stream.put("b")
    one.run()
    assert one.data == ["a", "b"]


def test_a_child_shard_that_was_first_read_too_late_is_told(tmp_path: Path) -> None:
    with serving() as server:
        stream = server.stream()
        stream.put("a")
        one = query(stream, tmp_path)
        stream.split("shardId-000000000000")
        reader = KinesisStreamReader(read_options(one.options))
        one.batch(reader)
        assert one.data == ["a"] and one.offset is not None
        for stop in (tmp_path / "stops").glob("*/*/*"):  # the parent was read long ago
            told = json.loads(stop.read_text())
            told["position"]["read_until"] -= 30 * 3_600_000
            stop.write_text(json.dumps(told))
        with pytest.raises(
            DataLossError, match=r"shardId-000000000001 has not been read yet: .* hours. is lost"
        ):
            one.run()
