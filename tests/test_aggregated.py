"""Records that the Kinesis Producer Library packed come out one by one; anything else stays as it is."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from medallion_pipelines.aggregated import MAGIC, unpacked
from tests.kinesis.local import packed

NOW = datetime(2026, 1, 31, tzinfo=UTC)


def raw(data: bytes) -> dict[str, Any]:
    return {"PartitionKey": "outer", "Data": data, "SequenceNumber": "49", "ApproximateArrivalTimestamp": NOW}


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=20), st.binary(max_size=300)), min_size=1, max_size=20)
)
def test_packed_records_come_out_with_their_own_keys_and_places(records: list[tuple[str, bytes]]) -> None:
    assert [tuple(one) for one in unpacked(raw(packed(records)))] == [
        (key, data, f"49:{place}", NOW) for place, (key, data) in enumerate(records)
    ]


@given(st.binary(max_size=200))
def test_a_record_that_is_not_packed_stays_as_it_is(data: bytes) -> None:
    for one in (data, MAGIC + data):
        assert [tuple(found) for found in unpacked(raw(one))] == [("outer", one, "49", NOW)]


@pytest.mark.parametrize("place", range(4, 60, 5))
def test_a_damaged_package_stays_whole(place: int) -> None:
    sound = packed([("a", b"x" * 20), ("b", b"y" * 20)])
    damaged = sound[:place] + bytes([sound[place] ^ 0xFF]) + sound[place + 1 :]
    assert [one.data for one in unpacked(raw(damaged))] == [damaged]


def test_a_package_with_what_these_messages_do_not_have_stays_whole() -> None:
    import hashlib

    for message in (
        b"\x1a\x04\x08\x05\x1a\x00",
        b"\x0d\x00\x00\x00\x00",
        b"\x1a\x7f",
        b"\x80",
        b"\x0a\x01k" * 9,
        b"\xff" * 1_000_000,  # a number without an end, which would take minutes
    ):
        whole = MAGIC + message + hashlib.md5(message).digest()
        assert [one.data for one in unpacked(raw(whole))] == [whole]
