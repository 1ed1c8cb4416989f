"""What a table must be after some events, in plain Python, one event at a time.

An event is (sequence, operation, values): operation "upsert" or "delete", values a dict that lacks what
the change did not bring.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Event = tuple[Any, str, Mapping[str, Any]]


def settled(events: Iterable[Event], columns: Sequence[str]) -> list[Event]:
    """One event per sequence, in order: a delete if there is one, else the one of the greatest content."""

    def content(event: Event) -> tuple[Any, ...]:
        values = tuple((event[2].get(c) is not None, event[2].get(c)) for c in sorted(columns))
        brought = sorted(event[2]) if event[1] == "upsert" else []  # last: what is brought, not what it is
        return event[1] == "delete", *((there, value if there else 0) for there, value in values), brought

    by_sequence: dict[Any, list[Event]] = {}
    for event in events:
        by_sequence.setdefault(event[0], []).append(event)
    return [max(tied, key=content) for _, tied in sorted(by_sequence.items())]


def scd1(
    events: Iterable[Event], columns: Sequence[str], *, ignore_null: bool = False
) -> dict[str, Any] | None:
    """The row of a key, None where it has none."""
    row: dict[str, Any] | None = None
    for _, operation, values in settled(events, columns):
        if operation == "delete":
            row = None
            continue
        row = dict.fromkeys(columns) if row is None else row
        row.update({c: v for c, v in values.items() if v is not None or not ignore_null})
    return row


def scd2(
    events: Iterable[Event], columns: Sequence[str], tracked: Sequence[str], *, ignore_null: bool = False
) -> list[tuple[Any, ...]]:
    """The versions of a key: (start, end, value ...)."""
    versions: list[list[Any]] = []
    is_open = False
    for sequence, operation, values in settled(events, columns):
        if operation == "delete":
            if is_open:
                versions[-1][1] = sequence
            is_open = False
            continue
        row = {c: values.get(c) for c in columns}
        if is_open:
            before = versions[-1][2]
            if ignore_null:
                row = {c: before[c] if v is None else v for c, v in row.items()}
            if all(row[c] == before[c] for c in tracked):
                versions[-1][2] = row
                continue
            versions[-1][1] = sequence
        versions.append([sequence, None, row])
        is_open = True
    return [(start, end, *(row[c] for c in columns)) for start, end, row in versions]
