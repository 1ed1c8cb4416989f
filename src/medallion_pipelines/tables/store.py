"""The tables of a lakehouse: their names, what is in them, and every write to them.

A table is known by its key, `layer.table` (`silver.flights`). In SQL it is a quoted three-level name,
so another catalog is a change of setting. Where the catalog forgets tables between sessions
(`spark_catalog` here), tables live below the settings' warehouse folder and are registered by location.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from medallion_pipelines.settings import Settings
from medallion_pipelines.sql import quoted, string
from medallion_pipelines.tables.shape import Field, Shape


def out_of_reach(error: Exception) -> bool:
    """Whether an error of Spark's says that a change feed no longer reaches back to a version."""
    signs = ("CHANGE_DATA", "VERSION_NOT_FOUND", "LOG_FILE_NOT_FOUND", "FILE_NOT_EXIST", "FileNotFound")
    return any(sign in str(error) for sign in signs)


@dataclass(frozen=True)
class Merged:
    """Rows a merge changed."""

    inserted: int
    updated: int
    deleted: int


class Tables:
    """The tables of one lakehouse, seen from one Spark session. Safe to share between threads."""

    def __init__(self, spark: SparkSession, settings: Settings) -> None:
        self.spark = spark
        self.settings = settings
        self._known: set[str] = set()
        self._lock = threading.Lock()
        self._schemas: set[str] = set()

    # names

    def name(self, key: str) -> str:
        """The quoted three-level name of a table."""
        layer, table = key.split(".", 1)
        return ".".join(map(quoted, (self.settings.catalog, self.settings.schema(layer), table)))

    def _folder(self, key: str) -> Path | None:
        if self.settings.warehouse is None:
            return None
        layer, table = key.split(".", 1)
        return Path(self.settings.warehouse) / self.settings.schema(layer) / table

    def _ensure_schema(self, layer: str) -> None:
        with self._lock:
            if layer not in self._schemas:
                schema = f"{quoted(self.settings.catalog)}.{quoted(self.settings.schema(layer))}"
                self.spark.sql(f"CREATE SCHEMA IF NOT EXISTS {schema}")
                self._schemas.add(layer)

    # what there is

    def exists(self, key: str) -> bool:
        """Whether the table is there; makes it known to the session's catalog."""
        if key in self._known:
            return True
        folder = self._folder(key)
        if folder is None:
            found = self.spark.catalog.tableExists(self.name(key))
        else:
            found = any((folder / "_delta_log").glob("*.json"))
            if found:
                self._ensure_schema(key.split(".", 1)[0])
                place = string(str(folder))
                self.spark.sql(f"CREATE TABLE IF NOT EXISTS {self.name(key)} USING DELTA LOCATION {place}")
        if found:
            self._known.add(key)
        return found

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

    def read(self, key: str, version: int | None = None) -> DataFrame:
        """The table, as it is now or as it was at a version."""
        self.exists(key)
        reader = self.spark.read if version is None else self.spark.read.option("versionAsOf", version)
        return reader.table(self.name(key))

    def version(self, key: str) -> int:
        """The newest Delta version; -1 where there is no table."""
        if not self.exists(key):
            return -1
        folder = self._folder(key)
        if folder is not None:  # asked for at every step: a look into the log beats a query
            commits = (folder / "_delta_log").glob("[0-9]*.json")
            return max(int(path.name.split(".")[0]) for path in commits)
        row = self.spark.sql(f"DESCRIBE HISTORY {self.name(key)} LIMIT 1").select("version").first()
        return -1 if row is None else int(row.version)

    def inserted(self, key: str, after: int, upto: int) -> DataFrame:
        """The rows an append-only table gained in versions (after, upto]; all of them for after < 0.

        Raises AnalysisException or a Spark error where the change feed no longer reaches back.
        """
        if after < 0:
            return self.read(key, upto)
        changes = self.changes(key, after, upto).where("_change_type = 'insert'")
        return changes.drop("_change_type", "_commit_version", "_commit_timestamp")

    def changes(self, key: str, after: int, upto: int) -> DataFrame:
        """The change data feed of versions (after, upto], with its `_change_type`."""
        self.exists(key)
        reader = self.spark.read.option("readChangeFeed", "true")
        return reader.option("startingVersion", after + 1).option("endingVersion", upto).table(self.name(key))

    def fields(self, key: str) -> list[Field]:
        """The columns of a table as it is."""
        schema = self.read(key).schema
        return [
            Field(f.name, f.dataType.simpleString().upper(), not f.nullable, f.metadata.get("comment"))
            for f in schema.fields
        ]

    def property(self, key: str, name: str) -> str:
        """The value of a table property; empty where it is not set."""
        # SHOW TBLPROPERTIES would redact values that look like secrets, such as a key column `token`
        row = self.spark.sql(f"DESCRIBE DETAIL {self.name(key)}").select("properties").first()
        return "" if row is None else row.properties.get(name, "")

    # what changes tables

    def create(self, key: str, shape: Shape) -> None:
        """Create the table where it is missing."""
        if not self.exists(key):
            self._make("CREATE TABLE IF NOT EXISTS", key, shape)

    def replace(self, key: str, shape: Shape) -> None:
        """Give an existing table another shape: it is empty afterwards, its history stays."""
        self._make("CREATE OR REPLACE TABLE", key, shape)

    def _make(self, verb: str, key: str, shape: Shape) -> None:
        self._ensure_schema(key.split(".", 1)[0])
        folder = self._folder(key)
        self.spark.sql(shape.ddl(verb, self.name(key), None if folder is None else str(folder)))
        self._known.add(key)

    def create_as(self, frame: DataFrame, key: str, properties: Mapping[str, str]) -> None:
        """Create a table from rows, in one commit."""
        self._ensure_schema(key.split(".", 1)[0])
        writer = frame.writeTo(self.name(key)).using("delta")
        folder = self._folder(key)
        if folder is not None:
            writer = writer.tableProperty("location", str(folder))
        for name, value in properties.items():
            writer = writer.tableProperty(name, value)
        writer.create()
        self._known.add(key)

    def drop(self, key: str) -> None:
        """Drop a table with its files."""
        self.spark.sql(f"DROP TABLE IF EXISTS {self.name(key)}")
        self._known.discard(key)
        folder = self._folder(key)
        if folder is not None:
            # the log last: a folder that still has one is still found
            for path in sorted(folder.glob("*"), key=lambda path: path.name == "_delta_log"):
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)

    def set_property(self, key: str, name: str, value: str) -> None:
        """Give a table property another value."""
        self.spark.sql(f"ALTER TABLE {self.name(key)} SET TBLPROPERTIES ({string(name)} = {string(value)})")

    def add_columns(self, key: str, fields: Sequence[Field]) -> None:
        """Add optional columns at the end."""
        columns = ", ".join(field.ddl() for field in fields)
        self.spark.sql(f"ALTER TABLE {self.name(key)} ADD COLUMNS ({columns})")

    def widen_column(self, key: str, column: str, to_type: str) -> None:
        """Give a column a wider type (Delta type widening)."""
        self.set_property(key, "delta.enableTypeWidening", "true")
        self.spark.sql(f"ALTER TABLE {self.name(key)} ALTER COLUMN {quoted(column)} TYPE {to_type}")

    def drop_not_null(self, key: str, column: str) -> None:
        """Let a column hold NULL."""
        self.spark.sql(f"ALTER TABLE {self.name(key)} ALTER COLUMN {quoted(column)} DROP NOT NULL")

    def append(self, frame: DataFrame, key: str, *, token: str | None = None, evolve: bool = False) -> None:
        """Append rows; a second append under the same token does nothing."""
        self.exists(key)
        writer = frame.writeTo(self.name(key))
        if token is not None:
            # given to the write itself: as a session setting it would leak into other threads' writes
            writer = writer.option("txnAppId", token).option("txnVersion", "0")
        if evolve:
            writer = writer.option("mergeSchema", "true")
        writer.append()

    def overwrite(self, frame: DataFrame, key: str, *, where: str = "true") -> None:
        """Put the rows in the place of those that meet a condition (of all, by default), in one commit."""
        self.exists(key)
        frame.writeTo(self.name(key)).overwrite(F.expr(where))

    def merge(
        self,
        source: DataFrame,
        key: str,
        *,
        on: Sequence[str],
        update_when: str,
        delete_when: str | None = None,
        insert_when: str | None = None,
        columns: Sequence[str],
    ) -> Merged:
        """MERGE rows by key columns, which hold no NULL; conditions see `target` and `source`.

        `source` must give the same rows each time it is read: a staged table does.
        """
        self.exists(key)
        view = f"merge_{key.replace('.', '_')}_{threading.get_ident()}"
        source.createOrReplaceTempView(view)
        condition = " AND ".join(f"target.{quoted(c)} = source.{quoted(c)}" for c in on)
        assignments = ", ".join(f"target.{quoted(c)} = source.{quoted(c)}" for c in columns if c not in on)
        names = ", ".join(map(quoted, columns))
        values = ", ".join(f"source.{quoted(c)}" for c in columns)
        clauses = [
            f"WHEN MATCHED AND ({delete_when}) THEN DELETE" if delete_when else "",
            f"WHEN MATCHED AND ({update_when}) THEN UPDATE SET {assignments}" if assignments else "",
            f"WHEN NOT MATCHED {f'AND ({insert_when}) ' if insert_when else ''}"
            f"THEN INSERT ({names}) VALUES ({values})",
        ]
        statement = (
            f"MERGE INTO {self.name(key)} AS target USING {quoted(view)} AS source ON {condition} "
            + " ".join(clauses)
        )
        try:
            row = self.spark.sql(statement).first()
        finally:
            with suppress(Exception):
                self.spark.catalog.dropTempView(view)
        assert row is not None
        return Merged(int(row.num_inserted_rows), int(row.num_updated_rows), int(row.num_deleted_rows))

    def view(self, key: str, select: str, *, comment: str | None = None) -> bool:
        """Create the view, or replace it where its text changed. Says whether it did anything."""
        self._ensure_schema(key.split(".", 1)[0])
        described = f" COMMENT {string(comment)}" if comment else ""
        statement = f"CREATE OR REPLACE VIEW {self.name(key)}{described} AS {select}"
        folder = self._folder(key)
        if folder is None:
            self.spark.sql(statement)
            return True
        # a catalog that forgets: the statement is kept beside the tables, for other sessions
        kept = folder.with_name(f"{folder.name}.view.sql")
        if kept.is_file() and kept.read_text(encoding="utf-8") == statement:
            return False
        self.spark.sql(statement)
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(statement, encoding="utf-8")
        return True

    def register(self, keys: Iterable[str]) -> None:
        """Make tables and kept views known to this session's catalog."""
        views = []
        for key in keys:
            folder = self._folder(key)
            kept = None if folder is None else folder.with_name(f"{folder.name}.view.sql")
            if kept is not None and kept.is_file():
                views.append(kept)
            else:
                self.exists(key)
        # a view may stand on another: go round until none can be added
        while views:
            left = [kept for kept in views if not self._made(kept)]
            if len(left) == len(views):
                return  # a table below is gone: querying the view will say so
            views = left

    def _made(self, view: Path) -> bool:
        try:
            self.spark.sql(view.read_text(encoding="utf-8"))
        except AnalysisException:
            return False
        return True
