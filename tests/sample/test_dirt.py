"""Dirt in the sample data: what is added, and that every published record is still there."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest

from medallion_pipelines.sample import KINDS, Landing, land

from .reading import CHANGED, KEYS, Changes, Feed, files

if TYPE_CHECKING:
    from pathlib import Path

WEEK = "2013-01-01..2013-01-07"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Landing:
    return land(tmp_path_factory.mktemp("clean"), days=WEEK)


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Landing:
    return land(tmp_path_factory.mktemp("dirty"), days=WEEK, dirty=True)


@pytest.mark.parametrize("feed", KEYS)
def test_a_clean_feed_has_no_dirt(clean: Landing, feed: str) -> None:
    found = Feed(clean.directory, feed)
    assert (found.quarantined, found.duplicates, found.drift) == (0, 0, set())
    assert len(found.rows) == clean.records[feed]


@pytest.mark.parametrize("feed", KEYS)
def test_every_published_record_survives_the_dirt(clean: Landing, dirty: Landing, feed: str) -> None:
    assert Feed(dirty.directory, feed).without_drift() == Feed(clean.directory, feed).rows
    assert dirty.records == clean.records


@pytest.mark.parametrize("feed", KEYS)
def test_the_result_counts_what_is_bad_and_what_is_double(dirty: Landing, feed: str) -> None:
    found = Feed(dirty.directory, feed)
    assert found.quarantined == dirty.quarantined.get(feed, 0)
    assert found.duplicates == dirty.duplicates.get(feed, 0)
    assert found.drift == set(dirty.drift.get(feed, ()))


@pytest.mark.parametrize("feed", CHANGED)
def test_every_change_survives_the_dirt_and_the_result_counts_it(
    clean: Landing, dirty: Landing, feed: str
) -> None:
    right, found = Changes(clean.directory, feed), Changes(dirty.directory, feed)
    assert (right.quarantined, set(right.good.values())) == (0, {1})
    assert right.good.total() == clean.records[feed]
    assert found.good.keys() == right.good.keys()
    assert found.quarantined == dirty.quarantined.get(feed, 0)
    assert found.good.total() - len(found.good) == dirty.repeated.get(feed, 0)


def test_a_snapshot_without_its_key_comes_on_top_of_two_that_have_it(clean: Landing, dirty: Landing) -> None:
    codes = {}
    for name, path in files(dirty.directory / "airports").items():
        with path.open(newline="") as file:
            codes[name] = [row.get("faa") for row in csv.DictReader(file)]
    first, second, without = (codes[f"{day}.csv"] for day in ("2012-07-01", "2013-01-01", "2013-01-02"))
    assert clean.records["airports"] == dirty.records["airports"] == len(first) + len(second)
    assert (len(set(first) - set(second)), len(set(second) - set(first))) == (3, 8)
    assert without == [None] * 25


@pytest.mark.parametrize("feed", CHANGED)
def test_changes_come_in_the_order_of_their_commits_unless_they_are_late(
    clean: Landing, dirty: Landing, feed: str
) -> None:
    def late(landed: Landing) -> list[str]:
        newest, found = "", []
        for name, moments in Changes(landed.directory, feed).files:
            found += [name] if moments and min(moments) < newest else []
            newest = max([newest, *moments])
        return found

    again = ["20130105-050000000.csv"]  # what the day's file brought three hours before
    held_back = ["20130106-030000000.csv"]
    assert late(clean) == []
    assert late(dirty) == {"bookings": again + held_back, "aircraft_configurations": held_back}.get(feed, [])


def test_a_week_shows_every_kind_of_dirt(dirty: Landing) -> None:
    assert set(dirty.added) == {kind.name for kind in KINDS}


def test_clean_data_counts_no_dirt(clean: Landing) -> None:
    assert clean.added == clean.quarantined == clean.duplicates == clean.repeated == clean.drift == {}


def test_a_preliminary_record_is_delivered_before_the_true_one(dirty: Landing) -> None:
    found = files(dirty.directory)
    early, day = found["flights/2013-01-01-preliminary.json.gz"], found["flights/2013-01-01.json.gz"]
    assert early.stat().st_mtime < day.stat().st_mtime


def test_records_held_back_are_not_in_the_days_file(dirty: Landing) -> None:
    flights = files(dirty.directory)
    late, day = flights["flights/2013-01-03-late.json.gz"], flights["flights/2013-01-03.json.gz"]
    assert late.stat().st_mtime > day.stat().st_mtime
    assert dirty.added["held_back"] == 91


def test_january_has_the_counts_that_the_documentation_tells(tmp_path: Path) -> None:
    january = land(tmp_path, days="2013-01-01..2013-01-31", dirty=True)
    assert january.records["flights"] == 27_004
    assert january.quarantined == {
        "flights": 155,
        "weather": 62,
        "airports": 25,
        "bookings": 36,
        "passengers": 6,
        "aircraft_configurations": 5,
    }
    assert january.duplicates == {"flights": 413, "weather": 359}
    assert january.repeated["airlines"] == 16
    assert january.drift == {"flights": ("gate",), "weather": ("temperature",), "airports": ("iata",)}


@pytest.mark.slow
def test_the_year_has_the_counts_that_the_documentation_tells(tmp_path: Path) -> None:
    year = land(tmp_path, dirty=True)
    assert year.records == {
        "airlines": 17,
        "airports": 2_911,
        "planes": 3_383,
        "flights": 336_776,
        "weather": 26_115,
        "passengers": 2_768,
        "bookings": 24_439,
        "aircraft_configurations": 4_034,
    }
    assert year.quarantined == {
        "flights": 1_825,
        "weather": 728,
        "airports": 25,
        "bookings": 423,
        "passengers": 61,
        "aircraft_configurations": 60,
    }
    assert year.repeated == {"airlines": 16, "bookings": 1_191}
    assert year.duplicates == {"flights": 4_755, "weather": 4_296}
