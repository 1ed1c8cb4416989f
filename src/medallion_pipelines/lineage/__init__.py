"""Where data comes from: column by column, and told to OpenLineage while a product runs."""

from medallion_pipelines.lineage.columns import ColumnLineage, column_lineage
from medallion_pipelines.origins import Origin

__all__ = ["ColumnLineage", "Origin", "column_lineage"]
