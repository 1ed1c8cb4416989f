"""What a contract compiles to: plain values that the layers read; no Spark session needed.

Every SQL text in here is Spark SQL over the table's own columns, identifiers quoted with backticks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Layer = Literal["silver", "gold"]
Severity = Literal["error", "warning"]
Format = Literal["json", "csv", "parquet"]


@dataclass(frozen=True)
class Marks:
    """The classification and tags of a field within a column."""

    field: str
    classification: str | None
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    `fields` are the names it may have in a source record, newest first. `expression` (ODCS
    `transformLogic`) computes it from the record's fields and `_metadata` instead.
    """

    name: str
    type: str  # Spark SQL, e.g. "BIGINT", "DECIMAL(10,2)", "STRUCT<`a`: STRING>"
    required: bool = False
    unique: bool = False
    fields: tuple[str, ...] = ()
    expression: str | None = None
    format: str | None = None  # Java pattern of a date or timestamp in the source
    description: str | None = None
    classification: str | None = None
    tags: tuple[str, ...] = ()
    marks_inside: tuple[Marks, ...] = ()  # of the fields of an object, of the elements of an array
    deprecated: str | None = None  # what to use instead
    sources: tuple[str, ...] = ()  # ODCS transformSourceObjects: what it is made of, where that is declared


@dataclass(frozen=True)
class Rule:
    """A condition each row must meet. TRUE and NULL pass (as SQL's CHECK has it), FALSE violates."""

    name: str
    condition: str
    message: str
    column: str | None = None
    severity: Severity = "error"


@dataclass(frozen=True)
class Check:
    """A number about many rows, compared with what the contract allows.

    `scope` "batch": `metric` is an aggregate over the rows one run would write. "table": the table as
    it will be after the run. `query` (ODCS quality of type sql) is used in place of `metric`; in
    it `{object}` stands for that table and it returns one row with one number. With unit
    "percent" the metric is divided by the number of rows. `condition` holds `{value}`.
    """

    name: str
    condition: str
    message: str
    metric: str | None = None
    query: str | None = None
    column: str | None = None
    scope: Literal["batch", "table"] = "batch"
    unit: Literal["rows", "percent"] = "rows"
    severity: Severity = "error"


@dataclass(frozen=True)
class ForeignKey:
    """`columns` point to `to_columns` of the table `to_table` of the same product.

    Checked: a row that points nowhere is quarantined (NULLs point nowhere and pass, as in SQL).
    """

    columns: tuple[str, ...]
    to_table: str
    to_columns: tuple[str, ...]
    checked: bool = False
    severity: Severity = "error"


@dataclass(frozen=True)
class Source:
    """Where a silver table's records come from: a feed of files below the landing zone, or streams."""

    path: str  # glob, relative to the landing zone, or absolute, or a URI; of streams kinesis://NAME
    format: Format
    multi_line: bool  # JSON: a document or array per file. CSV: quotes may hold line ends
    options: Mapping[str, str] = field(default_factory=dict)
    stream: Mapping[str, str] | None = None  # the options of the source `kinesis`
    concatenated: bool = False  # JSON: records follow each other in a file, nothing need be between them
    events: tuple[str, ...] = ()  # CloudEvents types that the landing function writes into it


@dataclass(frozen=True)
class Changes:
    """A silver table is made of changes, by the rules of `apply_changes` (docs/changes.md).

    `deletes` and `truncates` are conditions over columns and source fields; `fields` are the source
    fields they name that are no column. With a `snapshot_version`, an expression over `_metadata`, the
    records of each version are all rows there are, and what differs is the change.
    """

    scd_type: int = 1
    deletes: str | None = None
    truncates: str | None = None
    ignore_null_updates: bool = False
    tracked: tuple[str, ...] | None = None
    untracked: tuple[str, ...] | None = None
    fields: tuple[str, ...] = ()
    snapshot_version: str | None = None
    flags: tuple[str, ...] = ()  # the columns and fields that `deletes` and `truncates` look at


@dataclass(frozen=True)
class Input:
    """A table that a gold table is made of.

    `grain` maps each grain column to an expression over the input: a changed row touches that
    grain key. `lookup` maps expressions over the first input that has a grain to columns of this
    one: a changed row touches what looks it up. With neither, a change means a full refresh.
    """

    layer: Layer
    table: str
    grain: Mapping[str, str] | None = None
    lookup: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Freshness:
    """How old the table may be: by the newest value of `column`, else by its last good run."""

    seconds: int
    column: str | None = None


@dataclass(frozen=True)
class Role:
    """An ODCS role: who may do what with the table."""

    name: str
    access: str | None = None
    description: str | None = None


@dataclass(frozen=True)
class Server:
    """Where the table resides in one environment."""

    environment: str
    catalog: str | None = None
    schema: str | None = None


@dataclass(frozen=True)
class Table:
    """One table or view, whole."""

    name: str
    layer: Layer
    path: Path  # of the contract
    columns: tuple[Column, ...]
    kind: Literal["table", "view"] = "table"
    description: str | None = None
    version: str | None = None
    domain: str | None = None
    owner: str | None = None
    tags: tuple[str, ...] = ()
    primary_key: tuple[str, ...] = ()
    sequence_by: tuple[str, ...] = ()  # the greatest wins among rows of one key
    source: Source | None = None  # silver
    changes: Changes | None = None  # silver: its records are changes
    inputs: tuple[Input, ...] = ()  # gold
    transform: Path | None = None  # gold: the .sql or .py file beside the contract
    rules: tuple[Rule, ...] = ()
    checks: tuple[Check, ...] = ()
    quarantine_limit: Check | None = None  # over the batch; metric is the number quarantined
    foreign_keys: tuple[ForeignKey, ...] = ()
    cluster_by: tuple[str, ...] = ()
    freshness: Freshness | None = None
    retention_days: int | None = None
    roles: tuple[Role, ...] = ()
    servers: tuple[Server, ...] = ()

    @property
    def key(self) -> str:
        """The name within a product: `silver.flights`."""
        return f"{self.layer}.{self.name}"

    @property
    def of_snapshots(self) -> bool:
        """Whether the records are those of full snapshots."""
        return self.changes is not None and self.changes.snapshot_version is not None

    @property
    def quarantine_key(self) -> str:
        """Where records go that a silver table does not take: `silver.flights_quarantine`."""
        return f"{self.key}_quarantine"

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Product:
    """A folder of contracts; `tables` by key, in no particular order."""

    name: str
    path: Path
    tables: Mapping[str, Table]
