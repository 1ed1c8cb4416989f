"""Whether a copy is what was copied."""

from __future__ import annotations

from pathlib import Path

from medallion_pipelines.errors import LockedError, MedallionError
from medallion_pipelines.operations.lock import REPLICA
from medallion_pipelines.recovery import slots
from medallion_pipelines.recovery.deltalog import HINT, committed, read_version
from medallion_pipelines.recovery.point import FAILED_OVER, Point, read_point, titled


def verify(to: str) -> list[str]:
    """What is wrong with a copy: files that are missing, of another content than what was copied, or that
    were not copied; tables that lack a file, or are at another version. Nothing: it can be failed over to.

    Raises MedallionError where there is no copy, LockedError where another took its place meanwhile.
    """
    location = slots.Slots(to)
    now = location.current()
    point = read_point(now) if now else None
    if now is None or point is None:
        raise MedallionError(
            f"{to} is no copy of a lakehouse"
            + (": it has been failed over to." if now and (now / FAILED_OVER).exists() else ".")
        )
    wrong = lacking(now, point)
    for name, (_, _, digest) in point.files.items():
        told = any(text.startswith(f"{name} ") for text in wrong)
        if not told and (now / name).is_file() and slots.digest_of(now / name) != digest:
            wrong.append(f"{name} has another content than was copied. Delete it, and replicate again.")
    for name, (_, version) in point.tables.items():
        found = committed(now / name)
        if found != version:
            wrong.append(f"{titled(name)} is at version {found}, and {version} was copied.")
    there = {str(path.relative_to(now)) for path in now.rglob("*") if path.is_file()}
    wrong += [f"{name} was not copied." for name in sorted(there - point.files.keys() - {REPLICA})]
    if any(location.others()):
        wrong.append(
            f"{location.folder} has files of a copy that is on its way or was cut off, or of the one before; "
            "what was erased since may be in them. `medallion dr replicate` again."
        )
    if location.current() != now:
        raise LockedError(f"A newer copy has taken the place of the one at {to} that was read: verify again.")
    return wrong


def lacking(folder: Path, point: Point) -> list[str]:
    """What a copy lacks: told without reading what is in its data files."""
    wrong = []
    for name, (size, _, _) in point.files.items():
        path = folder / name
        if not path.is_file():
            wrong.append(f"{name} is missing.")
        elif path.stat().st_size != size and path.name != HINT:  # a commit may have replaced it
            wrong.append(f"{name} has {path.stat().st_size} bytes, and {size} were copied.")
    for name in point.tables:
        table = folder / name
        try:
            gone = [path for path in read_version(table).needed if not (table / path).is_file()]
            wrong += [f"{titled(name)} lacks {path}." for path in gone]
        except (MedallionError, OSError) as error:
            wrong.append(f"{titled(name)} cannot be read: {error}")
    return wrong
