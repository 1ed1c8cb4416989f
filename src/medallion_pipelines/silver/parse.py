"""From bronze records to one struct of source fields, parsed once per record.

Each parser returns the bronze columns it was given and, beside them,
`raw` (a struct with a field per name that the contract knows, text wherever text keeps the value
exact), `malformed` (the record has no such fields to give), `unknown` (names the contract does not
know) and `record` as text.
"""

from __future__ import annotations

import csv
import operator
import secrets
from collections.abc import Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DecimalType,
    MapType,
    StringType,
    StructField,
    StructType,
)

from medallion_pipelines.contracts.model import Source, Table
from medallion_pipelines.csvtext import sound_pattern
from medallion_pipelines.silver.balanced import balanced

_BAD = "__bad__"
# a replay reads the record from this text again
EXACT = {
    "timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX",
    "timestampNTZFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
    "timeZone": "UTC",
}


def parse(bronze: DataFrame, table: Table) -> DataFrame:
    """Parse the records of a bronze batch as the table's source says."""
    assert table.source is not None
    names = source_fields(table)
    if table.source.format == "parquet":
        return _parquet(bronze, names)
    if table.source.format == "csv":
        return _csv(bronze, table.source, names)
    return _json(bronze, table, names)


def source_fields(table: Table) -> list[str]:
    """Every field name that the contract knows, in the contract's order."""
    flags = table.changes.fields if table.changes else ()
    return list(dict.fromkeys((*(name for column in table.columns for name in column.fields), *flags)))


def _origin(bronze: DataFrame) -> list[str]:
    return [name for name in bronze.columns if name.startswith("_")]


def _json(bronze: DataFrame, table: Table, names: Sequence[str]) -> DataFrame:
    assert table.source is not None
    raw = StructType([StructField(name, _json_type(table, name)) for name in names])
    if table.source.multi_line:
        elements = _json_elements(bronze, raw)
        missing = F.when(F.col("element").isNull(), F.col("record"))
        rows = _with_sole(elements, missing, raw, "parsed")
        rows = rows.withColumn("raw", F.coalesce("element", "parsed")).drop("element", "parsed")
    else:
        rows = _with_sole(bronze, F.col("record"), raw, "raw")
    fields = F.json_object_keys("record")
    known = F.array(*map(F.lit, names)).cast(ArrayType(StringType()))
    # where there are as many fields as known ones that have a value, there is no other
    given = balanced(operator.add, [F.col("raw")[name].isNotNull().cast("int") for name in names])
    unknown = F.when(F.size(fields) != given, F.array_except(fields, known))
    return rows.select(
        "record",
        *_origin(bronze),
        "raw",
        (F.col("raw").isNull() | ~F.is_valid_utf8("record")).alias("malformed"),
        F.coalesce(unknown, F.array().cast(ArrayType(StringType()))).alias("unknown"),
    )


def _with_sole(rows: DataFrame, text: SparkColumn, kind: DataType, name: str) -> DataFrame:
    """Adds the value of a JSON text; NULL unless it is one of its kind and nothing more.

    Spark's parser stops at the end of the first value and drops what follows. Inside an object, before a
    field whose name no text can know, there is nowhere to hide a rest: it breaks the object or adds to it.
    """
    end = secrets.token_hex(8)
    wrapped = F.concat(F.lit('{"value":'), text, F.lit(f',"{end}":null}}'))
    options = {"allowNonNumericNumbers": "false"}
    whole = F.from_json(wrapped, MapType(StringType(), kind), options)  # type: ignore[arg-type]
    # `inline` makes Spark evaluate the parser once, however many columns are taken from it
    once = rows.select("*", F.inline(F.array(F.struct(whole.alias("_whole")))))
    sole = (F.size("_whole") == 2) & F.map_contains_key("_whole", F.lit(end))
    return once.withColumn(name, F.when(sole, F.col("_whole")["value"])).drop("_whole")


def _json_elements(bronze: DataFrame, raw: StructType) -> DataFrame:
    """A document is one record, or an array of them. `record` becomes an element's text, `element` what is
    in it; NULL, for the text to be parsed on its own, where one of the array is no object."""
    document = F.when(F.col("record").rlike(r"^\s*\["), F.col("record"))
    rows = _with_sole(bronze, document, ArrayType(StringType()), "texts")
    rows = _with_sole(rows, document, ArrayType(raw), "elements")
    elements = F.coalesce("elements", F.array().cast(ArrayType(raw)))
    pairs = F.when(
        F.col("texts").isNotNull(), F.arrays_zip(F.col("texts").alias("text"), elements.alias("element"))
    )
    whole = F.array(F.struct(F.col("record").alias("text"), F.lit(None).cast(raw).alias("element")))
    return rows.select(F.explode(F.coalesce(pairs, whole)).alias("pair"), *_origin(bronze)).select(
        F.coalesce("pair.text", F.lit("null")).alias("record"),
        F.col("pair.element").alias("element"),
        *_origin(bronze),
    )


