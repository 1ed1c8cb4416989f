"""What a Delta table is made of, as its log says: the files that its newest version needs, and the older ones
that time travel and the change feed still read.

Read from plain files, without Spark: commits, checkpoints of all kinds (in one file, in parts, version 2 with
sidecars), compacted commits, deletion vectors, change files.
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow.parquet as pq

from medallion_pipelines.errors import MedallionError

LOG = "_delta_log"
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint(?:\.(\d{10})\.(\d{10})|\.[0-9a-f-]{36})?\.(?:parquet|json)")
_OTHERS = re.compile(r"(?:\d{20}\.)?(\d{20})\.(?:compacted\.json|crc)")  # what may be there, too
HINT = "_last_checkpoint"
# of a checkpoint: names that it does not have are passed over
_COLUMNS = [
    "add.path", "add.size", "add.deletionVector", "remove.path", "remove.deletionVector",
    "metaData.id", "protocol.readerFeatures", "protocol.writerFeatures", "sidecar.path",
]  # fmt: skip
_ELSEWHERE = {"catalogManaged", "catalogOwned", "catalogOwned-preview", "coordinatedCommits-preview"}
# Z85, as Delta writes ids, in the letters that Python's decoder reads
_Z85 = str.maketrans(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#",
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~",
)


class GoneError(MedallionError):
    """A file that a version needs is not there (any more)."""


@dataclass(frozen=True)
class Version:
    """A table at its newest version. Paths are relative to its folder.

    `needed` are the files that rows of this version are in, with the size that the log tells (None: it tells
    none); `older` those that only earlier versions and the change feed read, which VACUUM may have deleted;
    `log` the log itself, up to this version.
    """

    id: str
    version: int
    committed_at: Mapping[int, datetime]  # of the commits that the log still has
    needed: Mapping[str, int | None]
    older: frozenset[str]
    log: tuple[str, ...]


def read_version(folder: Path) -> Version:
    """The table in a folder, as it is now. Raises GoneError where its log has a hole or is gone,
    MedallionError where its files are not all below the folder."""
    try:
        names = sorted(entry.name for entry in (folder / LOG).iterdir())
    except FileNotFoundError:
        raise GoneError(f"{folder} is no Delta table (any more): it has no {LOG}.") from None
    commits = {int(found[1]): name for name in names if (found := _COMMIT.fullmatch(name))}
    if not commits:
        raise GoneError(f"{folder}/{LOG} has no commit.")
    version = max(commits)
    checkpoints = _checkpoints(names, version)
    start = max(checkpoints, default=-1)
    hole = next((at for at in range(start + 1, version + 1) if at not in commits), None)
    if hole is not None:
        raise GoneError(f"{folder}/{LOG} has no commit {hole}, which version {version} needs.")
    replay = _Replay(folder)
    try:
        for name in _whole(checkpoints.get(start, [])):
            replay.take(_checkpoint(folder / LOG, name, replay.sidecars))
        for at in sorted(commits):
            lines = (folder / LOG / commits[at]).read_text(encoding="utf-8").splitlines()
            actions = (json.loads(line) for line in lines if line)
            replay.take(actions, tells=at > start)
        # the sidecars of older checkpoints, which time travel begins with
        for older in checkpoints.keys() - {start}:
            for name in _whole(checkpoints[older]):
                for _ in _checkpoint(folder / LOG, name, replay.sidecars):
                    pass
        committed = {
            at: datetime.fromtimestamp((folder / LOG / name).stat().st_mtime, UTC)
            for at, name in commits.items()
        }
        log = [*_upto(names, version), *_hint(folder / LOG, names, version), *sorted(replay.sidecars)]
    except FileNotFoundError as error:
        raise GoneError(f"{error.filename} went while the log was read.") from None
    except ValueError as error:  # of JSON and of Parquet
        raise GoneError(f"{folder}/{LOG} cannot be read: {error}") from None
    return Version(
        replay.id,
        version,
        committed,
        {path: size for files in replay.live.values() for path, size in files.items()},
        frozenset(replay.mentioned),
        tuple(f"{LOG}/{name}" for name in log),
    )


def committed(folder: Path) -> int:
    """The newest version of the table in a folder; -1 where there is none."""
    found = (_COMMIT.fullmatch(path.name) for path in (folder / LOG).glob("*.json"))
    return max((int(one[1]) for one in found if one), default=-1)


def _checkpoints(names: Iterable[str], version: int) -> dict[int, list[str]]:
    """The checkpoints that are whole, by version: their files."""
    found: dict[int, list[str]] = {}
    for name in names:
        match = _CHECKPOINT.fullmatch(name)
        if match and int(match[1]) <= version:
            found.setdefault(int(match[1]), []).append(name)
    return {at: files for at, files in found.items() if _whole(files)}


def _whole(files: list[str]) -> list[str]:
    """The files of one checkpoint of a version: one that stands alone, or all parts of one."""
    parts: dict[int, list[str]] = {}
    for name in files:
        match = _CHECKPOINT.fullmatch(name)
        assert match is not None
        if match[3] is None:
            return [name]
        parts.setdefault(int(match[3]), []).append(name)
    return next((some for count, some in parts.items() if len(some) == count), [])


def _upto(names: Iterable[str], version: int) -> Iterator[str]:
    """The commits, checkpoints, compacted commits and checksums up to a version."""
    for name in names:
        match = _COMMIT.fullmatch(name) or _CHECKPOINT.fullmatch(name) or _OTHERS.fullmatch(name)
        if match and int(match[1]) <= version:
            yield name


def _hint(log: Path, names: Iterable[str], version: int) -> Iterator[str]:
    """What says where the newest checkpoint is, unless that is past the version: without it Delta looks."""
    if HINT in names and json.loads((log / HINT).read_text(encoding="utf-8"))["version"] <= version:
        yield HINT


def _checkpoint(log: Path, name: str, sidecars: set[str]) -> Iterator[dict[str, Any]]:
    """The actions of a checkpoint's file, and of its sidecars, whose names it adds to `sidecars`."""
    if name.endswith(".json"):
        lines = (log / name).read_text(encoding="utf-8").splitlines()
        actions: Iterable[dict[str, Any]] = (json.loads(line) for line in lines if line)
    else:
        actions = _rows(log / name)
    for action in actions:
        yield action
        if action.get("sidecar"):
            sidecar = f"_sidecars/{action['sidecar']['path']}"
            sidecars.add(sidecar)
            yield from _rows(log / sidecar)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(columns=_COLUMNS):
            yield from batch.to_pylist()


