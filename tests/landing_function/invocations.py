"""Invocations as AWS makes them, of events that tests make."""

from __future__ import annotations

import base64
import itertools
import json
from typing import Any
from urllib.parse import quote_plus

ARRIVED = 1_767_225_600  # 2026-01-01T00:00:00Z
STREAM = "arn:aws:kinesis:eu-west-1:123456789012:stream/flights"
_sequence = itertools.count(1)


def event(number: int = 1, **changed: Any) -> dict[str, Any]:
    """An event that is valid, unless it was changed; an attribute that is None is left out."""
    made = {
        "specversion": "1.0",
        "id": f"f-{number}",
        "source": "/airports/JFK",
        "type": "com.example.flight.departed",
        "dataschema": "https://example.com/schemas/flight_events/1.2.0",
        "time": "2026-01-01T00:00:00Z",
        "data": {"flight": number, "delay": 1.10},
        **changed,
    }
    return {name: value for name, value in made.items() if value is not None}


def text(number: int = 1, **changed: Any) -> bytes:
    return json.dumps(event(number, **changed)).encode()


def kinesis(*records: bytes, arrived: float = ARRIVED) -> dict[str, Any]:
    return {"Records": [_kinesis(record, arrived) for record in records]}


def _kinesis(record: bytes, arrived: float) -> dict[str, Any]:
    number = str(next(_sequence))
    return {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "1",
            "sequenceNumber": number,
            "data": base64.b64encode(record).decode(),
            "approximateArrivalTimestamp": arrived,
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": f"shardId-000000000006:{number}",
        "eventName": "aws:kinesis:record",
        "awsRegion": "eu-west-1",
        "eventSourceARN": STREAM,
    }


def told_by_s3(bucket: str, *keys: str, name: str = "ObjectCreated:Put") -> dict[str, Any]:
    return {
        "Records": [
            {
                "eventVersion": "2.1",
                "eventSource": "aws:s3",
                "eventTime": "2026-01-01T00:00:00.000Z",
                "eventName": name,
                "s3": {"bucket": {"name": bucket}, "object": {"key": quote_plus(key, safe="/"), "size": 1}},
            }
            for key in keys
        ]
    }


def told_by_eventbridge(bucket: str, key: str) -> dict[str, Any]:
    return {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "time": "2026-01-01T00:00:00Z",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}},
    }


def queued(*bodies: Any) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"message-{place}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"SentTimestamp": str(ARRIVED * 1000)},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:drops",
            }
            for place, body in enumerate(bodies)
        ]
    }
