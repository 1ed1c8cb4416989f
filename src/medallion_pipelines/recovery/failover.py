"""Failing over to a copy, and back.

A copy is complete in itself; only its ledger knows files by addresses of the other region's landing zone.
Before anything runs, they become those of the landing zone here: else every file in it would be new, and
doubled.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pyspark.sql import SparkSession

from medallion_pipelines.errors import MedallionError, SetupError
from medallion_pipelines.operations.lock import REPLICA, run_lock
from medallion_pipelines.recovery.ledger import LEDGER, move_files
from medallion_pipelines.recovery.point import FAILED_OVER, read_point
from medallion_pipelines.recovery.replica import Replicated, copy, lacking
from medallion_pipelines.recovery.slots import Slots
from medallion_pipelines.settings import Settings
from medallion_pipelines.tables import Tables


@dataclass(frozen=True)
class FailedOver:
    """A copy that is worked on now. `taken_at` is its recovery point; `files_moved` how many rows of the
    ledger have the addresses of its landing zone now."""

    warehouse: str
    taken_at: datetime
    landing: str
    files_moved: int
    seconds: float


def failover(settings: Settings, spark: SparkSession) -> FailedOver:
    """Make the copy at `settings.warehouse` the lakehouse that is worked on, with the landing zone
    `settings.landing`.

    Done again, it does nothing more. Raises MedallionError, and changes nothing, where the copy is not whole;
    SetupError where the session knows another warehouse's tables by the same names.
    """
    started = time.monotonic()
    slots = Slots(settings.warehouse or "")
    now = slots.current()
    if now is None:
        raise MedallionError(f"There is no copy at {slots.location}.")
    done = read_point(now, FAILED_OVER)
    point = done or read_point(now)
    if point is None:
        raise MedallionError(f"{slots.location} is no copy of a lakehouse: there is nothing to fail over to.")
    moved = 0
    if done is None:
        with run_lock(str(slots.folder)):  # no copy is put here meanwhile
            wrong = lacking(now, point)
            if wrong:
                raise MedallionError(f"The copy at {slots.location} is not whole: {wrong[0]}")
            moved = move_files(_tables(settings, spark), point.landing)
            (now / REPLICA).rename(now / FAILED_OVER)
    return FailedOver(
        str(slots.location), point.taken_at, settings.landing, moved, time.monotonic() - started
    )


def failback(
    settings: Settings,
    to: str,
    landing: str,
    spark: SparkSession,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[Replicated, FailedOver]:
    """Put the lakehouse that was failed over to (`settings`) in the place of what is at `to`, have that be
    worked on again, with its own landing zone, and make this one its copy.

    What is at `to`, with commits that were never copied, goes; their records are in its landing zone, and the
    next run takes them in. Nothing may run at `to`. Raises LockedError while a run is at work here,
    MedallionError where this lakehouse was not failed over to. Cut off, it is done again from the start, with
    what has come.
    """
    here = Slots(settings.warehouse or "")
    now = here.current()
    point = read_point(now, FAILED_OVER) if now else None
    if now is None or point is None:
        raise MedallionError(
            f"{here.location} has not been failed over to: there is nothing to fail back from."
        )
    there = Slots(to)
    with run_lock(settings.warehouse):  # to the end: what came after the cut would be lost
        copied = copy(settings, there, nullcontext, say)
        back = failover(replace(settings, warehouse=to, landing=landing), spark)
        (now / FAILED_OVER).rename(now / REPLICA)
        shown = there.current()
        assert shown is not None
        (shown / FAILED_OVER).unlink()  # it is a lakehouse like any other
    return copied, back


def _tables(settings: Settings, spark: SparkSession) -> Tables:
    """The tables of a folder. Raises SetupError where the session takes those of another for them."""
    tables = Tables(spark, settings)
    if tables.exists(LEDGER):
        place = Path(unquote(urlsplit(tables.place(LEDGER)).path))
        if place != Path(settings.warehouse or "", settings.schema("ops"), "files").absolute():
            raise SetupError(
                f"This Spark session has come to know the tables of {place.parent.parent}, and sees one "
                "warehouse at a time: give the command in a process of its own."
            )
    return tables
