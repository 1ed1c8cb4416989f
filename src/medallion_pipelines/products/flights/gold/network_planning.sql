SELECT
  origin,
  dest,
  MAX(dest_name) AS dest_name,
  year,
  CAST(CEIL(month / 3) AS BIGINT) AS quarter,
  MAX(distance_miles) AS distance_miles,
  SUM(flights) AS flights,
  SUM(arrived_flights) AS arrived_flights,
  CAST(SUM(flights) AS DOUBLE) / COUNT(*) AS flights_per_month,
  CAST(SUM(on_time_flights) AS DOUBLE) / SUM(flights) AS on_time_rate,
  CAST(SUM(cancelled_flights) AS DOUBLE) / SUM(flights) AS cancellation_rate,
  CAST(SUM(total_arr_delay_minutes) AS DOUBLE) / NULLIF(SUM(arrived_flights), 0) AS mean_arr_delay_minutes
FROM {route_performance_monthly}
GROUP BY origin, dest, year, CAST(CEIL(month / 3) AS BIGINT)
