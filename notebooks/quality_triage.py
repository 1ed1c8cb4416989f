# Databricks notebook source
# MAGIC %md
# MAGIC # Quality triage
# MAGIC
# MAGIC What is broken, what was refused and by which rule, since when, and what it looks like. Nothing here writes:
# MAGIC `replay` is the notebook that sends refused records through their contract again.

# COMMAND ----------

# MAGIC %pip install --quiet ..

# COMMAND ----------

# MAGIC %run ./lakehouse

# COMMAND ----------

import pandas as pd
from pyspark.sql import functions as F

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which promises are broken

# COMMAND ----------

broken = [status for status in lakehouse.status(product) if status.broken]
display(pd.DataFrame({"table": one.table, "broken": one.broken, "error": one.error} for one in broken))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is in quarantine now
# MAGIC
# MAGIC A record that broke several rules counts for each.

# COMMAND ----------

refused = lakehouse.quarantine(product)
display(
    pd.DataFrame(
        {"table": one.table, "rule": rule, "records": records, "since": one.oldest, "until": one.newest}
        for one in refused
        for rule, records in one.rules.items()
    )
)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Is it getting worse?
# MAGIC
# MAGIC Of the records that each day brought, how many were refused.

# COMMAND ----------

metrics = lakehouse.table("ops.table_metrics").where(F.col("product") == product.name)
taken = metrics.where("rows_in > 0 AND `table` LIKE 'silver.%'")
by_day = taken.groupBy(F.to_date("recorded_at").alias("day"), "table")
counted = by_day.agg(F.sum("rows_in").alias("records"), F.sum("rows_quarantined").alias("refused"))
display(
    counted.withColumn("percent", F.round(100 * F.col("refused") / F.col("records"), 2)).orderBy(
        "table", F.desc("day")
    )
)

# COMMAND ----------

# MAGIC %md
# MAGIC ## One table's refused records
# MAGIC
# MAGIC The widgets `table` and `rule` (none: all of them) narrow it down. Values that the contract classifies are
# MAGIC shown to who may read the quarantine: it holds records as they came.

# COMMAND ----------

most = max(refused, key=lambda one: one.records, default=None)
table = widget("table", most.table if most else "")
rule = widget("rule", "") or None
if table:
    records = lakehouse.quarantined(table, product, rule=rule)
    reasons = records.select("id", F.explode("errors").alias("error"))
    by_reason = reasons.groupBy("error.rule", "error.column", "error.message")
    display(
        by_reason.agg(F.count("*").alias("records"), F.min("error.value").alias("example")).orderBy(
            F.desc("records"), "rule", "column", "message"
        )
    )
    display(records.limit(50))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Which files they came in

# COMMAND ----------

if table:
    display(records.groupBy("file_path").count().orderBy(F.desc("count"), "file_path"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What sources send that no contract describes

# COMMAND ----------

keys = [*product.tables, *(f"bronze.{one.name}" for one in product.tables.values() if one.layer == "silver")]
drift = lakehouse.table("ops.drift").where(F.col("table").isin(keys))
display(
    drift.groupBy("table", "kind", "field")
    .agg(
        F.sum("records").alias("records"),
        F.max("recorded_at").alias("last_seen"),
        F.max("example").alias("example"),
    )
    .orderBy(F.desc("last_seen"), "table", "field")
)
