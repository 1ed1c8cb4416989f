"""From parsed records to the contract's columns, and the text each came from."""

from __future__ import annotations

import re

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructType

from medallion_pipelines.contracts.model import Column, Table
from medallion_pipelines.erased import ERASED
from medallion_pipelines.silver.cast import converted
from medallion_pipelines.silver.parse import parse, source_fields
from medallion_pipelines.sql import quoted

# of a table of changes: what a change does, or the snapshot it is of; of a replay: the row of the quarantine;
# of bronze: where it came from
DELETES, TRUNCATES, VERSION, QUARANTINED = "_deletes", "_truncates", "_version", "_quarantined"
DOCUMENT = "_document"  # the bronze record whole, where a caller adds it to the records it gives
RECORD_ID = "_record_id"  # as quarantine has it, where a caller adds it
FIELD_CASE = (
    "_field_case"  # of a table of changes: what a flag looks at, where the record has it in another case
)
CORRECTS = "_corrects"  # in bronze: the id of the record that this one takes the place of
_ORIGIN = (CORRECTS, "_header", "_file_path", "_file_modification_time", "_ingested_at")
KEPT = (DELETES, TRUNCATES, VERSION, FIELD_CASE, QUARANTINED, DOCUMENT, RECORD_ID, ERASED, *_ORIGIN)


def typed(bronze: DataFrame, table: Table) -> DataFrame:
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
        suspect = F.col("_record").rlike(rf'"(?:{names})"\s*:\s*"[^"]*,')  # or one of a nested object
        paths = [F.get_json_object("_record", f"$['{name}']") for name in column.fields if "'" not in name]
        if paths:
            suspect = suspect & F.coalesce(*paths).contains(",")
        return F.when(~suspect | suspect.isNull(), value(column))

    def is_typed(column: Column) -> bool:
        return any(not isinstance(raw[name].dataType, StringType) for name in column.fields)

    def text(column: Column) -> SparkColumn:
        if not is_typed(column):
            return value(column)
        if source.format != "json":
            return F.to_json(value(column)) if is_nested(column) else value(column).cast("string")
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
            F.expr(c.expression).cast(c.type).alias(c.name) if c.expression else F.col(quoted(c.name))
            for c in (*read, *computed)
        ),
        "_text",
        *_flags(table),
        *kept,
    )


def _flags(table: Table) -> list[SparkColumn]:
    """What a change does (a condition that is NULL is not met), or which snapshot a record is of."""
    if table.changes is None:
        return []
    conditions = {DELETES: table.changes.deletes, TRUNCATES: table.changes.truncates}
    flags = [
        F.coalesce(F.expr(text or "false"), F.lit(False)).alias(name) for name, text in conditions.items()
    ]
    version = table.changes.snapshot_version
    if version is not None:
        return [*flags, F.expr(version).alias(VERSION)]
    fields = {c.name.casefold(): c.fields for c in table.columns}
    other_case = [
        F.when(
            F.col(quoted(name)).isNull()
            & F.arrays_overlap(F.transform("_unknown", F.lower), F.array(*map(F.lit, map(str.lower, names)))),
            F.lit(name),
        )
        for name in table.changes.flags
        if (names := fields.get(name.casefold(), (name,)))
    ]
    return [*flags, F.coalesce(*other_case, F.lit(None).cast("string")).alias(FIELD_CASE)]


def is_nested(column: Column) -> bool:
    """Whether a column holds values within values."""
    return column.type.startswith(("STRUCT", "ARRAY", "MAP", "VARIANT"))
