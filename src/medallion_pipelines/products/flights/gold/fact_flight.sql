SELECT
  f.year,
  f.month,
  f.day,
  f.carrier,
  f.flight,
  f.origin,
  f.dest,
  f.tailnum,
  COALESCE(c.carrier_key, 'UNKNOWN') AS carrier_key,
  COALESCE(o.airport_key, 'UNKNOWN') AS origin_key,
  COALESCE(d.airport_key, 'UNKNOWN') AS dest_key,
  COALESCE(a.aircraft_key, 'UNKNOWN') AS aircraft_key,
  MAKE_DATE(CAST(f.year AS INT), CAST(f.month AS INT), CAST(f.day AS INT)) AS flight_date,
  f.time_hour,
  TIMESTAMPADD(MINUTE, CAST(f.minute AS INT), f.time_hour) AS scheduled_departure_at,
  f.dep_delay AS dep_delay_minutes,
  f.arr_delay AS arr_delay_minutes,
  f.air_time AS air_minutes,
  f.distance AS distance_miles,
  f.dep_time IS NULL AS is_cancelled,
  f.dep_time IS NOT NULL AND f.arr_delay IS NULL AS is_diverted,
  COALESCE(f.arr_delay < 15, FALSE) AS is_on_time
FROM {flights} AS f
LEFT JOIN {dim_carrier} AS c ON c.carrier_key = f.carrier
LEFT JOIN {dim_airport} AS o ON o.airport_key = f.origin
LEFT JOIN {dim_airport} AS d ON d.airport_key = f.dest
LEFT JOIN {dim_aircraft} AS a ON a.aircraft_key = f.tailnum
