"""The landing zone of the sample data: layout, repeatability, ranges of days."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from medallion_pipelines.errors import MedallionError
from medallion_pipelines.sample import land, published

from .reading import Changes, files

if TYPE_CHECKING:
    from pathlib import Path

DAYS = "2013-01-01..2013-01-07"


def times(directory: Path) -> dict[str, datetime]:
    return {
        name: datetime.fromtimestamp(path.stat().st_mtime, UTC) for name, path in files(directory).items()
    }


def test_a_day_lands_as_json_lines_and_csv_and_the_snapshots_as_csv(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-01..2013-01-02")
    feeds = ("aircraft_configurations", "bookings", "passengers")
    changes = [
        f"{feed}/{name}.csv"
        for feed in feeds
        for name in ("20130102-020000000", "20130103-020000000", "LOAD00000001")
    ]
    assert sorted(set(files(tmp_path)) - set(changes)) == [
        "airlines/LOAD00000001.csv",
        "airports/2012-07-01.csv",
        "airports/2013-01-01.csv",
        "flights/2013-01-01.json.gz",
        "flights/2013-01-02.json.gz",
        "planes/LOAD00000001.csv",
        "weather/2013-01-01.csv",
        "weather/2013-01-02.csv",
    ]
    assert set(changes) < set(files(tmp_path))


def test_flights_have_whole_numbers_and_nulls(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-01")
    lines = gzip.decompress((tmp_path / "flights/2013-01-01.json.gz").read_bytes()).decode().splitlines()
    assert lines[0] == (
        '{"year":2013,"month":1,"day":1,"dep_time":517,"sched_dep_time":515,"dep_delay":2,"arr_time":830,'
        '"sched_arr_time":819,"arr_delay":11,"carrier":"UA","flight":1545,"tailnum":"N14228","origin":"EWR",'
        '"dest":"IAH","air_time":227,"distance":1400,"hour":5,"minute":15,"time_hour":"2013-01-01T10:00:00Z"}'
    )
    assert sum(json.loads(line)["dep_time"] is None for line in lines) == 4


def test_csv_keeps_values_as_published_and_leaves_missing_ones_empty(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-01")
    with (tmp_path / "weather/2013-01-01.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["temp"], first["wind_speed"], first["wind_gust"]) == ("39.02", "10.357019999999999", "")


def test_changes_land_as_dms_writes_them_a_full_load_and_then_each_day(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-01")
    columns = "booking_id,passenger_id,carrier,flight,flight_date,origin,dest,seats,fare_usd"
    load = (tmp_path / "bookings/LOAD00000001.csv").read_text().splitlines()
    assert load[:2] == [
        f"Op,committed_at,{columns}",
        "I,2013-01-01 00:00:00.000000,1,13,UA,1480,2013-01-01,EWR,SFO,2,794.00",
    ]
    day = (tmp_path / "bookings/20130102-020000000.csv").read_text().splitlines()
    assert day[:2] == [
        f"Op,committed_at,{columns}",
        "I,2013-01-01 00:01:09.000000,2041,1723,UA,1539,2013-01-21,EWR,DFW,2,320.50",
    ]
    assert {line[0] for line in load[1:]} == {"I"}
    assert {line[0] for line in day[1:]} == {"I", "U", "D"}
    assert [line for line in day if line[0] == "D" and not line.endswith(",,,,,,,,")] == []


def test_bookings_are_of_real_flights_and_of_passengers_that_there_were(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-01..2013-01-28")
    names = ("carrier", "flight", "origin", "dest")
    flights = {
        (str(day), *(row[name] for name in names))
        for day in published.days()[:48]
        for row in published.day("flights", day)
    }
    since: dict[str, str] = {}
    until: dict[str, str] = {}
    for one in Changes(tmp_path, "passengers").changes():
        if one["Op"] != "U":
            (since if one["Op"] == "I" else until)[one["passenger_id"]] = one["committed_at"]
    made = [one for one in Changes(tmp_path, "bookings").changes() if one["Op"] == "I"]
    assert len(made) == 2_288
    for one in made:
        assert (one["flight_date"], *(one[name] for name in names)) in flights
        who, when = one["passenger_id"], one["committed_at"]
        assert since[who] <= when < until.get(who, "9"), one


def test_modification_times_tell_when_a_file_was_delivered(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-31")
    found = times(tmp_path)
    assert found["flights/2013-01-31.json.gz"] == datetime(2013, 2, 1, 2, tzinfo=UTC)
    assert found["weather/2013-01-31.csv"] == datetime(2013, 2, 1, 2, tzinfo=UTC)
    assert found["bookings/20130201-020000000.csv"] == datetime(2013, 2, 1, 2, tzinfo=UTC)
    assert (
        found["planes/LOAD00000001.csv"]
        == found["bookings/LOAD00000001.csv"]
        == datetime(2013, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize("dirty", [False, True])
def test_two_landings_are_the_same_to_the_byte_and_to_the_second(tmp_path: Path, dirty: bool) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    land(one, days=DAYS, dirty=dirty, seed=7)
    land(two, days=DAYS, dirty=dirty, seed=7)
    assert {name: path.read_bytes() for name, path in files(one).items()} == {
        name: path.read_bytes() for name, path in files(two).items()
    }
    assert times(one) == times(two)


@pytest.mark.parametrize("dirty", [False, True])
def test_landing_again_touches_nothing(tmp_path: Path, dirty: bool) -> None:
    first = land(tmp_path, days=DAYS, dirty=dirty)
    before = {name: path.stat().st_ctime_ns for name, path in files(tmp_path).items()}
    again = land(tmp_path, days=DAYS, dirty=dirty)
    assert {name: path.stat().st_ctime_ns for name, path in files(tmp_path).items()} == before
    assert (again.written, again.unchanged) == (0, first.written)


def test_landing_more_days_leaves_the_earlier_ones_alone(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-01..2013-01-02")
    more = land(tmp_path, days="2013-01-01..2013-01-03")
    assert (more.written, more.unchanged) == (5, 17)


def test_nothing_temporary_stays_behind(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-01", dirty=True)
    assert [name for name in files(tmp_path) if name.split("/")[1].startswith((".", "_"))] == []


def test_a_changed_file_is_put_right(tmp_path: Path) -> None:
    land(tmp_path, days="2013-01-01")
    (tmp_path / "airports/2013-01-01.csv").write_text("faa,name\n")
    assert land(tmp_path, days="2013-01-01").written == 1


def test_one_day_is_a_range_too(tmp_path: Path) -> None:
    assert land(tmp_path, days="2013-12-31").records == {
        "airlines": 16,
        "airports": 2911,
        "planes": 3322,
        "passengers": 1800,
        "bookings": 788,
        "aircraft_configurations": 3322,
        "flights": 776,
    }


def test_a_days_dirt_does_not_depend_on_the_range(tmp_path: Path) -> None:
    land(tmp_path / "week", days=DAYS, dirty=True)
    land(tmp_path / "day", days="2013-01-04", dirty=True)
    week, day = files(tmp_path / "week"), files(tmp_path / "day")
    assert set(day) < set(week)
    assert all(path.read_bytes() == week[name].read_bytes() for name, path in day.items())


def test_another_seed_picks_other_records(tmp_path: Path) -> None:
    land(tmp_path / "0", days="2013-01-01", dirty=True, seed=0)
    land(tmp_path / "1", days="2013-01-01", dirty=True, seed=1)
    name = "flights/2013-01-01.json.gz"
    assert (tmp_path / "0" / name).read_bytes() != (tmp_path / "1" / name).read_bytes()


@pytest.mark.parametrize(
    ("days", "says"),
    [
        ("January", "give one day or A..B"),
        ("2013-01-01..", "give one day or A..B"),
        ("2013-02-30", "give one day or A..B"),
        ("2013-02-01..2013-01-01", "2013-02-01 is after 2013-01-01"),
        ("2012-12-31..2013-01-01", "covers 2013-01-01..2013-12-31"),
        ("2013-12-31..2014-01-01", "covers 2013-01-01..2013-12-31"),
    ],
)
def test_a_bad_range_of_days_says_what_is_wrong(tmp_path: Path, days: str, says: str) -> None:
    with pytest.raises(MedallionError, match=says):
        land(tmp_path, days=days)
    assert files(tmp_path) == {}
