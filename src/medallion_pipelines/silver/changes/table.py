"""The table that changes are applied to, and the memory beside it.

The memory, `__apply_changes_storage_<table>`, keeps the events that the table does not show but which
decide what becomes of late ones: deletes always; all of them where equal versions fold into one, where
NULLs stand for what was before, or where the sequence is not in the table. It is written before
the table, so that after a crash in between it holds nothing but true events.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from medallion_pipelines.silver.changes.events import (
    TRUNCATE,
    UPSERT,
    Found,
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
    ChangeSpec,
    find,
    find_all,
)
from medallion_pipelines.sql import quoted
from medallion_pipelines.tables import Field, Tables, parts

MEMORY = "__apply_changes_storage_"


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
        # by name, so that it does not matter in which order columns came
        carried = [(f, find(f.name, stored)) for f in sorted(self.values, key=lambda f: f.name.lower())]
        values = [
            (F.lit(None) if name is None else F.col(quoted(name))).cast(field.type).alias(field.name)
            for field, name in carried
        ]
        brought = F.lit(None)
        if self.spec.scd_type == 1:
            none = F.lit(None).cast("string")
            brought = F.array_compact(
                F.array(
                    *(
                        F.when(F.col(quoted(name)).isNotNull(), F.lit(field.name.lower())).otherwise(none)
                        if self.spec.ignore_null_updates
                        else F.lit(field.name.lower())
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

    def within(self, found: Found, names: Sequence[str] = ()) -> list[str]:
        """Conditions that hold for the keys of every row that a batch without truncates can touch: Delta
        skips files by them. `names` are the keys' names, by default those of a MERGE's target."""
        names = names or [f"target.{quoted(field.name)}" for field in self.keys]
        conditions = (span.holds(names[place], self.keys[place].type) for place, span in found.spans.items())
        return [one for one in conditions if one is not None]

    @property
    def remembers(self) -> bool:
        """Whether anything was ever put into the memory."""
        return self.tables.version(self.memory) > 0

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

    def truncated(self) -> DataFrame:
        """One row: `_truncated`, the sequence of the last truncate, or NULL."""
        truncates = self.remembered().where(F.col("_operation") == TRUNCATE)
        return truncates.groupBy().agg(F.max("_sequence").alias("_truncated"))

    def rows(self, at: Column) -> DataFrame:
        """The table's rows as upserts, `at` their sequence, with `_row`: what is there."""
        there = self._struct()
        end = F.col(END).alias("end") if self.spec.scd_type == 2 else F.lit(None).alias("end")
        names = [field.name for field in self.values]
        return self.tables.read(self.key).select(
            *self._renamed_keys(),
            at.cast(self.sequence_type).alias("_sequence"),
            F.lit(UPSERT).alias("_operation"),
            there.alias("_values"),
            carried_by(self.spec, names).alias("_carried"),
            F.struct(end, there.alias("values")).alias("_row"),
        )

    def remember(self, events: DataFrame, found: Found) -> None:
        """Put events of a batch into the memory, of each key and sequence the one that counts."""
        names = key_names(len(self.keys))
        truncates = (
            events.where(F.col("_operation") == TRUNCATE).groupBy().agg(F.max("_sequence").alias("at"))
        )
        others = winner(events.where(F.col("_operation") != TRUNCATE), [*names, "_sequence"], rank(events))
        self.merge_into_memory(self._flat(others), self.within(found))
        if self.spec.apply_as_truncates is not None:
            empty = [F.lit(None).cast(f.type).alias(f.name) for f in (*self.keys, *self.values)]
            known = self.truncated().withColumnRenamed("_truncated", "known")
            row = truncates.join(known, how="cross").where("at > known OR known IS NULL AND at IS NOT NULL")
            row = row.select(
                *empty,
                F.col("at").alias(SEQUENCE),
                F.lit(TRUNCATE).alias(OPERATION),
                F.lit(None).cast("array<string>").alias(CARRIED),
            )
            columns = [*(f.name for f in (*self.keys, *self.values)), SEQUENCE, OPERATION, CARRIED]
            self.tables.append(row.select(*map(quoted, columns)), self.memory)

    def merge_into_memory(self, rows: DataFrame, within: Sequence[str] = ()) -> None:
        """Put rows of the memory's own columns into it, of each key and sequence the one that counts."""
        names = [field.name for field in self.keys]
        self.tables.merge(
            rows,
            self.memory,
            on=[*names, SEQUENCE],
            update_when=newer([(field.name, field.type) for field in self.values]),
            columns=[*names, SEQUENCE, OPERATION, CARRIED, *(field.name for field in self.values)],
            within=within,
        )

    def stored_at(self) -> Column:
        """The sequence of a row, from the columns that hold it; NULL where they do not."""
        stored = [F.col(quoted(name)) for name in self.stored_sequence or ()]
        return F.struct(*stored) if len(stored) > 1 else stored[0] if stored else F.lit(None)

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


def carried_by(spec: ChangeSpec, names: Iterable[str]) -> Column:
    """What `_carried` says of an event that brought all of some columns."""
    if spec.scd_type == 2:
        return F.lit(None).cast("array<string>")
    return F.array(*map(F.lit, sorted(name.lower() for name in names))).cast("array<string>")


def memory_of(key: str) -> str:
    """The key of the memory beside a table."""
    *before, last = parts(key)
    names = [*before, MEMORY + last]
    return ".".join(name if name.replace("_", "").isalnum() else quoted(name) for name in names)
