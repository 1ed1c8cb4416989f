"""Why a record is not taken: every rule of the contract that it breaks."""

from __future__ import annotations

import operator

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Column, Rule, Table
from medallion_pipelines.silver.balanced import balanced
from medallion_pipelines.silver.links import checked_keys
from medallion_pipelines.silver.typed import DELETES, FIELD_CASE, KEPT, TRUNCATES, VERSION, is_nested
from medallion_pipelines.sql import quoted

ERRORS = "ARRAY<STRUCT<rule: STRING, column: STRING, message: STRING, value: STRING>>"


def judged(rows: DataFrame, table: Table) -> DataFrame:
    """Adds `_errors` and `_warnings` to typed rows that carry `_points_n` of their foreign keys."""
    errors: list[SparkColumn] = []
    broken_errors: list[SparkColumn] = []
    warnings: list[SparkColumn] = []

    needed = {*table.primary_key, *(table.sequence_by if table.changes else ())}
    upserts = F.lit(True) if table.changes is None else ~F.col(DELETES) & ~F.col(TRUNCATES)

    def add(
        broken: SparkColumn,
        rule: str,
        column: str | None,
        message: str,
        value: SparkColumn,
        asked: SparkColumn = upserts,
    ) -> None:
        broken = broken & asked
        broken_errors.append(broken)
        errors.append(error(broken, rule, column, message, value))

    for column in table.columns:
        if column.expression is None:
            text = F.col("_text").getField(column.name)
            bad = text.isNotNull() & F.col(quoted(column.name)).isNull()
            add(bad, "type", column.name, f"is not of type {column.type}", text, _asked_of(table, column))
            missing = text.isNull()
        else:
            missing = F.col(quoted(column.name)).isNull()
        if column.required or column.name in needed:
            asked = _asked_of(table, column)
            add(missing, "required", column.name, "must have a value", F.lit(None), asked)
    for rule in table.rules:
        broken = ~F.coalesce(F.expr(rule.condition), F.lit(True))
        if rule.severity == "error":
            add(broken, rule.name, rule.column, rule.message, _value(rule, table))
        else:
            warnings.append(F.when(broken & upserts, F.lit(rule.name)))
    for number, key in enumerate(checked_keys(table)):
        full = F.lit(True)
        for name in key.columns:
            full = full & F.col(quoted(name)).isNotNull()
        broken = full & F.col(f"_points_{number}").isNull() | (full & ~F.col(f"_points_{number}"))
        name = "foreign_key"
        if key.severity == "error":
            pointed = F.concat_ws(", ", *(F.col(quoted(c)).cast("string") for c in key.columns))
            message = f"is not in {table.layer}.{key.to_table}"
            add(broken, name, ", ".join(key.columns), message, pointed)
        else:
            warnings.append(F.when(broken & upserts, F.lit(f"{name}_{'_'.join(key.columns)}")))
    if table.of_snapshots:
        unknown = F.col(VERSION).isNull()
        add(unknown, "snapshot_version", None, "cannot be told from its file", F.col("_file_path"))
    if FIELD_CASE in rows.columns:  # a delete must not pass for an upsert
        case = F.col(FIELD_CASE)
        add(
            case.isNotNull(),
            "field_case",
            None,
            "has what a flag looks at in another case",
            case,
            F.lit(True),
        )
    malformed = F.array(
        F.struct(
            F.lit("malformed").alias("rule"),
            F.lit(None).cast("string").alias("column"),
            F.lit(_malformed_message(table)).alias("message"),
            F.substring("_record", 1, 200).alias("value"),
        )
    )
    found = F.array().cast(ERRORS)
    if errors:  # most records break no rule: for them no list is put together
        listed = F.array_compact(F.array(*errors)).cast(ERRORS)
        found = F.when(balanced(operator.or_, broken_errors), listed).otherwise(found)
    warned = F.array_compact(F.array(*warnings)) if warnings else F.array()
    return rows.select(
        *(F.col(quoted(c.name)) for c in table.columns),
        F.when(F.col("_malformed"), malformed.cast(ERRORS)).otherwise(found).alias("_errors"),
        F.when(~F.col("_malformed"), warned.cast("array<string>"))
        .otherwise(F.array().cast("array<string>"))
        .alias("_warnings"),
        "_unknown",
        "_record",
        *(name for name in KEPT if name in rows.columns),
    )


def _asked_of(table: Table, column: Column) -> SparkColumn:
    """Which records must have a value of a column: a change that deletes has a key and a sequence, one that
    truncates a sequence; what else is in them counts for nothing."""
    if table.changes is None or column.name in table.sequence_by:
        return F.lit(True)
    if column.name in table.primary_key:
        return ~F.col(TRUNCATES)
    return ~F.col(DELETES) & ~F.col(TRUNCATES)


def _malformed_message(table: Table) -> str:
    assert table.source is not None
    if table.source.format == "csv":
        return "is not a CSV record with as many fields as its header"
    return "is not one JSON object"


def _value(rule: Rule, table: Table) -> SparkColumn:
    if rule.column is None:
        return F.lit(None)
    column = table.column(rule.column)
    value = F.col(quoted(rule.column))
    return F.to_json(F.struct(value.alias("value"))) if is_nested(column) else value.cast("string")


def error(
    condition: SparkColumn, rule: str, column: str | None, message: str, value: SparkColumn
) -> SparkColumn:
    """One entry of `_errors` where the condition holds, else NULL."""
    return F.when(
        condition,
        F.struct(
            F.lit(rule).alias("rule"),
            F.lit(column).cast("string").alias("column"),
            F.lit(message).alias("message"),
            value.cast("string").alias("value"),
        ),
    )
