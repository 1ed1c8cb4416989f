"""What the `ops` tables tell of a product's runs. Only sums and the last rows of each kind come back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pyspark.sql import DataFrame, Row, Window
from pyspark.sql import functions as F

from medallion_pipelines.report.model import Counts, Feed, Run, Step
from medallion_pipelines.report.standing import LEFT_OUT
from medallion_pipelines.tables import Tables

RUNS = 12
DRIFTS = 200
TROUBLE = 5
_METRICS = "ops.table_metrics"
_COUNTS = ("rows_in", "rows_valid", "rows_quarantined", "rows_duplicate")
_STEP = "status, error, notes, seconds, rows_written, rows_deleted, violations, recorded_at"
# the run log's own words for what `ops.drift` has too, with an example that may be hidden
_DRIFT_NOTE = re.compile(r"\S+: \d+ records (have a field the contract does not know|hold a )")


@dataclass(frozen=True)
class Drifted:
    """A field that drifted, over all batches."""

    table: str
    kind: str
    field: str
    records: int
    last_seen: datetime
    example: str | None


@dataclass(frozen=True)
class History:
    """All that is known of the past, by table."""

    runs: tuple[Run, ...] = ()
    last: Mapping[str, Step] = field(default_factory=dict)  # the last step
    worked: Mapping[str, Step] = field(default_factory=dict)  # the last step that did or tried something
    refreshed: Mapping[str, Step] = field(default_factory=dict)  # the last that succeeded in doing something
    total: Mapping[str, Counts] = field(default_factory=dict)
    in_last_run: Mapping[str, Counts] = field(default_factory=dict)  # that brought records
    broken: Mapping[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # in all, in that run
    drift: tuple[Drifted, ...] = ()


def read_history(tables: Tables, product: str, keys: Sequence[str]) -> History:
    """The history of a product and its tables (`bronze.x`, `silver.x`, `gold.x`)."""
    if not tables.exists(_METRICS):
        return History()
    metrics = tables.read(_METRICS).where(F.col("table").isin(list(keys)))
    runs = _runs(tables, product, metrics)
    brought = next((run for run in runs if run.counts.rows_in), None)
    last_run = brought.run_id if brought else ""
    current = _since_made_anew(metrics)
    counts = {row.table: row for row in _counts(current, last_run).collect()}
    steps = _steps(metrics)
    return History(
        runs,
        last=steps["last"],
        worked=steps["worked"],
        refreshed=steps["refreshed"],
        total={key: _as_counts(row.total) for key, row in counts.items()},
        in_last_run={key: _as_counts(row.in_last) for key, row in counts.items() if row.reached},
        broken=_broken(current, last_run),
        drift=_drift(tables, metrics, current, keys),
    )


def read_feeds(tables: Tables, feeds: Mapping[str, Feed]) -> dict[str, Feed]:
    """Feeds by bronze table, with what became of their files."""
    if not tables.exists("ops.files"):
        return dict(feeds)
    files = (
        tables.read("ops.files")
        .where(F.col("feed").isin(list(feeds)))
        .groupBy("feed", "path")
        .agg(F.expr("max_by(status, recorded_at)").alias("status"))
    )
    # of the files that were taken the number is enough
    path = F.when(F.col("status").isin(list(LEFT_OUT)), F.col("path"))
    found = files.groupBy("feed", "status").agg(
        F.count(F.lit(1)).alias("files"),
        F.slice(F.sort_array(F.collect_set(path)), 1, TROUBLE).alias("paths"),
    )
    rows = found.collect()
    return {
        key: Feed(
            feed.path,
            feed.format,
            {row.status: row.files for row in rows if row.feed == key},
            tuple((row.status, path) for row in rows if row.feed == key for path in row.paths),
        )
        for key, feed in feeds.items()
    }


def _runs(tables: Tables, product: str, metrics: DataFrame) -> tuple[Run, ...]:
    runs = tables.read("ops.runs").where(F.col("product") == product)
    latest = runs.orderBy(F.col("started_at").desc()).limit(RUNS).collect()
    wanted = metrics.where(F.col("run_id").isin([row.run_id for row in latest]))
    silver = _sums("FILTER (WHERE `table` LIKE 'silver.%')")
    found = (
        wanted.groupBy("run_id", "status")
        .agg(F.expr(silver).alias("counts"), F.count_distinct("table").alias("tables"))
        .collect()
    )
    result = []
    for row in latest:
        mine = [each for each in found if each.run_id == row.run_id]
        result.append(
            Run(
                row.run_id,
                row.status,
                _utc(row.started_at),
                _utc(row.finished_at),
                row.run_by,
                f"medallion_pipelines {row.package_version}, Spark {row.spark_version}",
                sum((_as_counts(each.counts) for each in mine), Counts()),
                {each.status: each.tables for each in mine},
            )
        )
    return tuple(result)


def _since_made_anew(metrics: DataFrame) -> DataFrame:
    """Each table's successful steps since it was rebuilt last: a rebuild counts all of its records again."""
    # a rebuild deletes rows, or reads bronze up to where an earlier step had been
    upto = F.expr("try_element_at(source_versions, regexp_replace(`table`, '^silver', 'bronze'))")
    by_table = Window.partitionBy("table")
    before = F.lag("_upto").over(by_table.orderBy("recorded_at"))
    whole = (F.col("rows_deleted") > 0) | (F.col("_upto") <= before)
    # a replay reads no bronze: no row comes in
    anew = F.col("table").startswith("silver.") & (F.col("rows_in") > 0) & whole
    since = F.max(F.when(F.col("_anew"), F.col("recorded_at"))).over(by_table)
    return (
        metrics.where("status = 'succeeded'")
        .withColumn("_upto", upto)
        .withColumn("_anew", anew)
        .withColumn("_since", since)
        .where("_since IS NULL OR recorded_at >= _since")
    )


