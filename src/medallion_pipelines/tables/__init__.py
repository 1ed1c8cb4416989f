"""Delta tables: their names, their shape, and every write to them. Nothing else writes."""

from medallion_pipelines.tables.local import local_frame
from medallion_pipelines.tables.shape import Field, Shape
from medallion_pipelines.tables.staging import Staged, Staging
from medallion_pipelines.tables.store import Merged, Tables, out_of_reach

__all__ = ["Field", "Merged", "Shape", "Staged", "Staging", "Tables", "local_frame", "out_of_reach"]
