"""The table that changes are applied to, and the memory beside it.

The memory, `__apply_changes_storage_<table>`, keeps the events that the table does not show but which
decide what becomes of late ones: deletes always; all of them where equal versions fold into one, where
NULLs stand for what was before, or where the sequence is not in the table. It is written before
the table, so that after a crash in between it holds nothing but true events.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.errors import ChangesError
from medallion_pipelines.silver.changes.events import (
    TRUNCATE,
    UPSERT,
    key_names,
    newer,
    operation,
    rank,
    sequence,
    winner,
)
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
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Field, Shape, Tables, parts, widens

MEMORY = "__apply_changes_storage_"
_LASTING, _REMEMBERS = "medallion.changes", "medallion.remembers"


@dataclass(frozen=True)
class ChangeTable:
    """A table and its memory, ready for a batch: `values` are its columns, keys aside."""

    tables: Tables
    key: str
    spec: ChangeSpec
    keys: tuple[Field, ...]
    values: tuple[Field, ...]
    sequence_type: str
    remembers_all: bool

    @property
    def memory(self) -> str:
        """The memory's own key."""
        return memory_of(self.key)

    @property
    def stored_sequence(self) -> list[str] | None:
        """The columns that hold the sequence; None where they do not."""
        return self.spec.stored_sequence([field.name for field in self.values])

    def events(self, changes: DataFrame) -> DataFrame:
        """A batch as events of the table's types."""
        done = operation(self.spec)
        names = find_all([field.name for field in self.keys], changes.columns, "keys")
        stored = self.spec.stored(changes.columns)
        carried = [(field, find(field.name, stored)) for field in self.values]
        values = [
            (F.lit(None) if name is None else F.col(quoted(name))).cast(field.type).alias(field.name)
            for field, name in carried
        ]
        brought = F.lit(None)
        if self.spec.scd_type == 1 and self.remembers_all:
            none = F.lit(None).cast("string")
            brought = F.array_compact(
                F.array(
                    *(
                        F.when(F.col(quoted(name)).isNotNull(), F.lit(field.name)).otherwise(none)
                        if self.spec.ignore_null_updates
                        else F.lit(field.name)
                        for field, name in carried
                        if name is not None
                    )
                )
            )
        return changes.select(
            *(
                F.col(quoted(name)).cast(field.type).alias(alias)
                for name, field, alias in zip(names, self.keys, key_names(len(names)), strict=True)
            ),
            sequence(self.spec, changes.columns).cast(self.sequence_type).alias("_sequence"),
            done.alias("_operation"),
            F.when(done == UPSERT, F.struct(*values)).alias("_values"),
            F.when(done == UPSERT, brought.cast("array<string>")).alias("_carried"),
        )

    def remembered(self) -> DataFrame:
        """The events of the memory."""
        kept = F.col(OPERATION)
        return self.tables.read(self.memory).select(
            *self._renamed_keys(),
            F.col(SEQUENCE).alias("_sequence"),
            kept.alias("_operation"),
            F.when(kept == UPSERT, self._struct()).alias("_values"),
            F.col(CARRIED).alias("_carried"),
        )

    def rows(self, at: Column) -> DataFrame:
        """The table's rows as upserts, `at` their sequence, with `_row`: what is there."""
        there = self._struct()
        end = F.col(END).alias("end") if self.spec.scd_type == 2 else F.lit(None).alias("end")
        carried = F.array(*(F.lit(field.name) for field in self.values)).cast("array<string>")
        return self.tables.read(self.key).select(
            *self._renamed_keys(),
            at.cast(self.sequence_type).alias("_sequence"),
            F.lit(UPSERT).alias("_operation"),
            there.alias("_values"),
            (carried if self.spec.scd_type == 1 else F.lit(None).cast("array<string>")).alias("_carried"),
            F.struct(end, there.alias("values")).alias("_row"),
        )

    def remember(self, events: DataFrame) -> None:
        """Put events into the memory, of each key and sequence the one that counts."""
        names = key_names(len(self.keys))
        truncates = (
            events.where(F.col("_operation") == TRUNCATE).groupBy().agg(F.max("_sequence").alias("at"))
        )
        others = winner(events.where(F.col("_operation") != TRUNCATE), [*names, "_sequence"], rank(events))
        self._merge(self._flat(others))
        if self.spec.apply_as_truncates is not None:
            empty = [F.lit(None).cast(f.type).alias(f.name) for f in (*self.keys, *self.values)]
            row = truncates.where("at IS NOT NULL").select(
                *empty,
                F.col("at").alias(SEQUENCE),
                F.lit(TRUNCATE).alias(OPERATION),
                F.lit(None).cast("array<string>").alias(CARRIED),
            )
            columns = [*(f.name for f in (*self.keys, *self.values)), SEQUENCE, OPERATION, CARRIED]
            self.tables.append(row.select(*map(quoted, columns)), self.memory)

    def merge_rows(self, rows: DataFrame, columns: Sequence[str]) -> None:
        """Put rows with the memory's own columns into the memory."""
        self._merge(rows.select(*map(quoted, columns)))

    def _merge(self, rows: DataFrame) -> None:
        names = [field.name for field in self.keys]
        self.tables.merge(
            rows,
            self.memory,
            on=[*names, SEQUENCE],
            update_when=newer([(field.name, field.type) for field in self.values]),
            columns=[*names, SEQUENCE, OPERATION, CARRIED, *(field.name for field in self.values)],
        )

    def _flat(self, events: DataFrame) -> DataFrame:
        return events.select(
            *(
                F.col(alias).alias(field.name)
                for alias, field in zip(key_names(len(self.keys)), self.keys, strict=True)
            ),
            F.col("_sequence").alias(SEQUENCE),
            F.col("_operation").alias(OPERATION),
            F.col("_carried").alias(CARRIED),
            *(F.col("_values").getField(field.name).alias(field.name) for field in self.values),
        )

    def _struct(self) -> Column:
        return F.struct(*(F.col(quoted(field.name)) for field in self.values))

    def _renamed_keys(self) -> list[Column]:
        aliases = key_names(len(self.keys))
        return [F.col(quoted(f.name)).alias(a) for f, a in zip(self.keys, aliases, strict=True)]


def memory_of(key: str) -> str:
    """The key of the memory beside a table."""
    *before, last = parts(key)
    names = [*before, MEMORY + last]
    return ".".join(name if name.replace("_", "").isalnum() else quoted(name) for name in names)


def opened(tables: Tables, key: str, spec: ChangeSpec, changes: DataFrame) -> ChangeTable:
    """The table, made or brought to the batch's columns. Raises ChangesError where it cannot take them."""
    stored = spec.stored(changes.columns)
    types = {f.name: f.dataType.simpleString().upper() for f in changes.schema.fields}
    keys = find_all(spec.keys, changes.columns, "keys")
    at = changes.select(sequence(spec, changes.columns).alias("s")).schema["s"].dataType
    brought = [Field(name, types[name]) for name in stored]
    wanted = at.simpleString().upper()
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
