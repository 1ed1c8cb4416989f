"""Each gold transform of the flights product, against pandas."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from medallion_pipelines.sample import land

from . import flights, oracle
from .changed import Changed, changed
from .compare import assert_same_rows

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import DataFrame, SparkSession


# A blizzard with most flights cancelled, the end of summer time, the year's end without weather.
DAYS = [date(2013, 2, 8), date(2013, 2, 9), date(2013, 11, 3), date(2013, 12, 30), date(2013, 12, 31)]

GOLD = flights.contracts("gold")
SILVER = flights.contracts("silver")
INCREMENTAL = [name for name in GOLD if any("grain" in each for each in flights.custom(GOLD[name], "inputs"))]


@pytest.fixture(scope="module")
def source() -> oracle.Published:
    return oracle.published(DAYS)


@pytest.fixture(scope="module")
def changes(tmp_path_factory: pytest.TempPathFactory) -> Changed:
    """Of these days and the weeks before, when most of their bookings were made."""
    landing = tmp_path_factory.mktemp("landing")
    for days in ("2013-01-25..2013-02-09", "2013-10-20..2013-11-03", "2013-12-15..2013-12-31"):
        land(landing, days=days)
    return changed(landing)


@pytest.fixture(scope="module")
def expected(source: oracle.Published, changes: Changed) -> dict[str, pd.DataFrame]:
    return oracle.gold(source, changes)


@pytest.fixture(scope="module")
def tables(
    spark: SparkSession,
    source: oracle.Published,
    changes: Changed,
    expected: dict[str, pd.DataFrame],
) -> dict[str, DataFrame]:
    """Every table by its name within the product: silver as published, gold as pandas has it."""
    given = vars(source) | vars(changes)
    silver = {f"silver.{name}": flights.frame(spark, given[name], SILVER[name]) for name in SILVER}
    gold = {f"gold.{name}": flights.frame(spark, expected[name], GOLD[name]) for name in GOLD}
    return {name: table.cache() for name, table in (silver | gold).items()}


@pytest.mark.parametrize("name", GOLD)
def test_a_gold_table_holds_what_pandas_computes(
    spark: SparkSession, tables: dict[str, DataFrame], expected: dict[str, pd.DataFrame], name: str
) -> None:
    inputs = [each["table"] for each in flights.custom(GOLD[name], "inputs")]
    result = flights.transform(spark, name, {each.split(".")[1]: tables[each] for each in inputs})
    assert result.dtypes == flights.columns(GOLD[name])
    assert_same_rows(result.toPandas(), expected[name], oracle.KEYS[name])


@pytest.mark.parametrize("name", INCREMENTAL)
def test_rows_depend_on_the_input_rows_of_their_own_grain_key_alone(
    spark: SparkSession, tables: dict[str, DataFrame], expected: dict[str, pd.DataFrame], name: str
) -> None:
    key = oracle.KEYS[name]
    some = expected[name].sort_values(key).iloc[::7]
    touched = flights.frame(spark, some[key], GOLD[name])
    inputs = {}
    for each in flights.custom(GOLD[name], "inputs"):
        table = tables[each["table"]]
        if "grain" in each:
            keys = table.selectExpr("*", *(f"{each['grain'][column]} AS `grain {column}`" for column in key))
            matches = [keys[f"grain {column}"] == touched[column] for column in key]
            table = keys.join(touched, matches, "left_semi").select(table.columns)
        inputs[each["table"].split(".")[1]] = table
    result = flights.transform(spark, name, inputs)
    assert_same_rows(result.join(touched, key, "left_semi").toPandas()[list(some.columns)], some, key)


def test_the_year_has_the_numbers_known_of_it() -> None:
    source = oracle.published()
    fact = oracle.fact_flight(source)
    assert len(fact) == 336_776
    assert fact["is_cancelled"].sum() == 8_255
    assert fact["is_diverted"].sum() == 1_175
    assert fact["dep_delay_minutes"].mean() == pytest.approx(12.639070, abs=5e-7)
    assert fact["arr_delay_minutes"].mean() == pytest.approx(6.895377, abs=5e-7)
    sizes = {name: len(getattr(source, name)) for name in ("airlines", "airports", "planes", "weather")}
    assert sizes == {"airlines": 16, "airports": 1_458, "planes": 3_322, "weather": 26_115}
