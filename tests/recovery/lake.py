"""Delta tables made by hand, of small texts, and read by hand: from their first commit on."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from medallion_pipelines.settings import Settings

_B85 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;<=>?@^_`{|}~"
_Z85 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#"
_VECTOR = pa.struct([("storageType", pa.string()), ("pathOrInlineDv", pa.string()), ("offset", pa.int32())])
_ACTIONS = pa.schema(
    [
        ("add", pa.struct([("path", pa.string()), ("size", pa.int64()), ("deletionVector", _VECTOR)])),
        ("remove", pa.struct([("path", pa.string()), ("deletionVector", _VECTOR)])),
        ("metaData", pa.struct([("id", pa.string())])),
        ("sidecar", pa.struct([("path", pa.string()), ("sizeInBytes", pa.int64())])),
    ]
)
Contents = dict[str, tuple[int, list[str]]]  # by table: its version, the texts of its files


class Table:
    """A table that commits are made to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.id, self.version = folder, str(uuid.uuid4()), -1
        self.live: dict[str, dict[str, Any]] = {}
        self.log.mkdir(parents=True)
        self.actions({"metaData": {"id": self.id}})

    @classmethod
    def of(cls, folder: Path) -> Table:
        """A table that is there already; of its files nothing is known."""
        table = cls.__new__(cls)
        table.folder, table.live = folder, {}
        table.version = max(int(path.stem) for path in table.log.glob("*.json"))
        return table

    @property
    def log(self) -> Path:
        return self.folder / "_delta_log"

    def actions(self, *actions: Mapping[str, Any]) -> None:
        """Commit actions as they are."""
        self.version += 1
        lines = "".join(json.dumps(action) + "\n" for action in ({"commitInfo": {}}, *actions))
        (self.log / f"{self.version:020}.json").write_text(lines)

    def commit(self, *texts: str, without: Iterable[str] = (), change: str | None = None) -> list[str]:
        """Add a file for each text, and take files out; the names of the new ones."""
        added = []
        for text in texts:
            path = self.folder / f"part-{uuid.uuid4()}.parquet"
            path.write_text(text)
            added.append({"path": path.name, "size": len(text.encode())})
        gone = [{"remove": self.live.pop(name)} for name in without]
        if change is not None:
            path = self.folder / "_change_data" / f"cdc-{uuid.uuid4()}.parquet"
            path.parent.mkdir(exist_ok=True)
            path.write_text(change)
            gone.append({"cdc": {"path": f"_change_data/{path.name}", "size": len(change)}})
        self.live |= {add["path"]: add for add in added}
        self.actions(*({"add": add} for add in added), *gone)
        return [add["path"] for add in added]

    def vacuum(self) -> None:
        """Delete all files that the newest version does not need."""
        for path in self.folder.rglob("*"):
            if path.is_file() and self.log not in path.parents and path.name not in self.live:
                path.unlink()

    def checkpoint(self, *, parts: int = 1) -> None:
        """A checkpoint of the newest version, in one file or in parts."""
        rows = [{"metaData": {"id": self.id}}, *({"add": add} for add in self.live.values())]
        for part in range(parts):
            marked = "" if parts == 1 else f".{part + 1:010}.{parts:010}"
            write(self.log / f"{self.version:020}.checkpoint{marked}.parquet", rows[part::parts])
        (self.log / "_last_checkpoint").write_text(json.dumps({"version": self.version, "size": len(rows)}))

    def checkpoint_with_sidecar(self, *, as_json: bool) -> None:
        """A checkpoint of version 2: its files are told of by a sidecar."""
        sidecar = self.log / "_sidecars" / f"{uuid.uuid4()}.parquet"
        sidecar.parent.mkdir(exist_ok=True)
        write(sidecar, [{"add": add} for add in self.live.values()])
        rows = [{"metaData": {"id": self.id}}, {"sidecar": {"path": sidecar.name, "sizeInBytes": 1}}]
        name = f"{self.version:020}.checkpoint.{uuid.uuid4()}"
        if as_json:
            (self.log / f"{name}.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            write(self.log / f"{name}.parquet", rows)

    def forget_log(self) -> None:
        """Delete the commits before the newest checkpoint."""
        newest = max(path.name[:20] for path in self.log.glob("*.checkpoint*"))
        for path in self.log.glob("*.json"):
            if path.name[:20] < newest:
                path.unlink()


def write(path: Path, rows: list[dict[str, Any]]) -> None:
    pq.write_table(pa.Table.from_pylist(rows, _ACTIONS), path)


def vector(folder: Path, prefix: str = "") -> dict[str, Any]:
    """A deletion vector in a file of its own, as an action tells of it."""
    name = uuid.uuid4()
    target = folder / prefix / f"deletion_vector_{name}.bin"
    target.parent.mkdir(exist_ok=True)
    target.write_text("hidden rows")
    encoded = base64.b85encode(name.bytes).decode().translate(str.maketrans(_B85, _Z85))
    return {"storageType": "u", "pathOrInlineDv": f"{prefix}{encoded}", "offset": 1}


def lake(home: Path) -> Settings:
    (home / "landing").mkdir(parents=True, exist_ok=True)
    return Settings(warehouse=str(home / "warehouse"), landing=str(home / "landing"))


def make(settings: Settings, name: str) -> Table:
    return Table(Path(settings.warehouse or "") / name.replace(".", "/"))


def contents(warehouse: str | Path) -> Contents:
    """What readers see, table by table: from the commits alone, the first one on."""
    found: Contents = {}
    for log in sorted(Path(warehouse).glob("*/*/_delta_log")):
        live: dict[str, str] = {}
        commits = sorted(log.glob("*.json"))
        for number, commit in enumerate(commits):
            assert int(commit.stem) == number
            actions = [json.loads(line) for line in commit.read_text().splitlines()]
            for action in actions:
                if "remove" in action:
                    live.pop(action["remove"]["path"])
            for action in actions:
                if "add" in action:
                    live[action["add"]["path"]] = action["add"]["path"]
        texts = sorted((log.parent / path).read_text() for path in live)
        found[f"{log.parent.parent.name}.{log.parent.name}"] = (len(commits) - 1, texts)
    return found


def files(folder: str | Path) -> set[str]:
    """All files below a folder, marks and locks aside."""
    root = Path(folder)
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if path.is_file() and path.name not in (".run.lock", ".replica.json")
    }
