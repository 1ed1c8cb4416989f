SELECT
  f.flight_date,
  f.scheduled_departure_at,
  f.carrier,
  c.carrier_name,
  f.flight,
  f.tailnum,
  f.origin,
  f.dest,
  d.airport_name AS dest_name,
  CASE WHEN f.is_cancelled THEN 'cancelled' WHEN f.is_diverted THEN 'diverted' ELSE 'late' END AS disruption,
  f.dep_delay_minutes,
  f.arr_delay_minutes,
  w.wind_speed_mph,
  w.precipitation_inches,
  w.visibility_miles
FROM {fact_flight} AS f
LEFT JOIN {dim_carrier} AS c ON c.carrier_key = f.carrier_key
LEFT JOIN {dim_airport} AS d ON d.airport_key = f.dest_key
LEFT JOIN {delay_weather_hourly} AS w ON w.origin = f.origin AND w.time_hour = f.time_hour
WHERE NOT f.is_on_time
