"""Reading one shard, within what Kinesis allows, up to where the batch stops or had stopped before."""

from __future__ import annotations

import random
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Any

from medallion_pipelines.aggregated import Record, unpacked
from medallion_pipelines.errors import SourceError
from medallion_pipelines.kinesis.client import ExpiredError, ThrottledError, told
from medallion_pipelines.kinesis.options import Options
from medallion_pipelines.kinesis.positions import Position, Stop, milliseconds, spelt
from medallion_pipelines.kinesis.shards import SHORTEST_RETENTION, kept_since, refuse
from medallion_pipelines.kinesis.stops import Stops

PERIOD = 0.2  # seconds between reads of a shard: five reads a second are allowed
LONGEST_WAIT = 5.0  # seconds between attempts while Kinesis throttles
GLANCES = 5  # calls after which a shard that has given no record yet is read
PATIENCE = 300.0  # seconds without a record after which a replay gives up


@dataclass(frozen=True)
class Part:
    """What one task reads: a shard, from where on, in which batch, at most up to what."""

    shard: str  # stream/shardId
    batch: int
    start: Position
    closed: bool = False  # it gets no more records: read it to its end
    until: int | None = None  # leave what arrived after this time (ms)
    limit: int | None = None  # records

    def at(self, position: Position) -> str:
        stream, shard_id = self.shard.split("/")
        return f"Stream {stream}, shard {shard_id}, {position}"


@dataclass(frozen=True)
class Page:
    """What one call gave. `behind` is None where Kinesis gave nothing because it throttled."""

    records: list[dict[str, Any]]
    behind: int | None
    ended: bool
    full: bool  # as many as were asked for: there may be more


def read(part: Part, client: Any, options: Options, stops: Stops) -> Iterator[list[Record]]:
    """The records of a part, in the shard's order.

    Where the batch stopped in this shard before, it stops again. Raises DataLossError where records are gone,
    SourceError, which names the shard and the place in it, where it cannot be read.
    """
    stop = stops.get(part.batch, part.shard)
    if stop is not None:
        yield from _again(part, client, options, stop)
        return
    own = yield from _onward(part, client, options)
    stop = stops.put(part.batch, part.shard, own)
    if _place(own.position) > _place(stop.position):
        raise SourceError(
            f"{part.at(own.position)}: another attempt of this task had ended its batch at {stop.position} "
            "meanwhile. The task has to be tried again: it then reads just that."
        )
    yield from _up_to(part, client, options, own.position, stop.position)


def _onward(part: Part, client: Any, options: Options) -> Generator[list[Record], None, Stop]:
    """What there is, within the part's limits; says where that stopped."""
    begun = time.monotonic()
    position, count, size, behind = part.start, 0, 0, None
    ended = caught_up = False
    lost, suspect = None, _suspect(part.start)
    for page in _pages(part, client, options, part.start):
        raws = page.records
        there = bool(raws) and raws[0]["SequenceNumber"] == part.start.sequence  # what was read last
        if suspect and (raws or page.behind == 0):
            lost, suspect = None if there else _lost(part, client, raws), False
            if lost and options.fail_on_data_loss:
                refuse([lost])
        if there:
            raws = raws[1:]
        rows, taken, late = [], 0, False
        for raw in raws:
            if part.until is not None and milliseconds(raw["ApproximateArrivalTimestamp"]) > part.until:
                late = True
                break
            records = unpacked(raw)
            rows += records
            size += sum(len(record.data) for record in records)
            taken += 1
            if part.limit is not None and count + len(rows) >= part.limit:
                break
        if rows:
            yield rows
            count += len(rows)
        whole = taken == len(raws)
        behind = page.behind if page.behind is not None else behind
        ended = page.ended and whole
        # of a closed shard the last record tells when it was: its children begin there
        known = page.behind if whole and not (part.closed or ended) else None
        position = _moved(position, raws[:taken], known)
        tip = page.behind == 0 and whole and not page.full and not part.closed
        caught_up = late or ended or tip
        # a gap, which Kinesis crosses in many calls, is crossed: the next batch would begin before it again
        crossing = not count and behind is not None
        over = not crossing and time.monotonic() - begun >= options.max_fetch_duration
        if caught_up or not whole or over or (part.limit is not None and count >= part.limit):
            break
    return Stop(position, ended, caught_up, count, size, behind, lost)


def _again(part: Part, client: Any, options: Options, stop: Stop) -> Iterator[list[Record]]:
    """All that the batch has read in this shard."""
    count = 0
    for rows in _up_to(part, client, options, part.start, stop.position):
        yield rows
        count += len(rows)
    if count != stop.records and options.fail_on_data_loss:
        refuse(
            [
                f"{part.at(part.start)}: batch {part.batch} read {stop.records} records up to "
                f"{stop.position}, and now finds {count}: the others have left the stream's retention."
            ]
        )


