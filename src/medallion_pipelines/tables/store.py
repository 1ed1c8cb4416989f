"""Delta tables: what is in them, and every write to them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.sql import quoted, string
from medallion_pipelines.tables.shape import Field, Shape, ddl
from medallion_pipelines.tables.streams import Streams

_SAME_ROWS = {
    "ADD COLUMNS", "CHANGE COLUMN", "CHANGE COLUMNS", "CLUSTER BY", "COMPUTE STATS", "OPTIMIZE", "REORG",
    "SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "UPGRADE PROTOCOL", "VACUUM END", "VACUUM START",
}  # fmt: skip

_REDACTED = "*********(redacted)"  # what Spark shows in place of a value


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


@dataclass(frozen=True)
class Commit:
    """One version of a table, and what made it."""

    version: int
    at: datetime
    operation: str  # as DESCRIBE HISTORY says it: WRITE, MERGE, OPTIMIZE

    @property
    def keeps_rows(self) -> bool:
        """Whether it left the rows as they were."""
        return self.operation in _SAME_ROWS


class Tables(Streams):
    """The tables of one lakehouse to read and write, seen from one Spark session; threads may share it."""

    def read(self, key: str, version: int | None = None) -> DataFrame:
        """The table, as it is now or as it was at a version."""
        reader = self.spark.read if version is None else self.spark.read.option("versionAsOf", version)
        return reader.table(self._at(key))

    def version(self, key: str) -> int:
        """The newest Delta version; -1 where there is no table."""
        if not self.exists(key):
            return -1
        folder = self._folder(key)
        if folder is not None:
            commits = (folder / "_delta_log").glob("[0-9]*.json")
            return max(int(path.name.split(".")[0]) for path in commits)
        row = self.spark.sql(f"DESCRIBE HISTORY {self._at(key)} LIMIT 1").select("version").first()
        return -1 if row is None else int(row.version)

    def history(self, key: str) -> list[Commit]:
        """The commits that the table's log still has, the oldest first."""
        found = self.spark.sql(f"DESCRIBE HISTORY {self._at(key)}").select(
            "version", "timestamp", "operation"
        )
        commits = (Commit(r.version, r.timestamp.astimezone(UTC), r.operation) for r in found.collect())
        return sorted(commits, key=lambda commit: commit.version)

    def read_through(self, key: str, version: int) -> None:
        """Open every file of a version. Raises what Spark raises where one is gone."""
        # a plain count would come from the log
        self.read(key, version).select("_metadata.file_path").distinct().count()

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
        reader = self.spark.read.option("readChangeFeed", "true")
        return reader.option("startingVersion", after + 1).option("endingVersion", upto).table(self._at(key))

    def fields(self, key: str) -> list[Field]:
        """The columns of a table as it is."""
        schema = self.read(key).schema
        return [
            Field(f.name, ddl(f.dataType), not f.nullable, f.metadata.get("comment")) for f in schema.fields
        ]

    def property(self, key: str, name: str) -> str:
        """The value of a table property; empty where it is not set."""
        properties = self.spark.sql(f"SHOW TBLPROPERTIES {self._at(key)}")
        row = properties.where(F.col("key") == name).select("value").first()
        if row is not None and row.value == _REDACTED:
            # what looks like a secret, say a key column `token`. DETAIL tells, but counts files first
            row = self.spark.sql(f"DESCRIBE DETAIL {self._at(key)}").select("properties").first()
            return "" if row is None else str(row.properties.get(name, ""))
        return "" if row is None else str(row.value)

    # what changes tables

    def create(self, key: str, shape: Shape) -> None:
        """Create the table where it is missing."""
        if not self.exists(key):
            self._make("CREATE TABLE IF NOT EXISTS", key, shape)

    def replace(self, key: str, shape: Shape) -> None:
        """Give an existing table another shape: it is empty afterwards, its history stays."""
        self._make("CREATE OR REPLACE TABLE", key, shape)

    def _make(self, verb: str, key: str, shape: Shape, rows: str = "") -> None:
        self._ensure_schema(key.split(".", 1)[0])
        folder = self._folder(key)
        statement = shape.ddl(verb, self.name(key), None if folder is None else str(folder))
        self.spark.sql(f"{statement} AS {rows}" if rows else statement)
        self._known.add(key)

    def replace_with(self, key: str, other: str) -> None:
        """Put all that another table is, rows, columns and properties, in the place of a table, in one
        commit."""
        described = ("properties", "description", "clusteringColumns")
        row: Any = self.spark.sql(f"DESCRIBE DETAIL {self._at(other)}").select(*described).first()
        shape = Shape((), row.description, row.clusteringColumns, row.properties)
        rows = f"SELECT * FROM {self._at(other)}"
        self._make("CREATE OR REPLACE TABLE", key, shape, rows)

    def restore(self, key: str, version: int) -> None:
        """Bring the table back to a version, in a commit of its own."""
        self.spark.sql(f"RESTORE TABLE {self._at(key)} TO VERSION AS OF {int(version)}")

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
            # first out of the way, in one step: half a table must not be found
            warehouse = folder.parent.parent
            with suppress(FileNotFoundError):
                folder.rename(warehouse / f".dropped-{uuid.uuid4().hex}")
            self.sweep()

    def sweep(self) -> None:
        """Delete what a drop that was cut off had left of a table."""
        if self.settings.warehouse is not None:
            for dropped in Path(self.settings.warehouse).glob(".dropped-*"):
                shutil.rmtree(dropped, ignore_errors=True)

    def set_property(self, key: str, name: str, value: str) -> None:
        """Give a table property another value."""
        self.spark.sql(f"ALTER TABLE {self._at(key)} SET TBLPROPERTIES ({string(name)} = {string(value)})")

    def add_columns(self, key: str, fields: Sequence[Field]) -> None:
        """Add optional columns at the end."""
        columns = ", ".join(field.ddl() for field in fields)
        self.spark.sql(f"ALTER TABLE {self._at(key)} ADD COLUMNS ({columns})")

    def widen_column(self, key: str, column: str, to_type: str) -> None:
        """Give a column a wider type (Delta type widening)."""
        self.set_property(key, "delta.enableTypeWidening", "true")
        self.spark.sql(f"ALTER TABLE {self._at(key)} ALTER COLUMN {quoted(column)} TYPE {to_type}")

    def drop_not_null(self, key: str, column: str) -> None:
        """Let a column hold NULL."""
        self.spark.sql(f"ALTER TABLE {self._at(key)} ALTER COLUMN {quoted(column)} DROP NOT NULL")

    def append(self, frame: DataFrame, key: str, *, token: str | None = None, evolve: bool = False) -> None:
        """Append rows; a second append under the same token does nothing."""
        writer = frame.writeTo(self._at(key))
        if token is not None:
            # given to the write itself: as a session setting it would leak into other threads' writes
            writer = writer.option("txnAppId", token).option("txnVersion", "0")
        if evolve:
            writer = writer.option("mergeSchema", "true")
        writer.append()

    def overwrite(self, frame: DataFrame, key: str) -> None:
        """Put the rows in the place of all that are there, in one commit."""
        frame.writeTo(self._at(key)).overwrite(F.lit(True))

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
        within: Sequence[str] = (),
    ) -> Merged:
        """MERGE rows by key columns, which hold no NULL; conditions see `target` and `source`.

        `source` must give the same rows each time it is read: a staged table does. `within` are
        conditions on `target` that every row matched by `source` is known to meet: Delta then skips the
        files that have none.
        """
        condition = " AND ".join([*(f"target.{quoted(c)} = source.{quoted(c)}" for c in on), *within])
        assignments = ", ".join(f"target.{quoted(c)} = source.{quoted(c)}" for c in columns if c not in on)
        names = ", ".join(map(quoted, columns))
        values = ", ".join(f"source.{quoted(c)}" for c in columns)
        clauses = [
            f"WHEN MATCHED AND ({delete_when}) THEN DELETE" if delete_when else "",
            f"WHEN MATCHED AND ({update_when}) THEN UPDATE SET {assignments}" if assignments else "",
            f"WHEN NOT MATCHED {f'AND ({insert_when}) ' if insert_when else ''}"
            f"THEN INSERT ({names}) VALUES ({values})",
        ]
        return self._merge(source, key, condition, clauses)

    def delete(
        self,
        source: DataFrame,
        key: str,
        *,
        on: str,
        change: Mapping[str, str] | None = None,
        append_only: bool = False,
    ) -> None:
        """Delete the rows that a row of `source` is found for; conditions see `target` and `source`.

        With `change` (columns and what they become) rows are changed, save where that makes one NULL. What
        to look for comes as rows, because the text of a DELETE stays in the table's log. `append_only` tables
        are so again afterwards.
        """
        clauses = ["WHEN MATCHED THEN DELETE"]
        if change:
            assignments = ", ".join(f"target.{quoted(name)} = {value}" for name, value in change.items())
            gone = " OR ".join(f"{value} IS NULL" for value in change.values())
            clauses = [
                f"WHEN MATCHED AND ({gone}) THEN DELETE",
                f"WHEN MATCHED THEN UPDATE SET {assignments}",
            ]
        if append_only:
            self.set_property(key, "delta.appendOnly", "false")
        try:
            self._merge(source, key, on, clauses)
        finally:
            if append_only:
                self.set_property(key, "delta.appendOnly", "true")

    def update(self, key: str, values: Mapping[str, str], *, where: str) -> None:
        """Give columns other values (SQL), in the rows that meet a condition; its text stays in the log."""
        assignments = ", ".join(f"{quoted(name)} = {value}" for name, value in values.items())
        self.spark.sql(f"UPDATE {self._at(key)} SET {assignments} WHERE {where}")

    def _merge(self, source: DataFrame, key: str, condition: str, clauses: Sequence[str]) -> Merged:
        view = f"merge_{uuid.uuid4().hex}"
        source.createOrReplaceTempView(view)
        statement = (
            f"MERGE INTO {self._at(key)} AS target USING {quoted(view)} AS source ON {condition} "
            + " ".join(clauses)
        )
        try:
            row = self.spark.sql(statement).first()
        finally:
            with suppress(Exception):
                self.spark.catalog.dropTempView(view)
        assert row is not None
        return Merged(int(row.num_inserted_rows), int(row.num_updated_rows), int(row.num_deleted_rows))
