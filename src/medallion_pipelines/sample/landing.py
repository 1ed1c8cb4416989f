"""Land the sample data in a directory."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from medallion_pipelines.errors import MedallionError
from medallion_pipelines.sample import clean as clean_files
from medallion_pipelines.sample import dirty as dirty_files
from medallion_pipelines.sample import published
from medallion_pipelines.sample.dirt import KINDS
from medallion_pipelines.sample.files import File, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Landing:
    """What the files of one landing hold, written or unchanged, and what a run over them all must find.

    `records` are the published ones by feed: exactly the rows that silver must end with; of a feed of
    changes or snapshots, the records it must take. `added` counts dirt by the name of its kind (see KINDS).
    `quarantined`, `duplicates` and `repeated` count, by feed, the records that must be quarantined, those
    that lose to another of their key, and the changes that come again, which silver takes a second time to
    no effect; `drift` names, by feed, the fields that no contract knows.
    """

    directory: Path
    written: int  # files
    unchanged: int  # files that were there already
    records: Mapping[str, int]
    added: Mapping[str, int]
    quarantined: Mapping[str, int]
    duplicates: Mapping[str, int]
    repeated: Mapping[str, int]
    drift: Mapping[str, tuple[str, ...]]


def land(directory: str | Path, *, days: str | None = None, dirty: bool = False, seed: int = 0) -> Landing:
    """Write the sample data to `directory` as a landing zone receives it.

    flights/2013-01-01.json.gz and weather/2013-01-01.csv for each day, and airports/2013-01-01.csv, a full
    snapshot. Changes as AWS DMS delivers them, a LOAD00000001.csv for each table and a file such as
    20130106-020000000.csv for each day that has some: planes and airlines as published, with the names that
    some had before; passengers, bookings and aircraft_configurations, which are invented. `days`
    ("2013-01-01..2013-01-31" or one day) limits the daily files; without it the whole year lands. `dirty`
    adds what the real world adds (KINDS), picked by `seed`; every record is there either way. Bytes and
    modification times
    are the same whenever and wherever it runs; files that hold the right bytes already stay untouched, and
    files of an earlier landing that this one does not write stay in place.
    """
    directory = Path(directory)
    files = written = 0
    records: Counter[str] = Counter()
    added: Counter[str] = Counter()
    for file in _files(_days(days), dirty, seed):
        files += 1
        written += write(directory, file)
        records[file.feed] += file.published
        added.update({kind.name: number for kind, number in file.added.items()})
    return Landing(
        directory=directory,
        written=written,
        unchanged=files - written,
        records=dict(records),
        added=dict(added),
        quarantined=_by_feed(added, "quarantined"),
        duplicates=_by_feed(added, "duplicate"),
        repeated=_by_feed(added, "repeated"),
        drift={kind.feed: (kind.drift,) for kind in KINDS if kind.drift and added[kind.name]},
    )


def _files(days: list[date], dirty: bool, seed: int) -> Iterator[File]:
    yield from dirty_files.at_first() if dirty else clean_files.at_first()
    for day in days:
        yield from dirty_files.daily(day, seed) if dirty else clean_files.daily(day)


def _by_feed(added: Counter[str], outcome: str) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for kind in KINDS:
        if kind.outcome == outcome and added[kind.name]:
            totals[kind.feed] += added[kind.name]
    return dict(totals)


def _days(text: str | None) -> list[date]:
    available = published.days()
    if text is None:
        return available
    first_text, _, last_text = text.partition("..")
    try:
        first = date.fromisoformat(first_text)
        last = date.fromisoformat(last_text) if ".." in text else first
    except ValueError:
        raise MedallionError(f"days {text!r}: give one day or A..B, such as 2013-01-01..2013-01-31") from None
    if first > last:
        raise MedallionError(f"days {text!r}: {first} is after {last}")
    if first < available[0] or last > available[-1]:
        raise MedallionError(f"days {text!r}: the sample covers {available[0]}..{available[-1]}")
    return [day for day in available if first <= day <= last]