def _json_type(table: Table, name: str) -> DataType:
    """Text keeps every JSON value but a decimal one, which would pass through a double on its way."""
    for column in table.columns:
        if name in column.fields and column.expression is None and column.type.startswith("DECIMAL"):
            precision, scale = column.type[8:-1].split(",")
            return DecimalType(int(precision), int(scale))
    return StringType()


def _csv(bronze: DataFrame, source: Source, names: Sequence[str]) -> DataFrame:
    # one row per distinct header line: a property of the feed's files, not of its data
    headers = [row[0] for row in bronze.select("_header").distinct().collect()]
    parsed: SparkColumn | None = None
    for header in headers:
        branch = _csv_branch(header, source, names)
        condition = F.col("_header").eqNullSafe(F.lit(header))
        parsed = F.when(condition, branch) if parsed is None else parsed.when(condition, branch)
    if parsed is None:
        parsed = _csv_branch(None, source, names)
    once = bronze.select("record", *_origin(bronze), F.inline(F.array(parsed)))
    broken = ~F.is_valid_utf8("record")
    quote = source.options.get("quote", '"')
    if quote:
        sound = sound_pattern(source.options.get("sep", ","), quote, source.options.get("escape"))
        broken = broken | ~F.col("record").rlike(sound)
    return once.withColumn("malformed", F.col("malformed") | broken)


def _csv_branch(header: str | None, source: Source, names: Sequence[str]) -> SparkColumn:
    """The parser of the records under one header line; under one that is none, no record is sound."""
    try:
        found = list(names) if header is None else _header_names(header, source)
    except csv.Error:
        return _none(names)
    places = {name: place for place, name in enumerate(found)}
    ambiguous = any(found.count(name) > 1 for name in names)
    schema = ", ".join(f"{name} STRING" for name in (*(f"c{place}" for place in range(len(found))), _BAD))
    doubled = source.options.get("quote") or '"'  # a quote within quotes is doubled
    options = {"escape": doubled, **source.options, "columnNameOfCorruptRecord": _BAD, "mode": "PERMISSIVE"}
    options.pop("header", None)
    # an array of one, so that the lambda's variable holds the parsed line: it is parsed once
    lines = F.array(F.from_csv(F.col("record"), schema, options))
    unknown = [name for name in found if name not in set(names)]

    def take(line: SparkColumn) -> SparkColumn:
        values = [
            (line[f"c{places[name]}"] if name in places else F.lit(None).cast("string")).alias(name)
            for name in names
        ]
        return F.struct(
            F.struct(*values).alias("raw"),
            (line.isNull() | line[_BAD].isNotNull() | F.lit(ambiguous))
            .cast(BooleanType())
            .alias("malformed"),
            F.array(*map(F.lit, unknown)).cast(ArrayType(StringType())).alias("unknown"),
        )

    return F.get(F.transform(lines, take), F.lit(0))


def _none(names: Sequence[str]) -> SparkColumn:
    return F.struct(
        F.struct(*(F.lit(None).cast("string").alias(name) for name in names)).alias("raw"),
        F.lit(True).alias("malformed"),
        F.array().cast(ArrayType(StringType())).alias("unknown"),
    )


def _header_names(header: str, source: Source) -> list[str]:
    quote = source.options.get("quote", '"')
    reader = csv.reader(
        [header],
        delimiter=source.options.get("sep", ","),
        quotechar=quote or None,
        quoting=csv.QUOTE_MINIMAL if quote else csv.QUOTE_NONE,
    )
    return [name.strip() for name in next(reader, [])]


def _parquet(bronze: DataFrame, names: Sequence[str]) -> DataFrame:
    kind = bronze.schema["record"].dataType
    assert isinstance(kind, StructType)
    field = F.col("record").getField
    raw = [(field(name) if name in kind.names else F.lit(None).cast("string")).alias(name) for name in names]
    extra = [name for name in kind.names if name not in set(names)]
    unknown = F.array_compact(F.array(*(F.when(field(name).isNotNull(), F.lit(name)) for name in extra)))
    return bronze.select(
        F.to_json("record", EXACT).alias("record"),
        *_origin(bronze),
        F.struct(*raw).alias("raw"),
        F.lit(False).alias("malformed"),
        unknown.cast(ArrayType(StringType())).alias("unknown"),
    )
