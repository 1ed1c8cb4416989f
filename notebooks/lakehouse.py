# Databricks notebook source
# MAGIC %md
# MAGIC # The lakehouse that the other notebooks look at
# MAGIC
# MAGIC They begin with `%run ./lakehouse`. It gives them `lakehouse`, `product` (its contracts) and `widget`, by the
# MAGIC widgets at the top: the catalog, what schemas are called before their layer (a copy of your own, deployed by
# MAGIC `databricks bundle deploy`, has `dev_YOU_`), and the product: one of the package, or a folder of contracts.
# MAGIC
# MAGIC Away from Databricks, `MEDALLION_*` say where the tables are, as for the command `medallion`, and a widget's
# MAGIC value is that of the variable `WIDGET_<NAME>`, if there is one.

# COMMAND ----------

import os

from IPython import display as ipython
from pyspark.sql import DataFrame

from medallion_pipelines import Lakehouse
from medallion_pipelines.lakehouse import find_product
from medallion_pipelines.settings import Settings

ON_DATABRICKS = "DATABRICKS_RUNTIME_VERSION" in os.environ

# COMMAND ----------


def widget(name, default):
    """What a widget says; it is made where it is not there yet."""
    if not ON_DATABRICKS:
        return os.environ.get(f"WIDGET_{name.upper()}", default)
    dbutils.widgets.text(name, default)
    return dbutils.widgets.get(name)


def places():
    """Settings as the deployed jobs have them."""
    if not ON_DATABRICKS:
        return Settings.from_environment()
    catalog, prefix = widget("catalog", "flights_dev"), widget("schema_prefix", "")
    schemas = {layer: f"{prefix}{layer}" for layer in ("bronze", "silver", "gold", "ops")}
    volumes = f"/Volumes/{catalog}/{schemas['bronze']}"
    return Settings.from_environment(
        catalog=catalog, landing=f"{volumes}/landing", checkpoints=f"{volumes}/checkpoints", **schemas
    )


if not ON_DATABRICKS:

    def display(shown):
        """As on Databricks: a DataFrame is shown as a table, the first thousand rows of it."""
        ipython.display(shown.limit(1000).toPandas() if isinstance(shown, DataFrame) else shown)


# COMMAND ----------

product = find_product(widget("product", "flights"))
if ON_DATABRICKS:
    spark.conf.set("spark.sql.session.timeZone", "UTC")
lakehouse = Lakehouse(places())
