"""Passengers, all invented: 1,800 at first, 200 who come during the year, some who ask to be forgotten."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import cache
from random import Random
from typing import NamedTuple

from medallion_pipelines.sample.changes import LOADED, YEAR_END, Change, Feed
from medallion_pipelines.sample.published import Row

AT_FIRST, IN_ALL = 1_800, 2_000
COLUMNS = ("passenger_id", "name", "email", "passport_number", "loyalty_tier")
TIERS = ("none", "silver", "gold")
UPDATED, FORGOTTEN = 0.3, 0.05  # shares

GIVEN = (
    "Ada", "Aisha", "Björn", "Carmen", "Chidi", "Dmitri", "Élodie", "Fatima", "Grace", "Hiroshi",
    "Ingrid", "Ivan", "José", "Kwame", "Lucía", "Mei", "Nadia", "Noah", "Olga", "Priya", "Quentin",
    "Rosa", "Samir", "Tomás", "Uma", "Viktor", "Wanjiru", "Xin", "Yusuf", "Zoë",
)  # fmt: skip
FAMILY = (
    "Abe", "Almeida", "Baker", "Bauer", "Castillo", "Chen", "Diallo", "Dubois", "Eriksson", "Fischer",
    "García", "Haddad", "Ito", "Jensen", "Kaya", "Khan", "Larsen", "Mbeki", "Moreau", "Novak", "O'Brien",
    "Okafor", "Petrov", "Quinn", "Rossi", "Santos", "Silva", "Tanaka", "Usman", "Weber", "Zhou",
)  # fmt: skip


class Life(NamedTuple):
    """A passenger: between `since` and `until` there is a row, which `changes` make and end."""

    first: Row
    since: datetime
    until: datetime
    changes: tuple[Change, ...]


@cache
def life(number: int) -> Life:
    """The passenger of a number, 1 to IN_ALL."""
    random = Random(f"passengers/{number}")  # noqa: S311 (repeatable, not secret)
    first = {
        "passenger_id": str(number),
        "name": f"{random.choice(GIVEN)} {random.choice(FAMILY)}",
        "email": f"passenger{number}@example.com",
        "passport_number": f"X{random.randrange(10**7, 10**8)}",
        "loyalty_tier": random.choices(TIERS, (7, 2, 1))[0],
    }
    year = int((YEAR_END - LOADED).total_seconds())
    moments = [LOADED + timedelta(seconds=at) for at in sorted(random.sample(range(1, year), 3))]
    changes: list[Change] = []
    since, until = LOADED, YEAR_END
    if number > AT_FIRST:
        since = moments[0]
        changes.append(Change("I", since, first))
    if random.random() < UPDATED:
        changes.append(Change("U", moments[1], _updated(first, random)))
    if random.random() < FORGOTTEN:
        until = moments[2]
        changes.append(Change("D", until, {"passenger_id": str(number)}))
    return Life(first, since, until, tuple(changes))


def _updated(row: Row, random: Random) -> Row:
    return random.choice(
        (
            {**row, "email": f"passenger{row['passenger_id']}@mail.example.com"},
            {**row, "passport_number": f"Y{random.randrange(10**7, 10**8)}"},
            {**row, "loyalty_tier": random.choice([tier for tier in TIERS if tier != row["loyalty_tier"]])},
        )
    )


def _loaded() -> list[Row]:
    return [life(number).first for number in range(1, AT_FIRST + 1)]


def _changed(day: date) -> list[Change]:
    return _days().get(day, [])


@cache
def _days() -> dict[date, list[Change]]:
    found: dict[date, list[Change]] = {}
    changes = (change for number in range(1, IN_ALL + 1) for change in life(number).changes)
    for change in sorted(changes, key=lambda change: (change.committed, int(change.row["passenger_id"]))):
        found.setdefault(change.committed.date(), []).append(change)
    return found


PASSENGERS = Feed("passengers", COLUMNS, _loaded, _changed)
