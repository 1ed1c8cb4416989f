"""What to plot of a mart, from its contract alone.

A contract has types, keys and descriptions, but does not say which numbers may be added up. So names and
descriptions are read as people read them, and the page says with each plot how it was summed up.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion_pipelines.report.model import Measure, Unit
from medallion_pipelines.sql import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from medallion_pipelines.contracts.model import Column, Product, Table

MOST_MEASURES = 3
_INTEGERS = ("TINYINT", "SMALLINT", "INT", "BIGINT")
_NUMBERS = (*_INTEGERS, "FLOAT", "DOUBLE", "DECIMAL")
_NO_MEASURES = {
    "id", "key", "code", "year", "quarter", "month", "week", "day", "hour", "minute", "version", "zip",
    "latitude", "longitude", "lat", "lon",
}  # fmt: skip
_ADDED_UP = {
    "total", "sum", "count", "counts", "number", "amount", "revenue", "sales", "cost", "costs", "quantity",
    "qty",
}  # fmt: skip
_AVERAGED = {
    "mean", "avg", "average", "rate", "ratio", "share", "percent", "percentage", "pct", "median", "min",
    "max", "minimum", "maximum", "per",
}  # fmt: skip
_SAID_ADDED_UP = re.compile(r"(sum|number|count) of\b|how many\b", re.IGNORECASE)
_SAID_AVERAGED = re.compile(r"(mean|average|share|rate|ratio|percentage|median)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Time:
    """When a row is: SQL that gives a timestamp, and the finest unit it can tell."""

    sql: str
    finest: Unit


@dataclass(frozen=True)
class Choice:
    """`time` first: without it, or where all rows are of one time, bars by `category`."""

    time: Time | None
    category: str | None
    measures: tuple[Measure, ...]


def choose(table: Table, present: Collection[str], hidden: Collection[str]) -> Choice:
    """The plot of a mart whose columns `present` are there; `hidden` ones are not shown or summed up."""
    columns = [column for column in table.columns if column.name in present and column.name not in hidden]
    time = _time(table, columns)
    return Choice(time, _category(table, columns), _measures(table, columns))


def dimensions(product: Product) -> frozenset[str]:
    """The tables that others look things up in: their rows are counted, their numbers mean nothing summed."""
    found = set()
    for table in product.tables.values():
        found |= {f"{i.layer}.{i.table}" for i in table.inputs if i.lookup is not None}
        found |= {f"{table.layer}.{key.to_table}" for key in table.foreign_keys}
    return frozenset(found)


def labels(table: Table, present: Collection[str], hidden: Collection[str]) -> list[str]:
    """Columns of text by which a dimension's rows may be counted."""
    shown = [c for c in table.columns if c.name in present and c.name not in hidden]
    return [c.name for c in shown if c.type == "STRING" and c.name not in table.primary_key][:12]


def aggregate(measure: Measure) -> str:
    """The measure as SQL. As a DOUBLE, for a sum of integers may overflow, which would be an error."""
    if measure.how == "rows":
        return "CAST(count(*) AS DOUBLE)"
    function = "sum" if measure.how == "sum" else "avg"
    return f"{function}(CAST({quoted(measure.name)} AS DOUBLE))"


def _time(table: Table, columns: Sequence[Column]) -> Time | None:
    key = {column.name.casefold(): column for column in columns if column.name in table.primary_key}
    for column in key.values():
        if column.type in ("DATE", "TIMESTAMP", "TIMESTAMP_NTZ"):
            finest: Unit = "day" if column.type == "DATE" else "minute"
            return Time(f"CAST({quoted(column.name)} AS TIMESTAMP)", finest)
    for name, year in key.items():
        if name.endswith("year") and year.type in _INTEGERS:
            stem = name.removesuffix("year")
            parts = [key.get(f"{stem}month"), key.get(f"{stem}day")]
            month, day = (part if part and part.type in _INTEGERS else None for part in parts)
            texts = [f"try_cast({quoted(p.name)} AS INT)" if p else "1" for p in (year, month, day)]
            unit: Unit = "day" if month and day else "month" if month else "year"
            return Time(f"try_make_timestamp({', '.join(texts)}, 0, 0, 0)", unit)
    for column in key.values():
        if column.type == "STRING" and _words(column.name) & {"date", "day", "month"}:  # 2025-01-31, 2025-01
            unit = "month" if "month" in _words(column.name) else "day"
            return Time(f"try_cast({quoted(column.name)} AS TIMESTAMP)", unit)
    return None


def _category(table: Table, columns: Sequence[Column]) -> str | None:
    """A key column of text if there is one, else any key column, else any text."""
    scalar = [c for c in columns if c.type in ("STRING", "BOOLEAN", "DATE") or _is_number(c)]
    keys = [column for column in scalar if column.name in table.primary_key]
    texts = [column for column in (*keys, *scalar) if column.type == "STRING"]
    return next((column.name for column in (*texts, *keys)), None)


def _measures(table: Table, columns: Sequence[Column]) -> tuple[Measure, ...]:
    pointing = {name for key in table.foreign_keys for name in key.columns}
    taken = {*table.primary_key, *pointing}
    numbers = [c for c in columns if _is_number(c) and c.name not in taken and not _is_label(c.name)]
    added = [column for column in numbers if _how(column, numbers) == "sum"]
    averaged = sorted((c for c in numbers if c not in added), key=lambda column: not _is_averaged(column))
    # `flights`, when there are `cancelled_flights`, too, is what the table is about; then its family
    added.sort(key=lambda column: -_family(column, numbers))
    if added and _family(added[0], numbers):
        first, stem = added[0], f"_{added[0].name}"
        added.sort(key=lambda column: (column is not first, not column.name.endswith(stem)))
    rows = () if added else (Measure("rows", "rows", "Rows of the table."),)
    sums = [Measure(column.name, "sum", column.description) for column in added[: MOST_MEASURES - 1]]
    means = [Measure(column.name, "mean", column.description) for column in averaged]
    chosen = [*rows, *sums, *means[: MOST_MEASURES - len(sums) - len(rows)]]
    left = [Measure(column.name, "sum", column.description) for column in added[len(sums) :]]
    return tuple([*chosen, *left][:MOST_MEASURES])


def _how(column: Column, numbers: Sequence[Column]) -> str:
    words, said = _words(column.name), column.description or ""
    if _is_averaged(column):
        return "mean"
    if words & _ADDED_UP or _SAID_ADDED_UP.match(said) or column.type.startswith("DECIMAL"):
        return "sum"
    relatives = [other for other in numbers if other is not column]
    counted = any(
        column.name.endswith(f"_{other.name}") or other.name.endswith(f"_{column.name}")
        for other in relatives
    )
    plural = column.required and len(words) == 1 and column.name.endswith("s")
    return "sum" if column.type in _INTEGERS and (counted or plural) else "mean"


def _is_averaged(column: Column) -> bool:
    return bool(_words(column.name) & _AVERAGED or _SAID_AVERAGED.match(column.description or ""))


def _family(column: Column, numbers: Sequence[Column]) -> int:
    return sum(other.name.endswith(f"_{column.name}") for other in numbers)


def _is_number(column: Column) -> bool:
    return column.type.split("(")[0] in _NUMBERS


def _is_label(name: str) -> bool:
    return bool({re.split(r"[^a-z0-9]+", name.casefold())[-1]} & _NO_MEASURES)


def _words(name: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", name.casefold()))
