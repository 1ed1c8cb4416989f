WITH flown AS (
  SELECT
    f.origin,
    f.dest,
    f.year,
    f.month,
    f.carrier,
    f.flight,
    f.flight_date,
    c.seats  -- as the aircraft was fitted out at departure
  FROM {fact_flight} AS f
  LEFT JOIN {aircraft_configurations} AS c
    ON c.tailnum = f.tailnum
    AND c.__START_AT <= f.scheduled_departure_at
    AND (f.scheduled_departure_at < c.__END_AT OR c.__END_AT IS NULL)
  WHERE NOT f.is_cancelled
),
booked AS (
  SELECT
    origin,
    dest,
    carrier,
    flight,
    flight_date,
    COUNT(*) AS bookings,
    SUM(seats) AS seats,
    SUM(fare_usd) AS fares_usd
  FROM {bookings}
  GROUP BY origin, dest, carrier, flight, flight_date
)
SELECT
  f.origin,
  f.dest,
  f.year,
  f.month,
  COUNT(*) AS flown_flights,
  COALESCE(SUM(f.seats), 0) AS seats_flown,
  COUNT(b.bookings) AS booked_flights,
  COALESCE(SUM(b.bookings), 0) AS bookings,
  COALESCE(SUM(b.seats), 0) AS booked_seats,
  COALESCE(SUM(f.seats) FILTER (WHERE b.seats IS NOT NULL), 0) AS seats_for_sale,
  COALESCE(SUM(b.seats) FILTER (WHERE f.seats IS NOT NULL), 0) AS seats_sold,
  CAST(COALESCE(SUM(b.fares_usd), 0) AS DECIMAL(18,2)) AS revenue_usd,
  CAST(SUM(b.seats) FILTER (WHERE f.seats IS NOT NULL) AS DOUBLE)
    / SUM(f.seats) FILTER (WHERE b.seats IS NOT NULL) AS load_factor
FROM flown AS f
LEFT JOIN booked AS b
  ON b.origin = f.origin
  AND b.dest = f.dest
  AND b.carrier = f.carrier
  AND b.flight = f.flight
  AND b.flight_date = f.flight_date
GROUP BY f.origin, f.dest, f.year, f.month
