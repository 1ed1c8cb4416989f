"""How much each aircraft was used each month."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def transform(fact_flight: DataFrame, dim_aircraft: DataFrame) -> DataFrame:
    """One row per reported tail number and month; aircraft that no register lists have no particulars."""
    departed = ~F.col("is_cancelled")
    use = (
        fact_flight.where(F.col("tailnum").isNotNull())
        .groupBy("tailnum", "year", "month")
        .agg(
            F.count("*").alias("flights"),
            F.count_if(departed).alias("flown_flights"),
            F.count_distinct(F.when(departed, F.col("flight_date"))).alias("days_flown"),
            F.coalesce(F.sum("air_minutes"), F.lit(0)).alias("total_air_minutes"),
            F.sum(F.when(departed, F.col("distance_miles")).otherwise(0)).alias("total_distance_miles"),
        )
    )
    aircraft = dim_aircraft.where("is_known").select("aircraft_key", "manufacturer", "model", "seats")
    return use.join(aircraft, use["tailnum"] == aircraft["aircraft_key"], "left").select(
        "tailnum",
        "year",
        "month",
        F.col("aircraft_key").isNotNull().alias("is_registered"),
        "manufacturer",
        "model",
        "seats",
        "flights",
        "flown_flights",
        "days_flown",
        "total_air_minutes",
        "total_distance_miles",
        (F.col("seats") * F.col("total_distance_miles")).alias("total_seat_miles"),
        F.expr("CAST(flown_flights AS DOUBLE) / NULLIF(days_flown, 0)").alias("flights_per_day_flown"),
    )
