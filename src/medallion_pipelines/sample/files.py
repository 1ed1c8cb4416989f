"""Files of a landing zone: how records are laid out in them, and how they get onto the disk."""

from __future__ import annotations

import gzip
import json
import os
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from medallion_pipelines.sample.published import MISSING, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from medallion_pipelines.sample.dirt import Kind

TEXT_FIELDS = frozenset({"carrier", "tailnum", "origin", "dest", "time_hour"})

_encoder = json.JSONEncoder(separators=(",", ":"))


@dataclass(frozen=True)
class File:
    """One file to land: where, what, and when it was delivered (its modification time)."""

    path: str  # relative to the landing zone
    content: bytes
    modified: datetime
    published: int = 0  # records of the package delivered by this file
    added: Mapping[Kind, int] = field(default_factory=dict)

    @property
    def feed(self) -> str:
        return self.path.split("/")[0]


def json_record(row: Row) -> dict[str, object]:
    """A row with numbers as numbers (whole ones as integers) and missing values as None."""
    return {name: _json_value(name, text) for name, text in row.items()}


def json_line(record: Mapping[str, object]) -> str:
    return _encoder.encode(record)


def json_lines_gz(lines: Iterable[str]) -> bytes:
    """Gzipped lines; no time of day in the header, so that the same lines give the same bytes."""
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), compresslevel=6, mtime=0)


def csv_line(values: Iterable[str]) -> str:
    """Values between commas, missing ones as empty fields."""
    return ",".join("" if value == MISSING else value for value in values)


def csv_file(header: Sequence[str], lines: Iterable[str], *, newline: str = "\n") -> bytes:
    return "".join(f"{line}{newline}" for line in (",".join(header), *lines)).encode()


def write(directory: Path, file: File) -> bool:
    """Put `file` in place, whole or not at all; False if its content is there already (left untouched)."""
    target = directory / file.path
    if target.is_file() and target.read_bytes() == file.content:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.tmp")  # readers of the landing zone skip dotted names
    temporary.write_bytes(file.content)
    seconds = file.modified.timestamp()
    os.utime(temporary, (seconds, seconds))
    temporary.replace(target)
    return True


@cache  # a year has six million values, few of them distinct
def _json_value(name: str, text: str) -> object:
    if text == MISSING:
        return None
    if name in TEXT_FIELDS:
        return text
    return int(text) if text.lstrip("-").isdigit() else float(text)
