"""What the page shows, as plain values. What a contract keeps from view never gets in here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from medallion_pipelines.contracts.model import Severity

Layer = Literal["bronze", "silver", "gold"]
Verdict = Literal["passed", "failed", "unknown", "never"]
How = Literal["rows", "sum", "mean"]
Unit = Literal["minute", "hour", "day", "week", "month", "year"]


@dataclass(frozen=True)
class Counts:
    """What became of records: rows_in = valid + quarantined + duplicates."""

    rows_in: int = 0
    valid: int = 0
    quarantined: int = 0
    duplicates: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.rows_in + other.rows_in,
            self.valid + other.valid,
            self.quarantined + other.quarantined,
            self.duplicates + other.duplicates,
        )


@dataclass(frozen=True)
class Run:
    """One finished run of the product; `counts` are those of its silver tables."""

    run_id: str
    status: str
    started_at: datetime
    finished_at: datetime
    run_by: str | None
    versions: str  # of the package and of Spark
    counts: Counts = Counts()
    steps: Mapping[str, int] = field(default_factory=dict)  # tables by status

    @property
    def seconds(self) -> float:
        return (self.finished_at - self.started_at).total_seconds()


@dataclass(frozen=True)
class Step:
    """What one run did to one table."""

    status: str
    at: datetime
    error: str | None = None
    notes: tuple[str, ...] = ()
    seconds: float | None = None
    written: int | None = None
    deleted: int | None = None
    violations: Mapping[str, int] = field(default_factory=dict)  # rows that broke a rule


@dataclass(frozen=True)
class RuleCount:
    """How many records broke a rule: since the table was last made anew (gold: in its last refresh)."""

    name: str
    message: str
    severity: Severity
    column: str | None = None
    records: int = 0
    in_last_run: int = 0


@dataclass(frozen=True)
class CheckResult:
    """What a check of many rows said when the table was last worked on."""

    name: str
    message: str
    severity: Severity
    verdict: Verdict
    said: str | None = None


@dataclass(frozen=True)
class Reason:
    """One reason why a record is in quarantine."""

    rule: str
    message: str
    column: str | None = None
    value: str | None = None


@dataclass(frozen=True)
class Sample:
    """A quarantined record, cut short. Where the contract hides it there are its reasons alone."""

    reasons: tuple[Reason, ...]
    record: str | None = None
    header: str | None = None  # of the CSV file
    file: str | None = None


@dataclass(frozen=True)
class Feed:
    """Where a bronze table's records come from; files by what became of them."""

    path: str
    format: str
    files: Mapping[str, int] = field(default_factory=dict)
    trouble: tuple[tuple[str, str], ...] = ()  # status and path of some files that were not taken


@dataclass(frozen=True)
class TableReport:
    """How one table stands, and what was done to it."""

    key: str
    layer: Layer
    kind: Literal["table", "view"] = "table"
    description: str | None = None
    made_of: tuple[str, ...] = ()
    points_to: tuple[str, ...] = ()  # by foreign keys
    feed: Feed | None = None  # bronze
    step: Step | None = None  # of the last run that reached it; None: never run
    readable: bool = True
    rows: int | None = None
    in_quarantine: int | None = None
    age_seconds: int | None = None
    promised_seconds: int | None = None
    fresh: bool | None = None
    total: Counts | None = None  # silver: over all runs since it was last made anew
    last: Counts | None = None  # silver: in the last run of the product that brought records
    rules: tuple[RuleCount, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    samples: tuple[Sample, ...] = ()
    hidden: str | None = None  # why its records are not shown

    @property
    def status(self) -> str | None:
        """Of the last run that reached the table; None: never run."""
        return self.step.status if self.step else None


@dataclass(frozen=True)
class DriftItem:
    """What a source sent that the contract does not describe. `field` None: its name is not shown."""

    table: str
    kind: str
    field: str | None
    records: int
    last_seen: datetime
    example: str | None = None


@dataclass(frozen=True)
class Measure:
    """A column of a mart, and how its rows become one number."""

    name: str
    how: How
    description: str | None = None


@dataclass(frozen=True)
class LinePlot:
    """Measures of a mart over time; a point has a value per measure."""

    key: str
    unit: Unit
    measures: tuple[Measure, ...]
    points: tuple[tuple[datetime, tuple[float | None, ...]], ...]
    description: str | None = None


@dataclass(frozen=True)
class BarPlot:
    """The greatest groups of a mart's rows, by one column; `groups` is about how many there are."""

    key: str
    by: str
    measure: Measure
    bars: tuple[tuple[str | None, float], ...]
    groups: int
    description: str | None = None


Plot = LinePlot | BarPlot


@dataclass(frozen=True)
class Report:
    """All that the page shows; tables by layer and name, the last run first."""

    product: str
    generated_at: datetime
    tables: tuple[TableReport, ...] = ()
    runs: tuple[Run, ...] = ()
    drift: tuple[DriftItem, ...] = ()
    plots: tuple[Plot, ...] = ()

    @property
    def total(self) -> Counts:
        """Records of all silver tables."""
        return sum((table.total for table in self.tables if table.total), Counts())

    @property
    def brought(self) -> Run | None:
        """The last run that brought records."""
        return next((run for run in self.runs if run.counts.rows_in), None)

    def layer(self, name: Layer) -> tuple[TableReport, ...]:
        return tuple(table for table in self.tables if table.layer == name)
