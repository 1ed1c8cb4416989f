"""Conform: from a bronze batch to typed rows, each with its errors and its outcome, in one pass.

The result has the contract's columns and
`_errors`   array<struct<rule, column, message, value>>: all reasons to quarantine the record
`_warnings` array<string>: the rules of severity warning that it breaks
`_unknown`  array<string>: source fields the contract does not know
`_outcome`  valid, quarantined or duplicate
`_record`   the record's text where someone will want it, and `_header`, `_file_path`,
            `_file_modification_time`, `_ingested_at` of bronze.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructType

from medallion_pipelines.contracts.model import Column, ForeignKey, Rule, Table
from medallion_pipelines.silver.cast import converted
from medallion_pipelines.silver.parse import parse, source_fields
from medallion_pipelines.tables import quote

ERRORS = "ARRAY<STRUCT<rule: STRING, column: STRING, message: STRING, value: STRING>>"
KEPT = ("_header", "_file_path", "_file_modification_time", "_ingested_at")
_UNORDERED = ("MAP", "VARIANT")


def conform(bronze: DataFrame, table: Table, read: Callable[[str], DataFrame | None]) -> DataFrame:
    """Conform a batch. `read` gives a table of the lakehouse by key, or None where it is not there yet."""
    typed = _typed(bronze, table)
    points = _with_foreign_keys(typed, table, read)
    judged = _judged(points, table)
    unique = _with_unique(judged, table, read)
    return _with_outcome(unique, table)


def order(table: Table, prefix: str = "") -> SparkColumn:
    """What decides between rows of one key: `sequence_by`, then all columns, so that no tie is left
    to the order of arrival. Greater wins; NULL is least. (Nullable on purpose: MERGE compares the
    structs of both sides, whose types must be alike.)"""
    names = [
        *table.sequence_by,
        *(c.name for c in table.columns if _orderable(c) and c.name not in table.sequence_by),
    ]
    values = [F.col(f"{prefix}{quote(name)}") for name in names]
    return F.struct(*(F.when(v.isNotNull(), v).alias(f"o{i}") for i, v in enumerate(values)))


def order_sql(table: Table, side: str) -> str:
    """`order` as SQL, over one side of a MERGE."""
    names = [
        *table.sequence_by,
        *(c.name for c in table.columns if _orderable(c) and c.name not in table.sequence_by),
    ]
    values = (
        f"CASE WHEN {side}.{quote(n)} IS NOT NULL THEN {side}.{quote(n)} END AS o{i}"
        for i, n in enumerate(names)
    )
    return f"struct({', '.join(values)})"


def _orderable(column: Column) -> bool:
    return not any(kind in column.type for kind in _UNORDERED)


def _typed(bronze: DataFrame, table: Table) -> DataFrame:
    """The contract's columns, the text each came from (for messages), and what the record was."""
    assert table.source is not None
    source = table.source
    parsed = parse(bronze, table)
    raw = parsed.schema["raw"].dataType
    assert isinstance(raw, StructType)

    def field(name: str) -> SparkColumn:
        return F.col("raw").getField(name)

    def value(column: Column) -> SparkColumn:
        found = F.coalesce(*map(field, column.fields)) if column.fields else F.lit(None).cast("string")
        if source.format == "csv" and column.type != "STRING":
            return F.when(F.trim(found) != "", found)  # a blank cell holds no number and no date
        return found

    def exact(column: Column) -> SparkColumn:
        """The value to convert. Spark's JSON parser reads the text "1,5" as the decimal 15: not so here."""
        if source.format != "json" or not is_typed(column):
            return value(column)
        names = "|".join(re.escape(name) for name in column.fields)
        return F.when(~F.col("_record").rlike(rf'"(?:{names})"\s*:\s*"[^"]*,'), value(column))

    def is_typed(column: Column) -> bool:
        return any(not isinstance(raw[name].dataType, StringType) for name in column.fields)

    def text(column: Column) -> SparkColumn:
        if not is_typed(column):
            return value(column)
        if source.format != "json":
            return F.to_json(value(column)) if _nested(column) else value(column).cast("string")
        as_text = exact(column).cast("string")
        # a decimal that did not fit left nothing behind: look at the record again, for that one only
        paths = [F.get_json_object("_record", f"$['{name}']") for name in column.fields if "'" not in name]
        return F.coalesce(as_text, *paths)

    read = [column for column in table.columns if column.expression is None]
    computed = [column for column in table.columns if column.expression is not None]
    taken = {column.name for column in read}
    # what expressions may name beside the table's own columns: source fields that are no column
    extra = [name for name in source_fields(table) if name not in {f for c in read for f in c.fields} | taken]
    metadata = F.struct(
        F.col("_file_path").alias("file_path"),
        F.element_at(F.split("_file_path", "/"), -1).alias("file_name"),
        F.col("_file_modification_time").alias("file_modification_time"),
        F.col("_file_size").alias("file_size"),
        F.col("_ingested_at").alias("ingested_at"),
    )
    # names of ours begin with an underscore, which no contract's do
    ours = {"record": "_record", "malformed": "_malformed", "unknown": "_unknown"}
    kept = [*ours.values(), *(name for name in KEPT if name in parsed.columns)]
    parsed = parsed.withColumnsRenamed(ours)
    rows = parsed.select(
        *(converted(exact(c), c, source, typed=is_typed(c)).alias(c.name) for c in read),
        F.struct(*(text(c).alias(c.name) for c in read)).alias("_text"),
        *(field(name).alias(name) for name in extra),
        metadata.alias("_metadata"),
        *kept,
    )
    return rows.select(
        *(
            F.expr(c.expression).cast(c.type).alias(c.name) if c.expression else F.col(quote(c.name))
            for c in (*read, *computed)
        ),
        "_text",
        *kept,
    )


