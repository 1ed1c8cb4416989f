"""What a table needs from time to time: fewer files, no old ones, statistics."""

from __future__ import annotations

import os

from pyspark.sql.types import ArrayType, MapType, StructType, VariantType

from medallion_pipelines.sql import quoted
from medallion_pipelines.tables.shaping import Shaping

_LOG_DAYS = 30  # Delta's own: less would not be noticed, more is kept where files are
_NO_STATISTICS = (ArrayType, MapType, StructType, VariantType)


class Upkeep(Shaping):
    """Tables that are looked after. Nothing here changes a row."""

    def keep_versions(self, key: str, days: int) -> None:
        """Have whoever vacuums the table, the platform too, keep the files of so many days; and the log that
        is needed to read them."""
        wanted = {
            "delta.deletedFileRetentionDuration": f"interval {days} days",
            "delta.logRetentionDuration": f"interval {max(days, _LOG_DAYS)} days",
        }
        if not wanted.items() <= self._properties(key).items():  # else no commit
            self._set_properties(key, wanted)

    def optimize(self, key: str) -> tuple[int, int]:
        """Join small files, in the table's clustering; how many files went, and how many came for them."""
        row = self.spark.sql(f"OPTIMIZE {self._at(key)}").select("metrics.*").first()
        assert row is not None
        return int(row.numFilesRemoved), int(row.numFilesAdded)

    def vacuum(self, key: str) -> None:
        """Delete the files that no version needs which the table keeps."""
        self.spark.sql(f"VACUUM {self._at(key)}")

    def analyze(self, key: str) -> bool:
        """Gather the statistics that queries are planned by; False where this Spark cannot: Delta tables have
        them on Databricks only."""
        if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
            return False
        at = self._at(key)
        plain = [f.name for f in self.spark.table(at).schema if not isinstance(f.dataType, _NO_STATISTICS)]
        of = f" FOR COLUMNS {', '.join(map(quoted, plain))}" if plain else ""  # FOR ALL refuses the others
        self.spark.sql(f"ANALYZE TABLE {at} COMPUTE STATISTICS{of}")
        return True
