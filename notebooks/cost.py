# Databricks notebook source
# MAGIC %md
# MAGIC # What a product costs
# MAGIC
# MAGIC Which tables the minutes go to, what they are spent on, how much is stored and in how small pieces; on Databricks
# MAGIC also what was billed. The widget `days` says how far back. Nothing here writes.

# COMMAND ----------

# MAGIC %pip install --quiet ..

# COMMAND ----------

# MAGIC %run ./lakehouse

# COMMAND ----------

from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

# COMMAND ----------

days = int(widget("days", "30"))
since = F.current_timestamp() - F.make_interval(days=F.lit(days))
metrics = lakehouse.table("ops.table_metrics").where(
    (F.col("product") == product.name) & (F.col("recorded_at") > since)
)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Where the minutes go
# MAGIC
# MAGIC `idle_percent` is time in which a step found nothing to do: much of it says that runs are more frequent than
# MAGIC what comes in.

# COMMAND ----------

idle = F.when(F.col("status") == "unchanged", F.col("seconds")).otherwise(0)
by_table = metrics.groupBy("table").agg(
    F.count("*").alias("steps"),
    F.round(F.sum("seconds") / 60, 2).alias("minutes"),
    F.round(100 * F.try_divide(F.sum(idle), F.sum("seconds")), 1).alias("idle_percent"),
    F.sum("rows_written").alias("rows_written"),
    F.round(F.try_divide(F.sum("rows_written"), F.sum("seconds"))).alias("rows_per_second"),
)
display(by_table.orderBy(F.desc("minutes"), "table"))

# COMMAND ----------

by_day = metrics.groupBy(
    F.to_date("recorded_at").alias("day"), F.split_part("table", F.lit("."), F.lit(1)).alias("layer")
)
display(by_day.agg(F.round(F.sum("seconds") / 60, 2).alias("minutes")).orderBy(F.desc("day"), "layer"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is stored
# MAGIC
# MAGIC Of the product, and of the logs in `ops`: in the newest version; old ones take place too until `medallion maintain` deletes them. Small files are joined by
# MAGIC it as well.

# COMMAND ----------


def stored(key):
    lakehouse.table(key)  # a table that this session has not met is looked up
    detail = lakehouse.sql(f"DESCRIBE DETAIL {lakehouse.tables.name(key)}")
    return detail.select(F.lit(key).alias("table"), "numFiles", "sizeInBytes")


tables = [key for key, one in product.tables.items() if one.kind == "table"]
silver = tuple(key for key in tables if key.startswith("silver."))  # beside them quarantines and memories
mine = {*tables, *(f"bronze.{product.tables[key].name}" for key in silver)}
there = [key for layer in ("bronze", "silver", "gold", "ops") for key in lakehouse.tables.keys(layer)]
kept = [key for key in there if key in mine or key.startswith((*silver, "ops."))]
sizes = reduce(DataFrame.unionByName, map(stored, kept))
per_file = F.try_divide("sizeInBytes", F.col("numFiles") * 1024 * 1024)
display(
    sizes.select(
        "table",
        F.col("numFiles").alias("files"),
        F.round(F.col("sizeInBytes") / 1024 / 1024, 2).alias("megabytes"),
        F.round(per_file, 2).alias("megabytes_per_file"),
    ).orderBy(F.desc("megabytes"), "table")
)

# COMMAND ----------

# MAGIC %md
# MAGIC ## What was billed
# MAGIC
# MAGIC List prices, by job, of jobs that carry the tag `product`. It needs `SELECT` on `system.billing` and
# MAGIC `system.lakeflow`.

# COMMAND ----------

if ON_DATABRICKS:
    billed = spark.sql(
        """
        SELECT usage_date AS day, jobs.tags['job'] AS job, sum(usage_quantity) AS dbus,
          round(sum(usage_quantity * prices.pricing.effective_list.default), 2) AS list_price
        FROM system.billing.usage AS usage
        JOIN (
          SELECT workspace_id, job_id, max_by(tags, change_time) AS tags FROM system.lakeflow.jobs
          GROUP BY workspace_id, job_id
        ) AS jobs -- serverless usage has no tags of its job
          ON usage.workspace_id = jobs.workspace_id AND usage.usage_metadata.job_id = jobs.job_id
        JOIN system.billing.list_prices AS prices
          ON usage.sku_name = prices.sku_name AND usage.usage_start_time >= prices.price_start_time
          AND (prices.price_end_time IS NULL OR usage.usage_start_time < prices.price_end_time)
        WHERE jobs.tags['product'] = :product AND usage_date > current_date() - make_interval(0, 0, 0, :days)
        GROUP BY ALL ORDER BY day DESC, job
        """,
        {"product": product.name, "days": days},
    )
    display(billed)
else:
    print("Billing is Databricks' own: here time is all that is known.")
