"""Names of Delta tables, and every write to them: the one place that does either.

A table is known by its key, `layer.table` (`silver.flights`). In SQL it is a quoted three-level name,
so another catalog is a change of setting. Where the catalog forgets tables between sessions
(`spark_catalog` here), tables live below the settings' warehouse folder and are registered by location.
"""

from __future__ import annotations

import json
import re
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

_PROPERTIES = {
    "delta.enableChangeDataFeed": "true",
    # every batch writes under a transaction id of its own; without an end they would pile up in the log
    "delta.setTransactionRetentionDuration": "interval 30 days",
}


def quote(name: str) -> str:
    """A name as one SQL identifier, whatever is in it."""
    return "`" + name.replace("`", "``") + "`"


def literal(text: str) -> str:
    """A text as one SQL string literal, whatever is in it."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def out_of_reach(error: Exception) -> bool:
    """Whether an error of Spark's says that a change feed no longer reaches back to a version."""
    signs = ("CHANGE_DATA", "VERSION_NOT_FOUND", "LOG_FILE_NOT_FOUND", "FILE_NOT_EXIST", "FileNotFound")
    return any(sign in str(error) for sign in signs)


@dataclass(frozen=True)
class Field:
    """One column as `CREATE TABLE` needs it; `type` is Spark SQL."""

    name: str
    type: str
    required: bool = False
    comment: str | None = None

    def ddl(self) -> str:
        not_null = " NOT NULL" if self.required else ""
        comment = f" COMMENT {literal(self.comment)}" if self.comment else ""
        return f"{quote(self.name)} {self.type}{not_null}{comment}"


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
        return ".".join(map(quote, (self.settings.catalog, self.settings.schema(layer), table)))

    def _folder(self, key: str) -> Path | None:
        if self.settings.warehouse is None:
            return None
        layer, table = key.split(".", 1)
        return Path(self.settings.warehouse) / self.settings.schema(layer) / table

    def _location(self, key: str) -> str:
        folder = self._folder(key)
        return "" if folder is None else f" LOCATION {literal(str(folder))}"

    def _ensure_schema(self, layer: str) -> None:
        with self._lock:
            if layer not in self._schemas:
                schema = f"{quote(self.settings.catalog)}.{quote(self.settings.schema(layer))}"
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
                self.spark.sql(
                    f"CREATE TABLE IF NOT EXISTS {self.name(key)} USING DELTA{self._location(key)}"
                )
        if found:
            self._known.add(key)
        return found

    def keys(self, layer: str) -> list[str]:
        """The tables and views of a layer, by name."""
        if self.settings.warehouse is None:
            schema = f"{quote(self.settings.catalog)}.{quote(self.settings.schema(layer))}"
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

    # what changes tables

    def create(
        self,
        key: str,
        fields: Sequence[Field],
        *,
        comment: str | None = None,
        cluster_by: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Create the table where it is missing."""
        if self.exists(key):
            return
        self._ensure_schema(key.split(".", 1)[0])
        self.spark.sql(
            self._create("CREATE TABLE IF NOT EXISTS", key, fields, comment, cluster_by, properties)
        )
        self._known.add(key)

    def replace(
        self,
        key: str,
        fields: Sequence[Field],
        *,
        comment: str | None = None,
        cluster_by: Sequence[str] = (),
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Give an existing table another shape: it is empty afterwards, its history stays."""
        self._ensure_schema(key.split(".", 1)[0])
        self.spark.sql(self._create("CREATE OR REPLACE TABLE", key, fields, comment, cluster_by, properties))
        self._known.add(key)

    def _create(
        self,
        verb: str,
        key: str,
        fields: Sequence[Field],
        comment: str | None,
        cluster_by: Sequence[str],
        properties: Mapping[str, str] | None,
    ) -> str:
        columns = ", ".join(field.ddl() for field in fields)
        clustered = f" CLUSTER BY ({', '.join(map(quote, cluster_by))})" if cluster_by else ""
        described = f" COMMENT {literal(comment)}" if comment else ""
        pairs = {**_PROPERTIES, **(properties or {})}
        settings = ", ".join(f"{literal(name)} = {literal(value)}" for name, value in pairs.items())
        return (
            f"{verb} {self.name(key)} ({columns}) USING DELTA"
            f"{clustered}{self._location(key)}{described} TBLPROPERTIES ({settings})"
        )

    def add_columns(self, key: str, fields: Sequence[Field]) -> None:
        """Add optional columns at the end."""
        columns = ", ".join(field.ddl() for field in fields)
        self.spark.sql(f"ALTER TABLE {self.name(key)} ADD COLUMNS ({columns})")

    def widen_column(self, key: str, column: str, to_type: str) -> None:
        """Give a column a wider type (Delta type widening)."""
        self.spark.sql(
            f"ALTER TABLE {self.name(key)} SET TBLPROPERTIES ('delta.enableTypeWidening' = 'true')"
        )
        self.spark.sql(f"ALTER TABLE {self.name(key)} ALTER COLUMN {quote(column)} TYPE {to_type}")

    def drop_not_null(self, key: str, column: str) -> None:
        """Let a column hold NULL."""
        self.spark.sql(f"ALTER TABLE {self.name(key)} ALTER COLUMN {quote(column)} DROP NOT NULL")

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
        condition = " AND ".join(f"target.{quote(c)} = source.{quote(c)}" for c in on)
        assignments = ", ".join(f"target.{quote(c)} = source.{quote(c)}" for c in columns if c not in on)
        names = ", ".join(map(quote, columns))
        values = ", ".join(f"source.{quote(c)}" for c in columns)
        clauses = [
            f"WHEN MATCHED AND ({delete_when}) THEN DELETE" if delete_when else "",
            f"WHEN MATCHED AND ({update_when}) THEN UPDATE SET {assignments}" if assignments else "",
            f"WHEN NOT MATCHED {f'AND ({insert_when}) ' if insert_when else ''}"
            f"THEN INSERT ({names}) VALUES ({values})",
        ]
        statement = (
            f"MERGE INTO {self.name(key)} AS target USING {quote(view)} AS source ON {condition} "
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
        described = f" COMMENT {literal(comment)}" if comment else ""
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

    # staging: a batch that is computed once, then written to more than one table

    def stage(self, frame: DataFrame, key: str, token: str, state: Mapping[str, object]) -> DataFrame:
        """Write a batch to a staging table of its own, with what is needed to finish it after a crash."""
        staging = self._staging(key, token)
        self._ensure_schema("ops")
        writer = frame.writeTo(self.name(staging)).using("delta")
        folder = self._folder(staging)
        if folder is not None:
            writer = writer.tableProperty("location", str(folder))
        writer.tableProperty("medallion.batch", json.dumps({**state, "token": token})).create()
        self._known.add(staging)
        return self.read(staging)

    def staged(self, key: str) -> tuple[DataFrame, dict[str, object]] | None:
        """The batch left staged by a run that was cut off, and its state; None where there is none."""
        for staging in self._staging_keys(key):
            if self.exists(staging):
                return self.read(staging), json.loads(self.property(staging, "medallion.batch"))
        return None

    def property(self, key: str, name: str) -> str:
        """The value of a table property; empty where it is not set."""
        # SHOW TBLPROPERTIES would redact values that look like secrets, such as a key column `token`
        row = self.spark.sql(f"DESCRIBE DETAIL {self.name(key)}").select("properties").first()
        return "" if row is None else row.properties.get(name, "")

    def mark_staged(self, key: str, token: str, state: Mapping[str, object]) -> None:
        """Note more about a staged batch."""
        text = literal(json.dumps({**state, "token": token}))
        name = self.name(self._staging(key, token))
        self.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('medallion.batch' = {text})")

    def unstage(self, key: str) -> None:
        """Drop what is staged for a table, finished or not."""
        for staging in self._staging_keys(key):
            self.spark.sql(f"DROP TABLE IF EXISTS {self.name(staging)}")
            self._known.discard(staging)
            folder = self._folder(staging)
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def _staging(self, key: str, token: str) -> str:
        return f"ops.staging_{key.replace('.', '_')}__{token}"

    def _staging_keys(self, key: str) -> list[str]:
        pattern = re.compile(re.escape(self._staging(key, "")) + r"[0-9a-f]{32}", re.IGNORECASE)
        if self.settings.warehouse is None:
            keys = self.keys("ops")
        else:
            folder = Path(self.settings.warehouse) / self.settings.ops
            keys = sorted(f"ops.{path.name}" for path in folder.glob("staging_*") if path.is_dir())
        return [found for found in keys if pattern.fullmatch(found)]
