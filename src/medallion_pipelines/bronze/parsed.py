"""A view of a bronze table for exploring: each record as a VARIANT."""

from __future__ import annotations

import re

from medallion_pipelines.bronze.records import has_header
from medallion_pipelines.contracts.model import Source
from medallion_pipelines.sql import string


def parsed_select(bronze: str, source: Source) -> str:
    """The SELECT of the view: `record` is NULL where it cannot be parsed.

    A CSV record becomes an object of strings under its own header, or an array where there is none.
    """
    if source.format == "json":
        record = "try_parse_json(record)"
    elif source.format == "parquet":
        record = "to_variant_object(record)"
    else:
        values = _cells("record", source)
        names = _cells("_header", source)
        record = f"to_variant_object({values})"
        if has_header(source):
            pairs = f"map_from_arrays({names}, {values})"
            # a map needs as many names as values, and no name twice
            fits = f"size({names}) = size({values}) AND size(array_distinct({names})) = size({names})"
            record = f"CASE WHEN {fits} THEN to_variant_object({pairs}) END"
    return f"SELECT {record} AS record, * EXCEPT (record) FROM {bronze}"


def _cells(column: str, source: Source) -> str:
    """The cells of a CSV line: cut at separators outside quotes, quotes taken off."""
    sep, quote = source.options.get("sep", ","), source.options.get("quote", '"')
    s, q = re.escape(sep), re.escape(quote)
    quoted = f"{q}(?:[^{q}]++|{q}{q})*+{q}|" if quote else ""
    # a separator is put before the first cell too: each piece then begins with one
    pieces = (
        f"regexp_extract_all(concat({string(sep)}, {column}), {string(f'(?s){s}(?:{quoted}[^{s}]*+)')}, 0)"
    )
    cells = f"transform({pieces}, piece -> substring(piece, {len(sep) + 1}))"
    if not quote:
        return cells
    inner = f"replace(substring(cell, 2, length(cell) - 2), {string(quote * 2)}, {string(quote)})"
    return (
        f"transform({cells}, cell -> CASE WHEN startswith(cell, {string(quote)}) THEN {inner} ELSE cell END)"
    )
