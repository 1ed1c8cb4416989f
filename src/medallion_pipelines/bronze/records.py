"""How files become records, each kept exactly as it came.

Every reader returns `record`, for CSV `_header` (the header line it was read under), and the file's
`_file_path`, `_file_modification_time`, `_file_size`. Blank lines between records are not records.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import unquote

from pyspark.sql import Column, DataFrame, DataFrameReader, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from medallion_pipelines.contracts.model import Source
from medallion_pipelines.csvtext import record_pattern
from medallion_pipelines.jsontext import RECORD
from medallion_pipelines.sql import quoted

_ORIGIN = (
    "_metadata.file_path AS _file_path",
    "_metadata.file_modification_time AS _file_modification_time",
    "_metadata.file_size AS _file_size",
)
_BOM = "\ufeff"
_BLANK = r"^[ \r\n]*$"  # a line of tabs may be a record of empty fields


def read_records(
    spark: SparkSession, source: Source, paths: Sequence[str], schema: StructType | None = None
) -> DataFrame:
    """The records of some files (`paths` as Spark's `_metadata.file_path` spells them).

    `schema` is the merged one of Parquet files; other formats need none.
    """
    # the session must not be able to turn a broken file into half a file
    reader = spark.read.option("ignoreCorruptFiles", "false").option("ignoreMissingFiles", "false")
    files = [location(path) for path in paths]
    if source.format == "parquet":
        assert schema is not None
        frame = reader.schema(schema).parquet(*files)
        columns = ", ".join(map(quoted, schema.names))
        return frame.selectExpr(f"struct({columns}) AS record", *_ORIGIN)
    if source.format == "csv":
        return (
            _csv_documents(reader, source, files) if source.multi_line else _csv_lines(reader, source, files)
        )
    if source.concatenated:
        return _concatenated(reader, files)
    texts = reader.text(files, wholetext=source.multi_line)
    return _not_blank(texts.select(_without_bom(F.col("value")).alias("record"), *map(F.expr, _ORIGIN)))


def location(path: str) -> str:
    """A file's path as Spark's readers take it: not URL-encoded, and no character taken for a pattern."""
    return re.sub(r"([\\*?\[\]{}^,])", r"\\\1", unquote(path))


def has_header(source: Source) -> bool:
    """Whether a CSV feed's files begin with a header line (they do unless told otherwise)."""
    return source.options.get("header", "true").lower() == "true"


def _not_blank(frame: DataFrame) -> DataFrame:
    return frame.where(~F.col("record").rlike(_BLANK))


def _without_bom(text: Column) -> Column:
    return F.when(text.startswith(_BOM), F.substr(text, F.lit(2))).otherwise(text)


def _concatenated(reader: DataFrameReader, files: Sequence[str]) -> DataFrame:
    """Each file whole, cut where a JSON value ends. Spark's patterns would replace bytes that are no text, so
    they see each byte as a character."""
    documents = reader.text(list(files), wholetext=True).selectExpr("value", *_ORIGIN)
    text = F.decode(_without_bom(F.col("value")).cast("binary"), "ISO-8859-1")
    pieces = F.regexp_extract_all(text, F.lit(RECORD), F.lit(0))
    split = documents.select(F.explode(pieces).alias("piece"), *_origin_names())
    record = F.encode("piece", "ISO-8859-1").cast("string").alias("record")
    return split.where(~F.col("piece").rlike(r"^[ \t\r\n]*$")).select(record, *_origin_names())


def _csv_documents(reader: DataFrameReader, source: Source, files: Sequence[str]) -> DataFrame:
    """Each file whole, cut into records where a line ends outside quotes."""
    documents = reader.text(list(files), wholetext=True).selectExpr("value", *_ORIGIN)
    pattern = record_pattern(
        source.options.get("sep", ","), source.options.get("quote", '"'), source.options.get("escape")
    )
    pieces = F.regexp_extract_all(_without_bom(F.col("value")), F.lit(pattern), F.lit(0))
    lines = F.filter(
        F.transform(pieces, lambda piece: F.regexp_replace(piece, r"(?:\r\n|\n|\r)\z", "")),
        lambda piece: ~piece.rlike(_BLANK),
    )
    split = documents.select(lines.alias("lines"), *_origin_names())
    if has_header(source):
        header, records = F.get("lines", F.lit(0)), F.expr("slice(lines, 2, greatest(size(lines) - 1, 0))")
    else:
        header, records = F.lit(None).cast("string"), F.col("lines")
    return split.select(F.explode(records).alias("record"), header.alias("_header"), *_origin_names())


def _csv_lines(reader: DataFrameReader, source: Source, files: Sequence[str]) -> DataFrame:
    """Each line a record, for files too big to be held whole; a repeated header is no record."""
    lines = _not_blank(
        reader.text(list(files)).selectExpr(
            "value AS record",
            *_ORIGIN,
            "_metadata.file_block_start AS block",
            "monotonically_increasing_id() AS place",
        )
    )
    if not has_header(source):
        return lines.selectExpr("record", "CAST(NULL AS STRING) AS _header", *_origin_names())
    headers = lines.groupBy(F.col("_file_path").alias("path")).agg(
        F.expr("min_by(record, struct(block, place))").alias("_header")
    )
    return (
        lines.join(F.broadcast(headers), F.col("_file_path") == F.col("path"))
        .where("record <> _header")
        .select("record", "_header", *_origin_names())
    )


def _origin_names() -> list[str]:
    return [text.rsplit(" ", 1)[1] for text in _ORIGIN]
