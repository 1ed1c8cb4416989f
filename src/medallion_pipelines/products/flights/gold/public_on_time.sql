SELECT
  carrier_name,
  CAST(YEAR(flight_date) AS BIGINT) AS year,
  CAST(MONTH(flight_date) AS BIGINT) AS month,
  SUM(flights) AS flights,
  SUM(on_time_flights) AS on_time_flights,
  CAST(SUM(on_time_flights) AS DOUBLE) / SUM(flights) AS on_time_rate,
  CAST(SUM(cancelled_flights) AS DOUBLE) / SUM(flights) AS cancellation_rate,
  CAST(SUM(total_arr_delay_minutes) AS DOUBLE) / NULLIF(SUM(arrived_flights), 0) AS mean_arr_delay_minutes
FROM {carrier_performance_daily}
GROUP BY carrier_name, YEAR(flight_date), MONTH(flight_date)