def _counts(steps: DataFrame, last_run: str) -> DataFrame:
    in_last = F.col("run_id") == last_run
    return (
        steps.withColumn("_last", in_last)
        .groupBy("table")
        .agg(
            F.expr(_sums()).alias("total"),
            F.expr(_sums("FILTER (WHERE _last)")).alias("in_last"),
            F.expr("bool_or(_last)").alias("reached"),
        )
    )


def _sums(which: str = "") -> str:
    return f"struct({', '.join(f'coalesce(sum({name}) {which}, 0L) AS {name}' for name in _COUNTS)})"


def _steps(metrics: DataFrame) -> dict[str, dict[str, Step]]:
    latest = f"max_by(struct({_STEP}), recorded_at)"
    rows = (
        metrics.groupBy("table")
        .agg(
            F.expr(latest).alias("last"),
            F.expr(f"{latest} FILTER (WHERE status IN ('succeeded', 'failed'))").alias("worked"),
            F.expr(f"{latest} FILTER (WHERE status = 'succeeded')").alias("refreshed"),
        )
        .collect()
    )
    return {
        name: {row.table: _as_step(row[name]) for row in rows if row[name] is not None}
        for name in ("last", "worked", "refreshed")
    }


def _broken(steps: DataFrame, last_run: str) -> dict[tuple[str, str], tuple[int, int]]:
    rows = (
        steps.select("table", "run_id", F.explode("violations").alias("rule", "records"))
        .groupBy("table", "rule")
        .agg(
            F.sum("records").alias("records"),
            F.sum(F.when(F.col("run_id") == last_run, F.col("records")).otherwise(0)).alias("in_last"),
        )
        .collect()
    )
    return {(row.table, row.rule): (row.records, row.in_last) for row in rows}


def _drift(
    tables: Tables, metrics: DataFrame, current: DataFrame, keys: Sequence[str]
) -> tuple[Drifted, ...]:
    if not tables.exists("ops.drift"):
        return ()
    step = ("run_id", "table")
    superseded = metrics.where("status = 'succeeded'").select(*step).exceptAll(current.select(*step))
    rows = (
        tables.read("ops.drift")
        .where(F.col("table").isin(list(keys)))
        .join(superseded.distinct(), ["run_id", "table"], "left_anti")
        .groupBy("table", "kind", "field")
        .agg(
            F.sum("records").alias("records"),
            F.max("recorded_at").alias("last_seen"),
            F.expr("substring(max_by(example, recorded_at), 1, 400)").alias("example"),
        )
        .orderBy(F.col("records").desc(), "table", "kind", "field")
        .limit(DRIFTS)
        .collect()
    )
    return tuple(
        Drifted(row.table, row.kind, row.field, row.records, _utc(row.last_seen), row.example) for row in rows
    )


def _as_step(row: Row) -> Step:
    notes = tuple(note for note in row.notes or () if not _DRIFT_NOTE.match(note))
    return Step(
        row.status,
        _utc(row.recorded_at),
        row.error,
        notes,
        row.seconds,
        row.rows_written,
        row.rows_deleted,
        dict(row.violations or {}),
    )


def _as_counts(row: Row) -> Counts:
    return Counts(row.rows_in, row.rows_valid, row.rows_quarantined, row.rows_duplicate)


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
