WITH departures AS (
  SELECT
    origin,
    time_hour,
    COUNT(*) AS flights,
    COUNT_IF(is_cancelled) AS cancelled_flights,
    COUNT(dep_delay_minutes) AS departed_flights,
    COUNT_IF(dep_delay_minutes >= 15) AS late_departures,
    COALESCE(SUM(dep_delay_minutes), 0) AS total_dep_delay_minutes,
    AVG(dep_delay_minutes) AS mean_dep_delay_minutes
  FROM {fact_flight}
  GROUP BY origin, time_hour
)
SELECT
  d.origin,
  d.time_hour,
  d.flights,
  d.cancelled_flights,
  d.departed_flights,
  d.late_departures,
  d.total_dep_delay_minutes,
  d.mean_dep_delay_minutes,
  CAST(d.cancelled_flights AS DOUBLE) / d.flights AS cancellation_rate,
  w.origin IS NOT NULL AS has_weather,
  w.temp AS temperature_f,
  w.humid AS humidity_percent,
  w.wind_dir AS wind_direction_degrees,
  w.wind_speed AS wind_speed_mph,
  w.wind_gust AS wind_gust_mph,
  w.precip AS precipitation_inches,
  w.pressure AS pressure_millibars,
  w.visib AS visibility_miles
FROM departures AS d
LEFT JOIN {weather} AS w ON w.origin = d.origin AND w.time_hour = d.time_hour
