"""Where data comes from: column by column, and told to OpenLineage while a product runs."""

from medallion_pipelines.lineage.columns import ColumnLineage, Origin, column_lineage

__all__ = ["ColumnLineage", "Origin", "column_lineage"]
