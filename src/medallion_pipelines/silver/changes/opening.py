"""Make the table of changes and its memory, or bring both to the columns of a batch.

First all is planned, which raises ChangesError where it cannot be; only then is anything written. What is
written can be cut off anywhere: the next batch finds the rest still to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DataType, StructType

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
from medallion_pipelines.silver.changes.table import ChangeTable, carried_by, memory_of
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Field, Shape, Tables, ddl, widens

_LASTING, _REMEMBERS = "medallion.changes", "medallion.remembers"
_NO_TYPE = "VOID"  # of a column that is all NULL


@dataclass(frozen=True)
class _Brought:
    """What a batch brings: the columns to store, and the type of its sequence."""

    fields: tuple[Field, ...]
    sequence: DataType


@dataclass(frozen=True)
class _Plan:
    """What it takes to make the table ready for a batch."""

    now: ChangeTable
    then: ChangeTable
    add: dict[str, list[Field]]  # by table
    widen: dict[str, list[Field]]


def opened(
    tables: Tables, key: str, spec: ChangeSpec, changes: DataFrame, *, anew: Shape | None = None
) -> ChangeTable:
    """The table, ready for the batch. Raises ChangesError, and writes nothing, where it cannot take it.

    `anew`: made anew where it is there, with what a shape says beside names and types of columns.
    """
    brought = _brought(spec, changes)
    if anew is None and tables.exists(key):
        return _carried_out(_planned(tables, key, spec, brought))
    _check_types(key, brought.fields)
    table = _table(tables, key, spec, brought.fields, ddl(brought.sequence), remembers_all=False)
    stored = [field.name for field in brought.fields]
    table = replace(table, remembers_all=_needs_all(spec, stored, table.values))
    _create(table, brought.fields, anew or Shape(brought.fields))
    return table


def _brought(spec: ChangeSpec, changes: DataFrame) -> _Brought:
    at = changes.select(sequence(spec, changes.columns).alias("s")).schema["s"].dataType
    types = {field.name: ddl(field.dataType) for field in changes.schema.fields}
    return _Brought(tuple(Field(name, types[name]) for name in spec.stored(changes.columns)), at)


def _planned(tables: Tables, key: str, spec: ChangeSpec, brought: _Brought) -> _Plan:
    memory = memory_of(key)
    made_with = tables.property(key, _LASTING)
    if made_with != spec.lasting():
        raise ChangesError(
            f"{key} was not made by apply_changes with these keys, sequence_by, tracked columns, "
            f"stored_as_scd_type and ignore_null_updates (but with {made_with or 'what is not known'}): "
            "go on as it was made, or apply the changes to a new table."
        )
    if not tables.exists(memory):
        raise ChangesError(
            f"{memory} is gone, which has what must be remembered of {key}: "
            "restore it, or make the table anew."
        )
    ends = (START, END) if spec.scd_type == 2 else ()
    there = [field for field in tables.fields(key) if field.name not in ends]
    kept = tables.fields(memory)
    new = [field for field in brought.fields if find(field.name, [f.name for f in there]) is None]
    _check_types(key, new)
    then = [*(_wider(key, field, brought.fields) for field in there), *new]
    known = tables.read(memory).schema[SEQUENCE].dataType
    sequence_type = _wider_sequence(key, known, brought.sequence)
    remembers_all = tables.property(memory, _REMEMBERS) == "all"
    after = _table(tables, key, spec, then, sequence_type, remembers_all)
    stored = [field.name for field in brought.fields]
    if (spec.scd_type == 1 and (new or len(stored) < len(there))) or _needs_all(spec, stored, after.values):
        after = replace(after, remembers_all=True)
    at = [Field(name, sequence_type) for name in ends]
    return _Plan(
        _table(tables, key, spec, there, ddl(known), remembers_all),
        after,
        {memory: _missing(then, kept), key: new},
        # what says that it is done comes last
        {
            key: _to_widen([*then, *at], tables.fields(key)),
            memory: [*_to_widen(then, kept), *_to_widen([Field(SEQUENCE, sequence_type)], kept)],
        },
    )


def _carried_out(plan: _Plan) -> ChangeTable:
    tables = plan.then.tables
    if plan.then.remembers_all and not plan.now.remembers_all:
        _promote(plan.now)
    for key, fields in plan.add.items():  # the memory first, so that it always has what the table has
        if fields:
            tables.add_columns(key, fields)
    for key, fields in plan.widen.items():
        for field in fields:
            tables.widen_column(key, field.name, field.type)
    return plan.then


def _needs_all(spec: ChangeSpec, stored: Sequence[str], values: Sequence[Field]) -> bool:
    """Whether the table, once it has a batch's columns, does not show all events but the deletes."""
    tracked = {name.lower() for name in spec.tracked([field.name for field in values])}
    names = {field.name.lower() for field in values}
    at = spec.stored_sequence([name for name in stored if name.lower() in names])
    if spec.ignore_null_updates or at is None:
        return True
    # with the sequence among what is tracked no two versions are equal
    return spec.scd_type == 2 and not {name.lower() for name in at} <= tracked


