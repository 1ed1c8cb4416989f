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
from medallion_pipelines.recovery.cut import CHECKPOINTS, place_of
from medallion_pipelines.recovery.ledger import LEDGER, move_files
from medallion_pipelines.recovery.point import FAILED_OVER, any_point, read_point
from medallion_pipelines.recovery.proof import lacking
from medallion_pipelines.recovery.replica import Replicated, copy
from medallion_pipelines.recovery.slots import Slots, is_empty
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


def failover(settings: Settings, spark: SparkSession, landing_from: str | None = None) -> FailedOver:
    """Make the copy at `settings.warehouse` the lakehouse that is worked on, with the landing zone
    `settings.landing` in place of the one that it knows (or of `landing_from`).

    Done again, it does nothing more, unless the landing zone is another one. Raises MedallionError, and
    changes nothing, where the copy is not whole, the landing zone is not there, or the ledger knows files of
    neither one; SetupError where the session knows another warehouse's tables by the same names, or
    checkpoints would be looked for elsewhere; LockedError while a copy is on its way, or a run at work.
    """
    started = time.monotonic()
    slots = Slots(place_of(settings))
    now = slots.current()
    if now is None:
        raise MedallionError(f"There is no copy at {slots.location}.")
    done = read_point(now, FAILED_OVER)
    point = done or read_point(now)
    if point is None:
        raise MedallionError(f"{slots.location} is no copy of a lakehouse: there is nothing to fail over to.")
    _refuse_other_places(settings, now)
    moved = 0
    if done is None or done.landing != settings.landing:
        # no copy is put here meanwhile, and no run is at work where it was failed over to
        with run_lock(str(slots.folder)), run_lock(settings.warehouse) if done else nullcontext():
            wrong = [] if done else lacking(now, point)
            if wrong:
                raise MedallionError(f"The copy at {slots.location} is not whole: {wrong[0]}")
            same = landing_from == settings.landing
            moved = move_files(_tables(settings, spark), landing_from or point.landing, certain=same)
            slots.empty_others()  # what is erased from now on must not be left there
            mark = FAILED_OVER if done else REPLICA
            replace(point, landing=settings.landing).write(now, mark)
            (now / mark).rename(now / FAILED_OVER)
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
    MedallionError, with nothing changed, where this lakehouse was not failed over to, the landing zone is not
    there, or `to` is something else than a copy, an empty folder, or where the lakehouse was. Cut off, it is
    done again from the start, with what has come.
    """

    def refuse() -> None:
        left = there.current()
        was_there = left == Slots(source).current()
        if left is None or was_there or is_empty(left) or any_point(left):
            return
        raise MedallionError(
            f"{to} is not where the lakehouse was ({source}), and there is something in it: nothing was "
            "written to it. Name that place, or an empty folder."
        )

    here = Slots(place_of(settings))
    now = here.current()
    point = read_point(now, FAILED_OVER) if now else None
    if now is None or point is None:
        raise MedallionError(
            f"{here.location} has not been failed over to: there is nothing to fail back from."
        )
    _refuse_other_places(replace(settings, landing=landing), now)
    there, source = Slots(to), point.source
    with run_lock(settings.warehouse):  # to the end: what came after the cut would be lost
        copied = copy(replace(settings, landing=point.landing), there, nullcontext, say, refuse)
        shown = there.current()
        same = read_point(shown) if shown else None
        assert shown is not None and same is not None
        back = failover(replace(settings, warehouse=to, landing=landing), spark)
        (shown / FAILED_OVER).unlink()  # it is a lakehouse like any other
        replace(same, source=to).write(now, FAILED_OVER)  # here is what is there
        (now / FAILED_OVER).rename(now / REPLICA)  # last: up to here it can be done again
    return copied, back


def _refuse_other_places(settings: Settings, copy: Path) -> None:
    """Before anything is changed: the next run would find nothing there, or something else."""
    local = settings.landing.startswith("/") and not settings.landing.startswith("/Volumes/")
    if local and not Path(settings.landing).is_dir():
        raise MedallionError(
            f"The landing zone {settings.landing} is no folder of this machine: nothing was changed. "
            "Name another one, or make it."
        )
    if settings.checkpoints is not None and (copy / CHECKPOINTS).exists():
        raise SetupError(
            "The checkpoints of streams are in the copy, and MEDALLION_CHECKPOINTS has runs look for them in "
            f"{settings.checkpoints}. Leave it out, from now on, for this lakehouse."
        )


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
