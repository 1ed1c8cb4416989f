"""The `logicalTypeOptions` of dates, timestamps and times of day."""

from __future__ import annotations

from datetime import time
from typing import TYPE_CHECKING

from medallion_pipelines import sql

from .formats import TIME, TIME_PATTERNS, is_date_pattern
from .literals import moment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Node
    from .places import Place

_OPERATORS = {"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
_SAID = {
    "minimum": "must not be before {}", "maximum": "must not be after {}",
    "exclusiveMinimum": "must be after {}", "exclusiveMaximum": "must be before {}",
}  # fmt: skip
_UTC = ("UTC", "Etc/UTC", "Z")


def date_format(node: Node) -> str | None:
    """The Java pattern of a date or timestamp in the source."""
    if node.text("logicalType") not in ("date", "timestamp"):
        return None
    return node.at("logicalTypeOptions").text("format")


def temporal_conditions(logical: str, options: Node, place: Place) -> Iterator[tuple[str, str, str]]:
    zone = options.at("defaultTimezone")
    if zone.value is not None and zone.value not in _UTC:
        zone.problem(
            f"`{zone.value}` is not honoured: a time without a zone is read as UTC",
            "Convert it: `transformLogic: to_utc_timestamp(<field>, '<zone>')`.",
        )
    if options.flag("timezone") and (place.type == "TIMESTAMP_NTZ" or logical == "time"):
        options.at("timezone").problem(
            f"a {place.type} holds no time zone",
            "Use `logicalType: timestamp` with `physicalType: TIMESTAMP`.",
        )
    x = place.operand
    format_ = options.text("format")
    if logical == "time":
        if format_ is not None and format_ not in TIME_PATTERNS:
            options.at("format").problem(
                f"the format `{format_}` is not supported for a time",
                f"One of {', '.join(TIME_PATTERNS)}; without it, seconds are optional.",
            )
        pattern = TIME_PATTERNS.get(format_ or "", TIME)
        yield "time", sql.rlike(x, pattern), f"must be a time of day such as {format_ or 'HH:mm:ss'}"
        x = _time_of_day(x)
    elif format_ is not None:
        if place.label != place.column:
            options.at("format").problem(
                "is honoured on columns only, not within objects and arrays",
                "Declare it a string, or compute a column with `transformLogic`.",
            )
        elif not is_date_pattern(format_):
            options.at("format").problem(
                f"`{format_}` is not a date pattern that Spark reads",
                "Write, say, `yyyy-MM-dd HH:mm:ss`; quote letters as in 'T'.",
            )
    for option, operator in _OPERATORS.items():
        text = options.text(option)
        if text is None:
            continue
        literal = _time_literal(text) if logical == "time" else moment(text, place.type)
        if literal is not None:
            yield option, f"{x} {operator} {literal}", _SAID[option].format(text)
        else:
            form = {"date": "2024-12-31", "time": "23:59:59"}.get(logical, "2024-12-31T23:59:59")
            options.at(option).problem(f"`{text}` is not a {logical}", f"Write it as {form}.")


def _time_of_day(text: str) -> str:
    """Makes HH:mm and HH:mm:ss.SSS comparable."""
    return f"try_cast(concat('1970-01-01 ', {text}, if(char_length({text}) = 5, ':00', '')) AS TIMESTAMP_NTZ)"


def _time_literal(text: str) -> str | None:
    try:
        return f"TIMESTAMP_NTZ'1970-01-01 {time.fromisoformat(text).isoformat()}'"
    except ValueError:
        return None
