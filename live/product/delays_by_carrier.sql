SELECT
  carrier,
  kind,
  count(*) AS events,
  count_if(delay_minutes > 15) AS late_events,
  sum(delay_minutes) AS total_delay_minutes,
  max(sent_at) AS newest_event_at
FROM {flight_events}
GROUP BY carrier, kind