def _nested(column: Column) -> bool:
    return column.type.startswith(("STRUCT", "ARRAY", "MAP", "VARIANT"))


def _with_foreign_keys(rows: DataFrame, table: Table, read: Callable[[str], DataFrame | None]) -> DataFrame:
    """A column per checked foreign key, `_points_n`: TRUE where the row points to something."""
    for number, key in enumerate(_checked(table)):
        target = read(f"{table.layer}.{key.to_table}")
        if target is None:
            rows = rows.withColumn(f"_points_{number}", F.lit(False))
            continue
        names = [f"_to_{number}_{place}" for place in range(len(key.columns))]
        keys = target.select(*(F.col(quote(c)).alias(n) for c, n in zip(key.to_columns, names, strict=True)))
        hits = keys.dropna().distinct().withColumn(f"_points_{number}", F.lit(True))
        pairs = zip(key.columns, names, strict=True)
        condition = [F.col(quote(column)) == F.col(name) for column, name in pairs]
        rows = rows.join(hits, condition, "left").drop(*names)
    return rows


def _checked(table: Table) -> list[ForeignKey]:
    return [key for key in table.foreign_keys if key.checked]


def _judged(rows: DataFrame, table: Table) -> DataFrame:
    errors: list[SparkColumn] = []
    warnings: list[SparkColumn] = []
    for column in table.columns:
        if column.expression is None:
            text = F.col("_text").getField(column.name)
            bad = text.isNotNull() & F.col(quote(column.name)).isNull()
            errors.append(_error(bad, "type", column.name, f"is not of type {column.type}", text))
            missing = text.isNull()
        else:
            missing = F.col(quote(column.name)).isNull()
        if column.required or column.name in table.primary_key:
            errors.append(_error(missing, "required", column.name, "must have a value", F.lit(None)))
    for rule in table.rules:
        broken = ~F.coalesce(F.expr(rule.condition), F.lit(True))
        if rule.severity == "error":
            errors.append(_error(broken, rule.name, rule.column, rule.message, _value(rule, table)))
        else:
            warnings.append(F.when(broken, F.lit(rule.name)))
    for number, key in enumerate(_checked(table)):
        full = F.lit(True)
        for name in key.columns:
            full = full & F.col(quote(name)).isNotNull()
        broken = full & F.col(f"_points_{number}").isNull() | (full & ~F.col(f"_points_{number}"))
        name = "foreign_key"
        if key.severity == "error":
            pointed = F.concat_ws(", ", *(F.col(quote(c)).cast("string") for c in key.columns))
            message = f"is not in {table.layer}.{key.to_table}"
            errors.append(_error(broken, name, ", ".join(key.columns), message, pointed))
        else:
            warnings.append(F.when(broken, F.lit(f"{name}_{'_'.join(key.columns)}")))
    malformed = F.array(
        F.struct(
            F.lit("malformed").alias("rule"),
            F.lit(None).cast("string").alias("column"),
            F.lit(_malformed_message(table)).alias("message"),
            F.substring("_record", 1, 200).alias("value"),
        )
    )
    found = F.array_compact(F.array(*errors)).cast(ERRORS) if errors else F.array().cast(ERRORS)
    warned = F.array_compact(F.array(*warnings)) if warnings else F.array()
    return rows.select(
        *(F.col(quote(c.name)) for c in table.columns),
        F.when(F.col("_malformed"), malformed.cast(ERRORS)).otherwise(found).alias("_errors"),
        F.when(~F.col("_malformed"), warned.cast("array<string>"))
        .otherwise(F.array().cast("array<string>"))
        .alias("_warnings"),
        "_unknown",
        "_record",
        *(name for name in KEPT if name in rows.columns),
    )


