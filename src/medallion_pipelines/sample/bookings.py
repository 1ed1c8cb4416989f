"""Invented bookings of two real flights a day: made, changed and cancelled in the weeks before departure."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random

from medallion_pipelines.sample import published
from medallion_pipelines.sample.changes import LOADED, Change, Feed
from medallion_pipelines.sample.passengers import IN_ALL, life
from medallion_pipelines.sample.published import Row

COLUMNS = (
    "booking_id",
    "passenger_id",
    "carrier",
    "flight",
    "flight_date",
    "origin",
    "dest",
    "seats",
    "fare_usd",
)
FLIGHTS_A_DAY = 2
BOOKINGS_A_FLIGHT = 27
SMALLEST = 100  # seats of the aircraft: what is sold in groups would fill smaller ones
DAYS_AHEAD = 20
CHANGED, CANCELLED = 0.15, 0.1  # shares


def _loaded() -> list[Row]:
    """The bookings that there were at the full load."""
    rows: dict[str, Row] = {}
    for ahead in range(DAYS_AHEAD + 1):
        for change in _of_flights(LOADED.date() + timedelta(days=ahead)):
            if change.committed >= LOADED:
                continue
            if change.operation == "D":
                del rows[change.row["booking_id"]]
            else:
                rows[change.row["booking_id"]] = change.row
    return list(rows.values())


def _changed(day: date) -> list[Change]:
    """The changes committed on a day: of flights then and in the days after."""
    ahead = [day + timedelta(days=number) for number in range(DAYS_AHEAD + 1)]
    changes = [change for one in ahead for change in _of_flights(one) if change.committed.date() == day]
    return sorted(changes, key=lambda change: (change.committed, int(change.row["booking_id"])))


@cache
def _of_flights(day: date) -> list[Change]:
    """All changes of the bookings of a day's flights; those of a booking in order."""
    random = Random(f"bookings/{day}")  # noqa: S311 (repeatable, not secret)
    big = [row for row in published.day("flights", day) if row["tailnum"] in _big_aircraft()]
    flights = random.sample(big, FLIGHTS_A_DAY) if big else []  # no flights: not a day of the sample
    changes: list[Change] = []
    for place, flight in enumerate(flights):
        for number in range(BOOKINGS_A_FLIGHT):
            booking = (day - date(2013, 1, 1)).days * 100 + place * BOOKINGS_A_FLIGHT + number + 1
            changes += _of_booking(booking, flight, random)
    return changes


def _of_booking(number: int, flight: Row, random: Random) -> list[Change]:
    day = date(int(flight["year"]), int(flight["month"]), int(flight["day"]))
    opens = datetime.combine(day - timedelta(days=DAYS_AHEAD), time(), UTC)
    left = int((datetime.fromisoformat(flight["time_hour"]) - opens).total_seconds())
    moments = [opens + timedelta(seconds=at) for at in sorted(random.sample(range(left), 3))]
    seats, fare = (
        random.randint(1, 5),
        random.randint(40, 90) + int(flight["distance"]) * random.randint(6, 14) // 100,
    )
    row = {
        "booking_id": str(number),
        "passenger_id": _passenger(moments[0], random),
        **{name: flight[name] for name in ("carrier", "flight", "origin", "dest")},
        "flight_date": str(day),
        "seats": str(seats),
        "fare_usd": f"{seats * fare}.{random.choice(('00', '50', '99'))}",
    }
    changes = [Change("I", moments[0], row)]
    if random.random() < CHANGED:
        more = seats + random.choice((-1, 1)) or 2
        changes.append(Change("U", moments[1], {**row, "seats": str(more), "fare_usd": f"{more * fare}.00"}))
    if random.random() < CANCELLED:
        changes.append(Change("D", moments[2], {"booking_id": str(number)}))
    return changes


def _passenger(booked: datetime, random: Random) -> str:
    """One who is a passenger when the booking is made."""
    while True:
        number = random.randint(1, IN_ALL)
        if max(life(number).since, LOADED) <= max(booked, LOADED) < life(number).until:
            return str(number)


@cache
def _big_aircraft() -> frozenset[str]:
    return frozenset(row["tailnum"] for row in published.snapshot("planes") if int(row["seats"]) >= SMALLEST)


BOOKINGS = Feed("bookings", COLUMNS, _loaded, _changed)
