"""What a caller asks of a table: filters on its key, the size of a page, and where the last one ended.

A token gives nobody anything: it holds the key of the last row of a page, which its holder was shown, is
checked like a filter, and only ever narrows the query that its own request makes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medallion_pipelines.api_function.errors import RefusedError, UnansweredError
from medallion_pipelines.api_function.kinds import literal
from medallion_pipelines.api_function.tables import Table

COMPARED = {"eq": "=", "from": ">=", "to": "<="}
PAGE, LARGEST_PAGE = 100, 500
_LONGEST_TOKEN = 20_000


@dataclass(frozen=True, order=True)
class Filter:
    """A key column compared with a value, written as a parameter of Athena's."""

    column: str
    comparison: str
    value: str


@dataclass(frozen=True)
class Asked:
    """All of it. `after` are the values of the key columns that the last page ended with."""

    filters: tuple[Filter, ...]
    limit: int
    after: tuple[str, ...] | None


def asked(
    table: Table, filters: Iterable[tuple[str, str, str]], limit: str | None, after: str | None
) -> Asked:
    """What is asked, checked. Raises RefusedError for anything that is not as the API says."""
    found = tuple(sorted(_filter(table, *each) for each in filters))
    if len({(each.column, each.comparison) for each in found}) < len(found):
        raise RefusedError(400, "A key column is compared twice in the same way.")
    return Asked(found, _limit(limit), None if after is None else _after(table, found, after))


def token(table: Table, filters: tuple[Filter, ...], row: Mapping[str, Any]) -> str:
    """Where a page ended, for the next one. Raises UnansweredError for a key that Athena cannot be given."""
    values = [written(row[name]) for name in table.key]
    try:
        for name, value in zip(table.key, values, strict=True):
            _value(table, name, value)
    except ValueError as error:
        raise UnansweredError(f"a key of {table.name} cannot be paged from: {error}") from None
    text = json.dumps([_mark(table, filters), *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def written(value: Any) -> str:
    """A value of JSON's as a caller writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _filter(table: Table, column: str, comparison: str, value: str) -> Filter:
    if column not in table.key or comparison not in COMPARED:
        raise RefusedError(
            400, f"{table.name} is not filtered by that: filter by its key ({', '.join(table.key)})."
        )
    try:
        return Filter(column, comparison, _value(table, column, value))
    except ValueError as error:
        raise RefusedError(400, f"{column} is compared with something else than {error}.") from None


def _value(table: Table, column: str, value: str) -> str:
    read = table.column(column).kind.read
    assert read is not None, "the packager leaves out tables with such keys"
    return literal(read(value))


def _limit(limit: str | None) -> int:
    if limit is None:
        return PAGE
    if not (limit.isascii() and limit.isdigit() and len(limit) < 6 and 1 <= int(limit) <= LARGEST_PAGE):
        raise RefusedError(400, f"limit is a whole number from 1 to {LARGEST_PAGE}.")
    return int(limit)


def _after(table: Table, filters: tuple[Filter, ...], given: str) -> tuple[str, ...]:
    refused = RefusedError(400, "after is no token of a page of this table with these filters.")
    if len(given) > _LONGEST_TOKEN:
        raise refused
    try:
        found = json.loads(base64.b64decode(given + "=" * (-len(given) % 4), b"-_", validate=True))
        mark, *values = found
        if mark != _mark(table, filters) or not all(isinstance(value, str) for value in values):
            raise refused
        return tuple(_value(table, *each) for each in zip(table.key, values, strict=True))
    except (binascii.Error, RecursionError, TypeError, ValueError):
        raise refused from None


def _mark(table: Table, filters: Sequence[Filter]) -> str:
    """Tells the pages of one question from those of another."""
    said = [table.name, *table.key, *((each.column, each.comparison, each.value) for each in filters)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
