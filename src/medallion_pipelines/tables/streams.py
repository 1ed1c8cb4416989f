"""Streams into tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pyspark.sql import DataFrame

from medallion_pipelines.errors import SetupError
from medallion_pipelines.tables.history import History


class Streams(History):
    """Tables that streams are written to."""

    def checkpoint(self, key: str) -> str:
        """Where the progress of a stream into a table is kept: a table made anew begins anew. Raises
        SetupError where nobody said where checkpoints are."""
        root = self.settings.checkpoints
        if root is None and self.settings.warehouse is not None:
            root = f"{self.settings.warehouse}/_checkpoints"
        if root is None:
            raise SetupError(
                f"{key} is fed by a stream, and the catalog {self.settings.catalog} has no folder for its "
                "progress: name one with MEDALLION_CHECKPOINTS, such as /Volumes/CATALOG/ops/checkpoints."
            )
        layer, table = key.split(".", 1)
        row = self.spark.sql(f"DESCRIBE DETAIL {self._at(key)}").select("id").first()
        assert row is not None
        return f"{root.rstrip('/')}/{self.settings.schema(layer)}.{table}/{row.id}"

    def append_stream(self, frame: DataFrame, key: str, checkpoint: str) -> list[Mapping[str, Any]]:
        """Append what a stream has by now, each batch exactly once: Delta knows it by the checkpoint's query.
        What Spark reports of each batch, the last hundred of them."""
        writer = frame.writeStream.format("delta").outputMode("append")
        writer = writer.option("checkpointLocation", checkpoint).trigger(availableNow=True)
        # by name, classic Spark does not find a table that is registered by its location
        name, folder = self._at(key), self._folder(key)
        query = writer.toTable(name) if folder is None else writer.start(str(folder))
        try:
            query.awaitTermination()
            return [json.loads(report.json) for report in query.recentProgress]
        finally:
            query.stop()
