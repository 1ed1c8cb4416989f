"""What shape tables have, and how they get it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.sql import quoted, string
from medallion_pipelines.tables.shape import CONSTRAINT, Field, Shape, ddl, required
from medallion_pipelines.tables.streams import Streams
from medallion_pipelines.tables.views import as_view

_REDACTED = "*********(redacted)"  # what Spark shows in place of a value


class Shaping(Streams):
    """Tables with columns, comments, clustering, properties."""

    def fields(self, key: str) -> list[Field]:
        """The columns of a table as it is."""
        schema, required = self.spark.read.table(self._at(key)).schema, self._required(key).values()
        return [
            Field(f.name, ddl(f.dataType), not f.nullable or f.name in required, f.metadata.get("comment"))
            for f in schema.fields
        ]

    def _required(self, key: str) -> dict[str, str]:
        """The constraints that say what NOT NULL would, and the column of each."""
        conditions = {required(name): name for name in self.spark.read.table(self._at(key)).columns}
        return {
            name.removeprefix(CONSTRAINT): conditions[value]
            for name, value in self._properties(key).items()
            if name.startswith(CONSTRAINT) and value in conditions
        }

    def constrained(self, key: str, columns: Sequence[str]) -> bool:
        """Whether a constraint, and not NOT NULL alone, says of one of some columns that it is required."""
        asked = {name.lower() for name in columns}
        return bool(asked) and any(name.lower() in asked for name in self._required(key).values())

    def property(self, key: str, name: str) -> str:
        """The value of a table property; empty where it is not set."""
        return self._properties(key).get(name, "")

    def _properties(self, key: str) -> dict[str, str]:
        found = {
            row.key: row.value for row in self.spark.sql(f"SHOW TBLPROPERTIES {self._at(key)}").collect()
        }
        if _REDACTED in found.values():
            # what looks like a secret, say a key column `token`. DETAIL tells, but counts files first
            row: Any = self.spark.sql(f"DESCRIBE DETAIL {self._at(key)}").select("properties").first()
            return dict(row.properties)
        return found

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

    def remake(self, frame: DataFrame, key: str, shape: Shape) -> None:
        """Give an existing table another shape and other rows, in one commit; its history stays.

        Such a commit knows no NOT NULL: constraints say the same (and Databricks takes it afterwards).
        """
        columns = []
        for one in shape.fields:
            said = {"metadata": {"comment": one.comment}} if one.comment else {}
            columns.append(F.col(quoted(one.name)).cast(one.type).alias(one.name, **said))
        needed = [one.name for one in shape.fields if one.required]
        constraints = {f"{CONSTRAINT}required_{place}": required(name) for place, name in enumerate(needed)}
        like = replace(shape, fields=(), properties={**shape.properties, **constraints})
        with as_view(frame.select(*columns)) as view:
            self._make("CREATE OR REPLACE TABLE", key, like, f"SELECT * FROM {view}")
        if "DATABRICKS_RUNTIME_VERSION" in os.environ:  # a primary key of Unity Catalog wants it
            for name in needed:
                self.spark.sql(f"ALTER TABLE {self._at(key)} ALTER COLUMN {quoted(name)} SET NOT NULL")

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

    def set_property(self, key: str, name: str, value: str) -> None:
        """Give a table property another value."""
        self._set_properties(key, {name: value})

    def _set_properties(self, key: str, values: Mapping[str, str]) -> None:
        pairs = ", ".join(f"{string(name)} = {string(value)}" for name, value in values.items())
        self.spark.sql(f"ALTER TABLE {self._at(key)} SET TBLPROPERTIES ({pairs})")

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
        for name, of in self._required(key).items():
            if of.lower() == column.lower():
                self.spark.sql(f"ALTER TABLE {self._at(key)} DROP CONSTRAINT {quoted(name)}")
        self.spark.sql(f"ALTER TABLE {self._at(key)} ALTER COLUMN {quoted(column)} DROP NOT NULL")
