"""A few quarantined records per table, each for another reason."""

from __future__ import annotations

from pyspark.sql import functions as F

from medallion_pipelines.report.model import Reason, Sample
from medallion_pipelines.report.words import cut
from medallion_pipelines.tables import Tables

MOST = 6
LONGEST_RECORD, LONGEST_VALUE, MOST_REASONS = 600, 120, 8


def read_samples(tables: Tables, quarantine: str, *, hidden: bool) -> tuple[Sample, ...]:
    """The newest record of each first reason, the commonest reasons first.

    What is `hidden` (record, header, file and values) is not even read.
    """
    rows = tables.read(quarantine)
    value = "CAST(NULL AS STRING)" if hidden else f"substring(e.value, 1, {LONGEST_VALUE + 1})"
    reasons = (
        f"transform(slice(_errors, 1, {MOST_REASONS}), e -> "
        f"named_struct('rule', e.rule, 'column', e.column, 'message', e.message, 'value', {value}))"
    )
    parts = {
        "record": f"substring(record, 1, {LONGEST_RECORD + 1})",
        "header": f"substring(_header, 1, {LONGEST_RECORD + 1})",
        "file": "_file_path",
    }
    shown = [f"{'CAST(NULL AS STRING)' if hidden else sql} AS {name}" for name, sql in parts.items()]
    found = (
        rows.where("size(_errors) > 0")
        .groupBy(F.expr("_errors[0].rule").alias("rule"))
        .agg(
            F.count(F.lit(1)).alias("records"),
            F.expr(f"max_by(struct({', '.join(shown)}, {reasons} AS reasons), _quarantined_at)").alias("it"),
        )
        .orderBy(F.col("records").desc(), "rule")
        .limit(MOST)
        .collect()
    )
    return tuple(
        Sample(
            tuple(Reason(r.rule, r.message, r.column, _cut(r.value, LONGEST_VALUE)) for r in row.it.reasons),
            _cut(row.it.record, LONGEST_RECORD),
            _cut(row.it.header, LONGEST_RECORD),
            _file(row.it.file),
        )
        for row in found
    )


def _cut(text: str | None, longest: int) -> str | None:
    return None if text is None else cut(text, longest)


def _file(path: str | None) -> str | None:
    return None if path is None else "/".join(path.rsplit("/", 2)[-2:])[-LONGEST_VALUE:]
