# Databricks notebook source
# MAGIC %md
# MAGIC # Replay a quarantine
# MAGIC
# MAGIC Sends refused records through their contract again, after the contract was mended; or gives corrected texts for
# MAGIC some of them. Each is taken exactly once, and `ops.quarantine_log` tells what became of it. Marts follow at the
# MAGIC next run. It needs whatever jobs need, so run it as somebody who may write; where persons were erased, with the
# MAGIC secret of erasures in `MEDALLION_ERASURE_KEY` (docs/operations.md).
# MAGIC
# MAGIC Widgets:
# MAGIC
# MAGIC - `table`: the silver table,
# MAGIC - `rule`: only records that broke it (empty: all),
# MAGIC - `corrected`: corrected texts by record id, as JSON: `{"3f0a...": "{\"order_id\": 1}"}`,
# MAGIC - `apply`: nothing is written before it says `yes`.

# COMMAND ----------

# MAGIC %pip install --quiet ..

# COMMAND ----------

# MAGIC %run ./lakehouse

# COMMAND ----------

import json

import pandas as pd
from pyspark.sql import functions as F

# COMMAND ----------

table = widget("table", "silver.flights")
rule = widget("rule", "") or None
corrected = json.loads(widget("corrected", "") or "{}")
apply = widget("apply", "no") == "yes"

# COMMAND ----------

# MAGIC %md
# MAGIC ## What would be tried again

# COMMAND ----------

waiting = lakehouse.quarantined(table, product, rule=rule)
if corrected:
    waiting = waiting.where(F.col("id").isin(list(corrected)))
print(f"{waiting.count():,} records of {table}")
display(waiting.select("id", "errors", "record", "file_path").limit(50))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Replay

# COMMAND ----------

if apply:
    result = lakehouse.replay(table, product, rule=None if corrected else rule, corrected=corrected or None)
    display(
        pd.DataFrame(result.steps)[["table", "status", "rows_valid", "rows_quarantined", "error", "notes"]]
    )
    log = lakehouse.table("ops.quarantine_log").where(F.col("run_id") == result.run_id)
    display(log.groupBy("outcome").count().orderBy("outcome"))
else:
    print("Nothing was changed. Set the widget apply to yes, and run the notebook again from the widgets on.")

# COMMAND ----------

# MAGIC %md
# MAGIC ## What is in quarantine now

# COMMAND ----------

still = [one for one in lakehouse.quarantine(product) if one.table == table]
display(pd.DataFrame({"table": one.table, "records": one.records, **one.rules} for one in still))
