"""A landing zone read in plain Python, the way the contracts would have it."""

from __future__ import annotations

import csv
import gzip
import json
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {
    "flights": ("year", "month", "day", "carrier", "flight", "origin"),
    "weather": ("origin", "time_hour"),
}
CHANGED = {
    "airlines": "carrier",
    "planes": "tailnum",
    "passengers": "passenger_id",
    "bookings": "booking_id",
    "aircraft_configurations": "tailnum",
}
NUMBERS = ("dep_delay", "arr_delay", "distance", "air_time")


def files(directory: Path) -> dict[str, Path]:
    """Every file below, by its path relative to `directory`."""
    return {path.relative_to(directory).as_posix(): path for path in directory.rglob("*") if path.is_file()}


class Feed:
    """The records of one feed: `rows` that win for their key, how many are bad or lose to another, drift."""

    def __init__(self, directory: Path, name: str) -> None:
        self.rows: dict[tuple[Any, ...], dict[str, Any]] = {}
        self.quarantined = self.duplicates = 0
        self.drift: set[str] = set()
        self._key = KEYS[name]
        paths = [path for path in (directory / name).iterdir() if path.is_file()]
        self._fields: set[str] = set()
        # In order of delivery, so that the last record of a key is the one to keep.
        for path in sorted(paths, key=lambda path: (path.stat().st_mtime, path.name)):
            for record in _json(path) if name == "flights" else _csv(path):
                self._take(record)

    def without_drift(self) -> dict[tuple[Any, ...], dict[str, Any]]:
        return {
            key: {name: value for name, value in row.items() if name not in self.drift}
            for key, row in self.rows.items()
        }

    def _take(self, record: dict[str, Any] | None) -> None:
        if record is not None:
            self._fields = self._fields or set(record)
            self.drift |= set(record) - self._fields
        if record is None or not _is_valid(record, self._key):
            self.quarantined += 1
            return
        key = tuple(record[name] for name in self._key)
        self.duplicates += key in self.rows
        self.rows[key] = record


class Changes:
    """The changes of one feed: `good` ones and how often each came, how many are bad; `files` in order of
    delivery, each with the commit times of what is good in it."""

    def __init__(self, directory: Path, name: str) -> None:
        self.good: Counter[tuple[tuple[str, str], ...]] = Counter()
        self.quarantined = 0
        self.files: list[tuple[str, list[str]]] = []
        for path in sorted((directory / name).iterdir(), key=lambda path: path.stat().st_mtime):
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(file))
            good = [row for row in rows if _can_be_taken(row)]
            self.quarantined += len(rows) - len(good)
            self.good.update(tuple(row.items()) for row in good)
            self.files.append((path.name, [row["committed_at"] for row in good]))

    def changes(self) -> list[dict[str, str]]:
        """Each good change, once."""
        return [dict(change) for change in self.good]


def _can_be_taken(change: dict[str, str]) -> bool:
    told = change["Op"] == "D" or (
        "@" in change.get("email", "@")
        and float(change.get("fare_usd", 0)) >= 0
        and int(change.get("seats", 1)) >= 1
    )
    return bool(change["committed_at"]) and told


def _is_valid(record: dict[str, Any], key: tuple[str, ...]) -> bool:
    return (
        all(record.get(name) is not None for name in key)
        and all(not isinstance(record.get(name), str) for name in NUMBERS)
        and record.get("carrier") != "ZZ"
    )


def _json(path: Path) -> list[dict[str, Any] | None]:
    content = path.read_bytes()
    return [_parsed(line) for line in gzip.decompress(content).decode().splitlines()] if content else []


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return None
    return record


def _csv(path: Path) -> list[dict[str, Any] | None]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *rows = list(csv.reader(file)) or [[]]
    return [dict(zip(header, row, strict=True)) if len(row) == len(header) else None for row in rows]
