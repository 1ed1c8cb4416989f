"""What a staged batch holds: outcomes, broken rules and drift, counted in one pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Drift:
    """What the source sends that the contract does not describe.

    `kind`: unknown_field (`example` is a record) or type (`example` is a value).
    """

    kind: str
    field: str
    records: int
    example: str | None

    def __str__(self) -> str:
        if self.kind == "type":
            return f"{self.records} records hold a {self.field} of another type, such as {self.example!r}."
        return f"{self.records} records have a field the contract does not know: {self.field}."


@dataclass(frozen=True)
class Summary:
    """Records by outcome, records that broke a rule by rule, how many breaks were warnings, drift."""

    outcomes: Mapping[str, int]
    violations: Mapping[str, int]
    warnings: int
    drift: tuple[Drift, ...]


def summarize(staged: DataFrame) -> Summary:
    """Count a staged batch: a row comes back per outcome, rule and drifting field, however many records."""

    def item(kind: str, name: SparkColumn, example: SparkColumn) -> SparkColumn:
        return F.struct(
            F.lit(kind).alias("kind"), name.alias("name"), F.substring(example, 1, 500).alias("example")
        )

    nothing = F.lit(None).cast("string")
    types = F.filter("_errors", lambda error: error["rule"] == "type")
    outcome = F.array(item("outcome", F.col("_outcome"), nothing))
    all_items = F.concat(
        outcome,
        F.transform("_errors", lambda error: item("error", error["rule"], nothing)),
        F.transform("_warnings", lambda rule: item("warning", rule, nothing)),
        F.transform("_unknown", lambda name: item("unknown_field", name, F.col("_record"))),
        F.transform(types, lambda error: item("type", error["column"], error["value"])),
    )
    plain = (F.size("_errors") == 0) & (F.size("_warnings") == 0) & (F.size("_unknown") == 0)
    items = F.when(plain, outcome).otherwise(all_items)  # most records have nothing more to tell
    rows = (
        staged.select(F.explode(items).alias("item"))
        .groupBy("item.kind", "item.name")
        .agg(F.count(F.lit(1)).alias("records"), F.min("item.example").alias("example"))
        .orderBy("kind", "name")
        .collect()
    )
    broken = [row for row in rows if row.kind in ("error", "warning")]
    return Summary(
        {row.name: row.records for row in rows if row.kind == "outcome"},
        {row.name: row.records for row in broken},
        sum(row.records for row in broken if row.kind == "warning"),
        tuple(
            Drift(r.kind, r.name, r.records, r.example) for r in rows if r.kind in ("type", "unknown_field")
        ),
    )