def _table(
    tables: Tables,
    key: str,
    spec: ChangeSpec,
    fields: Sequence[Field],
    sequence_type: str,
    remembers_all: bool,
) -> ChangeTable:
    names = find_all(spec.keys, [field.name for field in fields], "keys")
    by_name = {field.name: field for field in fields}
    values = tuple(field for field in fields if field.name not in names)
    keys = tuple(by_name[name] for name in names)
    return ChangeTable(tables, key, spec, keys, values, sequence_type, remembers_all)


def _create(table: ChangeTable, columns: Sequence[Field], like: Shape) -> None:
    kept = [
        *table.keys,
        *table.values,
        Field(SEQUENCE, table.sequence_type),
        Field(OPERATION, "INT", comment="0 upsert, 1 delete, 2 truncate"),
        Field(CARRIED, "ARRAY<STRING>", comment="the columns that the change brought"),
    ]
    comment = (
        "What apply_changes must remember of the table of this name: drop it with that, and never before."
    )
    shape = Shape(kept, comment, properties={_REMEMBERS: "all" if table.remembers_all else "deletes"})
    comments = {field.name: field.comment for field in like.fields}
    columns = [replace(column, comment=comments.get(column.name)) for column in columns]
    ends = [Field(START, table.sequence_type), Field(END, table.sequence_type)]
    columns = [*columns, *(ends if table.spec.scd_type == 2 else ())]
    made_with = {**like.properties, _LASTING: table.spec.lasting()}
    whole = Shape(columns, like.comment, like.cluster_by, made_with)
    pairs = [(table.memory, shape), (table.key, whole)]
    if table.tables.exists(table.key):  # what it shows would be wrong without its memory: it goes first
        pairs.reverse()
    for key, one in pairs:
        if table.tables.exists(key):  # the memory perhaps of a table that is no more
            table.tables.replace(key, one)
        else:
            table.tables.create(key, one)


def refuse_unfit(tables: Tables, key: str, spec: ChangeSpec, changes: DataFrame) -> None:
    """Raise ChangesError where the table, which is there, cannot take such changes."""
    _planned(tables, key, spec, _brought(spec, changes))


def _check_types(key: str, new: Iterable[Field]) -> None:
    untyped = [field.name for field in new if field.type == _NO_TYPE]
    if untyped:
        raise ChangesError(f"{key}: {', '.join(untyped)} would be new and has no type: cast it to one.")


def _wider(key: str, field: Field, brought: Iterable[Field]) -> Field:
    wanted = next((one.type for one in brought if one.name.lower() == field.name.lower()), field.type)
    if wanted in (field.type, _NO_TYPE) or widens(wanted, field.type):
        return field
    if widens(field.type, wanted):
        return Field(field.name, wanted)
    raise ChangesError(
        f"{key}: column {field.name} is {field.type}, and {wanted} in these changes, which does not fit "
        "in it. Cast it, or leave it out."
    )


def _wider_sequence(key: str, known: DataType, brought: DataType) -> str:
    """The type of both. A struct's parts may be narrower than they were, and must not be wider."""
    pairs = [(known, brought)]
    if isinstance(known, StructType) and isinstance(brought, StructType) and len(known) == len(brought):
        pairs = [(one.dataType, other.dataType) for one, other in zip(known, brought, strict=True)]
    if all(one == other or widens(ddl(other), ddl(one)) for one, other in pairs):
        return ddl(known)
    if not isinstance(known, StructType) and widens(ddl(known), ddl(brought)):
        return ddl(brought)
    raise ChangesError(
        f"{key}: the sequence was {ddl(known)}, and is {ddl(brought)} in these changes. "
        "Cast what sequence_by names."
    )


def _missing(wanted: Iterable[Field], there: Iterable[Field]) -> list[Field]:
    names = {field.name.lower() for field in there}
    return [field for field in wanted if field.name.lower() not in names]


def _to_widen(wanted: Iterable[Field], there: Iterable[Field]) -> list[Field]:
    types = {field.name.lower(): field.type for field in there}
    return [field for field in wanted if widens(types.get(field.name.lower(), field.type), field.type)]


def _promote(table: ChangeTable) -> None:
    """Let the memory keep all events from now on: what the table shows are those there were."""
    at = F.col(START) if table.spec.scd_type == 2 else table.stored_at()
    rows = table.tables.read(table.key).select(
        *(quoted(field.name) for field in (*table.keys, *table.values)),
        at.cast(table.sequence_type).alias(SEQUENCE),
        F.lit(UPSERT).alias(OPERATION),
        carried_by(table.spec, [field.name for field in table.values]).alias(CARRIED),
    )
    table.merge_into_memory(rows)
    table.tables.set_property(table.memory, _REMEMBERS, "all")
