"""What runs leave behind in the `ops` schema, and what the next run learns from it.

ops.runs           a row per run: who, what, when, how it ended
ops.table_metrics  a row per table a run reached: rows, versions, seconds, error
ops.files          the ledger of source files: what was found, captured, or could not be read
ops.drift          what sources sent that the contracts do not describe
"""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

from pyspark.sql import Row
from pyspark.sql import functions as F

from medallion_pipelines.results import StepResult
from medallion_pipelines.tables import Field, Shape, Tables, local_frame

RUNS = (
    Field("run_id", "STRING", required=True),
    Field("product", "STRING"),
    Field("status", "STRING", comment="succeeded or failed; a run that was killed has no row"),
    Field("started_at", "TIMESTAMP"),
    Field("finished_at", "TIMESTAMP"),
    Field("run_by", "STRING"),
    Field("package_version", "STRING"),
    Field("spark_version", "STRING"),
)
TABLE_METRICS = (
    Field("run_id", "STRING", required=True),
    Field("product", "STRING"),
    Field("table", "STRING", comment="layer.table"),
    Field("status", "STRING", comment="succeeded, unchanged, failed, skipped or restoring"),
    Field("rows_in", "BIGINT"),
    Field("rows_valid", "BIGINT"),
    Field("rows_quarantined", "BIGINT"),
    Field("rows_duplicate", "BIGINT"),
    Field("rows_written", "BIGINT"),
    Field("rows_deleted", "BIGINT"),
    Field("warnings", "BIGINT"),
    Field("violations", "MAP<STRING, BIGINT>", comment="rows that broke a rule, by rule"),
    Field("seconds", "DOUBLE"),
    Field("version", "BIGINT", comment="Delta version after the step"),
    Field("source_versions", "MAP<STRING, BIGINT>", comment="Delta versions read up to, by source table"),
    Field("token", "STRING", comment="the batch that was written"),
    Field("contract", "STRING", comment="fingerprint of what the step was made by"),
    Field("error", "STRING"),
    Field("notes", "ARRAY<STRING>"),
    Field("recorded_at", "TIMESTAMP"),
    Field(
        "beside_versions",
        "MAP<STRING, BIGINT>",
        comment="Delta versions after the step of what belongs to the table: its quarantine, its memory",
    ),
    Field("millis_behind_latest", "BIGINT", comment="of a stream: how far behind its newest record"),
)
FILES = (
    Field("feed", "STRING", required=True, comment="the bronze table"),
    Field("path", "STRING", required=True),
    Field("modified_at", "TIMESTAMP"),
    Field("size", "BIGINT", comment="bytes"),
    Field("status", "STRING", comment="found, captured, empty, unreadable or changed"),
    Field("records", "BIGINT"),
    Field("error", "STRING"),
    Field("token", "STRING", comment="the batch it belongs to"),
    Field("run_id", "STRING"),
    Field("recorded_at", "TIMESTAMP"),
)
DRIFT = (
    Field("run_id", "STRING", required=True),
    Field("table", "STRING"),
    Field("kind", "STRING", comment="unknown_field or type"),
    Field("field", "STRING"),
    Field("records", "BIGINT"),
    Field("example", "STRING"),
    Field("recorded_at", "TIMESTAMP"),
)
_TABLES: Mapping[str, tuple[Field, ...]] = {
    "runs": RUNS,
    "table_metrics": TABLE_METRICS,
    "files": FILES,
    "drift": DRIFT,
}


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Progress:
    """How far a table has come: the source versions its last successful step had read."""

    source_versions: Mapping[str, int] = field(default_factory=dict)
    token: str | None = None
    contract: str | None = None
    version: int = -1  # of the table itself then: where it is at less now, it was dropped and made again
    beside_versions: Mapping[str, int] | None = None  # -1: was not there; None: nobody noted them
    restoring: bool = False  # it is on its way back to this
    recorded_at: datetime = _LONG_AGO


_PROGRESS = "struct(status, source_versions, token, contract, version, beside_versions, recorded_at)"


def _as_progress(row: Row) -> Progress:
    return Progress(
        dict(row.source_versions or {}),
        row.token,
        row.contract,
        -1 if row.version is None else row.version,
        row.beside_versions,
        row.status == "restoring",
        row.recorded_at.astimezone(UTC),
    )


