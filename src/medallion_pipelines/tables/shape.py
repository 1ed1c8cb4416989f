"""The shape of a table, as `CREATE TABLE` needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pyspark.sql.types import ArrayType, DataType, MapType, StructType

from medallion_pipelines.sql import quoted, string

_PROPERTIES = {
    "delta.enableChangeDataFeed": "true",
    # every batch writes under a transaction id of its own; without an end they would pile up in the log
    "delta.setTransactionRetentionDuration": "interval 30 days",
}

CONSTRAINT = "delta.constraints."  # how the properties begin that are constraints

_WIDER = {
    "TINYINT": ("SMALLINT", "INT", "BIGINT", "DOUBLE"),
    "SMALLINT": ("INT", "BIGINT", "DOUBLE"),
    "INT": ("BIGINT", "DOUBLE"),
    "FLOAT": ("DOUBLE",),
    "DATE": ("TIMESTAMP_NTZ",),
}


def required(column: str) -> str:
    """The constraint that says of a column what NOT NULL would."""
    return f"{quoted(column)} IS NOT NULL"


def widens(have: str, want: str) -> bool:
    """Whether Delta's type widening takes a column from one type to another in place."""
    if want in _WIDER.get(have, ()):
        return True
    sizes = [re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", kind) for kind in (have, want)]
    if None in sizes:
        return False
    (digits, scale), (more_digits, more_scale) = ((int(m[1]), int(m[2])) for m in sizes if m)
    return have != want and more_scale >= scale and more_digits - more_scale >= digits - scale


def ddl(kind: DataType) -> str:
    """A type as SQL has it, its fields quoted: `simpleString` does not."""
    if isinstance(kind, StructType):
        fields = ", ".join(f"{quoted(field.name)}: {ddl(field.dataType)}" for field in kind)
        return f"STRUCT<{fields}>"
    if isinstance(kind, ArrayType):
        return f"ARRAY<{ddl(kind.elementType)}>"
    if isinstance(kind, MapType):
        return f"MAP<{ddl(kind.keyType)}, {ddl(kind.valueType)}>"
    return kind.simpleString().upper()


@dataclass(frozen=True)
class Field:
    """One column; `type` is Spark SQL."""

    name: str
    type: str
    required: bool = False
    comment: str | None = None

    def ddl(self) -> str:
        """The column in a list of columns."""
        not_null = " NOT NULL" if self.required else ""
        comment = f" COMMENT {string(self.comment)}" if self.comment else ""
        return f"{quoted(self.name)} {self.type}{not_null}{comment}"


@dataclass(frozen=True)
class Shape:
    """Columns and what else a table is made with."""

    fields: Sequence[Field]
    comment: str | None = None
    cluster_by: Sequence[str] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    def ddl(self, verb: str, name: str, location: str | None) -> str:
        """The statement that makes the table; `verb` is CREATE TABLE or one of its kin. Without fields it
        wants an `AS SELECT` after it."""
        columns = f"({', '.join(one.ddl() for one in self.fields)}) " if self.fields else ""
        clustered = f" CLUSTER BY ({', '.join(map(quoted, self.cluster_by))})" if self.cluster_by else ""
        placed = f" LOCATION {string(location)}" if location else ""
        described = f" COMMENT {string(self.comment)}" if self.comment else ""
        pairs = {**_PROPERTIES, **self.properties}
        settings = ", ".join(f"{string(key)} = {string(value)}" for key, value in pairs.items())
        return f"{verb} {name} {columns}USING DELTA{clustered}{placed}{described} TBLPROPERTIES ({settings})"
