"""The shards of a stream, which come from each other, and which of them a batch may read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from medallion_pipelines.errors import DataLossError
from medallion_pipelines.kinesis.client import told
from medallion_pipelines.kinesis.options import InitialPosition
from medallion_pipelines.kinesis.positions import Offset, Position, milliseconds, spelt

SHORTEST_RETENTION = 24 * 3600 * 1000  # ms: no stream keeps records for less


@dataclass(frozen=True)
class Shard:
    """A shard of a stream, as listed. `parents`: the one that was split, or the two that were merged."""

    stream: str
    shard_id: str
    parents: tuple[str, ...] = ()  # keys
    closed: bool = False

    @property
    def key(self) -> str:
        return f"{self.stream}/{self.shard_id}"


Listing = Mapping[str, Shard]


def list_shards(client: Any, streams: Iterable[str]) -> dict[str, Shard]:
    """All shards of some streams that still hold records, or may get some, by key."""
    found: dict[str, Shard] = {}
    for stream in streams:
        asked: dict[str, Any] = {"StreamName": stream}
        while asked:
            with told(f"Stream {stream}"):
                answer = client.list_shards(**asked)
            for one in answer["Shards"]:
                parents = (one.get("ParentShardId"), one.get("AdjacentParentShardId"))
                shard = Shard(
                    stream,
                    one["ShardId"],
                    tuple(f"{stream}/{parent}" for parent in parents if parent),
                    "EndingSequenceNumber" in one["SequenceNumberRange"],
                )
                found[shard.key] = shard
            token = answer.get("NextToken")
            asked = {"NextToken": token} if token else {}
    return found


def starting(listing: Listing, initial: InitialPosition, now: datetime) -> Offset:
    """Where a new query starts in each shard that there is."""
    if initial.start == "trim_horizon":
        return Offset(0, waiting={key: Position("TRIM_HORIZON") for key in listing})
    if initial.start == "after_sequence_number":
        return _after(listing, dict(initial.after or {}))
    # `latest` becomes a time, or what arrives before the first batch were lost
    at = now if initial.start == "latest" else initial.at
    assert at is not None
    position = Position("AT_TIMESTAMP", at.astimezone(UTC).isoformat(timespec="milliseconds"))
    gone = {key for key, shard in listing.items() if shard.closed and initial.start == "latest"}
    return Offset(
        0,
        waiting={key: position for key in listing if key not in gone},
        ended=dict.fromkeys(sorted(gone)),
    )


def _after(listing: Listing, after: Mapping[str, str]) -> Offset:
    """From a sequence number on in the shards that have one; what these came from has been read, all others
    have not. Shards that are no more have nothing to give."""
    read: set[str] = set()
    todo = [parent for key in after if key in listing for parent in listing[key].parents]
    while todo:
        key = todo.pop()
        if key in listing and key not in read and key not in after:
            read.add(key)
            todo += listing[key].parents
    return Offset(
        0,
        waiting={
            key: Position("AFTER_SEQUENCE_NUMBER", after[key]) if key in after else Position("TRIM_HORIZON")
            for key in listing
            if key not in read
        },
        ended=dict.fromkeys(sorted(read)),
    )


def discovered(offset: Offset, listing: Listing) -> Offset:
    """With the shards that are new, without those that are gone. Streams that are not read now stay as they
    are: when they are named again they are gone on with."""
    waiting = {key: at for key, at in offset.waiting.items() if key in listing or not _is_read(key, listing)}
    for key in listing:
        if key not in waiting and key not in offset.ended:
            waiting[key] = Position("TRIM_HORIZON")
    ended = {key: up for key, up in offset.ended.items() if key in listing or not _is_read(key, listing)}
    return replace(offset, waiting=waiting, ended=ended)


def readable(offset: Offset, listing: Listing) -> dict[str, Position]:
    """The shards that a batch may read: those whose parents have ended, each where it waits.

    A child begins where its parents ended, so all before that time counts as read.
    """
    found: dict[str, Position] = {}
    for key, position in offset.waiting.items():
        if key not in listing:
            continue
        parents = listing[key].parents
        if any(parent in offset.waiting for parent in parents):
            continue
        if position.kind == "TRIM_HORIZON" and position.read_until is None:
            known = [until for parent in parents if (until := offset.ended.get(parent)) is not None]
            position = replace(position, read_until=min(known, default=None))
        found[key] = position
    return found


def gone(offset: Offset, listing: Listing) -> dict[str, str]:
    """Shards that were not read to their end and that the stream has no more, and what is lost with each."""
    return {
        key: f"Shard {key} is gone: what was in it after {position} (read until "
        f"{spelt(position.read_until)}) is lost."
        for key, position in offset.waiting.items()
        if key not in listing and _is_read(key, listing)
    }


def _is_read(key: str, listing: Listing) -> bool:
    """Whether a shard is of a stream that was listed."""
    return any(shard.stream == key.split("/")[0] for shard in listing.values())


def outdated(client: Any, found: Mapping[str, Position], now: datetime) -> dict[str, str]:
    """Shards that nothing was read of yet, though their first records may have left the stream."""
    lost: dict[str, str] = {}
    moment = milliseconds(now)
    for key, position in found.items():
        since = position.read_until
        if position.kind != "TRIM_HORIZON" or since is None or since >= moment - SHORTEST_RETENTION:
            continue
        horizon = kept_since(client, key.split("/")[0], moment)
        if since < horizon:
            lost[key] = (
                f"Shard {key} has not been read yet: what arrived in it between {spelt(since)} and "
                f"{spelt(horizon)} ({(horizon - since) / 3_600_000:.1f} hours) is lost."
            )
    return lost


def kept_since(client: Any, stream: str, moment: int) -> int:
    """From when on (ms) a stream has, at a moment, all that arrived in it."""
    hours: int = _summary(client, stream)["RetentionPeriodHours"]
    return moment - hours * 3_600_000


def made_at(client: Any, stream: str) -> datetime:
    """When a stream was made: one that was deleted and made anew knows no older sequence numbers."""
    made: datetime = _summary(client, stream)["StreamCreationTimestamp"]
    return made


def _summary(client: Any, stream: str) -> Mapping[str, Any]:
    with told(f"Stream {stream}"):
        found: Mapping[str, Any] = client.describe_stream_summary(StreamName=stream)
        summary: Mapping[str, Any] = found["StreamDescriptionSummary"]
    return summary


def refuse(lost: Sequence[str]) -> None:
    """Raises DataLossError that says what is lost."""
    raise DataLossError(
        " ".join(lost)
        + " Nothing of this batch was taken. To go on with what the stream still has, set failOnDataLoss to "
        "false for one run."
    )
