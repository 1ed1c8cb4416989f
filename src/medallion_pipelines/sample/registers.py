"""Registers that an operational database keeps, airlines and aircraft: what is published, and the renaming
that had led to it."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from random import Random

from medallion_pipelines.sample import published
from medallion_pipelines.sample.changes import LOADED, Change, Feed
from medallion_pipelines.sample.published import Row

RENAMED_SHARE = 0.2
RENAMED_ON = 5  # day of the month
FORMER_NAMES = {"FL": "AirTran Airways"}
FORMER_MAKERS = {"AIRBUS": "AIRBUS INDUSTRIE"}


@cache
def _airlines() -> dict[date, list[Change]]:
    rows = published.snapshot("airlines")
    day = date(2013, 1, RENAMED_ON)
    return {day: [_on(day, number, row) for number, row in enumerate(rows) if row["carrier"] in FORMER_NAMES]}


def _airlines_at_first() -> list[Row]:
    rows = published.snapshot("airlines")
    return [{**row, "name": FORMER_NAMES.get(row["carrier"], row["name"])} for row in rows]


@cache
def _planes() -> dict[date, list[Change]]:
    """The register gives some aircraft the new name of their maker, month by month."""
    days: dict[date, list[Change]] = {}
    for number, row in enumerate(published.snapshot("planes")):
        random = Random(f"planes/{row['tailnum']}")  # noqa: S311 (repeatable, not secret)
        if row["manufacturer"] in FORMER_MAKERS and random.random() < RENAMED_SHARE:
            day = date(2013, random.randint(1, 12), RENAMED_ON)
            days.setdefault(day, []).append(_on(day, number, row))
    return days


def _planes_at_first() -> list[Row]:
    renamed = {change.row["tailnum"] for changes in _planes().values() for change in changes}
    return [
        {**row, "manufacturer": FORMER_MAKERS[row["manufacturer"]]} if row["tailnum"] in renamed else row
        for row in published.snapshot("planes")
    ]


def _on(day: date, number: int, row: Row) -> Change:
    """An update on a day, a second after that of the row before."""
    return Change("U", LOADED + (day - LOADED.date()) + timedelta(hours=9, seconds=number), row)


AIRLINES = Feed(
    "airlines",
    ("carrier", "name"),
    _airlines_at_first,
    lambda day: _airlines().get(day, []),
)
PLANES = Feed(
    "planes",
    ("tailnum", "year", "type", "manufacturer", "model", "engines", "seats", "speed", "engine"),
    _planes_at_first,
    lambda day: _planes().get(day, []),
)
