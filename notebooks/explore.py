# Databricks notebook source
# MAGIC %md
# MAGIC # Explore a product
# MAGIC
# MAGIC What tables there are, what their contracts say of them, what is in one of them, where its columns come from and
# MAGIC what it was before. The widget `table` picks it. Nothing here writes.

# COMMAND ----------

# MAGIC %pip install --quiet ..

# COMMAND ----------

# MAGIC %run ./lakehouse

# COMMAND ----------

import pandas as pd

from medallion_pipelines.lineage import column_lineage

# COMMAND ----------

# MAGIC %md
# MAGIC ## Tables, and how they stand

# COMMAND ----------

standing = pd.DataFrame(lakehouse.status(product)).set_index("table")
standing.insert(0, "description", [product.tables[key].description for key in standing.index])
display(standing[["description", "rows", "quarantined", "status", "last_run", "fresh"]].reset_index())

# COMMAND ----------

# MAGIC %md
# MAGIC ## One table, by its contract

# COMMAND ----------

marts = [key for key in product.tables if key.startswith("gold.")]
table = widget("table", sorted(marts or product.tables)[0])
contract = product.tables[table]
display(
    pd.DataFrame(
        {
            "column": column.name,
            "type": column.type,
            "key": column.name in contract.primary_key,
            "required": column.required,
            "classification": column.classification,
            "description": column.description,
        }
        for column in contract.columns
    )
)

# COMMAND ----------

rows = lakehouse.table(table)
display(rows.limit(20))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Its columns in numbers

# COMMAND ----------

display(rows.summary("count", "min", "50%", "max"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Where its columns come from

# COMMAND ----------

made_of = column_lineage(product.tables, contract)
display(
    pd.DataFrame(
        {
            "column": column.name,
            "made of": ", ".join(f"{one.table}.{one.column}" for one in made_of.origins.get(column.name, ())),
            "undeclared": made_of.undeclared.get(column.name),
        }
        for column in contract.columns
    )
)

# COMMAND ----------

# MAGIC %md
# MAGIC ## What became of it, version by version
# MAGIC
# MAGIC `lakehouse.sql("SELECT * FROM ... VERSION AS OF 3")` reads an old one; `medallion restore` goes back to one.

# COMMAND ----------

if contract.kind == "table":
    history = lakehouse.sql(f"DESCRIBE HISTORY {lakehouse.tables.name(table)}")
    display(history.select("version", "timestamp", "operation", "operationMetrics"))
