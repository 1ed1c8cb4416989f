"""The flights product from raw, dirty files to gold, against pandas."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.results import RunResult
from medallion_pipelines.sample import Landing, land

from . import oracle
from .changed import Changed, changed
from .compare import assert_same_rows

SILVER = ("flights", "weather", "airports")
CHANGED = {
    "airlines": ["carrier"],
    "planes": ["tailnum"],
    "passengers": ["passenger_id"],
    "bookings": ["booking_id"],
    "aircraft_configurations": ["tailnum", "__START_AT"],
}


def days(first: int, last: int) -> list[date]:
    return [date(2013, 1, 1) + timedelta(day - 1) for day in range(first, last + 1)]


def assert_gold_is(lakehouse: Lakehouse, expected: oracle.Published) -> None:
    for name, frame in oracle.gold(expected, changes(lakehouse)).items():
        assert_same_rows(lakehouse.table(f"gold.{name}").toPandas(), frame, oracle.KEYS[name])


def assert_silver_has_what_changes_came_to(lakehouse: Lakehouse) -> None:
    expected = changes(lakehouse)
    for name in CHANGED:
        actual = lakehouse.table(f"silver.{name}").toPandas()
        assert_same_rows(actual, getattr(expected, name), CHANGED[name])


def changes(lakehouse: Lakehouse) -> Changed:
    return changed(Path(lakehouse.settings.landing))


def assert_silver_counts(result: RunResult, landed: Landing) -> None:
    steps = {step.table: step for step in result.steps}
    for name in (*SILVER, *CHANGED):
        step = steps[f"silver.{name}"]
        assert step.error is None
        assert (step.rows_valid, step.rows_quarantined, step.rows_duplicate) == (
            landed.records[name] + landed.repeated.get(name, 0),
            landed.quarantined.get(name, 0),
            landed.duplicates.get(name, 0),
        ), name


def test_dirty_days_come_out_clean(lakehouse: Lakehouse) -> None:
    landed = land(lakehouse.settings.landing, days="2013-01-03..2013-01-08", dirty=True)
    result = lakehouse.run("flights")
    assert_silver_counts(result, landed)
    assert_silver_has_what_changes_came_to(lakehouse)
    expected = oracle.published(days(3, 8))
    assert_same_rows(lakehouse.table("silver.airports").toPandas(), expected.airports, ["faa"])
    assert_gold_is(lakehouse, expected)
    drifted = {row.field for row in lakehouse.table("ops.drift").where("kind = 'unknown_field'").collect()}
    assert drifted == {name for names in landed.drift.values() for name in names}
    noted = [row.table for row in lakehouse.table("ops.table_metrics").select("table").collect()]
    assert sorted(noted) == sorted(step.table for step in result.steps)


@pytest.mark.slow
def test_dirty_days_that_come_late_are_added(lakehouse: Lakehouse) -> None:
    land(lakehouse.settings.landing, days="2013-01-03..2013-01-08", dirty=True)
    assert lakehouse.run("flights").succeeded

    land(lakehouse.settings.landing, days="2013-01-01..2013-01-02", dirty=True)
    later = lakehouse.run("flights")
    assert later.succeeded
    assert not any("in full" in note for step in later.steps for note in step.notes)
    assert_silver_has_what_changes_came_to(lakehouse)
    assert_gold_is(lakehouse, oracle.published(days(1, 8)))
    assert not lakehouse.run("flights").changed


@pytest.mark.engine
@pytest.mark.slow
def test_the_published_figures_hold_for_the_whole_dirty_year(lakehouse: Lakehouse) -> None:
    landed = land(lakehouse.settings.landing, dirty=True)
    assert_silver_counts(lakehouse.run("flights"), landed)
    silver = lakehouse.settings.silver
    figures = lakehouse.sql(
        f"SELECT count(*), count_if(dep_time IS NULL), avg(dep_delay), avg(arr_delay) FROM {silver}.flights"
    ).first()
    assert figures is not None
    assert (figures[0], figures[1], round(figures[2], 6), round(figures[3], 6)) == (
        336_776,
        8_255,
        12.639070,
        6.895377,
    )
    sizes = {
        name: lakehouse.table(f"silver.{name}").count()
        for name in ("weather", "planes", "airports", "airlines")
    }
    assert sizes == {"weather": 26_115, "planes": 3_322, "airports": 1_458, "airlines": 16}
    unknown = lakehouse.table("gold.fact_flight").where("aircraft_key = 'UNKNOWN' AND tailnum IS NOT NULL")
    assert unknown.count() == 50_094
    assert_gold_is(lakehouse, oracle.published())
