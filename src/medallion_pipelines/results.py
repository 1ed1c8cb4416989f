"""What a run reports, step by step: values that the layers return and the CLI shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

Status = Literal["succeeded", "unchanged", "failed", "skipped", "restoring"]


@dataclass(frozen=True)
class StepResult:
    """What one run did to one table.

    For bronze `rows_in` and `rows_written` count records captured. For silver rows_in =
    rows_valid + rows_quarantined + rows_duplicate, and rows_valid are the rows inserted or updated. A
    replay brings no rows in: rows_quarantined is less than zero, by the records that left quarantine.
    For gold `rows_in` counts the grain keys looked at, `rows_written` the rows inserted or updated.
    A restore that was cut off is `restoring`; the next run finishes it.
    `notes` are for people: drift, unreadable files, a full refresh and why.
    """

    table: str  # "silver.flights"
    status: Status
    rows_in: int = 0
    rows_valid: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    rows_written: int = 0
    rows_deleted: int = 0
    warnings: int = 0
    seconds: float = 0.0
    version: int | None = None  # of the Delta table, after the step
    source_versions: Mapping[str, int] = field(default_factory=dict)  # read up to these
    beside_versions: Mapping[str, int] = field(default_factory=dict)  # of quarantine and memory, after it
    error: str | None = None
    notes: tuple[str, ...] = ()
    millis_behind_latest: int | None = None  # of a stream, how far behind its newest record it had come


@dataclass(frozen=True)
class RunResult:
    """A whole run."""

    run_id: str
    product: str
    steps: tuple[StepResult, ...]
    seconds: float

    @property
    def succeeded(self) -> bool:
        return all(step.status in ("succeeded", "unchanged") for step in self.steps)

    @property
    def changed(self) -> bool:
        return any(step.status == "succeeded" for step in self.steps)


@dataclass(frozen=True)
class TableStatus:
    """How a table stands: its last step, its age against what the contract promises."""

    table: str
    status: Status | None = None  # of the last run that reached it
    last_run: str | None = None  # ISO 8601, UTC
    rows: int | None = None
    quarantined: int | None = None  # rows in quarantine now
    age_seconds: int | None = None
    freshness_seconds: int | None = None  # promised
    fresh: bool | None = None
    error: str | None = None
    unreadable: str | None = None  # why the table cannot be looked at

    @property
    def broken(self) -> str | None:
        """What its contract promises and it does not keep; None where it keeps all."""
        if self.status is None:
            return "no run has reached it"
        if self.status not in ("succeeded", "unchanged"):
            return f"its last run {self.status}" if self.status != "restoring" else "its restore was cut off"
        if self.unreadable is not None:
            return self.unreadable
        if self.fresh is False:
            age = "empty" if self.age_seconds is None else f"{timedelta(seconds=self.age_seconds)} old"
            return f"{age}; at most {timedelta(seconds=self.freshness_seconds or 0)} is promised"
        return None


@dataclass(frozen=True)
class UpkeepResult:
    """What maintenance did to one table. `notes` say what was left undone, and why."""

    table: str
    files_removed: int = 0  # joined into `files_added`
    files_added: int = 0
    vacuumed: bool = False
    analyzed: bool = False
    seconds: float = 0.0
    error: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class QuarantineStatus:
    """What is in the quarantine of a silver table now; times are ISO 8601, UTC."""

    table: str
    records: int
    rules: Mapping[str, int]  # records that broke a rule, by rule, the most first
    oldest: str | None = None  # when the first and the last of them were quarantined
    newest: str | None = None


@dataclass(frozen=True)
class Arrival:
    """A file that was brought into the landing zone: by which job, from where, and where it is now."""

    job: str
    path: str
    origin: str
    version: str | None = None  # of the origin


@dataclass(frozen=True)
class ErasureResult:
    """What an erasure found, and what is left. It names no value of the subject's.

    `found`: rows by place (silver.x, bronze.x, silver.x_quarantine, landing of bronze.x, ...) that hold a key
    of the subject; `files`: such records by landing file. `may_hold`: records by place that contain the value
    but are too malformed to tell; they stay. `remaining`: what a search afterwards still finds, by place (of
    a dry run nothing), with documents that hold the value and cannot be taken apart. `files_left`: landing
    files with such records that only others can rewrite, and those that cannot be read. `marts`: made anew.
    """

    token: str
    product: str
    subject: str | None  # silver.passengers.passenger_id; None: all that were erased before
    dry_run: bool
    found: Mapping[str, int]
    files: Mapping[str, int] = field(default_factory=dict)
    may_hold: Mapping[str, int] = field(default_factory=dict)
    remaining: Mapping[str, int] = field(default_factory=dict)
    files_left: tuple[str, ...] = ()
    marts: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        return not self.remaining and not self.files_left
