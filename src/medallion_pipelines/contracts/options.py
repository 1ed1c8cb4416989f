"""ODCS `logicalTypeOptions` as row rules."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING

from medallion_pipelines import sql

from .formats import INTEGER_RANGES, STRING_PATTERNS
from .model import Rule
from .names import suggestion
from .patterns import check_pattern
from .spark_types import varchar_length
from .temporal import temporal_conditions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Node
    from .places import Place
    from .rules import Rulebook

_COMPARISONS = {
    "minimum": (">=", "must be at least {}"),
    "maximum": ("<=", "must be at most {}"),
    "exclusiveMinimum": (">", "must be more than {}"),
    "exclusiveMaximum": ("<", "must be less than {}"),
}
_ORDERED = (
    ("minimum", "maximum"),
    ("exclusiveMinimum", "exclusiveMaximum"),
    ("minLength", "maxLength"),
    ("minItems", "maxItems"),
    ("minProperties", "maxProperties"),
)
OPTIONS = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "integer": (*_COMPARISONS, "multipleOf", "format"),
    "number": (*_COMPARISONS, "multipleOf", "format"),
    "boolean": (),
    "date": (*_COMPARISONS, "format"),
    "timestamp": (*_COMPARISONS, "format", "timezone", "defaultTimezone"),
    "time": (*_COMPARISONS, "format", "timezone", "defaultTimezone"),
    "object": ("minProperties", "maxProperties", "required"),
    "array": ("minItems", "maxItems", "uniqueItems"),
}


def add_option_rules(place: Place, book: Rulebook) -> None:
    """Adds the rules of a property's `logicalTypeOptions` to `book`."""
    logical = place.node.text("logicalType")
    if logical not in OPTIONS:
        return
    options = place.node.at("logicalTypeOptions")
    for key in options.keys:
        if key not in OPTIONS[logical]:
            options.at(key).problem(
                f"`{key}` is not an option of `logicalType: {logical}`",
                suggestion(key, OPTIONS[logical]) or "It takes none.",
            )
    _check_order(options)
    for option, condition, said in _conditions(logical, options, place):
        add_rule(book, place, option, condition, said)


def add_rule(book: Rulebook, place: Place, option: str, condition: str, said: str) -> None:
    """Adds a rule on `place`, named after the option that asks for it."""
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", option).lower()
    message = said if place.label == place.column else f"`{place.label}` {said}"
    book.rules.append(
        Rule(book.name_made(f"{place.label}_{snake}"), place.wrap(condition), message, place.column)
    )


def _conditions(logical: str, options: Node, place: Place) -> Iterator[tuple[str, str, str]]:
    match logical:
        case "string":
            yield from _string(options, place)
        case "integer" | "number":
            yield from _number(logical, options, place)
        case "date" | "timestamp" | "time":
            yield from temporal_conditions(logical, options, place)
        case "object":
            yield from _object(options, place)
        case "array":
            yield from _array(options, place)


def _string(options: Node, place: Place) -> Iterator[tuple[str, str, str]]:
    x = place.operand
    if (least := _count(options, "minLength")) is not None:
        yield "minLength", f"char_length({x}) >= {least}", f"must be at least {least} characters long"
    lengths = [
        length for length in (_count(options, "maxLength"), varchar_length(place.node)) if length is not None
    ]
    if lengths:
        yield (
            "maxLength",
            f"char_length({x}) <= {min(lengths)}",
            f"must be at most {min(lengths)} characters long",
        )
    pattern = options.text("pattern")
    if pattern is not None and check_pattern(pattern, options.at("pattern")):
        yield "pattern", sql.rlike(x, pattern), f"must match {pattern}"
    format_ = options.text("format")
    if format_ in STRING_PATTERNS:
        yield "format", sql.rlike(x, STRING_PATTERNS[format_]), f"must be a valid {format_}"
    elif format_ is not None and format_ != "password":
        options.at("format").problem(
            f"the format `{format_}` is not checked here",
            f"{suggestion(format_, [*STRING_PATTERNS, 'password'])} Or use `pattern`.",
        )