class RunLog:
    """The log of one run."""

    def __init__(self, tables: Tables, product: str) -> None:
        self.tables = tables
        self.product = product
        self.run_id = uuid.uuid4().hex
        self._started_at = now()
        self._progress: dict[str, Progress] = {}
        self._newest = self._started_at  # entry; where the clock went back, the next ones still come after

    def begin(self) -> None:
        """Create what is missing, and read how far every table has come."""
        for name, fields in _TABLES.items():
            self.tables.create(f"ops.{name}", Shape(fields))
        if self.tables.version("ops.table_metrics") <= 0:  # it has just been created
            return
        metrics = self.tables.read("ops.table_metrics")
        missing = [field for field in TABLE_METRICS if field.name not in metrics.columns]
        if missing:  # an earlier release made it
            self.tables.add_columns("ops.table_metrics", missing)
            metrics = self.tables.read("ops.table_metrics")
        latest = (
            metrics.where("status IN ('succeeded', 'restoring')")
            .groupBy("table")
            .agg(F.expr(f"max_by({_PROGRESS}, recorded_at)").alias("last"))
        )
        for row in latest.collect():
            self._progress[row.table] = last = _as_progress(row.last)
            self._newest = max(self._newest, last.recorded_at)

    def progress(self, key: str) -> Progress:
        """How far the table has come."""
        return self._progress.get(key, Progress())

    def past(self, key: str) -> list[Progress]:
        """How far each successful step had brought the table, the oldest first."""
        steps = self.tables.read("ops.table_metrics").where(F.col("table") == key)
        rows = steps.where("status = 'succeeded' AND version >= 0").select(F.expr(_PROGRESS).alias("step"))
        return sorted((_as_progress(row.step) for row in rows.collect()), key=lambda step: step.recorded_at)

    def step(
        self,
        result: StepResult,
        *,
        token: str | None = None,
        contract: str | None = None,
        violations: Mapping[str, int] | None = None,
        once: bool = False,
    ) -> None:
        """Note what the run did to one table, and how far that brought it; with `once`, a second time under
        the same token does nothing."""
        self.steps([result], token=token, contract=contract, violations=violations, once=once)
        self._progress[result.table] = Progress(
            dict(result.source_versions),
            token,
            contract,
            -1 if result.version is None else result.version,
            dict(result.beside_versions),
            result.status == "restoring",
        )

    def steps(
        self,
        results: Iterable[StepResult],
        *,
        token: str | None = None,
        contract: str | None = None,
        violations: Mapping[str, int] | None = None,
        once: bool = False,
    ) -> None:
        """Note what the run did to some tables, in one commit."""
        self._newest = moment = max(now(), self._newest + timedelta(microseconds=1))
        rows = [
            (
                self.run_id,
                self.product,
                r.table,
                r.status,
                r.rows_in,
                r.rows_valid,
                r.rows_quarantined,
                r.rows_duplicate,
                r.rows_written,
                r.rows_deleted,
                r.warnings,
                dict(violations or {}),
                r.seconds,
                r.version,
                dict(r.source_versions),
                token,
                contract,
                r.error,
                list(r.notes),
                moment,
                dict(r.beside_versions),
                r.millis_behind_latest,
            )
            for r in results
        ]
        if rows:
            self.append("table_metrics", rows, token=f"{token}-metrics" if once else None)

    def finish(self, succeeded: bool) -> None:
        """Note the run and how it ended."""
        row = (
            self.run_id,
            self.product,
            "succeeded" if succeeded else "failed",
            self._started_at,
            now(),
            user(),
            version("medallion_pipelines"),
            self.tables.spark.version,
        )
        self.append("runs", [row])

    def append(self, name: str, rows: Sequence[tuple[object, ...]], *, token: str | None = None) -> None:
        """Append rows to one of the `ops` tables; a second time under the same token does nothing."""
        frame = local_frame(self.tables.spark, _TABLES[name], rows)
        self.tables.append(frame, f"ops.{name}", token=token)


def now() -> datetime:
    """This moment, UTC."""
    return datetime.now(UTC)


def user() -> str | None:
    """Who runs this."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return None
