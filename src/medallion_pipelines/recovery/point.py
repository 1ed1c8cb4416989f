"""What a copy says of itself: the moment it is of, its tables, its files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from medallion_pipelines.errors import MedallionError
from medallion_pipelines.operations.lock import REPLICA

FAILED_OVER = ".failed-over.json"  # what the mark of a copy becomes when it is worked on


@dataclass(frozen=True)
class Point:
    """The moment (UTC) up to which a copy has everything, and what is in it.

    `landing`: the landing zone whose files its ledger knows. `tables`: id and version by folder.
    `files`: size, modification time (ns) and SHA-256 by path.
    """

    taken_at: datetime
    completed_at: datetime
    source: str
    landing: str
    tables: Mapping[str, tuple[str, int]]
    files: Mapping[str, tuple[int, int, str]]

    def write(self, slot: Path, mark: str = REPLICA) -> None:
        """Have the slot say so, in one step."""
        plain = asdict(self)
        plain |= {"taken_at": self.taken_at.isoformat(), "completed_at": self.completed_at.isoformat()}
        part = slot / f"{mark}.part"
        with part.open("w", encoding="utf-8") as file:
            json.dump(plain, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(slot / mark)


def read_point(folder: Path, mark: str = REPLICA) -> Point | None:
    """What the copy in a folder says; None where it is none. Raises MedallionError where that cannot be
    read."""
    try:
        plain: dict[str, Any] = json.loads((folder / mark).read_text(encoding="utf-8"))
        return Point(
            datetime.fromisoformat(plain["taken_at"]),
            datetime.fromisoformat(plain["completed_at"]),
            plain["source"],
            plain["landing"],
            {name: (one[0], one[1]) for name, one in plain["tables"].items()},
            {name: (one[0], one[1], one[2]) for name, one in plain["files"].items()},
        )
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (KeyError, ValueError) as error:
        raise MedallionError(
            f"{folder / mark} cannot be read ({error!r}). Move the copy away, and make it anew."
        ) from None


def any_point(folder: Path) -> Point | None:
    """What the copy in a folder says, also one that has been failed over to."""
    return read_point(folder) or read_point(folder, FAILED_OVER)


def titled(folder: str) -> str:
    """A table's name for people: `schema.table`."""
    return folder.replace("/", ".", 1)
