"""How much each aircraft was used each month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as sf

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def transform(fact_flight: DataFrame, dim_aircraft: DataFrame) -> DataFrame:
    """One row per reported tail number and month; aircraft that no register lists have no particulars."""
    departed = ~sf.col("is_cancelled")
    use = (
        fact_flight.where(sf.col("tailnum").isNotNull())
        .groupBy("tailnum", "year", "month")
        .agg(
            sf.count("*").alias("flights"),
            sf.count_if(departed).alias("flown_flights"),
            sf.count_distinct(sf.when(departed, sf.col("flight_date"))).alias("days_flown"),
            sf.coalesce(sf.sum("air_minutes"), sf.lit(0)).alias("total_air_minutes"),
            sf.sum(sf.when(departed, sf.col("distance_miles")).otherwise(0)).alias("total_distance_miles"),
        )
    )
    aircraft = dim_aircraft.where("is_known").select("aircraft_key", "manufacturer", "model", "seats")
    return use.join(aircraft, use["tailnum"] == aircraft["aircraft_key"], "left").select(
        "tailnum",
        "year",
        "month",
        sf.col("aircraft_key").isNotNull().alias("is_registered"),
        "manufacturer",
        "model",
        "seats",
        "flights",
        "flown_flights",
        "days_flown",
        "total_air_minutes",
        "total_distance_miles",
        (sf.col("seats") * sf.col("total_distance_miles")).alias("total_seat_miles"),
        sf.expr("CAST(flown_flights AS DOUBLE) / NULLIF(days_flown, 0)").alias("flights_per_day_flown"),
    )
