SELECT
  carrier AS carrier_key,
  name AS carrier_name,
  TRUE AS is_known
FROM {airlines}
UNION ALL
SELECT
  'UNKNOWN' AS carrier_key,
  'Unknown carrier' AS carrier_name,
  FALSE AS is_known
