"""Change feeds of an operational database, as AWS DMS writes them: a full load, then files of changes.

Nobody publishes such data, so it is generated, by seeds of its own: the same whatever dirt is picked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal

from medallion_pipelines.sample.files import File, csv_file, csv_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from medallion_pipelines.sample.dirt import Kind
    from medallion_pipelines.sample.published import Row

LOADED = datetime(2013, 1, 1, tzinfo=UTC)
YEAR_END = datetime(2014, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Change:
    """An insert, update or delete of a row. A delete has the row's key and nothing else."""

    operation: Literal["I", "U", "D"]
    committed: datetime
    row: Row


@dataclass(frozen=True)
class Feed:
    """A table whose changes are fed: the rows that it had when the full load began, and a day's changes."""

    name: str
    columns: Sequence[str]
    loaded: Callable[[], list[Row]]
    changed: Callable[[date], list[Change]]


def full_load(feed: Feed) -> File:
    """Every row as an insert."""
    lines = [line(feed, Change("I", LOADED, row)) for row in feed.loaded()]
    return File(f"{feed.name}/LOAD00000001.csv", _content(feed, lines), LOADED, published=len(lines))


def changes_file(
    feed: Feed,
    lines: Sequence[str],
    written: datetime,
    published: int,
    added: Mapping[Kind, int] | None = None,
) -> File:
    """A file of changes, named by the time that it was written."""
    name = f"{feed.name}/{written:%Y%m%d-%H%M%S}000.csv"
    return File(name, _content(feed, lines), written, published, added or {})


def line(feed: Feed, change: Change) -> str:
    """A change as DMS lays it out."""
    values = (change.row.get(column, "") for column in feed.columns)
    return csv_line((change.operation, stamp(change.committed), *values))


def stamp(moment: datetime) -> str:
    """A commit time as DMS has it: UTC, without saying so."""
    return f"{moment:%Y-%m-%d %H:%M:%S.%f}"


def _content(feed: Feed, lines: Iterable[str]) -> bytes:
    return csv_file(("Op", "committed_at", *feed.columns), lines)
