"""What a lakehouse's tables are called, which there are, and how a session comes to know them.

A table is known by its key, `layer.table` (`silver.flights`). In SQL it is a quoted three-level name,
so another catalog is a change of setting. Where the catalog forgets tables between sessions
(`spark_catalog` here), tables live below the settings' warehouse folder and are registered by location;
the statement of a view is kept beside them.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession

from medallion_pipelines.settings import Settings
from medallion_pipelines.sql import quoted, string


class Catalog:
    """The tables and views of one lakehouse, seen from one Spark session. Safe to share between threads."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self.spark = spark
        self.settings = settings
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._schemas: set[str] = set()

    def name(self, key: str) -> str:
        """The quoted three-level name of a table."""
        layer, table = key.split(".", 1)
        return ".".join(map(quoted, (self.settings.catalog, self.settings.schema(layer), table)))

    def _folder(self, key: str) -> Path | None:
        if self.settings.warehouse is None:
            return None
        layer, table = key.split(".", 1)
        return Path(self.settings.warehouse) / self.settings.schema(layer) / table

    def _kept_view(self, key: str) -> Path | None:
        """Where a catalog that forgets has a view's statement kept: beside the tables, for other sessions."""
        folder = self._folder(key)
        return None if folder is None else folder.with_name(f"{folder.name}.view.sql")

    def _ensure_schema(self, layer: str) -> None:
        with self._lock:
            if layer not in self._schemas:
                schema = f"{quoted(self.settings.catalog)}.{quoted(self.settings.schema(layer))}"
                # to ask for one that is there takes the right to make schemas, too
                if self.settings.warehouse is not None or not self.spark.catalog.databaseExists(schema):
                    self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                self._schemas.add(layer)

    def exists(self, key: str) -> bool:
        """Whether the table is there."""
        if key in self._known:
            return True
        folder = self._folder(key)
        if folder is not None:  # asked for at every step: a look into the log beats a query
            return any((folder / "_delta_log").glob("*.json"))
        found = self.spark.catalog.tableExists(self.name(key))
        if found:
            self._known.add(key)
        return found

    def _at(self, key: str) -> str:
        """The name of a table that is there, made known to a catalog that had forgotten it."""
        name, folder = self.name(key), self._folder(key)
        if folder is not None and key not in self._known and self.exists(key):
            self._ensure_schema(key.split(".", 1)[0])
            place = string(str(folder))
            self.spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING DELTA LOCATION {place}")
            self._known.add(key)
        return name

    def place(self, key: str) -> str:
        """Where the session takes a table's files from: of a catalog that forgets, the first place told."""
        row = self.spark.sql(f"DESCRIBE DETAIL {self._at(key)}").select("location").first()
        assert row is not None
        return str(row.location)

    def keys(self, layer: str) -> list[str]:
        """The tables and views of a layer, by name."""
        if self.settings.warehouse is None:
            schema = f"{quoted(self.settings.catalog)}.{quoted(self.settings.schema(layer))}"
            try:
                rows = self.spark.sql(f"SHOW TABLES IN {schema}").select("tableName").collect()
            except AnalysisException:
                return []
            return sorted(f"{layer}.{row.tableName}" for row in rows)
        folder = Path(self.settings.warehouse) / self.settings.schema(layer)
        tables = (path.parent.name for path in folder.glob("*/_delta_log"))
        views = (path.name.removesuffix(".view.sql") for path in folder.glob("*.view.sql"))
        return sorted(f"{layer}.{name}" for name in (*tables, *views))

    def view(self, key: str, select: str, *, over: Iterable[str], comment: str | None = None) -> bool:
        """Create a view over tables, or replace it where its text changed. Says whether it did anything."""
        described = f" COMMENT {string(comment)}" if comment else ""
        statement = f"CREATE OR REPLACE VIEW {self.name(key)}{described} AS {select}"
        kept = self._kept_view(key)
        if kept is not None and kept.is_file() and kept.read_text(encoding="utf-8") == statement:
            return False
        self._ensure_schema(key.split(".", 1)[0])
        self.register(over)
        self.spark.sql(statement)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(statement, encoding="utf-8")
        return True

    def register(self, keys: Iterable[str]) -> None:
        """Make tables and kept views, with what those read, known to a catalog that had forgotten them."""
        if self.settings.warehouse is not None:
            self._register(keys, set())

    def register_for(self, text: str) -> None:
        """Make known what a query may name: all there is, unless it only reads, then what it mentions."""
        if self.settings.warehouse is not None:
            reads = re.match(r"[\s(]*(SELECT|WITH|FROM|VALUES)\b", text, re.IGNORECASE)
            self.register(self._mentioned(text) if reads else self._everything())

    def _register(self, keys: Iterable[str], seen: set[str]) -> None:
        for key in keys:
            kept = self._kept_view(key)
            if kept is None or not kept.is_file():
                self._at(key)
            elif key not in seen:
                statement = kept.read_text(encoding="utf-8")
                self._register(self._mentioned(statement), seen | {key})
                with suppress(AnalysisException):  # a table below is gone: querying the view will say so
                    self.spark.sql(statement)

    def _mentioned(self, text: str) -> list[str]:
        lower = text.lower()
        return [key for key in self._everything() if key.split(".", 1)[1].lower() in lower]

    def _everything(self) -> list[str]:
        return [key for layer in ("bronze", "silver", "gold", "ops") for key in self.keys(layer)]
