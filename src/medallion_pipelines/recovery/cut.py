"""A cut through a lakehouse: all that is in it at a moment when nothing writes, by names and sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from medallion_pipelines.errors import SetupError
from medallion_pipelines.recovery.deltalog import HINT, LOG, GoneError, Version, read_version
from medallion_pipelines.settings import Settings

CHECKPOINTS = "_checkpoints"


@dataclass(frozen=True)
class Found:
    """A file: where it is, its size and modification time (ns)."""

    path: Path
    size: int
    modified: int


@dataclass(frozen=True)
class Cut:
    """A lakehouse at a moment.

    `tables` by their folder (`schema/table`); `files` by their path in the warehouse, in the order in which
    to copy them; `passing` are those that are written over or soon deleted, which have to be copied while
    nothing writes.
    """

    taken_at: datetime
    tables: Mapping[str, Version]
    files: Mapping[str, Found]
    passing: Mapping[str, Found]


def take(settings: Settings) -> Cut:
    """Cut through a local lakehouse that nothing writes to. Raises SetupError where there is none, GoneError
    where a table lacks a file that it needs."""
    warehouse = local_warehouse(settings)
    taken_at = datetime.now(UTC)
    folders = sorted(log.parent for log in warehouse.glob(f"[!._]*/*/{LOG}"))
    tables = {f"{folder.parent.name}/{folder.name}": read_version(folder) for folder in folders}
    if not tables:
        raise SetupError(f"There is no lakehouse at {warehouse}: it has no tables.")
    files, passing, logs = dict[str, Found](), dict[str, Found](), dict[str, Found]()
    for inside, version in tables.items():
        folder = warehouse / inside
        for name in sorted(version.needed.keys() | version.older):
            found = _found(folder / name)
            if found is not None:
                files[f"{inside}/{name}"] = found
            elif name in version.needed:
                raise GoneError(f"{inside} needs {name} at version {version.version}, and it is gone.")
            size = version.needed.get(name)
            if found is not None and size is not None and size != found.size:
                raise GoneError(f"{inside}/{name} has {found.size} bytes; the table's log says {size}.")
        for name in version.log:
            found = _found(folder / name)
            if found is None:
                raise GoneError(f"{inside}/{name} is gone.")
            (passing if name.endswith(HINT) else logs)[f"{inside}/{name}"] = found
    for place, path in (*_views(warehouse), *_checkpoints(settings, warehouse)):
        found = _found(path)
        if found is not None:
            passing[place] = found
    return Cut(taken_at, tables, {**files, **logs}, passing)


def local_warehouse(settings: Settings) -> Path:
    """The folder of a local lakehouse. Raises SetupError where a catalog keeps the tables, or there is
    none."""
    warehouse = place_of(settings)
    if not warehouse.is_dir():
        raise SetupError(f"There is no lakehouse at {warehouse}. Name it with --warehouse.")
    return warehouse


def place_of(settings: Settings) -> Path:
    """Where a local lakehouse is, or was. Raises SetupError where a catalog keeps the tables."""
    if settings.warehouse is None:
        raise SetupError(
            f"The tables of the catalog {settings.catalog} are no folders of this machine: only "
            "`medallion dr replicate` (DEEP CLONE) and `failover` work there; see docs/disaster-recovery.md."
        )
    return Path(settings.warehouse)


def _found(path: Path) -> Found | None:
    try:
        about = path.stat()
    except FileNotFoundError:
        return None
    return Found(path, about.st_size, about.st_mtime_ns)


def _views(warehouse: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(warehouse.glob("[!._]*/*.view.sql")):
        yield f"{path.parent.name}/{path.name}", path


def _checkpoints(settings: Settings, warehouse: Path) -> Iterator[tuple[str, Path]]:
    """The files of streams' checkpoints; in a copy they are where they are looked for unless one says
    otherwise."""
    if settings.checkpoints is not None and "://" in settings.checkpoints:
        raise SetupError(
            f"The checkpoints of streams are at {settings.checkpoints}, and tables in a folder: they "
            "could not be copied as of one moment. Leave MEDALLION_CHECKPOINTS out, or name a folder."
        )
    root = Path(settings.checkpoints) if settings.checkpoints else warehouse / CHECKPOINTS
    for path in sorted(root.rglob("*")):
        hidden = any(
            part.startswith(".") for part in path.relative_to(root).parts
        )  # Hadoop's checksums, mostly
        if path.is_file() and not hidden:
            yield f"{CHECKPOINTS}/{path.relative_to(root)}", path
