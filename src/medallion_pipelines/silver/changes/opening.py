"""Make the table of changes and its memory, or bring both to the columns of a batch."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.errors import ChangesError
from medallion_pipelines.silver.changes.events import UPSERT, sequence
from medallion_pipelines.silver.changes.spec import (
    CARRIED,
    END,
    OPERATION,
    SEQUENCE,
    START,
    ChangeSpec,
    find,
    find_all,
)
from medallion_pipelines.silver.changes.table import ChangeTable, memory_of
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Field, Shape, Tables, ddl, widens

_LASTING, _REMEMBERS = "medallion.changes", "medallion.remembers"


def opened(tables: Tables, key: str, spec: ChangeSpec, changes: DataFrame) -> ChangeTable:
    """The table, made or brought to the batch's columns. Raises ChangesError where it cannot take them."""
    stored = spec.stored(changes.columns)
    types = {f.name: ddl(f.dataType) for f in changes.schema.fields}
    keys = find_all(spec.keys, changes.columns, "keys")
    at = changes.select(sequence(spec, changes.columns).alias("s")).schema["s"].dataType
    brought = [Field(name, types[name]) for name in stored]
    wanted = ddl(at)
    if not tables.exists(key):
        table = ChangeTable(
            tables,
            key,
            spec,
            tuple(Field(name, types[name]) for name in keys),
            tuple(field for field in brought if field.name not in keys),
            wanted,
            _needs_all(spec, [name for name in stored if name not in keys]),
        )
        _create(table, brought)
        return table
    if tables.property(key, _LASTING) != spec.lasting():
        raise ChangesError(
            f"{key} was not made by apply_changes with these keys, tracked columns, stored_as_scd_type and "
            f"ignore_null_updates (but with {tables.property(key, _LASTING) or 'what is not known'}): "
            "go on as it was made, or apply the changes to a new table."
        )
    remembers_all = tables.property(memory_of(key), _REMEMBERS) == "all"
    there = [field for field in tables.fields(key) if field.name not in (START, END)]
    known = {field.name.lower() for field in tables.fields(memory_of(key))}
    new = [field for field in brought if find(field.name, [f.name for f in there]) is None]
    sequence_type = next(f.type for f in tables.fields(memory_of(key)) if f.name == SEQUENCE)
    old = _table(tables, key, spec, there, sequence_type, remembers_all)
    differs = bool(new) or len(stored) < len(there)
    lost = _needs_all(spec, [field.name for field in brought if field.name not in keys])
    if not remembers_all and (lost if spec.scd_type == 2 else lost or differs):
        _promote(old)
        remembers_all = True
    if new:
        for one in (memory_of(key), key):  # the memory first, so that it always has what the table has
            missing = [f for f in new if one == key or f.name.lower() not in known]
            if missing:
                tables.add_columns(one, missing)
    there = [*(_widened(tables, key, field, brought) for field in there), *new]
    if wanted != sequence_type and widens(sequence_type, wanted):
        for one, columns in ((memory_of(key), (SEQUENCE,)), (key, (START, END))):
            for name in columns if one != key or spec.scd_type == 2 else ():
                tables.widen_column(one, name, wanted)
        sequence_type = wanted
    elif wanted != sequence_type and not widens(wanted, sequence_type):
        raise ChangesError(f"{key}: the sequence is {wanted} now, and was {sequence_type} before.")
    return _table(tables, key, spec, there, sequence_type, remembers_all)


def _needs_all(spec: ChangeSpec, values: Sequence[str]) -> bool:
    at = spec.stored_sequence(values)
    if spec.ignore_null_updates or at is None:
        return True
    # with the sequence among what is tracked no two versions are equal
    return spec.scd_type == 2 and not set(at) <= set(spec.tracked(values))


def _table(
    tables: Tables, key: str, spec: ChangeSpec, fields: Sequence[Field], sequence_type: str, remembers: bool
) -> ChangeTable:
    names = find_all(spec.keys, [field.name for field in fields], "keys")
    by_name = {field.name: field for field in fields}
    values = tuple(field for field in fields if field.name not in names)
    return ChangeTable(
        tables, key, spec, tuple(by_name[name] for name in names), values, sequence_type, remembers
    )


def _create(table: ChangeTable, columns: Sequence[Field]) -> None:
    kept = [Field(field.name, field.type) for field in (*table.keys, *table.values)]
    memory = [
        Field(SEQUENCE, table.sequence_type),
        Field(OPERATION, "INT", comment="0 upsert, 1 delete, 2 truncate"),
        Field(CARRIED, "ARRAY<STRING>", comment="the columns that the change brought"),
    ]
    remembers = {_REMEMBERS: "all" if table.remembers_all else "deletes"}
    comment = f"What apply_changes must remember of {table.key}: drop it with the table, and never before."
    table.tables.create(table.memory, Shape([*kept, *memory], comment, properties=remembers))
    ends = [Field(START, table.sequence_type), Field(END, table.sequence_type)]
    columns = [*columns, *(ends if table.spec.scd_type == 2 else ())]
    table.tables.create(table.key, Shape(columns, properties={_LASTING: table.spec.lasting()}))


def _widened(tables: Tables, key: str, field: Field, brought: Sequence[Field]) -> Field:
    wanted = next((one.type for one in brought if one.name.lower() == field.name.lower()), field.type)
    if wanted == field.type or widens(wanted, field.type):
        return field
    if not widens(field.type, wanted):
        raise ChangesError(
            f"{key}: column {field.name} is {field.type}, and {wanted} in these changes, which does not fit "
            "in it. Cast it, or leave it out."
        )
    for one in (memory_of(key), key):
        tables.widen_column(one, field.name, wanted)
    return Field(field.name, wanted)


def _promote(table: ChangeTable) -> None:
    """Let the memory keep all events from now on: what the table shows are those there were."""
    names = [quoted(field.name) for field in (*table.keys, *table.values)]
    if table.spec.scd_type == 2:
        at = F.col(START)
    else:
        columns = table.stored_sequence or []
        at = F.col(quoted(columns[0])) if len(columns) == 1 else F.struct(*map(quoted, columns))
    carried = F.array(*(F.lit(field.name) for field in table.values)).cast("array<string>")
    rows = table.tables.read(table.key).select(
        *names,
        at.cast(table.sequence_type).alias(SEQUENCE),
        F.lit(UPSERT).alias(OPERATION),
        (carried if table.spec.scd_type == 1 else F.lit(None).cast("array<string>")).alias(CARRIED),
    )
    table.merge_rows(rows, rows.columns)
    table.tables.set_property(table.memory, _REMEMBERS, "all")
