"""What is plotted of a mart, by its contract alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.model import Column, ForeignKey, Table
from medallion_pipelines.report.choice import Time, aggregate, choose, dimensions, labels
from medallion_pipelines.report.model import Measure
from medallion_pipelines.shipped import product_folder


def mart(*columns, key=(), **more):
    made = tuple(Column(name, type_, name in key or type_.isupper()) for name, type_ in columns)
    return Table("mart", "gold", Path("mart.odcs.yaml"), made, primary_key=tuple(key), **more)


def chosen(table, hidden=()):
    return choose(table, [column.name for column in table.columns], hidden)


@pytest.fixture(scope="module")
def flights():
    return load_product(product_folder("flights"))


@pytest.mark.parametrize(
    ("table", "finest", "measures"),
    [
        ("carrier_performance_daily", "day", ["flights", "cancelled_flights", "on_time_rate"]),
        ("route_performance_monthly", "month", ["flights", "cancelled_flights", "on_time_rate"]),
        ("delay_weather_hourly", "minute", ["flights", "cancelled_flights", "mean_dep_delay_minutes"]),
        ("aircraft_utilisation_monthly", "month", ["flights", "flown_flights", "flights_per_day_flown"]),
        ("passenger_load_by_route_monthly", "month", ["bookings", "revenue_usd", "load_factor"]),
        ("fact_flight", "day", ["rows", "dep_delay_minutes", "arr_delay_minutes"]),
    ],
)
def test_the_flights_marts_are_plotted_by_what_they_are_about(flights, table, finest, measures):
    choice = chosen(flights.tables[f"gold.{table}"])
    assert (choice.time.finest, [measure.name for measure in choice.measures]) == (finest, measures)


def test_what_others_look_things_up_in_is_a_dimension(flights):
    gold = {key for key in dimensions(flights) if key.startswith("gold.")}
    assert gold == {"gold.dim_aircraft", "gold.dim_airport", "gold.dim_carrier"}


@pytest.mark.parametrize(
    ("columns", "time"),
    [
        ([("day", "DATE")], Time("CAST(`day` AS TIMESTAMP)", "day")),
        ([("at", "TIMESTAMP")], Time("CAST(`at` AS TIMESTAMP)", "minute")),
        ([("at", "TIMESTAMP_NTZ")], Time("CAST(`at` AS TIMESTAMP)", "minute")),
        ([("year", "INT")], Time("try_make_timestamp(try_cast(`year` AS INT), 1, 1, 0, 0, 0)", "year")),
        (
            [("order_month", "BIGINT"), ("order_year", "BIGINT")],
            Time(
                "try_make_timestamp(try_cast(`order_year` AS INT), try_cast(`order_month` AS INT), "
                "1, 0, 0, 0)",
                "month",
            ),
        ),
        ([("month", "STRING")], Time("try_cast(`month` AS TIMESTAMP)", "month")),
        ([("month", "INT")], None),
        ([("shop", "STRING"), ("n", "INT")], None),
    ],
)
def test_time_is_read_from_the_key(columns, time):
    assert chosen(mart(*columns, key=[name for name, _ in columns])).time == time


def test_a_date_outside_the_key_is_no_axis():
    assert chosen(mart(("shop", "STRING"), ("seen", "DATE"), key=["shop"])).time is None


def test_names_say_what_may_be_added_up():
    table = mart(
        ("shop", "STRING"),
        ("orders", "BIGINT"),
        ("revenue", "DECIMAL(20,2)"),
        ("mean_price", "DOUBLE"),
        ("height", "BIGINT"),
        key=["shop"],
    )
    assert [(m.name, m.how) for m in chosen(table).measures] == [
        ("orders", "sum"), ("revenue", "sum"), ("mean_price", "mean"),
    ]  # fmt: skip


def test_keys_codes_and_what_points_elsewhere_are_not_summed_up():
    table = mart(
        ("id", "BIGINT"),
        ("zip", "INT"),
        ("product_key", "INT"),
        ("shop", "INT"),
        key=["id"],
        foreign_keys=(ForeignKey(("shop",), "shops", ("id",)),),
    )
    assert [measure.how for measure in chosen(table).measures] == ["rows"]


def test_hidden_columns_are_neither_axis_nor_label_nor_measure():
    table = mart(
        ("email", "STRING"), ("day", "DATE"), ("salary", "BIGINT"), ("age", "BIGINT"), key=["email", "day"]
    )
    choice = chosen(table, hidden=["email", "day", "salary"])
    assert (choice.time, choice.category) == (None, None)
    assert "salary" not in [measure.name for measure in choice.measures]
    assert labels(mart(("email", "STRING")), ["email"], ["email"]) == []


def test_a_column_the_table_does_not_have_yet_is_left_out():
    table = mart(("day", "DATE"), ("orders", "BIGINT"), key=["day"])
    assert [measure.name for measure in choose(table, ["day"], ()).measures] == ["rows"]


def test_names_are_quoted_in_sql():
    assert aggregate(Measure("a`b", "sum")) == "sum(CAST(`a``b` AS DOUBLE))"
    assert aggregate(Measure("rows", "rows")) == "CAST(count(*) AS DOUBLE)"
    assert chosen(mart(("a`b", "DATE"), key=["a`b"])).time == Time("CAST(`a``b` AS TIMESTAMP)", "day")
