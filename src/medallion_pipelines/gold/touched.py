"""Which grain keys of a mart the changes of its inputs touch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.contracts.model import Input, Table
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Span, ddl

_NAME = re.compile(r"`(?:[^`]|``)+`")  # contracts have bare names quoted
_DAY = re.compile(r"(?:to_date|date)\s*\(\s*`?(\w+)`?\s*\)|cast\s*\(\s*`?(\w+)`?\s+as\s+date\s*\)", re.I)


def key_of(source: Input) -> str:
    return f"{source.layer}.{source.table}"


def touched_keys(
    table: Table, changes: Mapping[str, DataFrame], snapshots: Mapping[str, DataFrame]
) -> DataFrame | None:
    """The distinct grain keys that changed rows of some inputs belong to, or belonged to before.

    `changes` holds the change data feeds of the inputs that changed, `snapshots` every input as it is
    now, both by input key. None where an input changed that maps to no grain: everything is touched.
    """
    driver = next((i for i in table.inputs if i.grain is not None), None)
    parts: list[DataFrame] = []
    for source in table.inputs:
        if key_of(source) not in changes:
            continue
        changed = changes[key_of(source)]
        if source.grain is not None:
            parts.append(_grain(changed, source.grain, table))
        elif source.lookup is not None and driver is not None and driver.grain is not None:
            names = [f"_looked_{place}" for place in range(len(source.lookup))]
            values = changed.select(
                *(
                    F.col(quoted(column)).alias(name)
                    for column, name in zip(source.lookup.values(), names, strict=True)
                )
            ).distinct()
            pairs = zip(source.lookup, names, strict=True)
            condition = [F.expr(expression).eqNullSafe(F.col(name)) for expression, name in pairs]
            hit = snapshots[key_of(driver)].join(values, condition, "left_semi")
            parts.append(_grain(hit, driver.grain, table))
        else:
            return None
    keys = reduce(DataFrame.unionAll, parts)
    return keys.dropna().distinct()


def restrict(
    source: Input, rows: DataFrame, keys: DataFrame, spans: Mapping[str, Span], table: Table
) -> DataFrame:
    """The rows of an input that belong to some grain keys, which span `spans`; all of them where it has no
    grain. Where the grain names plain columns, files that hold none of them are not read."""
    if source.grain is None:
        return rows
    types = {field.name.lower(): ddl(field.dataType) for field in rows.schema.fields}
    for column, span in spans.items():
        name = _column_of(source.grain[column], table.column(column).type)
        holds = span.holds(quoted(name), types[name.lower()]) if name.lower() in types else None
        if holds is not None:
            rows = rows.where(holds)
    names = {column: f"_key_{place}" for place, column in enumerate(table.primary_key)}
    renamed = keys.select(*(F.col(quoted(column)).alias(name) for column, name in names.items()))
    condition = [_value(source.grain, table, column) == F.col(name) for column, name in names.items()]
    return rows.join(renamed, condition, "left_semi")


def _column_of(expression: str, key_type: str) -> str:
    """The column that a grain expression is, or is the day of; empty where it is something else."""
    if _NAME.fullmatch(expression):
        return expression[1:-1].replace("``", "`")
    day = _DAY.fullmatch(expression.strip()) if key_type == "DATE" else None
    return (day[1] or day[2]) if day else ""


def _grain(rows: DataFrame, grain: Mapping[str, str], table: Table) -> DataFrame:
    return rows.select(*(_value(grain, table, column).alias(column) for column in table.primary_key))


def _value(grain: Mapping[str, str], table: Table, column: str) -> Column:
    """A grain expression as the key column has it: a TIMESTAMP says which DATE it belongs to."""
    return F.expr(grain[column]).cast(table.column(column).type)
