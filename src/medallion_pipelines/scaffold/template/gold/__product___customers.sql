SELECT
  customer_id,
  COUNT(*) AS orders,
  SUM(amount) AS revenue,
  MAX(ordered_at) AS last_ordered_at
FROM {__product___orders}
GROUP BY customer_id
