"""The landing zone's files, as far as they can be read."""

from __future__ import annotations

from pyspark.sql import DataFrame

from medallion_pipelines.bronze.capture import unreadable
from medallion_pipelines.bronze.listing import listing
from medallion_pipelines.bronze.parquet import merged_schema
from medallion_pipelines.bronze.records import read_records
from medallion_pipelines.contracts.model import Table
from medallion_pipelines.tables import Tables


class Landing:
    """The records of feeds, read once on trial: one broken file must not hide the others.

    `broken` are the files that were set aside, by the table's key: nobody knows what is in them.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        self._tried: dict[str, set[str]] = {}
        self.broken: dict[str, set[str]] = {}

    def records(self, table: Table) -> DataFrame | None:
        """The records of a table's files; None where there is none that can be read. Raises SourceError
        where there is no landing zone to look at."""
        assert table.source is not None
        tables, source = self._tables, table.source
        if source.stream is not None:  # it keeps its records for itself
            return None
        files = listing(tables, source)
        listed = [] if files is None else [row.path for row in files.select("path").collect()]
        broken = self.broken[table.key] = self.broken.get(table.key, set()) & set(listed)
        paths, schema = [path for path in listed if path not in broken], None
        if source.format == "parquet" and paths:
            schema, misfits = merged_schema(tables.spark, paths, None)
            broken.update(misfits)
        tried = self._tried.setdefault(table.key, set())
        new = [path for path in paths if path not in tried | broken]
        if new:
            broken.update(unreadable(tables, source, new, schema))
            tried.update(new)
        sound = [path for path in paths if path not in broken]
        return read_records(tables.spark, source, sound, schema) if sound else None
