SELECT
  tailnum AS aircraft_key,
  year AS manufacture_year,
  type AS aircraft_type,
  manufacturer,
  model,
  engines,
  engine AS engine_type,
  seats,
  TRUE AS is_known
FROM {planes}
UNION ALL
SELECT
  'UNKNOWN' AS aircraft_key,
  CAST(NULL AS BIGINT) AS manufacture_year,
  CAST(NULL AS STRING) AS aircraft_type,
  CAST(NULL AS STRING) AS manufacturer,
  CAST(NULL AS STRING) AS model,
  CAST(NULL AS BIGINT) AS engines,
  CAST(NULL AS STRING) AS engine_type,
  CAST(NULL AS BIGINT) AS seats,
  FALSE AS is_known
