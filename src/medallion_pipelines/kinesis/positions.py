"""Where reading stands: in a shard, and in all shards of a query."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

Kind = Literal["TRIM_HORIZON", "AT_TIMESTAMP", "AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER"]


@dataclass(frozen=True)
class Position:
    """A place between two records of a shard. All that arrived before `read_until` (ms) has been read."""

    kind: Kind
    value: str | None = None  # a sequence number, or a time in ISO 8601
    read_until: int | None = None

    def __str__(self) -> str:
        return self.kind if self.value is None else f"{self.kind} {self.value}"

    @property
    def sequence(self) -> str | None:
        """The last record that was read; None where none was."""
        return self.value if self.kind == "AFTER_SEQUENCE_NUMBER" else None


@dataclass(frozen=True)
class Stop:
    """Where the reading of a shard stopped in a batch. `ended`: the shard has no more records, ever.
    `caught_up`: it had no more at that moment, or none from before the moment that the batch reads up to."""

    position: Position
    ended: bool = False
    caught_up: bool = False
    records: int = 0
    bytes: int = 0
    millisBehindLatest: int | None = None  # noqa: N815 - as Kinesis calls it
    lost: str | None = None  # what the stream no longer has

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Stop:
        return Stop(**{**value, "position": Position(**value["position"])})


@dataclass(frozen=True)
class Offset:
    """What the driver names as the end of a batch: where the batch begins in each shard that it reads. Where
    it ends, its executors say (`Stop`), and the next offset holds it.

    Shards are `stream/shardId`. `waiting` are not read in this batch; `ended` are read whole, with the time
    up to which each was. `until` (ms): what arrived later is left to another run. `limit`: records per shard.
    `query`: of what begins anew the stops are others.
    """

    batch: int
    reading: Mapping[str, Position] = field(default_factory=dict)
    waiting: Mapping[str, Position] = field(default_factory=dict)
    ended: Mapping[str, int | None] = field(default_factory=dict)
    closed: tuple[str, ...] = ()  # of those it reads: they get no more records
    until: int | None = None
    limit: int | None = None
    lost: tuple[str, ...] = ()
    query: str = ""

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "closed": list(self.closed), "lost": list(self.lost)}

    @staticmethod
    def from_json(value: Mapping[str, Any]) -> Offset:
        places = {
            name: {key: Position(**one) for key, one in value[name].items()}
            for name in ("reading", "waiting")
        }
        return Offset(**{**value, **places, "closed": tuple(value["closed"]), "lost": tuple(value["lost"])})

    def after(self, stops: Mapping[str, Stop]) -> Offset:
        """What holds once its batch was read: all shards wait, or have ended."""
        waiting, ended = dict(self.waiting), dict(self.ended)
        for key, stop in stops.items():
            if stop.ended:
                ended[key] = stop.position.read_until
            else:
                waiting[key] = stop.position
        return replace(self, reading={}, waiting=waiting, ended=ended, closed=())


def milliseconds(moment: datetime) -> int:
    """Of a time since 1970."""
    return int(moment.timestamp() * 1000)


def spelt(moment_ms: int | None) -> str:
    """A time in ms for people."""
    if moment_ms is None:
        return "the beginning"
    return datetime.fromtimestamp(moment_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