class _Replay:
    """What the actions of a log add up to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.id = ""
        self.live: dict[tuple[str, str], dict[str, int | None]] = {}
        self.mentioned: set[str] = set()
        self.sidecars: set[str] = set()

    def take(self, actions: Iterable[dict[str, Any]], *, tells: bool = True) -> None:
        """Actions of one file; `tells`: they are of after the checkpoint, else only their paths count."""
        gone, come = [], {}
        for action in actions:
            add, remove = action.get("add"), action.get("remove")
            if add and add.get("path"):
                come[_key(add)] = self._files(add)
            elif remove and remove.get("path"):
                gone.append(_key(remove))
                self._files(remove)
            elif change := action.get("cdc"):
                self._files(change)
            if tells and (about := action.get("metaData")) and about.get("id"):
                self.id = about["id"]
            if protocol := action.get("protocol"):
                self._refuse_elsewhere(protocol)
        if tells:
            for key in gone:
                self.live.pop(key, None)
            self.live |= come

    def _files(self, action: Mapping[str, Any]) -> dict[str, int | None]:
        """A data or change file, and its deletion vector's."""
        files = {unquote(action["path"]): action.get("size")}
        vector = action.get("deletionVector")
        if vector and vector["storageType"] != "i":
            files[_vector(vector)] = None
        for path in files:
            if "://" in path or path.startswith(("/", "file:")):
                raise MedallionError(
                    f"{self._folder} has a file elsewhere ({path}): it is a shallow clone, and cannot be "
                    "copied. Make it a table of its own first (CREATE TABLE ... AS SELECT)."
                )
        self.mentioned |= files.keys()
        return files

    def _refuse_elsewhere(self, protocol: Mapping[str, Any]) -> None:
        features = {*(protocol.get("readerFeatures") or ()), *(protocol.get("writerFeatures") or ())}
        if features & _ELSEWHERE:
            raise MedallionError(
                f"The commits of {self._folder} are kept by a catalog ({', '.join(features & _ELSEWHERE)}): "
                "its folder does not have them all."
            )


def _key(action: Mapping[str, Any]) -> tuple[str, str]:
    vector = action.get("deletionVector")
    return action["path"], f"{vector['pathOrInlineDv']}@{vector.get('offset')}" if vector else ""


def _vector(vector: Mapping[str, Any]) -> str:
    text = str(vector["pathOrInlineDv"])
    if vector["storageType"] == "p":
        return unquote(text)
    folder, name = text[:-20], uuid.UUID(bytes=base64.b85decode(text[-20:].translate(_Z85)))
    return f"{folder}/deletion_vector_{name}.bin" if folder else f"deletion_vector_{name}.bin"
