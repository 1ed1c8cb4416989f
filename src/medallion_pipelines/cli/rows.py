"""Rows of a query as a table, as CSV (RFC 4180) and as JSON."""

from __future__ import annotations

import csv
import io
import json
import math
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pyspark.sql.types import ArrayType, DataType, MapType, StructType, TimestampType
from rich.text import Text

from medallion_pipelines.cli import screen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pyspark.sql import DataFrame

NUMERIC = ("byte", "short", "integer", "long", "float", "double", "decimal")


def as_table(frame: DataFrame, limit: int) -> bool:
    """Print the first rows on stdout; whether there are more."""
    found = frame.limit(limit + 1).collect()
    types = [field.dataType for field in frame.schema.fields]
    cells = [[_cell(value, type_) for value, type_ in zip(row, types, strict=True)] for row in found[:limit]]
    numeric = [index for index, type_ in enumerate(types) if type_.typeName() in NUMERIC]
    screen.table(frame.columns, cells, numeric)
    return len(found) > limit


def as_csv(frame: DataFrame) -> None:
    """Print all rows on stdout: a header, CRLF, NULL as an empty field."""
    screen.write_lines(_csv_lines(frame))


def as_json(frame: DataFrame) -> None:
    """Print all rows on stdout as one list of objects, a row a line."""
    screen.write_lines(_json_lines(frame))


def plain(value: Any, type_: DataType) -> Any:
    """A value as JSON can hold it: decimals and times as strings, times of a zone in UTC."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        # `main` set the local time zone, in which pyspark hands over instants, to UTC
        return value.isoformat() + ("Z" if isinstance(type_, TimestampType) else "")
    if isinstance(value, bytes | bytearray):
        return value.hex()
    if isinstance(type_, StructType):
        return _object(type_, value)
    if isinstance(type_, ArrayType):
        return [plain(item, type_.elementType) for item in value]
    if isinstance(type_, MapType):
        return {str(plain(key, type_.keyType)): plain(item, type_.valueType) for key, item in value.items()}
    if type_.typeName() == "variant":
        return json.loads(value.toJson())
    return value.isoformat() if isinstance(value, date) else str(value)


def _object(type_: StructType, row: Sequence[Any]) -> dict[str, Any]:
    return {field.name: plain(value, field.dataType) for field, value in zip(type_, row, strict=True)}


def _text(value: Any, type_: DataType) -> str:
    """A value as one field of text; structs, arrays and maps as JSON."""
    simple = plain(value, type_)
    if isinstance(simple, dict | list):
        return json.dumps(simple, ensure_ascii=False)
    return str(simple).lower() if isinstance(simple, bool) else str(simple)


def _cell(value: Any, type_: DataType) -> Text:
    return Text("NULL", "dim") if value is None else Text(_text(value, type_))


def _csv_lines(frame: DataFrame) -> Iterator[str]:
    types = [field.dataType for field in frame.schema.fields]
    yield _csv_line(frame.columns)
    for row in frame.toLocalIterator():
        yield _csv_line([None if v is None else _text(v, t) for v, t in zip(row, types, strict=True)])


def _csv_line(cells: Sequence[str | None]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue()


def _json_lines(frame: DataFrame) -> Iterator[str]:
    schema = frame.schema
    separator = "[\n"
    for row in frame.toLocalIterator():
        yield separator + json.dumps(_object(schema, row), ensure_ascii=False)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"
