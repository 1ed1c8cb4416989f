"""What an invocation brings: records of Kinesis, or files in S3, told of directly or through an SQS queue."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote_plus

from medallion_pipelines.aggregated import unpacked


@dataclass(frozen=True)
class Arrival:
    """A record, or a file of records (then `data` is None), and where it came from."""

    arrived: datetime
    origin: Mapping[str, str]
    data: bytes | None = None


@dataclass(frozen=True)
class Item:
    """What succeeds or fails together. Lambda knows it by `identifier`; None is the invocation itself."""

    identifier: str | None
    arrivals: tuple[Arrival, ...]


def items(event: Mapping[str, Any]) -> Iterator[Item]:
    """The items of an invocation. Raises ValueError for one that no service known here makes."""
    told = _files(event)
    if told is not None:
        yield Item(None, told)
        return
    for record in event.get("Records", [{}]):
        source = record.get("eventSource")
        if source == "aws:kinesis":
            yield Item(record["kinesis"]["sequenceNumber"], _kinesis(record))
        elif source == "aws:sqs":
            yield Item(record["messageId"], _message(record))
        else:
            raise ValueError(f"only Kinesis, S3 and SQS are known here, not {source or 'who made this'}")


def _kinesis(record: Mapping[str, Any]) -> tuple[Arrival, ...]:
    """The record, or those that its producer packed into it."""
    kinesis = record["kinesis"]
    shard, _, sequence = record["eventID"].partition(":")
    raw = {
        "PartitionKey": kinesis["partitionKey"],
        "Data": base64.b64decode(kinesis["data"]),
        "SequenceNumber": sequence,
        "ApproximateArrivalTimestamp": datetime.fromtimestamp(kinesis["approximateArrivalTimestamp"], UTC),
    }
    return tuple(
        Arrival(
            one.arrived_at,
            {"stream": record["eventSourceARN"], "shardId": shard, "sequenceNumber": one.sequence_number},
            one.data,
        )
        for one in unpacked(raw)
    )


def _message(record: Mapping[str, Any]) -> tuple[Arrival, ...]:
    """What a queue brings: a notification of S3's, else a record like any other."""
    body = record["body"]
    try:
        told = _files(json.loads(body))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):  # it is shaped otherwise
        told = None
    if told is not None:
        return told
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    origin = {"queue": record["eventSourceARN"], "messageId": record["messageId"]}
    return (Arrival(sent, origin, body.encode(errors="surrogatepass")),)


def _files(message: Any) -> tuple[Arrival, ...] | None:
    """The new files that a notification of S3's tells of; None where it is none."""
    if not isinstance(message, dict):
        return None
    if message.get("source") == "aws.s3" and "detail" in message:  # by way of EventBridge
        created = message["detail-type"] == "Object Created"
        return (_file(message["time"], message["detail"], quoted=False),) if created else ()
    if message.get("Event") == "s3:TestEvent":  # S3 tries a queue with it
        return ()
    told = message.get("Records")
    if not isinstance(told, list) or not all(each.get("eventSource") == "aws:s3" for each in told):
        return None
    return tuple(
        _file(each["eventTime"], each["s3"])
        for each in told
        if each["eventName"].startswith("ObjectCreated:")
    )


def _file(time: str, told: Mapping[str, Any], *, quoted: bool = True) -> Arrival:
    bucket, entry = told["bucket"]["name"], told["object"]
    origin = {"bucket": bucket, "key": unquote_plus(entry["key"]) if quoted else entry["key"]}
    version = entry.get("versionId") or entry.get("version-id")
    if version:
        origin["versionId"] = version
    return Arrival(datetime.fromisoformat(time), origin)
