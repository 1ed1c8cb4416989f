"""Delta tables: their names, their shape, and every write to them. Nothing else writes."""

from medallion_pipelines.tables.local import local_frame
from medallion_pipelines.tables.named import NamedTables, parts
from medallion_pipelines.tables.reach import Span, is_ordered, reach
from medallion_pipelines.tables.shape import Field, Shape, ddl, widens
from medallion_pipelines.tables.staging import Staged, Staging
from medallion_pipelines.tables.store import Commit, Merged, Tables, out_of_reach
from medallion_pipelines.tables.views import as_view

__all__ = [
    "Commit",
    "Field",
    "Merged",
    "NamedTables",
    "Shape",
    "Span",
    "Staged",
    "Staging",
    "Tables",
    "as_view",
    "ddl",
    "is_ordered",
    "local_frame",
    "out_of_reach",
    "parts",
    "reach",
    "widens",
]