def _number(logical: str, options: Node, place: Place) -> Iterator[tuple[str, str, str]]:
    x = place.operand
    for option, (operator, said) in _COMPARISONS.items():
        limit = _limit(options, option)
        if limit is not None:
            yield option, f"{x} {operator} {sql.number(limit)}", said.format(sql.number(limit))
    step = _limit(options, "multipleOf")
    if step is not None and step > 0:
        whole = place.type in ("TINYINT", "SMALLINT", "INT", "BIGINT") and step == int(step)
        # Binary fractions have remainders of their own: 0.07 % 0.01 is not 0. So it is divided as decimals.
        exact = (
            x
            if whole or place.type.startswith("DECIMAL")
            else f"try_cast(CAST({x} AS STRING) AS DECIMAL(38,15))"
        )
        condition = f"{exact} % {sql.number(step)} = 0"
        if exact != x:
            condition = f"coalesce({condition}, {x} IS NULL)"
        yield "multipleOf", condition, f"must be a multiple of {sql.number(step)}"
    format_ = options.text("format")
    if logical == "integer" and format_ in INTEGER_RANGES:
        low, high = INTEGER_RANGES[format_]
        held_low, held_high = _held(place.type)
        if low < held_low or high > held_high:
            digits = len(str(high))
            options.at("format").problem(
                f"`{format_}` does not fit into {place.type}",
                f"Set `physicalType: DECIMAL({digits},0)`." if digits <= 38 else "Spark has no such type.",
            )
        elif (low, high) != (held_low, held_high):
            yield "format", f"{x} BETWEEN {low} AND {high}", f"must be between {low} and {high} ({format_})"


def _held(type_: str) -> tuple[int, int]:
    bits = {"TINYINT": 7, "SMALLINT": 15, "INT": 31, "BIGINT": 63}.get(type_)
    if bits is not None:
        return -(2**bits), 2**bits - 1
    digits = int(re.findall(r"\d+", type_)[0])
    return 1 - 10**digits, 10**digits - 1


def _object(options: Node, place: Place) -> Iterator[tuple[str, str, str]]:
    x = place.operand
    is_map = place.type.startswith("MAP")
    for option, operator, said in (("minProperties", ">=", "at least"), ("maxProperties", "<=", "at most")):
        count = _count(options, option)
        if count is not None and not is_map:
            options.at(option).problem(
                "is honoured for MAP only", "A struct has the properties that are listed."
            )
        elif count is not None:
            yield option, f"{x} IS NULL OR size({x}) {operator} {count}", f"must have {said} {count} entries"
    names = [child.text("name") for child in place.node.items("properties")]
    for entry in options.items("required"):
        if is_map:
            yield (
                "required",
                f"map_contains_key({x}, {sql.string(entry.value)})",
                f"must have `{entry.value}`",
            )
        elif entry.value in names:
            has = f"{x} IS NULL OR {x}.{sql.quoted(entry.value)} IS NOT NULL"
            yield "required", has, f"must have `{entry.value}`"
        else:
            known = [name for name in names if name]
            entry.problem(
                f"`{entry.value}` is not one of its properties", suggestion(str(entry.value), known)
            )


def _array(options: Node, place: Place) -> Iterator[tuple[str, str, str]]:
    x = place.operand
    if (least := _count(options, "minItems")) is not None:
        yield "minItems", f"array_size({x}) >= {least}", f"must have at least {least} items"
    if (most := _count(options, "maxItems")) is not None:
        yield "maxItems", f"array_size({x}) <= {most}", f"must have at most {most} items"
    if options.flag("uniqueItems"):
        if "MAP<" in place.type or "VARIANT" in place.type:
            options.at("uniqueItems").problem("Spark cannot compare a MAP or a VARIANT", "Drop it.")
        else:
            yield (
                "uniqueItems",
                f"array_size(array_distinct({x})) = array_size({x})",
                "must not repeat an item",
            )


def _check_order(options: Node) -> None:
    for low, high in _ORDERED:
        smallest, greatest = options.at(low).value, options.at(high).value
        if isinstance(smallest, int | float) and isinstance(greatest, int | float) and smallest > greatest:
            options.at(low).problem(f"is more than `{high}`, so nothing would be accepted", "Swap them.")


def _limit(options: Node, key: str) -> int | float | None:
    value = options.at(key).value
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _count(options: Node, key: str) -> int | None:
    value = _limit(options, key)
    return int(value) if value is not None and value >= 0 and Decimal(value) % 1 == 0 else None
