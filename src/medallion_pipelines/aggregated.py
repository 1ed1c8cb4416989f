"""Records that the Kinesis Producer Library (KPL) packed into one.

Such a record is four magic bytes, a protobuf message `AggregatedRecord` and its MD5. The message has a table
of partition keys (field 1), one of explicit hash keys (2) and records (3); each of these the place of its
partition key (1), of its explicit hash key (2), and its data (3). What only looks like it is taken as it is.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST = 16


class Record(NamedTuple):
    """One record as its producer meant it. Of a packed one the sequence number is `NUMBER:PLACE`."""

    partition_key: str
    data: bytes
    sequence_number: str
    arrived_at: datetime


def unpacked(raw: dict[str, Any]) -> list[Record]:
    """The records in one that GetRecords gave."""
    key, data, number = raw["PartitionKey"], raw["Data"], raw["SequenceNumber"]
    arrived = raw["ApproximateArrivalTimestamp"]
    if data.startswith(MAGIC) and len(data) > len(MAGIC) + _DIGEST:
        message = data[len(MAGIC) : -_DIGEST]
        if hashlib.md5(message, usedforsecurity=False).digest() == data[-_DIGEST:]:
            with suppress(ValueError, IndexError):  # no message of this kind after all
                found = [
                    Record(one_key, one, f"{number}:{place}", arrived)
                    for place, (one_key, one) in enumerate(_user_records(message))
                ]
                if found:
                    return found
    return [Record(key, data, number, arrived)]


def _user_records(message: bytes) -> Iterator[tuple[str, bytes]]:
    fields = list(_fields(message))
    keys = [value.decode() for number, value in fields if number == 1 and isinstance(value, bytes)]
    for number, value in fields:
        if number == 3 and isinstance(value, bytes):
            parts = dict(_fields(value))
            place, data = parts.get(1), parts.get(3)
            if not isinstance(place, int) or not isinstance(data, bytes):
                raise ValueError("a record without key or data")
            yield keys[place], data


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message: (number, value)."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        if tag & 7 == 0:
            value, at = _varint(message, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            length, at = _varint(message, at)
            if at + length > len(message):
                raise ValueError("cut off")
            yield tag >> 3, message[at : at + length]
            at += length
        else:
            raise ValueError("a field that these messages do not have")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):  # of ten bytes at most
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if not byte & 0x80:
            return value, at
    raise ValueError("a number without an end")
