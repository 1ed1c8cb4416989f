"""Airports as full snapshots, a file each: the list as published, and as it was half a year before."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random

from medallion_pipelines.sample import published
from medallion_pipelines.sample.changes import LOADED
from medallion_pipelines.sample.files import File, csv_file, csv_line
from medallion_pipelines.sample.published import Row

BEFORE = datetime(2012, 7, 1, tzinfo=UTC)
OPENED, RESURVEYED, CLOSED = 8, 20, 3  # airports, between the two


def snapshots() -> list[File]:
    """Both, the older first."""
    return [_snapshot(BEFORE, _before()), _snapshot(LOADED, published.snapshot("airports"))]


def _snapshot(moment: datetime, rows: list[Row]) -> File:
    content = csv_file(list(rows[0]), (csv_line(row.values()) for row in rows))
    return File(f"airports/{moment:%Y-%m-%d}.csv", content, moment, published=len(rows))


def _before() -> list[Row]:
    random = Random("airports")  # noqa: S311 (repeatable, not secret)
    now = published.snapshot("airports")
    changed = random.sample(range(len(now)), OPENED + RESURVEYED)
    opened, resurveyed = frozenset(changed[:OPENED]), frozenset(changed[OPENED:])
    rows = [
        {**row, "alt": str(int(row["alt"]) + 10)} if number in resurveyed else row
        for number, row in enumerate(now)
        if number not in opened
    ]
    closed = [{**now[0], "faa": f"0Z{number}", "name": f"Closed Field {number}"} for number in range(CLOSED)]
    return [*rows, *closed]