def _malformed_message(table: Table) -> str:
    assert table.source is not None
    if table.source.format == "csv":
        return "is not a CSV record with as many fields as its header"
    return "is not one JSON object"


def _value(rule: Rule, table: Table) -> SparkColumn:
    if rule.column is None:
        return F.lit(None)
    column = table.column(rule.column)
    value = F.col(quote(rule.column))
    return F.to_json(F.struct(value.alias("value"))) if _nested(column) else value.cast("string")


def _error(
    condition: SparkColumn, rule: str, column: str | None, message: str, value: SparkColumn
) -> SparkColumn:
    return F.when(
        condition,
        F.struct(
            F.lit(rule).alias("rule"),
            F.lit(column).cast("string").alias("column"),
            F.lit(message).alias("message"),
            value.cast("string").alias("value"),
        ),
    )


def _with_unique(rows: DataFrame, table: Table, read: Callable[[str], DataFrame | None]) -> DataFrame:
    """Adds an error to each record whose value of a unique column belongs to another row already: to
    one in the table, else to the record of the batch that comes first by `order`."""
    for column in table.columns:
        if not column.unique or table.primary_key == (column.name,):
            continue
        name, value = column.name, F.col(quote(column.name))
        me = F.struct(*(F.col(quote(key)) for key in table.primary_key)) if table.primary_key else None
        usable = value.isNotNull() & (F.size("_errors") == 0)
        group = Window.partitionBy(value, F.when(usable, F.lit(0)).otherwise(F.xxhash64("_record"))).orderBy(
            order(table).asc(), F.col("_record").asc()
        )
        first = F.first(me).over(group) if me is not None else None
        clash = F.row_number().over(group) > 1 if first is None or me is None else ~first.eqNullSafe(me)
        rows = rows.withColumn("_clash", usable & clash)
        existing = read(table.key)
        if existing is not None:
            holder = [
                F.col(quote(key)).alias(f"_holder_{place}") for place, key in enumerate(table.primary_key)
            ]
            held = (
                existing.where(value.isNotNull())
                .select(value.alias("_held"), *holder)
                .withColumn("_taken", F.lit(True))
            )
            rows = rows.join(held, value == F.col("_held"), "left")
            same = F.lit(bool(table.primary_key))
            for place, key in enumerate(table.primary_key):
                same = same & F.col(quote(key)).eqNullSafe(F.col(f"_holder_{place}"))
            taken = F.coalesce(F.col("_taken"), F.lit(False)) & ~same & usable
            rows = rows.withColumn("_clash", F.col("_clash") | taken)
        error = _error(F.col("_clash"), "unique", name, "belongs to another row already", value)
        rows = rows.withColumn("_errors", F.array_compact(F.concat("_errors", F.array(error))).cast(ERRORS))
        rows = rows.drop(
            "_clash", "_held", "_taken", *(f"_holder_{i}" for i in range(len(table.primary_key)))
        )
    return rows


def _with_outcome(rows: DataFrame, table: Table) -> DataFrame:
    valid = F.size("_errors") == 0
    outcome = F.when(~valid, "quarantined")
    if table.primary_key:
        # records without a usable key are spread by their text, lest they all meet in one task
        spread = F.when(valid, F.lit(0)).otherwise(F.xxhash64("_record"))
        keys: Sequence[SparkColumn] = [F.col(quote(name)) for name in table.primary_key]
        rank = F.row_number().over(Window.partitionBy(*keys, spread).orderBy(order(table).desc()))
        outcome = outcome.when(rank > 1, "duplicate")
    wanted = ~valid | (F.size("_unknown") > 0)
    return rows.select(
        *(F.col(quote(c.name)) for c in table.columns),
        *("_errors", "_warnings", "_unknown"),
        outcome.otherwise("valid").alias("_outcome"),
        F.when(wanted, F.col("_record")).alias("_record"),
        *(name for name in KEPT if name in rows.columns),
    )
