"""From bronze records to one struct of source fields, parsed once per record.

Each parser returns the bronze columns it was given and, beside them,
`raw` (a struct with a field per name that the contract knows, text wherever text keeps the value
exact), `malformed` (the record has no such fields to give), `unknown` (names the contract does not
know) and `record` as text.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import (
    ArrayType,
    BooleanType,
    DataType,
    DecimalType,
    IntegerType,
    StringType,
    StructField,
    StructType,
)

from medallion_pipelines.contracts.model import Source, Table
from medallion_pipelines.csvtext import sound_pattern

_END = "__end__"
_BAD = "__bad__"


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
    elements = bronze
    if table.source.multi_line:
        elements = _json_elements(bronze, raw)
    record = F.col("record")
    parsed = _from_json(record, raw)
    if table.source.multi_line:
        parsed = F.coalesce(
            F.when(F.col("element").isNotNull(), F.struct(F.col("element").alias("r"), F.lit(1).alias(_END))),
            parsed,
        )
    # `inline` makes Spark evaluate the parser once, however many columns are taken from it
    once = elements.select("record", *_origin(bronze), F.inline(F.array(parsed)))
    known = F.array(*map(F.lit, names)).cast(ArrayType(StringType()))
    unknown = F.array_except(F.json_object_keys(record), known)
    # the wrapping catches every tail but one that continues it: a second look, as an array, takes that.
    # A record that begins with a brace and has its only closing one at its end has no tail.
    lone = F.coalesce(F.json_array_length(F.concat(F.lit("["), record, F.lit("]"))) == 1, F.lit(False))
    opens = F.startswith(F.ltrim(record), F.lit("{"))
    closes = F.locate("}", record) == F.length(F.rtrim(record))
    lone = F.when(opens & closes, F.lit(True)).otherwise(lone)
    malformed = F.col(_END).isNull() | F.col("r").isNull() | ~lone | ~F.is_valid_utf8(record)
    return once.select(
        "record",
        *_origin(bronze),
        F.col("r").alias("raw"),
        malformed.alias("malformed"),
        F.coalesce(unknown, F.array().cast(ArrayType(StringType()))).alias("unknown"),
    )


def _from_json(record: SparkColumn, kind: DataType) -> SparkColumn:
    """Parse a text that must be one JSON value and nothing more: `r` is the value, `__end__` is 1.

    Spark's parser stops at the end of the first value and drops what follows; inside an object, with
    another field behind it, the text has nowhere to hide a rest.
    """
    schema = StructType([StructField("r", kind), StructField(_END, IntegerType())])
    wrapped = F.concat(F.lit('{"r":'), record, F.lit(f',"{_END}":1}}'))
    return F.from_json(wrapped, schema, {"allowNonNumericNumbers": "false"})


def _json_elements(bronze: DataFrame, raw: StructType) -> DataFrame:
    """A document is one record, or an array of them. `record` becomes an element's text."""
    is_array = F.col("record").rlike(r"^\s*\[")
    texts = _from_json(F.col("record"), ArrayType(StringType()))["r"]
    # NULL if one element is no object: each text is then parsed on its own
    structs = F.coalesce(_from_json(F.col("record"), ArrayType(raw))["r"], F.array().cast(ArrayType(raw)))
    pairs = F.when(is_array & texts.isNotNull(), F.arrays_zip(texts.alias("text"), structs.alias("element")))
    whole = F.array(F.struct(F.col("record").alias("text"), F.lit(None).cast(raw).alias("element")))
    pair = F.explode(F.coalesce(pairs, whole))
    return bronze.select(pair.alias("pair"), *_origin(bronze)).select(
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
    """The parser of the records under one header line."""
    found = list(names) if header is None else _header_names(header, source)
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
        F.to_json("record").alias("record"),
        *_origin(bronze),
        F.struct(*raw).alias("raw"),
        F.lit(False).alias("malformed"),
        unknown.cast(ArrayType(StringType())).alias("unknown"),
    )
