"""Checks on many rows at once: they can stop a run before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Check
from medallion_pipelines.tables import as_view


@dataclass(frozen=True)
class Verdict:
    """What a check found: `value` in rows or percent, None where there is nothing to measure."""

    check: Check
    value: float | None
    passed: bool

    def __str__(self) -> str:
        value = (
            "no value"
            if self.value is None
            else f"{self.value:g}{' %' if self.check.unit == 'percent' else ''}"
        )
        return f"{self.check.name}: {self.check.message} (found {value})"


def judge(rows: DataFrame, checks: Sequence[Check]) -> list[Verdict]:
    """Evaluate checks over all of `rows`. A comparison that gives NULL passes."""
    verdicts = []
    measured = [check for check in checks if check.query is None]
    if measured:
        values = rows.selectExpr(
            *(f"CAST({_metric(check)} AS DOUBLE) AS v{n}" for n, check in enumerate(measured))
        )
        verdicts += _compare(values, measured)
    for check in checks:
        if check.query is not None:
            verdicts += _compare(_queried(rows, check), [check])
    return verdicts


def _metric(check: Check) -> str:
    if check.unit == "percent":
        return f"100.0 * ({check.metric}) / nullif(count(*), 0)"
    return f"{check.metric}"


def _queried(rows: DataFrame, check: Check) -> DataFrame:
    assert check.query is not None
    with as_view(rows) as view:
        row = rows.sparkSession.sql(check.query.replace("{object}", view)).first()
    value = None if row is None or row[0] is None else float(row[0])
    return rows.sparkSession.range(1).select(F.lit(value).cast("double").alias("v0"))


def _compare(values: DataFrame, checks: Sequence[Check]) -> list[Verdict]:
    conditions = [
        f"coalesce({check.condition.replace('{value}', f'v{n}')}, true) AS p{n}"
        for n, check in enumerate(checks)
    ]
    row = values.selectExpr("*", *conditions).first()
    assert row is not None
    return [Verdict(check, row[f"v{n}"], row[f"p{n}"]) for n, check in enumerate(checks)]
