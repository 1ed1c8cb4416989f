"""The numbers behind the plots. Spark sums them up; at most a few hundred points come back per mart."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Table
from medallion_pipelines.report.choice import Choice, Time, aggregate, choose, labels
from medallion_pipelines.report.model import BarPlot, LinePlot, Measure, Plot, Unit
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Tables

MOST_POINTS = 400
MOST_BARS = 10
_MOST_LABELS = 30
_LONGEST_LABEL = 60
_SECONDS: dict[Unit, int] = {
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_629_800,
    "year": 31_557_600,
}


def read_plot(tables: Tables, table: Table, hidden: Collection[str], *, dimension: bool) -> Plot | None:
    """The plot of a mart; None where it is empty or has nothing to plot."""
    rows = tables.read(table.key)
    present = set(rows.columns)  # the contract may be ahead of the table
    choice = choose(table, present, hidden)
    if choice.time is not None:
        plot = _lines(rows, table, choice.time, choice.measures)
        if plot is not None:
            return plot
    if dimension:
        label = _label(rows, labels(table, present, hidden))
        counted = Measure("rows", "rows", "Rows of the table.")
        return None if label is None else _bars(rows, table, label, counted)
    measure = _measure(table, choice)
    if choice.category is None or measure is None:
        return None
    return _bars(rows, table, choice.category, measure)


def _measure(table: Table, choice: Choice) -> Measure | None:
    """The first measure; not the number of rows where each bar would be one row."""
    single = table.primary_key == (choice.category,)
    return next((measure for measure in choice.measures if measure.how != "rows" or not single), None)


def _lines(rows: DataFrame, table: Table, time: Time, measures: Sequence[Measure]) -> LinePlot | None:
    timed = rows.withColumn("_time", F.expr(time.sql)).where("year(_time) BETWEEN 1 AND 9998")
    span = timed.selectExpr(
        "count(*) AS rows", "unix_seconds(min(_time)) AS first", "unix_seconds(max(_time)) AS last"
    ).first()
    if span is None or not span.rows:
        return None
    unit = unit_for(span.last - span.first, span.rows, time.finest)
    points = (
        timed.groupBy(F.date_trunc(unit, "_time").alias("_time"))
        .agg(*(F.expr(aggregate(measure)).alias(f"m{n}") for n, measure in enumerate(measures)))
        .orderBy(F.col("_time").desc())
        .limit(MOST_POINTS)
        .withColumn("_time", F.date_format("_time", "yyyy-MM-dd HH:mm"))
        .collect()
    )
    if len(points) < 2:
        return None
    return LinePlot(
        table.key,
        unit,
        tuple(measures),
        tuple(
            (datetime.fromisoformat(row._time), tuple(_finite(row[f"m{n}"]) for n in range(len(measures))))
            for row in reversed(points)
        ),
        table.description,
    )


def unit_for(seconds: int, rows: int, finest: Unit) -> Unit:
    """The finest unit of time that gives few enough points, and not many more than there are rows."""
    units = list(_SECONDS)
    most = min(MOST_POINTS, 2 * rows)
    for unit in units[units.index(finest) :]:
        if seconds / _SECONDS[unit] < most:
            return unit
    return "year"


def _bars(rows: DataFrame, table: Table, by: str, measure: Measure) -> BarPlot | None:
    label = F.expr(f"substring(CAST({quoted(by)} AS STRING), 1, {_LONGEST_LABEL})")
    found = (
        rows.groupBy(F.col(quoted(by)))
        .agg(F.expr(aggregate(measure)).alias("_value"))
        .where("_value IS NOT NULL AND NOT isnan(_value)")
        .orderBy(F.col("_value").desc(), F.col(quoted(by)))
        .limit(MOST_BARS)
        .select(label.alias("_label"), "_value")
        .collect()
    )
    bars = tuple((row._label, value) for row in found if (value := _finite(row._value)) is not None)
    if not bars:
        return None
    groups = len(bars)
    if groups == MOST_BARS:
        row = rows.select(F.approx_count_distinct(quoted(by)).alias("groups")).first()
        groups = max(groups, row.groups if row is not None else 0)
    return BarPlot(table.key, by, measure, bars, groups, table.description)


def _label(rows: DataFrame, columns: Sequence[str]) -> str | None:
    """The first column with few enough values, most of them more than once, to count rows by."""
    if not columns:
        return None
    counts = [F.approx_count_distinct(quoted(name)).alias(f"n{n}") for n, name in enumerate(columns)]
    found = rows.select(F.count(F.lit(1)).alias("rows"), *counts).first()
    assert found is not None
    most = min(_MOST_LABELS, found["rows"] / 2)
    return next((name for n, name in enumerate(columns) if 1 < found[f"n{n}"] <= most), None)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
