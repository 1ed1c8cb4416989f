"""What the change feeds of the flights product come to, computed a second time: in pandas, from the
files that landed. Nothing here reads contracts or uses the library."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Changed:
    """The silver tables that are made of changes."""

    airlines: pd.DataFrame
    planes: pd.DataFrame
    passengers: pd.DataFrame
    bookings: pd.DataFrame
    aircraft_configurations: pd.DataFrame


def changed(landing: Path) -> Changed:
    """What the change files below a landing zone come to; changes that must not be taken are left out."""
    airlines, planes = (_changes(landing / name, lambda row: True) for name in ("airlines", "planes"))
    planes = _last(planes, "tailnum")
    for name in ("year", "engines", "seats", "speed"):
        planes[name] = pd.to_numeric(planes[name])
    passengers = _changes(landing / "passengers", lambda row: "@" in row["email"])
    bookings = _changes(landing / "bookings", lambda row: not row["fare_usd"].startswith("-"))
    configurations = _changes(landing / "aircraft_configurations", lambda row: row["seats"] != "0")
    bookings = _last(bookings, "booking_id").astype(
        {"booking_id": int, "passenger_id": int, "flight": int, "seats": int}
    )
    bookings["flight_date"] = pd.to_datetime(bookings["flight_date"])
    bookings["fare_usd"] = bookings["fare_usd"].map(Decimal)
    configurations = _versions(configurations, "tailnum").astype({"seats": int, "first_class_seats": int})
    ends = ["__START_AT", "__END_AT"]
    return Changed(
        _in_order(_last(airlines, "carrier"), "committed_at"),
        _in_order(planes, "committed_at"),
        _in_order(_last(passengers, "passenger_id").astype({"passenger_id": int}), "committed_at"),
        _in_order(bookings, "committed_at"),
        _in_order(configurations, "committed_at", *ends),
    )


def _changes(folder: Path, valid: Callable[[Mapping[str, str]], bool]) -> pd.DataFrame:
    """The changes of a feed that can be taken, each once, in the order of their commits."""
    rows = []
    for path in folder.iterdir():
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows += [row for row in csv.DictReader(file) if row["Op"] == "D" or valid(row)]
    found = pd.DataFrame([row for row in rows if row["committed_at"]]).drop_duplicates()
    found["committed_at"] = pd.to_datetime(found["committed_at"])
    return found.sort_values("committed_at", ignore_index=True)


def _last(changes: pd.DataFrame, key: str) -> pd.DataFrame:
    last = changes.drop_duplicates(key, keep="last")
    return last[last["Op"] != "D"].drop(columns="Op")


def _versions(changes: pd.DataFrame, key: str) -> pd.DataFrame:
    ends = changes.groupby(key)["committed_at"].shift(-1)
    versions = changes.assign(__START_AT=changes["committed_at"], __END_AT=ends)
    return versions[versions["Op"] != "D"].drop(columns="Op")


def _in_order(table: pd.DataFrame, *last: str) -> pd.DataFrame:
    first = [name for name in table.columns if name not in last]
    return table[[*first, *last]].reset_index(drop=True)
