"""Shards are read whole, in order, once: what Spark does with it is in tests/bronze/test_streams.py."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medallion_pipelines.aggregated import Record
from medallion_pipelines.errors import DataLossError, SourceError
from medallion_pipelines.kinesis import reading
from medallion_pipelines.kinesis.client import connect
from medallion_pipelines.kinesis.options import Options
from medallion_pipelines.kinesis.positions import Position, Stop
from medallion_pipelines.kinesis.reading import Part
from medallion_pipelines.kinesis.stops import LocalFolder, Stops
from tests.kinesis.local import Server, Stream, Trouble, serving

BEGINNING = Position("TRIM_HORIZON")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PERIOD", 0.001)


def part(stream: Stream, start: Position = BEGINNING, **more: Any) -> Part:
    return Part(f"{stream.name}/shardId-000000000000", more.pop("batch", 1), start, **more)


@pytest.fixture
def options(kinesis: Server, tmp_path: Path) -> Options:
    return Options(("any",), str(tmp_path / "stops"), "eu-west-1", kinesis.url)


def stops_of(options: Options) -> Stops:
    return Stops(LocalFolder(Path(options.metadata_path)), "query")


def read(one: Part, options: Options) -> list[bytes]:
    return [record.data for records in iterate(one, options) for record in records]


def iterate(one: Part, options: Options) -> Iterator[list[Record]]:
    return reading.read(one, connect(options), options, stops_of(options))


def test_records_are_what_was_put(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    odd = [b"", b"\xff\xfe\x00", b"x" * 1_048_576, "é 漢".encode()]
    before = time.time()
    numbers = [stream.put(one, key=f"key {place}")[0] for place, one in enumerate(odd)]
    (records,) = iterate(part(stream), options)
    assert [record[:3] for record in records] == [
        (f"key {place}", one, number) for place, (one, number) in enumerate(zip(odd, numbers, strict=True))
    ]
    assert all(before - 1 < record.arrived_at.timestamp() < time.time() + 1 for record in records)


def test_a_batch_goes_on_where_the_one_before_it_stopped(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    stream.put("a", "b")
    assert read(part(stream), options) == [b"a", b"b"]
    stream.put("c")
    first = stops_of(options).get(1, f"{stream.name}/shardId-000000000000")
    assert (
        first is not None and first.caught_up and not first.ended and (first.records, first.bytes) == (2, 2)
    )
    assert read(part(stream, first.position, batch=2), options) == [b"c"]


def test_a_batch_that_is_read_again_reads_just_what_it_had_read(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    stream.put("a", "b")
    assert read(part(stream), options) == [b"a", b"b"]
    stream.put("c", "d")
    assert read(part(stream), options) == [b"a", b"b"]
    stream.put("e")
    assert read(part(stream, limit=1), options) == [b"a", b"b"]


def test_a_batch_that_found_nothing_finds_nothing_again(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    assert read(part(stream), options) == []
    stream.put("late")
    assert read(part(stream), options) == []
    assert read(part(stream, batch=2), options) == [b"late"]


def test_a_task_that_was_killed_half_way_leaves_nothing_behind(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    stream.put(*map(str, range(30)))
    killed = iterate(part(stream), replace(options, max_records_per_fetch=10))
    assert len(next(killed)) == 10
    del killed
    assert stops_of(options).get(1, f"{stream.name}/shardId-000000000000") is None
    assert len(read(part(stream), options)) == 30


def test_of_two_attempts_the_first_to_end_decides_where_the_batch_stops(
    kinesis: Server, options: Options
) -> None:
    stream = kinesis.stream()
    stream.put(*"abc")
    slow = iterate(part(stream), options)
    assert len(next(slow)) == 3
    stream.put(*"de")
    assert read(part(stream), options) == [b"a", b"b", b"c", b"d", b"e"]
    assert [record.data for records in slow for record in records] == [b"d", b"e"]


def test_an_attempt_that_had_read_beyond_the_end_fails_to_be_tried_again(
    kinesis: Server, options: Options
) -> None:
    stream = kinesis.stream()
    stream.put(*"abcd")
    greedy = iterate(part(stream), options)
    assert len(next(greedy)) == 4
    assert read(part(stream, limit=2), options) == [b"a", b"b"]
    with pytest.raises(
        SourceError, match=r"shard shardId-000000000000, AFTER_.*another attempt .* tried again"
    ):
        next(greedy)
    assert read(part(stream), options) == [b"a", b"b"]


def test_a_limit_bounds_a_batch(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    stream.put(*map(str, range(25)))
    found, position = [], BEGINNING
    for batch in (1, 2, 3):
        found.append(len(read(part(stream, position, batch=batch, limit=10), options)))
        stop = stops_of(options).get(batch, f"{stream.name}/shardId-000000000000")
        assert stop is not None
        assert stop.caught_up == (batch == 3)
        position = stop.position
    assert found == [10, 10, 5]


def test_what_arrives_after_the_run_has_begun_is_left_to_the_next(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    stream.put("before")
    time.sleep(0.05)
    until = int(time.time() * 1000)
    time.sleep(0.05)
    stream.put("after")
    assert read(part(stream, until=until), options) == [b"before"]
    stop = stops_of(options).get(1, f"{stream.name}/shardId-000000000000")
    assert stop is not None and stop.caught_up


def test_an_expired_iterator_is_asked_for_again(kinesis: Server, options: Options, trouble: Trouble) -> None:
    stream = kinesis.stream()
    stream.put(*map(str, range(30)))
    there = replace(options, endpoint_url=trouble.url, max_records_per_fetch=10)
    records = iterate(part(stream), there)
    found = [record.data for record in next(records)]
    trouble.answer("GetRecords", "ExpiredIteratorException")
    found += [record.data for some in records for record in some]
    assert found == [str(number).encode() for number in range(30)]
    assert trouble.calls["GetShardIterator"] == 2


def test_iterators_that_really_expired_lose_nothing(options: Options) -> None:
    with serving() as server:
        stream = server.stream()
        stream.client.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=72)
        stream.put(*map(str, range(30)))
        there = replace(options, endpoint_url=server.url, max_records_per_fetch=10)
        records = iterate(part(stream), there)
        found = [record.data for record in next(records)]
        server.a_day_passes()
        found += [record.data for some in records for record in some]
    assert found == [str(number).encode() for number in range(30)]


def test_throttling_is_waited_out(kinesis: Server, options: Options, trouble: Trouble) -> None:
    stream = kinesis.stream()
    stream.put("a")
    trouble.answer("GetRecords", "ProvisionedThroughputExceededException", times=4)
    assert read(part(stream), replace(options, endpoint_url=trouble.url)) == [b"a"]
    assert trouble.calls["GetRecords"] >= 5


def test_a_batch_that_is_throttled_all_the_time_ends_without_a_record_and_loses_none(
    kinesis: Server, options: Options, trouble: Trouble
) -> None:
    stream = kinesis.stream()
    stream.put("a")
    trouble.answer("GetRecords", "ProvisionedThroughputExceededException", times=3)
    there = replace(options, endpoint_url=trouble.url, max_fetch_duration=0)
    assert read(part(stream), there) == []
    stop = stops_of(options).get(1, f"{stream.name}/shardId-000000000000")
    assert stop == Stop(BEGINNING)
    assert read(part(stream, stop.position, batch=2), there) == [b"a"]


class Gap:
    """A way to a stream on which it takes many calls to come to the first record, as it does on AWS where
    nothing came for long; each new iterator begins before that."""

    def __init__(self, client: Any, calls: int) -> None:
        self._client, self._calls, self._left = client, calls, 0

    def get_shard_iterator(self, **asked: Any) -> Any:
        self._left = self._calls
        return self._client.get_shard_iterator(**asked)

    def get_records(self, **asked: Any) -> Any:
        if not self._left:
            return self._client.get_records(**asked)
        self._left -= 1
        return {"Records": [], "NextShardIterator": asked["ShardIterator"], "MillisBehindLatest": 60_000}


def test_a_gap_without_records_is_crossed_however_long_it_takes(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    stream.put("a")
    there = replace(options, max_fetch_duration=0)
    found = reading.read(part(stream), Gap(connect(options), 20), there, stops_of(options))
    assert [record.data for records in found for record in records] == [b"a"]
    stop = stops_of(options).get(1, f"{stream.name}/shardId-000000000000")
    assert stop is not None and stop.caught_up


@pytest.mark.parametrize(("calls", "news"), [(0, False), (3, False), (20, True)])
def test_an_idle_shard_has_no_news_though_kinesis_takes_a_few_calls_to_say_so(
    kinesis: Server, options: Options, calls: int, news: bool
) -> None:
    stream = kinesis.stream()
    just_now = Position("AFTER_SEQUENCE_NUMBER", stream.put("a")[0], int(time.time() * 1000))
    assert reading.has_news(part(stream, just_now), Gap(connect(options), calls), options) == news
    stream.put("b")
    assert reading.has_news(part(stream, just_now), Gap(connect(options), calls), options)


def test_a_shard_is_read_no_faster_than_kinesis_allows(
    kinesis: Server, options: Options, trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = kinesis.stream()
    stream.put(*(b"x" * 100_000 for _ in range(4)))
    monkeypatch.setattr(reading, "PERIOD", 0.2)
    begun = time.monotonic()
    there = replace(options, endpoint_url=trouble.url, max_records_per_fetch=1)
    assert len(read(part(stream, limit=4), there)) == 4  # by reads a second
    assert 0.55 < time.monotonic() - begun < 3
    begun = time.monotonic()
    slow = replace(there, max_fetch_rate=0.2)
    assert len(read(part(stream, limit=4, batch=2), slow)) == 4  # by bytes a second
    assert 1.4 < time.monotonic() - begun < 5


REFUSED = [
    ("ListShards", "AccessDeniedException"), ("GetRecords", "UnrecognizedClientException"),
    ("GetShardIterator", "ExpiredTokenException"), ("GetRecords", "IncompleteSignatureException"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "code"), REFUSED)
def test_refused_credentials_are_told_and_never_shown(
    kinesis: Server, options: Options, trouble: Trouble, call: str, code: str
) -> None:
    from medallion_pipelines.kinesis.shards import list_shards

    stream = kinesis.stream()
    there = replace(options, endpoint_url=trouble.url)
    trouble.answer(call, code, "user AKIALOCAL is not allowed to", times=9)
    does = {"ListShards": lambda: list_shards(connect(there), [stream.name])}.get(
        call, lambda: read(part(stream), there)
    )
    with pytest.raises(SourceError, match=rf"Stream {stream.name}.*AWS refused the credentials") as told:
        does()
    for secret in ("AKIALOCAL", "local", "no-secret"):
        assert secret not in str(told.value)


def test_missing_credentials_are_told(
    kinesis: Server, options: Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stream = kinesis.stream()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    import boto3

    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(SourceError, match=rf"Stream {stream.name}, shard .*no AWS credentials were found"):
        read(part(stream), options)


def test_a_stream_that_does_not_exist_is_told(options: Options) -> None:
    from medallion_pipelines.kinesis.shards import list_shards

    with pytest.raises(SourceError, match=r"Stream nowhere: there is no such stream"):
        list_shards(connect(options), ["nowhere"])


def test_a_stream_that_was_made_anew_is_told(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    number = stream.put("a")[0]
    time.sleep(1.1)
    stream.client.delete_stream(StreamName=stream.name)
    while stream.name in stream.client.list_streams()["StreamNames"]:
        time.sleep(0.01)
    stream.client.create_stream(StreamName=stream.name, ShardCount=1)
    stream.wait()
    after = Position("AFTER_SEQUENCE_NUMBER", number)
    with pytest.raises(
        SourceError, match=rf"Stream {stream.name}, shard .*{number}: .*Start with a new checkp"
    ):
        read(part(stream, after), options)


def test_records_lost_to_retention_are_told_with_how_much(options: Options) -> None:
    with serving() as server:
        stream = server.stream()
        there = replace(options, endpoint_url=server.url)
        number = stream.put("a", "b")[0]
        server.a_day_passes()
        stream.put("c")
        days_ago = int(time.time() * 1000) - 26 * 3_600_000
        after = Position("AFTER_SEQUENCE_NUMBER", number, days_ago)
        with pytest.raises(DataLossError) as told:
            read(part(stream, after), there)
        assert f"Stream {stream.name}, shard shardId-000000000000, AFTER_SEQUENCE_NUMBER {number}" in str(
            told.value
        )
        assert "(51.0 hours), if anything did, is lost" in str(told.value)
        assert stops_of(there).get(1, part(stream).shard) is None
        gone_on = replace(there, fail_on_data_loss=False)
        assert read(part(stream, after), gone_on) == [b"c"]
        stop = stops_of(there).get(1, part(stream).shard)
        assert stop is not None and stop.lost is not None and "51.0 hours" in stop.lost


def test_a_record_that_the_stream_has_dropped_is_no_loss_where_all_up_to_its_retention_was_read(
    options: Options,
) -> None:
    with serving() as server:
        stream = server.stream()
        stream.client.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=48)
        number = stream.put("a")[0]
        server.a_day_passes()
        server.a_day_passes()
        stream.put("b")
        there = replace(options, endpoint_url=server.url)
        yesterday = int(time.time() * 1000) - 26 * 3_600_000
        after = Position("AFTER_SEQUENCE_NUMBER", number, yesterday)
        assert read(part(stream, after), there) == [b"b"]
        stop = stops_of(there).get(1, part(stream).shard)
        assert stop is not None and stop.lost is None


def test_what_is_still_there_is_not_lost_however_old_it_is(kinesis: Server, options: Options) -> None:
    stream = kinesis.stream()
    number = stream.put("a", "b")[0]
    days_ago = int(time.time() * 1000) - 26 * 3_600_000
    assert read(part(stream, Position("AFTER_SEQUENCE_NUMBER", number, days_ago)), options) == [b"b"]


def test_a_batch_that_cannot_be_read_again_whole_says_what_is_missing(options: Options) -> None:
    with serving() as server:
        stream = server.stream()
        there = replace(options, endpoint_url=server.url)
        stream.put("a", "b")
        assert read(part(stream), there) == [b"a", b"b"]
        server.a_day_passes()
        with pytest.raises(DataLossError, match=r"batch 1 read 2 records .* now finds 0: the others"):
            read(part(stream), there)
        assert read(part(stream), replace(there, fail_on_data_loss=False)) == []
