"""How aircraft are fitted out: the seats of the real register, and invented refits and pauses."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random

from medallion_pipelines.sample import published
from medallion_pipelines.sample.changes import LOADED, YEAR_END, Change, Feed
from medallion_pipelines.sample.published import Row

COLUMNS = ("tailnum", "seats", "first_class_seats")
SMALLEST = 50  # seats: smaller cabins stay as they are
REFITTED, PAUSED = 0.2, 0.02  # shares


@cache
def _loaded() -> list[Row]:
    return [_at_first(row) for row in published.snapshot("planes")]


def _at_first(plane: Row) -> Row:
    seats = int(plane["seats"])
    return _row(plane["tailnum"], seats, seats // 12 if seats >= SMALLEST else 0)


def _row(tailnum: str, seats: int, first_class: int) -> Row:
    return {"tailnum": tailnum, "seats": str(seats), "first_class_seats": str(first_class)}


def _changed(day: date) -> list[Change]:
    return _days().get(day, [])


@cache
def _days() -> dict[date, list[Change]]:
    found: dict[date, list[Change]] = {}
    changes = (change for row in _loaded() for change in _of_aircraft(row))
    for change in sorted(changes, key=lambda change: (change.committed, change.row["tailnum"])):
        found.setdefault(change.committed.date(), []).append(change)
    return found


def _of_aircraft(first: Row) -> list[Change]:
    """A refit takes two seats for each one of first class; an aircraft that pauses may come back."""
    tailnum, seats, first_class = first["tailnum"], int(first["seats"]), int(first["first_class_seats"])
    random = Random(f"configurations/{tailnum}")  # noqa: S311 (repeatable, not secret)
    year = int((YEAR_END - LOADED).total_seconds())
    moments = [LOADED + timedelta(seconds=at) for at in sorted(random.sample(range(1, year), 3))]
    changes: list[Change] = []
    if seats >= SMALLEST and random.random() < REFITTED:
        more = random.choice((-4, -2, 2, 4))
        seats, first_class = seats - 2 * more, max(0, first_class + more)
        changes.append(Change("U", moments[0], _row(tailnum, seats, first_class)))
    if random.random() < PAUSED:
        changes.append(Change("D", moments[1], {"tailnum": tailnum}))
        if random.random() < 0.5:
            changes.append(Change("I", moments[2], _row(tailnum, seats, first_class)))
    return changes


CONFIGURATIONS = Feed("aircraft_configurations", COLUMNS, _loaded, _changed)
