"""The report: one HTML page that shows what the pipeline did.

`collect` reads it from the lakehouse, `page` writes it; only `collect`, `history`, `samples` and `figures`
need Spark.
"""
