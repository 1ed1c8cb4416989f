"""A batch of changes as events: one form for all that follows.

An event frame has `_key_0`, `_key_1` …, `_sequence`, `_operation` (0 upsert, 1 delete, 2 truncate),
`_values` (a struct of the stored columns, keys aside; NULL unless it is an upsert) and `_carried` (the names
of those that the change brought, lower-case and sorted; NULL for type 2, where it makes no difference).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructType

from medallion_pipelines.errors import ChangesError
from medallion_pipelines.silver.changes.spec import CARRIED, OPERATION, RESERVED, ChangeSpec, find_all
from medallion_pipelines.silver.order import comparable
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Span, ddl, is_ordered

UPSERT, DELETE, TRUNCATE = 0, 1, 2


@dataclass(frozen=True)
class Found:
    """What a batch holds; `spans` has the least and greatest value of key columns by place, if they have an
    order."""

    rows: int
    deletes: int
    truncates: int
    spans: Mapping[int, Span] = field(default_factory=dict)


def key_names(count: int) -> list[str]:
    """What event frames call the key columns."""
    return [f"_key_{place}" for place in range(count)]


def sequence(spec: ChangeSpec, columns: Sequence[str]) -> Column:
    """The sequence as one value: a column, or a struct of several."""
    if isinstance(spec.sequence_by, Column):
        return spec.sequence_by
    names = find_all(spec.sequence_by, columns, "sequence_by")
    if len(names) == 1:
        return F.col(quoted(names[0]))
    return F.struct(*(F.col(quoted(name)).alias(name) for name in names))


def operation(spec: ChangeSpec) -> Column:
    """What a change does; a flag that is NULL is not set."""
    flags = ((spec.apply_as_truncates, TRUNCATE), (spec.apply_as_deletes, DELETE))
    done = F.lit(UPSERT)
    for flag, code in reversed(flags):
        if flag is not None:
            condition = F.expr(flag) if isinstance(flag, str) else flag
            done = F.when(condition, F.lit(code)).otherwise(done)
    return done


def incomplete(value: Column, kind: DataType) -> Column:
    """Whether a sequence says nothing of when: NULL, or one of its parts is."""
    missing = value.isNull()
    if isinstance(kind, StructType):
        for name in kind.names:
            missing = missing | value.getField(name).isNull()
    return missing


def examine(changes: DataFrame, spec: ChangeSpec) -> Found:
    """Look at a batch once. Raises ChangesError if a key or a sequence is missing."""
    names = spec.stored(changes.columns)
    refuse_reserved(names)
    at = sequence(spec, changes.columns)
    kind = changes.select(at.alias("s")).schema["s"].dataType
    keys = find_all(spec.keys, changes.columns, "keys")
    done = operation(spec)
    keyless = F.lit(False)
    for key in keys:
        keyless = keyless | F.col(quoted(key)).isNull()
    kinds = {place: ddl(changes.schema[key].dataType) for place, key in enumerate(keys)}
    # as a text of the session's time zone, a moment may be two; texts (addresses, say) are not for logs
    ordered = [
        place for place, kind in kinds.items() if is_ordered(kind) and kind not in ("TIMESTAMP", "STRING")
    ]
    row: Any = (
        changes.select(
            *(F.col(quoted(keys[place])).alias(f"key_{place}") for place in ordered),
            done.alias("done"),
            (keyless & (done != TRUNCATE)).alias("keyless"),
            incomplete(at, kind).alias("undated"),
        )
        .agg(
            F.count(F.lit(1)).alias("rows"),
            F.count_if("keyless").alias("keyless"),
            F.count_if("undated").alias("undated"),
            F.count_if(F.col("done") == DELETE).alias("deletes"),
            F.count_if(F.col("done") == TRUNCATE).alias("truncates"),
            *(F.min(f"key_{place}").cast("string").alias(f"least_{place}") for place in ordered),
            *(F.max(f"key_{place}").cast("string").alias(f"most_{place}") for place in ordered),
        )
        .first()
    )
    told = {
        f"{row.keyless} have no value in {', '.join(keys)}": row.keyless,
        f"{row.undated} have no value in what sequence_by names": row.undated,
    }
    if any(told.values()):
        raise ChangesError(
            f"Of {row.rows} changes {' and '.join(text for text, count in told.items() if count)}: "
            "nothing was written. Filter such records out and keep them elsewhere."
        )
    spans = {
        place: Span(kinds[place], (row[f"least_{place}"], row[f"most_{place}"]), every=False)
        for place in ordered
        if row[f"least_{place}"] is not None
    }
    return Found(row.rows, row.deletes, row.truncates, spans)


def refuse_reserved(names: Iterable[str], *, also: str = "") -> None:
    """Raise ChangesError where a column to store has a name that the table or its memory needs."""
    taken = [name for name in names if name.lower() in RESERVED or name.lower() == also]
    if taken:
        raise ChangesError(
            f"apply_changes: {', '.join(taken)} is a name that the table needs itself. "
            "Rename the column, or leave it out."
        )


def winner(rows: DataFrame, keys: Sequence[str], by: Sequence[Column]) -> DataFrame:
    """The row of each group that is greatest."""
    place = F.row_number().over(Window.partitionBy(*keys).orderBy(*(one.desc_nulls_last() for one in by)))
    return rows.withColumn("_place", place).where("_place = 1").drop("_place")


def content(values: StructType) -> Column:
    """What decides between events of one key and sequence, after the operation: columns in order of name."""
    parts = by_name((f.name, f.dataType.simpleString()) for f in values.fields)
    return F.expr(comparable(parts, "_values.")) if parts else F.lit(0)


def by_name(parts: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Columns (name, type) in an order that does not depend on which came first, or how it was spelt."""
    return sorted(parts, key=lambda part: part[0].lower())


def rank(frame: DataFrame) -> list[Column]:
    """A delete beats an upsert, then the greater content wins."""
    values = frame.schema["_values"].dataType
    assert isinstance(values, StructType)
    return [F.col("_operation"), content(values), F.col("_carried")]


def newer(values: Sequence[tuple[str, str]]) -> str:
    """`rank` for a MERGE into a table that has the columns side by side: whether source beats target."""
    columns = [(OPERATION, "INT"), *by_name(values), (CARRIED, "ARRAY<STRING>")]
    return f"{comparable(columns, 'source.')} > {comparable(columns, 'target.')}"
