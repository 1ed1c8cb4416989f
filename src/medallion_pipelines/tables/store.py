"""Delta tables: what is in them, and every write to them."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.sql import quoted
from medallion_pipelines.tables.upkeep import Upkeep
from medallion_pipelines.tables.views import as_view

_SAME_ROWS = {
    "ADD COLUMNS", "ADD CONSTRAINT", "CHANGE COLUMN", "CHANGE COLUMNS", "CLUSTER BY", "COMPUTE STATS",
    "DROP CONSTRAINT", "OPTIMIZE", "REORG", "SET TBLPROPERTIES", "UNSET TBLPROPERTIES", "UPGRADE PROTOCOL",
    "VACUUM END", "VACUUM START",
}  # fmt: skip


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


class Tables(Upkeep):
    """The tables of one lakehouse to read and write, seen from one Spark session; threads may share it."""

    def read(self, key: str, version: int | None = None) -> DataFrame:
        """The table, as it is now or as it was at a version."""
        reader = self.spark.read if version is None else self.spark.read.option("versionAsOf", version)
        return reader.table(self._at(key))

    def find(self, key: str) -> DataFrame | None:
        """The table, or None where it is not there."""
        return self.read(key) if self.exists(key) else None

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

    # what changes tables

    def restore(self, key: str, version: int) -> None:
        """Bring the table back to a version, in a commit of its own."""
        self.spark.sql(f"RESTORE TABLE {self._at(key)} TO VERSION AS OF {int(version)}")

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
        with as_view(source) as view:
            row = self.spark.sql(
                f"MERGE INTO {self._at(key)} AS target USING {view} AS source ON {condition} "
                + " ".join(clauses)
            ).first()
        assert row is not None
        return Merged(int(row.num_inserted_rows), int(row.num_updated_rows), int(row.num_deleted_rows))
