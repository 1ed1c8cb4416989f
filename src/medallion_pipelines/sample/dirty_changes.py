"""A day's change feeds as they are: changes that are broken, that come late, that come again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from random import Random

from medallion_pipelines.sample import dirt
from medallion_pipelines.sample.bookings import BOOKINGS
from medallion_pipelines.sample.changes import Change, Feed, changes_file, line, stamp
from medallion_pipelines.sample.clean import delivered
from medallion_pipelines.sample.configurations import CONFIGURATIONS
from medallion_pipelines.sample.files import File
from medallion_pipelines.sample.passengers import PASSENGERS
from medallion_pipelines.sample.registers import AIRLINES, PLANES

AGAIN = 20  # changes in each file that repeats them
HELD_BACK_SHARE = 10  # one in so many


def daily(day: date, seed: int) -> Iterator[File]:
    """A day's changes, dirt included."""
    random = Random(f"{seed}/{day}/changes")  # noqa: S311 (dirt must be repeatable, not secret)
    for register in (AIRLINES, PLANES):
        if changes := register.changed(day):
            yield _with(register, day, changes, {}, random)
    yield from _bookings(day, random)
    yield from _passengers(day, random)
    yield from _configurations(day, random)


def _bookings(day: date, random: Random) -> Iterator[File]:
    changes = BOOKINGS.changed(day)
    if not changes:  # the year's last days have few flights ahead, or none
        return
    held_back = random.sample(changes, len(changes) // HELD_BACK_SHARE) if dirt.turn(day) == 2 else []
    on_time = [change for change in changes if change not in held_back]
    bad = {}
    if upserts := [change for change in changes if change.operation != "D"]:
        one = random.choice(upserts)
        bad[dirt.NEGATIVE_FARE] = [_broken(BOOKINGS, one, fare_usd=f"-{one.row['fare_usd']}")]
    if dirt.turn(day) == 1:
        another = random.choice(changes)
        bad[dirt.NO_COMMIT_TIME] = [line(BOOKINGS, another).replace(stamp(another.committed), "")]
    yield _with(BOOKINGS, day, on_time, bad, random)
    if held_back:
        yield _late(BOOKINGS, day, held_back, dirt.LATE_CHANGES)
    if dirt.turn(day) == 3:
        lines = [line(BOOKINGS, change) for change in random.sample(changes, min(AGAIN, len(changes)))]
        counts = {dirt.REPEATED_CHANGES: len(lines)}
        yield changes_file(BOOKINGS, lines, delivered(day) + timedelta(hours=3), 0, counts)


def _passengers(day: date, random: Random) -> Iterator[File]:
    changes = PASSENGERS.changed(day)
    bad = {}
    if dirt.turn(day) == 0:
        one = random.choice(PASSENGERS.loaded())
        change = Change("U", delivered(day) - timedelta(hours=6), one)
        bad[dirt.NO_AT_SIGN] = [_broken(PASSENGERS, change, email=one["email"].replace("@", " at "))]
    if changes or bad:
        yield _with(PASSENGERS, day, changes, bad, random)


def _configurations(day: date, random: Random) -> Iterator[File]:
    changes = CONFIGURATIONS.changed(day)
    bad = {}
    if dirt.turn(day) == 5:
        one = random.choice(CONFIGURATIONS.loaded())
        change = Change("U", delivered(day) - timedelta(hours=6), one)
        bad[dirt.NO_SEATS] = [_broken(CONFIGURATIONS, change, seats="0", first_class_seats="0")]
    if changes and dirt.turn(day) == 2:
        yield _late(CONFIGURATIONS, day, changes, dirt.LATE_CONFIGURATIONS)
        changes = []
    if changes or bad:
        yield _with(CONFIGURATIONS, day, changes, bad, random)


def _with(
    feed: Feed, day: date, changes: list[Change], bad: Mapping[dirt.Kind, list[str]], random: Random
) -> File:
    """The day's file: changes in the order of their commits, bad ones anywhere between."""
    lines = [line(feed, change) for change in changes]
    for added in bad.values():
        for one in added:
            lines.insert(random.randrange(len(lines) + 1), one)
    counts = {kind: len(added) for kind, added in bad.items()}
    return changes_file(feed, lines, delivered(day), len(changes), counts)


def _late(feed: Feed, day: date, changes: list[Change], kind: dirt.Kind) -> File:
    """An hour after the file of that day, which it must not replace."""
    lines = [line(feed, change) for change in changes]
    written = delivered(day) + timedelta(days=2, hours=1)
    return changes_file(feed, lines, written, len(changes), {kind: len(changes)})


def _broken(feed: Feed, change: Change, **values: str) -> str:
    return line(feed, replace(change, row={**change.row, **values}))
