"""A copy of a local lakehouse elsewhere: made, brought up to date, looked at."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from medallion_pipelines.errors import MedallionError, SetupError
from medallion_pipelines.operations.lock import REPLICA, run_lock
from medallion_pipelines.recovery import slots as copying
from medallion_pipelines.recovery.cut import Cut, Found, local_warehouse, place_of, take
from medallion_pipelines.recovery.deltalog import GoneError, read_version
from medallion_pipelines.recovery.point import FAILED_OVER, Point, any_point, read_point, titled
from medallion_pipelines.recovery.slots import Slots
from medallion_pipelines.settings import Settings

_Held = Callable[[], AbstractContextManager[None]]
_CUTS = 3  # that are tried where what they name is deleted while it is copied


@dataclass(frozen=True)
class Replicated:
    """What a copy took. All that was committed before `taken_at` is in it."""

    location: str
    taken_at: datetime
    tables: int
    files: int  # of the copy
    copied: int  # of these, files that it did not have
    bytes_copied: int
    seconds: float


@dataclass(frozen=True)
class Lag:
    """How far a copy's table is behind: versions, and seconds since the first commit that it lacks.

    None for a version where there is no such table, or its log cannot be read; for what is behind where the
    two are not versions of one table.
    """

    table: str
    version: int | None
    copied_version: int | None
    versions_behind: int | None
    seconds_behind: float | None


@dataclass(frozen=True)
class Standing:
    """How a copy stands. `taken_at` is its recovery point (None: there is no copy yet)."""

    location: str
    taken_at: datetime | None
    failed_over: bool
    source_is_there: bool
    tables: tuple[Lag, ...]


def replicate(settings: Settings, to: str, note: Callable[[str], None] = lambda text: None) -> Replicated:
    """Make a location a copy of a local lakehouse, or bring it up to date: only what is new is copied.

    Waits for no run: raises LockedError while one is at work. Raises SetupError where there is no lakehouse,
    MedallionError where the location is no copy, or one of another lakehouse, or has been failed over to, or
    where the lakehouse lacks files; the location is as it was then.
    """

    def refuse() -> None:
        now = slots.current()
        if now is None or read_point(now) is not None or copying.is_empty(now):
            return
        if (now / FAILED_OVER).exists():
            raise MedallionError(
                f"{to} has been failed over to: a copy would undo what was done there since. "
                f"Fail back first: `medallion dr failback --warehouse {to} --to {settings.warehouse} "
                "--landing-to DIR`."
            )
        raise MedallionError(
            f"{to} is a folder with something in it that is no copy of a lakehouse: nothing was written to "
            "it. Name another location."
        )

    def refuse_another(cut: Cut) -> None:
        now = slots.current()
        point = read_point(now) if now else None
        had = {of for of, _ in point.tables.values()} if point else set()
        if point and had.isdisjoint(table.id for table in cut.tables.values()):
            raise MedallionError(
                f"{to} is a copy of the lakehouse that was at {point.source}, and none of its tables is in "
                f"the one at {settings.warehouse}: the copy may be all that is left of it. Nothing was "
                "written to it. Fail over to it, move it away, or name another location."
            )

    slots = Slots(to)
    return copy(settings, slots, lambda: run_lock(settings.warehouse), note, refuse, refuse_another)


def copy(
    settings: Settings,
    slots: Slots,
    held: _Held,
    note: Callable[[str], None],
    refuse: Callable[[], None],
    refuse_cut: Callable[[Cut], None] = lambda cut: None,
) -> Replicated:
    """Put a copy into the slot that is free, then show it. `held` keeps writers out while the cut is taken;
    `refuse` raises where what the location shows now has to stay, `refuse_cut` where it has to for what would
    come in its place."""
    warehouse, target = local_warehouse(settings).resolve(), slots.location.resolve()
    if warehouse == target or warehouse in target.parents or target in warehouse.parents:
        raise MedallionError(
            f"{slots.location} is the lakehouse itself, or one is in the other: name another."
        )
    if slots.location.exists():
        refuse()  # before a folder is made beside it
    try:
        return _copied(settings, slots, held, note, refuse, refuse_cut)
    except OSError as error:
        raise SetupError(
            f"The copy could not be put together ({error.strerror}: {error.filename or slots.folder}). "
            "Readers have what was there before; mend that and give the command again."
        ) from error


def _copied(
    settings: Settings,
    slots: Slots,
    held: _Held,
    note: Callable[[str], None],
    refuse: Callable[[], None],
    refuse_cut: Callable[[Cut], None],
) -> Replicated:
    started = time.monotonic()
    slots.folder.mkdir(parents=True, exist_ok=True)
    with run_lock(str(slots.folder)):
        refuse()
        slots.adopt()
        for trial in range(1, _CUTS + 1):
            try:
                point, copied, bytes_copied = _fill(settings, slots, held, refuse_cut)
                break
            except GoneError as error:
                if trial == _CUTS:
                    raise
                note(f"{error} Begun again with what is there now.")
        slots.show(slots.next())
        slots.empty_others()
    return Replicated(
        str(slots.location), point.taken_at, len(point.tables), len(point.files), copied, bytes_copied,
        time.monotonic() - started,
    )  # fmt: skip


def _fill(
    settings: Settings, slots: Slots, held: _Held, refuse_cut: Callable[[Cut], None]
) -> tuple[Point, int, int]:
    """Put all of a cut into the next slot, and nothing else; how many files and bytes had to be copied."""
    now, slot = slots.current(), slots.next()
    before = any_point(now) if now else None
    known = before.files if before else {}
    (slot / REPLICA).unlink(missing_ok=True)  # it is no copy until it is whole
    copied, files = list[int](), dict[str, tuple[int, int, str]]()

    def bring(name: str, file: Found, *, link: bool) -> None:
        digest, size = copying.put(file, slot / name, now / name if now else None, link=link)
        if digest:
            copied.append(size)
        elif known.get(name, ())[:2] == (file.size, file.modified):
            digest = known[name][2]
        else:
            digest = copying.digest_of(slot / name)
        files[name] = (file.size, file.modified, digest)

    with held():
        cut = take(settings)
        refuse_cut(cut)
        for name, file in cut.passing.items():
            bring(name, file, link=False)
    for name, file in cut.files.items():
        bring(name, file, link=True)
    copying.clear(slot, set(files))
    point = _point(settings, cut, files)
    point.write(slot)
    return point, len(copied), sum(copied)


def _point(settings: Settings, cut: Cut, files: Mapping[str, tuple[int, int, str]]) -> Point:
    tables = {name: (one.id, one.version) for name, one in cut.tables.items()}
    return Point(
        cut.taken_at, datetime.now(UTC), str(settings.warehouse), settings.landing, tables, dict(files)
    )


def status(settings: Settings, to: str) -> Standing:
    """How far a copy is behind the lakehouse, table by table; only what the copy has where the lakehouse is
    lost."""
    warehouse, now = place_of(settings), Slots(to).current()
    point = any_point(now) if now else None
    had = dict(point.tables) if point else {}
    there = {}
    for log in sorted(warehouse.glob("[!._]*/*/_delta_log")):
        with suppress(GoneError):  # half lost: what the copy has of it is told
            there[f"{log.parent.parent.name}/{log.parent.name}"] = read_version(log.parent)
    lags = []
    moment = datetime.now(UTC)
    for name in sorted(there.keys() | had.keys()):
        title, mine, (of, copied) = titled(name), there.get(name), had.get(name, (None, None))
        if mine is None:
            lags.append(Lag(title, None, copied, None, None))
            continue
        # of another id, it was dropped and made anew
        upto = copied if copied is not None and of == mine.id else None
        missing = [at for number, at in mine.committed_at.items() if upto is None or number > upto]
        seconds = (moment - min(missing)).total_seconds() if missing else 0.0
        behind = None if upto is None else mine.version - upto
        lags.append(Lag(title, mine.version, copied, behind, seconds))
    failed_over = now is not None and (now / FAILED_OVER).exists()
    return Standing(to, point.taken_at if point else None, failed_over, bool(there), tuple(lags))
