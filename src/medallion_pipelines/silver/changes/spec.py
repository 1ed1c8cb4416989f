"""What is asked of `apply_changes`, made sure of once."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column

from medallion_pipelines.errors import ChangesError

START, END = "__START_AT", "__END_AT"
# what the memory beside a table calls its own columns; no stored column may have such a name
SEQUENCE, OPERATION, CARRIED = "__sequence", "__operation", "__carried"
# and what a MERGE is told beside the table's columns
ACTION, GONE, LATE = "__action", "__gone", "__late"
RESERVED = {name.lower() for name in (START, END, SEQUENCE, OPERATION, CARRIED, ACTION, GONE, LATE)}


@dataclass(frozen=True)
class ChangeSpec:
    """How changes become a table; the words are those of `apply_changes`. Raises ChangesError."""

    keys: tuple[str, ...]
    sequence_by: tuple[str, ...] | Column
    apply_as_deletes: Column | str | None = None
    apply_as_truncates: Column | str | None = None
    ignore_null_updates: bool = False
    column_list: tuple[str, ...] | None = None
    except_column_list: tuple[str, ...] | None = None
    scd_type: int = 1
    track_history_column_list: tuple[str, ...] | None = None
    track_history_except_column_list: tuple[str, ...] | None = None
    snapshots: bool = False  # the changes are what differs from one snapshot to the next

    def __post_init__(self) -> None:
        tracks = (self.track_history_column_list, self.track_history_except_column_list)
        wrong = {
            "keys must name at least one column": not self.keys,
            "keys must be unique": len({key.lower() for key in self.keys}) < len(self.keys),
            "sequence_by must name at least one column": isinstance(self.sequence_by, tuple)
            and not self.sequence_by,
            "stored_as_scd_type must be 1 or 2": self.scd_type not in (1, 2),
            "column_list and except_column_list exclude each other": self.column_list is not None
            and self.except_column_list is not None,
            "track_history_column_list and track_history_except_column_list exclude each other": None
            not in tracks,
            "history is tracked with stored_as_scd_type=2 only": self.scd_type == 1
            and tracks != (None, None),
            "apply_as_truncates works with stored_as_scd_type=1 only": self.scd_type == 2
            and self.apply_as_truncates is not None,
        }
        for message, holds in wrong.items():
            if holds:
                raise ChangesError(f"apply_changes: {message}.")

    def stored(self, columns: Sequence[str]) -> list[str]:
        """The columns of a batch that go to the table, as the batch spells them; keys always do."""
        keys = find_all(self.keys, columns, "keys")
        if self.column_list is not None:
            chosen = {*keys, *find_all(self.column_list, columns, "column_list")}
        elif self.except_column_list is not None:
            left_out = set(find_all(self.except_column_list, columns, "except_column_list"))
            if left_out & set(keys):
                raise ChangesError("apply_changes: except_column_list names a key, which is always stored.")
            chosen = set(columns) - left_out
        else:
            chosen = set(columns)
        return [name for name in columns if name in chosen]

    def stored_sequence(self, columns: Sequence[str]) -> list[str] | None:
        """The table's columns that hold the sequence; None where it is not all there."""
        if isinstance(self.sequence_by, Column):
            return None
        found = [find(name, columns) for name in self.sequence_by]
        return [name for name in found if name is not None] if None not in found else None

    def tracked(self, values: Sequence[str]) -> list[str]:
        """The columns (of the table's, keys aside) whose change makes a new version."""
        if self.track_history_column_list is not None:
            return find_all(self.track_history_column_list, values, "track_history_column_list")
        # a name that is no column yet may become one
        ignored = {name.lower() for name in self.track_history_except_column_list or ()}
        return [name for name in values if name.lower() not in ignored]

    def lasting(self) -> str:
        """What must not change from batch to batch, as text."""
        kept = (self.track_history_column_list, self.track_history_except_column_list)
        tracked = [sorted(n.lower() for n in names) if names is not None else None for names in kept]
        keys = sorted(key.lower() for key in self.keys)
        by = "the version of a snapshot" if self.snapshots else "an expression"
        if not isinstance(self.sequence_by, Column):
            by = ", ".join(name.lower() for name in self.sequence_by)
        return json.dumps(
            {
                "stored_as_scd_type": self.scd_type,
                "keys": keys,
                "sequence_by": by,
                "ignore_null_updates": self.ignore_null_updates,
                "track_history_column_list": tracked[0],
                "track_history_except_column_list": tracked[1],
            }
        )


def find(name: str, columns: Sequence[str]) -> str | None:
    """A column by name, as `columns` spell it: case makes no difference."""
    return next((one for one in columns if one.lower() == name.lower()), None)


def find_all(names: Sequence[str], columns: Sequence[str], what: str) -> list[str]:
    """Columns by name. Raises ChangesError that says what named one that is not there."""
    found = [find(name, columns) for name in names]
    missing = [name for name, one in zip(names, found, strict=True) if one is None]
    if missing:
        raise ChangesError(
            f"apply_changes: {what} names {', '.join(missing)}, but there is only {', '.join(columns)}."
        )
    return [name for name in found if name is not None]
