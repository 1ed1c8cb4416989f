SELECT
  f.carrier_key,
  f.flight_date,
  COALESCE(c.carrier_name, 'Unknown carrier') AS carrier_name,
  COUNT(*) AS flights,
  COUNT_IF(f.is_cancelled) AS cancelled_flights,
  COUNT_IF(f.is_diverted) AS diverted_flights,
  COUNT_IF(f.is_on_time) AS on_time_flights,
  COUNT(f.dep_delay_minutes) AS departed_flights,
  COUNT(f.arr_delay_minutes) AS arrived_flights,
  COALESCE(SUM(f.dep_delay_minutes), 0) AS total_dep_delay_minutes,
  COALESCE(SUM(f.arr_delay_minutes), 0) AS total_arr_delay_minutes,
  CAST(COUNT_IF(f.is_on_time) AS DOUBLE) / COUNT(*) AS on_time_rate,
  CAST(COUNT_IF(f.is_cancelled) AS DOUBLE) / COUNT(*) AS cancellation_rate,
  AVG(f.dep_delay_minutes) AS mean_dep_delay_minutes,
  AVG(f.arr_delay_minutes) AS mean_arr_delay_minutes
FROM {fact_flight} AS f
LEFT JOIN {dim_carrier} AS c ON c.carrier_key = f.carrier_key
GROUP BY f.carrier_key, f.flight_date, c.carrier_name
