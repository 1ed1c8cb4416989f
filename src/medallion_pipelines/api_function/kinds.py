"""Kinds of values: how a caller writes one, how Athena is given it, and how it is shown.

What a number of JSON does not hold exactly everywhere (BIGINT, DECIMAL) is text, as protobuf's JSON has it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

_LONGEST = 1024  # of an execution parameter of Athena's, with its quotes
_WHOLE = re.compile(r"-?[0-9]{1,19}")
_DECIMAL = re.compile(r"(-?)([0-9]{1,38})(?:\.([0-9]{1,38}))?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
_LOCAL, _INSTANT = re.compile(_TIME), re.compile(_TIME + r"(?:Z|[+-][0-9]{2}:[0-9]{2})")
_ATHENAS = re.compile(r"([0-9-]+) ([0-9:]+(?:\.[0-9]+)?)( UTC)?")


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    `read` makes what a caller wrote into the text that Athena casts to `athena`, or raises ValueError;
    without it nothing is filtered by such values. `shown` makes Athena's text into a value of JSON.
    """

    athena: str
    graphql: str
    schema: Mapping[str, Any]
    shown: Callable[[str], Any]
    read: Callable[[str], str] | None = None


def kind(type_: str) -> Kind | None:
    """The kind of a column of this Spark type; None for what the APIs do not show."""
    if match := re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", type_):
        return _decimal(int(match[1]), int(match[2]))
    return _KINDS.get(type_)


def literal(text: str) -> str:
    """A text as Athena's execution parameters want it: they are read as SQL, so it is quoted.

    Raises ValueError for one that is too long for them.
    """
    quoted = "'" + text.replace("'", "''") + "'"
    if len(quoted) > _LONGEST:
        raise ValueError(f"at most {_LONGEST - 2} characters")
    return quoted


def _text(text: str) -> str:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise ValueError("a text of Unicode characters")
    return text


def _boolean(text: str) -> str:
    if text not in ("true", "false"):
        raise ValueError("true or false")
    return text


def _whole(bits: int) -> Callable[[str], str]:
    least, most = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def read(text: str) -> str:
        if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return str(int(text))

    return read


def _decimal(precision: int, scale: int) -> Kind:
    def read(text: str) -> str:
        match = _DECIMAL.fullmatch(text)
        whole = match[2].lstrip("0") if match else ""
        if not match or len(match[3] or "") > scale or len(whole) > precision - scale:
            raise ValueError(
                f"a number with at most {precision - scale} digits before the point and {scale} after it"
            )
        return text

    schema = {"type": "string", "format": "decimal", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"}
    return Kind(f"decimal({precision},{scale})", "String", schema, str, read)


def _date(text: str) -> str:
    try:
        if _DATE.fullmatch(text):
            return date.fromisoformat(text).isoformat()
    except ValueError:
        pass
    raise ValueError("a date such as 2013-01-31")


def _instant(text: str) -> str:
    try:
        if _INSTANT.fullmatch(text):
            return f"{_spelt(datetime.fromisoformat(text).astimezone(UTC))} UTC"
    except (OverflowError, ValueError):
        pass
    raise ValueError("a time with its zone, such as 2013-01-31T05:00:00Z")


def _local(text: str) -> str:
    try:
        if _LOCAL.fullmatch(text):
            return _spelt(datetime.fromisoformat(text))
    except ValueError:
        pass
    raise ValueError("a time without a zone, such as 2013-01-31T05:00:00")


def _spelt(time: datetime) -> str:
    return time.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def _shown_time(zone: str) -> Callable[[str], str]:
    def shown(text: str) -> str:
        match = _ATHENAS.fullmatch(text)
        if not match:
            raise ValueError("a time of Athena's is spelt otherwise")  # the log is not to have it
        return f"{match[1]}T{match[2]}{zone}"

    return shown


def _shown_float(text: str) -> float | None:
    found = float(text)
    return found if math.isfinite(found) else None  # JSON has no other


def _whole_kind(athena: str, bits: int) -> Kind:
    schema = {"type": "integer", "minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}
    return Kind(athena, "Int", schema, int, _whole(bits))


_KINDS = {
    "STRING": Kind("varchar", "String", {"type": "string"}, str, _text),
    "BOOLEAN": Kind("boolean", "Boolean", {"type": "boolean"}, lambda text: text == "true", _boolean),
    "TINYINT": _whole_kind("tinyint", 8),
    "SMALLINT": _whole_kind("smallint", 16),
    "INT": _whole_kind("integer", 32),
    "BIGINT": Kind("bigint", "String", {"type": "string", "format": "int64"}, str, _whole(64)),
    "FLOAT": Kind("real", "Float", {"type": "number"}, _shown_float),
    "DOUBLE": Kind("double", "Float", {"type": "number"}, _shown_float),
    "DATE": Kind("date", "AWSDate", {"type": "string", "format": "date"}, str, _date),
    "TIMESTAMP": Kind(
        "timestamp(6) with time zone",
        "AWSDateTime",
        {"type": "string", "format": "date-time"},
        _shown_time("Z"),
        _instant,
    ),
    "TIMESTAMP_NTZ": Kind("timestamp(6)", "String", {"type": "string"}, _shown_time(""), _local),
}
