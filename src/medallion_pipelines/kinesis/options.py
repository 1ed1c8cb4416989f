"""The options of the source, named as those of Databricks' built-in `kinesis` source."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import Any, Literal

from medallion_pipelines.errors import SourceError

Start = Literal["trim_horizon", "latest", "at_timestamp", "after_sequence_number"]

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LETTERS = {
    "yyyy": "%Y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "SSS": "%f",
    "Z": "%z", "ZZZ": "%z", "XXX": "%z",
}  # fmt: skip
_SECRETS = ("awsaccesskey", "awssecretkey", "awssessiontoken")


@dataclass(frozen=True)
class InitialPosition:
    """Where a new query starts: `at` is a time, `after` sequence numbers by shard, for those that need it."""

    start: Start = "latest"
    at: datetime | None = None
    after: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Options:
    """How to read some streams. Rates and limits are per shard; None is no limit."""

    streams: tuple[str, ...]
    metadata_path: str
    region: str | None = None
    endpoint_url: str | None = None
    initial_position: InitialPosition = InitialPosition()
    max_records_per_batch: int | None = None  # over all shards
    max_records_per_fetch: int = 10_000
    max_fetch_rate: float = 2.0  # MB/s: what Kinesis gives to all readers of a shard
    max_fetch_duration: float = 10.0  # seconds of one batch
    fail_on_data_loss: bool = True


def read_options(given: Mapping[str, str]) -> Options:
    """The options as Spark has them, names in any case. Raises SourceError that names the one at fault."""
    named = {name.casefold(): (name, value) for name, value in given.items()}
    for folded, (name, value) in named.items():
        check_option(name, value)
        assert folded in _READERS
    for needed in ("streamName", "metadataPath"):
        if needed.casefold() not in named:
            raise SourceError(f"The kinesis source needs the option `{needed}`: {_NEEDED[needed]}")
    return Options(**{_FIELDS[folded]: _READERS[folded][1](value) for folded, (_, value) in named.items()})


def check_option(name: str, value: str) -> None:
    """Raises SourceError where there is no such option, or it cannot have this value."""
    if name.casefold() in _SECRETS:  # the value is not named
        raise SourceError(
            f"The option `{name}` is not supported: it would be in plans and logs. Give credentials to the "
            "machines, as AWS's own tools take them (a role, a profile, the environment)."
        )
    known = _READERS.get(name.casefold())
    if known is None:
        near = get_close_matches(name, [proper for proper, _ in _READERS.values()], 1)
        hint = f"Did you mean `{near[0]}`?" if near else f"There are {', '.join(option_names())}."
        raise SourceError(f"The kinesis source has no option `{name}`. {hint}")
    try:
        known[1](value)
    except (ValueError, TypeError, AttributeError) as error:
        raise SourceError(
            f"The option `{known[0]}` of the kinesis source cannot be {value!r}: {error}."
        ) from None


def option_names() -> list[str]:
    """The names there are, as they are spelt."""
    return [name for name, _ in _READERS.values()]


def _streams(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",")))
    wrong = [name for name in names if not re.fullmatch(r"[A-Za-z0-9_.-]{1,128}", name)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is no name of a stream; several are separated by commas")
    return names


def _folder(text: str) -> str:
    if not re.match(r"(/|file:/|s3a?://[^/]+/.)", text):
        raise ValueError("it must be an absolute path that all machines share, or s3://BUCKET/PREFIX")
    return text


def _positive(text: str) -> int:
    if int(text) < 1:
        raise ValueError("it must be at least 1")
    return int(text)


def _fetch(text: str) -> int:
    if not 1 <= int(text) <= 10_000:
        raise ValueError("it must be from 1 to 10000")
    return int(text)


def _rate(text: str) -> float:
    if not 0 < float(text) <= 2:
        raise ValueError("it must be more than 0 and at most 2 MB/s, Kinesis' limit")
    return float(text)


def _duration(text: str) -> float:
    found = re.fullmatch(r"\s*(\d+)\s*(ms|s|m|h)\s*", text)
    if found is None:
        raise ValueError("it must be a duration such as 500ms, 10s or 2m")
    return int(found[1]) * _UNITS[found[2]]


def _flag(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it must be true or false")
    return text.lower() == "true"


def _position(text: str) -> InitialPosition:
    word = text.strip().lower()
    if word in ("trim_horizon", "earliest"):
        return InitialPosition("trim_horizon")
    if word == "latest":
        return InitialPosition("latest")
    try:
        given: Any = json.loads(text)
    except ValueError:
        given = None
    if (
        isinstance(given, dict)
        and given.keys() >= {"at_timestamp"}
        and given.keys() <= {"at_timestamp", "format"}
    ):
        return InitialPosition("at_timestamp", at=_time(given["at_timestamp"], given.get("format")))
    if isinstance(given, dict) and given.keys() == {"after_sequence_number"}:
        after = given["after_sequence_number"]
        if isinstance(after, dict) and all(
            re.fullmatch(r"[\w.-]+/shardId-\d+", shard) and isinstance(number, str) and number.isdigit()
            for shard, number in after.items()
        ):
            return InitialPosition("after_sequence_number", after=after)
    raise ValueError(
        'it must be trim_horizon, latest, {"at_timestamp": "2026-01-31T12:00:00Z"} (another spelling with '
        '"format") or {"after_sequence_number": {"STREAM/SHARD": "NUMBER"}}'
    )


def _time(text: str, pattern: str | None) -> datetime:
    """A time; without a zone it is UTC. `pattern` is Java's."""
    if pattern is None:
        found = datetime.fromisoformat(text)
    else:
        pieces = re.findall(r"([A-Za-z])(\1*)|([^A-Za-z]+)", pattern)
        parts = [
            _LETTERS.get(letter + more) if letter else other.replace("%", "%%")
            for letter, more, other in pieces
        ]
        if None in parts:
            raise ValueError(f"the format may hold {', '.join(_LETTERS)}")
        found = datetime.strptime(text, "".join(map(str, parts)))
    return found if found.tzinfo else found.replace(tzinfo=UTC)


_NEEDED = {
    "streamName": "the stream, or several, separated by commas.",
    "metadataPath": "a folder that driver and executors share, such as CHECKPOINT/shards; it is the query's "
    "own, and is kept and removed together with its checkpoint.",
}
_BY_NAME: dict[str, Callable[[str], Any]] = {
    "streamName": _streams,
    "metadataPath": _folder,
    "region": str,
    "endpointUrl": str,
    "initialPosition": _position,
    "maxRecordsPerBatch": _positive,
    "maxRecordsPerFetch": _fetch,
    "maxFetchRate": _rate,
    "maxFetchDuration": _duration,
    "failOnDataLoss": _flag,
}
_READERS = {name.casefold(): (name, reader) for name, reader in _BY_NAME.items()}
_FIELDS = {
    folded: "streams" if name == "streamName" else re.sub(r"(?=[A-Z])", "_", name).lower()
    for folded, (name, _) in _READERS.items()
}
