"""What makes an event valid (a CloudEvents 1.0 envelope, a type that a contract lists), and where it goes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from medallion_pipelines.aggregated import MAGIC

Routes = Mapping[str, Mapping[str, Any]]  # by type: table, folder, version, as the contracts have it

AHEAD = timedelta(minutes=5)  # clocks differ so much; what is further ahead is wrong
_VERSION = re.compile(r"(\d{1,9})\.(\d{1,9})(?:\.\d+)?\Z")
_ENVELOPE = ("specversion", "id", "source", "type", "dataschema")


@dataclass(frozen=True)
class Landed:
    """Where a valid event goes, below the landing zone: the same id always to the same place."""

    table: str
    key: str


class RefusedError(Exception):
    """A record that is no valid event. `code` names the reason, the message tells it."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        super().__init__(message)


def route(record: bytes, arrived: datetime, routes: Routes) -> Landed:
    """Where the event goes that a record holds. Raises RefusedError.

    What is said depends on the record, its time of arrival and the contracts, and on no clock: who asks
    again is told the same.
    """
    event = _object(record)
    for name in _ENVELOPE:
        value = event.get(name)
        if not isinstance(value, str) or not value.strip():
            raise RefusedError("not_an_event", f"the attribute `{name}` is missing or no text")
    if event["specversion"] != "1.0":
        raise RefusedError("not_an_event", f"specversion is {_short(event['specversion'])}, and not 1.0")
    if not isinstance(event.get("data"), dict):
        raise RefusedError("not_an_event", "`data` is missing or no object")
    if event["type"] not in routes:
        raise RefusedError("unknown_type", f"no contract takes events of type {_short(event['type'])}")
    goal = routes[event["type"]]
    _check_version(event["dataschema"], goal)
    if event.get("time") is not None:  # to CloudEvents null is missing
        _check_time(event["time"], arrived)
    identity = json.dumps([event["source"], event["id"]])  # CloudEvents: together they are unique
    return Landed(goal["table"], f"{goal['folder']}/{hashlib.sha256(identity.encode()).hexdigest()}.json")


def _object(record: bytes) -> dict[str, Any]:
    if not record.strip():
        raise RefusedError("empty", "the record is empty")
    if record.startswith(MAGIC):
        raise RefusedError("aggregated", "a package of records (KPL) that cannot be taken apart")
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        raise RefusedError("not_utf8", f"byte {error.start} is not UTF-8") from None
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_number, parse_float=_number)
    except json.JSONDecodeError as error:
        raise RefusedError("not_json", f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise RefusedError("not_json", "it is nested too deep") from None
    if not isinstance(value, dict):
        raise RefusedError("not_an_event", "it is JSON, but no object")
    return value


def _number(_digits: str) -> int:
    """Numbers are not looked at, however long."""
    return 0


def _refuse_constant(name: str) -> NoReturn:
    raise RefusedError("not_json", f"{name} is no JSON number")


def _check_version(schema: str, goal: Mapping[str, Any]) -> None:
    """An older minor version fits: columns have been added since. A newer one nobody here has seen."""
    found = _VERSION.search(schema)
    if found is None:
        raise RefusedError("unknown_version", f"dataschema {_short(schema)} does not end in a version")
    major, minor = goal["version"]
    if int(found[1]) != major or int(found[2]) > minor:
        known = f"{major}.0 to {major}.{minor}"
        raise RefusedError("unknown_version", f"version {found[0]} is not one of {goal['table']}: {known}")


def _check_time(time: object, arrived: datetime) -> None:
    try:
        at = datetime.fromisoformat(str(time))
    except ValueError:
        raise RefusedError("not_an_event", f"time {_short(str(time))} is no timestamp") from None
    at = at.replace(tzinfo=at.tzinfo or UTC)
    if at - arrived > AHEAD:
        raise RefusedError("from_the_future", f"time {time} is after its arrival at {arrived.isoformat()}")


def _short(text: str) -> str:
    return repr(text[:100])
