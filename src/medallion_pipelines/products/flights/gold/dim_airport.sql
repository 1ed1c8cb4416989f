SELECT
  faa AS airport_key,
  name AS airport_name,
  lat AS latitude,
  lon AS longitude,
  alt AS altitude_feet,
  tz AS utc_offset_hours,
  tzone AS time_zone,
  TRUE AS is_known
FROM {airports}
UNION ALL
SELECT
  'UNKNOWN' AS airport_key,
  'Unknown airport' AS airport_name,
  CAST(NULL AS DOUBLE) AS latitude,
  CAST(NULL AS DOUBLE) AS longitude,
  CAST(NULL AS BIGINT) AS altitude_feet,
  CAST(NULL AS BIGINT) AS utc_offset_hours,
  CAST(NULL AS STRING) AS time_zone,
  FALSE AS is_known