def _up_to(
    part: Part, client: Any, options: Options, position: Position, target: Position
) -> Iterator[list[Record]]:
    """What the shard has after a position and up to another."""
    begin, end = _place(position), _place(target)
    progressed = time.monotonic()
    for page in _pages(part, client, options, position) if begin < end else ():
        raws = [raw for raw in page.records if begin < int(raw["SequenceNumber"]) <= end]
        if raws:
            progressed = time.monotonic()
            yield [record for raw in raws for record in unpacked(raw)]
        if page.records and int(page.records[-1]["SequenceNumber"]) >= end:
            return
        if page.behind == 0 and not page.records:
            return
        if time.monotonic() - progressed > PATIENCE:
            raise SourceError(f"{part.at(position)}: nothing came for {PATIENCE:.0f} s, up to {target}.")


def has_news(part: Part, client: Any, options: Options) -> bool:
    """Whether a batch should read the shard: one that would find nothing is no batch, save now and then, lest
    nobody knew how long nothing has come."""
    since = part.start.read_until
    if part.closed or since is None or since < time.time() * 1000 - SHORTEST_RETENTION / 4:
        return True
    # of an idle shard, too, Kinesis may say at first that there is more
    for page in islice(_pages(replace(part, limit=1), client, options, part.start), GLANCES):
        if page.records or page.behind == 0:
            return bool(page.records)
    return True


def _place(position: Position) -> int:
    """Positions of one batch and shard in their order: what was read last, 0 for nothing."""
    return int(position.sequence or 0)


def _moved(position: Position, raws: list[dict[str, Any]], behind: int | None) -> Position:
    """The position after some records; by how far that is behind also up to when all was read."""
    until = position.read_until
    if behind is not None:
        until = int(time.time() * 1000) - behind
    elif raws:
        until = milliseconds(raws[-1]["ApproximateArrivalTimestamp"])
    if raws:
        return Position("AFTER_SEQUENCE_NUMBER", raws[-1]["SequenceNumber"], until)
    return Position(position.kind, position.value, until)


def _pages(part: Part, client: Any, options: Options, position: Position) -> Iterator[Page]:
    """What GetRecords gives from a position on, until the shard ends."""
    size = min(options.max_records_per_fetch, part.limit or options.max_records_per_fetch)
    iterator, due, wait = "", 0.0, PERIOD
    while True:
        time.sleep(max(0.0, due - time.monotonic()))
        due = time.monotonic() + PERIOD
        try:
            with told(part.at(position)):
                iterator = iterator or _opened(part, client, position)
                answer = client.get_records(ShardIterator=iterator, Limit=size)
        except ExpiredError:
            iterator = ""
            continue
        except ThrottledError:
            wait = min(2 * wait, LONGEST_WAIT)
            due = time.monotonic() + wait * random.uniform(0.5, 1)  # noqa: S311 - not all at once
            yield Page([], None, ended=False, full=False)
            continue
        wait, records = PERIOD, answer["Records"]
        if records:
            position = Position("AFTER_SEQUENCE_NUMBER", records[-1]["SequenceNumber"])
        iterator = answer.get("NextShardIterator") or ""
        read = sum(len(record["Data"]) for record in records)
        due = max(due, due - PERIOD + read / (options.max_fetch_rate * 1e6))
        yield Page(records, answer["MillisBehindLatest"], not iterator, len(records) >= size)
        if not iterator:
            return


def _opened(part: Part, client: Any, position: Position) -> str:
    stream, shard_id = part.shard.split("/")
    asked: dict[str, Any] = {"StreamName": stream, "ShardId": shard_id, "ShardIteratorType": position.kind}
    if position.kind == "AT_TIMESTAMP":
        asked["Timestamp"] = datetime.fromisoformat(str(position.value))
    elif position.value is not None:
        asked["StartingSequenceNumber"] = position.value
        if position == part.start and _suspect(position):  # is it there still?
            asked["ShardIteratorType"] = "AT_SEQUENCE_NUMBER"
    iterator: str = client.get_shard_iterator(**asked)["ShardIterator"]
    return iterator


def _suspect(start: Position) -> bool:
    """Whether what was read last may have left the stream, and what came after it, too."""
    if start.sequence is None or start.read_until is None:
        return False
    return start.read_until < time.time() * 1000 - SHORTEST_RETENTION


def _lost(part: Part, client: Any, raws: list[dict[str, Any]]) -> str | None:
    """What is gone between a suspect start and the first records that there are; None where the stream keeps
    for longer what arrived since."""
    since, now = part.start.read_until, int(time.time() * 1000)
    assert since is not None  # or it were not suspect
    if since >= kept_since(client, part.shard.split("/")[0], now):
        return None
    upto = milliseconds(raws[0]["ApproximateArrivalTimestamp"]) if raws else now
    hours = (upto - since) / 3_600_000
    return (
        f"{part.at(part.start)}: this record has left the stream's retention. What arrived between "
        f"{spelt(since)} and {spelt(upto)} ({hours:.1f} hours), if anything did, is lost."
    )
