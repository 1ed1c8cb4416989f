"""The landing zone as it should be: the published records and the changes, nothing else."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING

from medallion_pipelines.sample import airports, published
from medallion_pipelines.sample.bookings import BOOKINGS
from medallion_pipelines.sample.changes import changes_file, full_load, line
from medallion_pipelines.sample.configurations import CONFIGURATIONS
from medallion_pipelines.sample.files import File, csv_file, csv_line, json_line, json_lines_gz, json_record
from medallion_pipelines.sample.passengers import PASSENGERS
from medallion_pipelines.sample.registers import AIRLINES, PLANES

if TYPE_CHECKING:
    from collections.abc import Iterator

FEEDS_OF_CHANGES = (AIRLINES, PLANES, PASSENGERS, BOOKINGS, CONFIGURATIONS)


def at(day: date, hour: int) -> datetime:
    """An hour of a day, UTC."""
    return datetime.combine(day, time(hour), UTC)


def delivered(day: date) -> datetime:
    """When a day's files arrive: in the night after, at 02:00 UTC."""
    return at(day + timedelta(days=1), 2)


def at_first() -> Iterator[File]:
    """What is there before the first day: snapshots of the airports, and the full loads of what changes."""
    yield from airports.snapshots()
    for changing in FEEDS_OF_CHANGES:
        yield full_load(changing)


def daily(day: date) -> Iterator[File]:
    """A day's flights as gzipped JSON lines, its weather and its changes as CSV."""
    flights = [json_line(json_record(row)) for row in published.day("flights", day)]
    yield File(f"flights/{day}.json.gz", json_lines_gz(flights), delivered(day), published=len(flights))
    weather = published.day("weather", day)
    if weather:  # the last day of the year has none
        content = csv_file(list(weather[0]), (csv_line(row.values()) for row in weather))
        yield File(f"weather/{day}.csv", content, delivered(day), published=len(weather))
    for changing in FEEDS_OF_CHANGES:
        changes = [line(changing, change) for change in changing.changed(day)]
        if changes:
            yield changes_file(changing, changes, delivered(day), len(changes))
