"""A location that shows one of two folders, its slots: the one is in use, in the other the next copy is put
together.

/b/warehouse -> .warehouse.slots/0        what readers see
/b/.warehouse.slots/0/silver/orders/...
/b/.warehouse.slots/1/                    empty, or a copy on its way
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from medallion_pipelines.errors import SetupError
from medallion_pipelines.recovery.cut import Found
from medallion_pipelines.recovery.deltalog import GoneError

_PART = ".part-"  # what is not whole yet
_BLOCK = 1 << 20
_LINKS = 40  # that are followed, as Linux does


class Slots:
    """The slots of a location."""

    def __init__(self, location: str | Path) -> None:
        self.location = Path(location)
        for _ in range(_LINKS):
            if not self.location.is_symlink() or self.location.readlink().parent == Path(self.folder.name):
                break
            # a link of the user's own: what it leads to is the location
            self.location = self.location.parent / self.location.readlink()

    @property
    def folder(self) -> Path:
        return self.location.parent / f".{self.location.name}.slots"

    def current(self) -> Path | None:
        """The folder that the location shows; None where there is nothing yet."""
        return self.location.resolve() if self.location.exists() else None

    def next(self) -> Path:
        """The folder for the copy that is to come."""
        now = self.current()
        return self.folder / ("1" if now == (self.folder / "0").resolve() else "0")

    def adopt(self) -> None:
        """Make a plain folder that is at the location a slot."""
        if self.location.is_dir() and not self.location.is_symlink():
            slot = self.folder / "0"
            shutil.rmtree(slot, ignore_errors=True)
            beside = self._link(slot)  # first: where links cannot be, the folder stays
            self.location.rename(slot)
            beside.replace(self.location)

    def show(self, slot: Path) -> None:
        """Point the location at a slot, in one step."""
        self._link(slot).replace(self.location)
        _sync(self.location.parent)

    def _link(self, slot: Path) -> Path:
        """A link to a slot, beside the location."""
        beside = self.location.with_name(f".{self.location.name}.{uuid.uuid4().hex}")
        try:
            beside.symlink_to(slot.relative_to(self.location.parent))
        except OSError as error:
            raise SetupError(
                f"{self.location.parent} takes no symbolic links ({error.strerror}), which a copy is put in "
                "its place with. Name another location."
            ) from None
        return beside

    def others(self) -> Iterator[Path]:
        """What lies in slots that are not in use: files of a copy that was cut off, or of the one before."""
        now = self.current()
        for name in ("0", "1"):
            if now != (self.folder / name).resolve():
                yield from (path for path in (self.folder / name).rglob("*") if path.is_file())

    def empty_others(self) -> None:
        """Delete what is in slots that are not in use."""
        now = self.current()
        for name in ("0", "1"):
            if now != (self.folder / name).resolve():
                shutil.rmtree(self.folder / name, ignore_errors=True)


def put(file: Found, target: Path, like: Path | None, *, link: bool = True) -> tuple[str, int]:
    """Have a file at a target: as it is there already, else from `like`, an older copy, where that is the
    same (as a `link` to it, unless the file is one that is written over), else copied.

    SHA-256 of what was copied (empty: nothing had to be), and its bytes. Raises GoneError where the file
    went, or changed, since it was found.
    """
    if is_same(target, file):
        return "", 0
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{_PART}{target.name}")
    part.unlink(missing_ok=True)
    digest, size = "", 0
    if like is None or not is_same(like, file):
        digest, size = _copy(file, part), file.size
    elif not (link and _linked(like, part)):
        shutil.copy2(like, part)
    part.replace(target)
    return digest, size


def _linked(like: Path, part: Path) -> bool:
    try:
        os.link(like, part)
    except OSError:  # no such links here, or too many
        return False
    return True


def is_same(path: Path, file: Found) -> bool:
    """Whether a file there has the size and time of another: what Delta writes has names of its own, and is
    never written over."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return False
    return (about.st_size, about.st_mtime_ns) == (file.size, file.modified)


def _copy(file: Found, part: Path) -> str:
    """Copy a file with its time (of commits time travel makes use), and see that all of it came."""
    digest, size = hashlib.sha256(), 0
    try:
        with file.path.open("rb") as old, part.open("wb") as new:
            while block := old.read(_BLOCK):
                new.write(block)
                digest.update(block)
                size += len(block)
            new.flush()
            os.fsync(new.fileno())
    except FileNotFoundError:
        part.unlink(missing_ok=True)
        raise GoneError(f"{file.path} went while the copy was made.") from None
    if size != file.size:
        part.unlink()
        raise GoneError(f"{file.path} had {file.size} bytes, and {size} were copied: it changed meanwhile.")
    os.utime(part, ns=(file.modified, file.modified))
    return digest.hexdigest()


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_empty(folder: Path) -> bool:
    """Whether there is a folder with nothing in it."""
    return folder.is_dir() and not any(folder.iterdir())


def clear(slot: Path, kept: set[str]) -> None:
    """Delete all of a slot but some files."""
    for path in [*slot.rglob("*")]:
        if path.is_file() and str(path.relative_to(slot)) not in kept:
            path.unlink()
    for path in sorted((path for path in slot.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
