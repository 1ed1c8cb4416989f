"""The custom property `changes`: a silver table that is made of changes, as `apply_changes` makes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .expressions import row_condition, row_expression
from .model import Changes
from .names import refuse_unknown_keys, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .document import Node
    from .model import Check, Column, Source

_TRACKED = ("trackHistoryColumnList", "trackHistoryExceptColumnList")
_OF_CHANGES = ("applyAsDeletes", "applyAsTruncates", "ignoreNullUpdates")
_KEYS = ("storedAsScdType", "snapshotVersion", *_OF_CHANGES, *_TRACKED)


def read_changes(
    place: Node | None,
    columns: Sequence[Column],
    primary_key: Sequence[str],
    sequence_by: Sequence[str],
    checks: Iterable[Check],
    source: Source | None,
) -> Changes | None:
    """How changes become the table; None where it is made of records, or after a problem."""
    if place is None:
        return None
    if not isinstance(place.value, dict):
        place.problem("must be a mapping", "Such as `{applyAsDeletes: \"op = 'D'\", storedAsScdType: 2}`.")
        return None
    refuse_unknown_keys(place, _KEYS, "changes")
    if not primary_key:
        place.problem("needs a primary key", "It says which row a change is of: add `primaryKey: true`.")
    snapshot_version = _snapshot_version(place, sequence_by, source)
    if primary_key and not sequence_by and place.get("snapshotVersion") is None:
        place.problem("needs `sequenceBy`", "It orders the changes of a key, whenever they come.")
    _refuse_what_sees_rows(place, columns, primary_key, checks)
    scd_type = place.at("storedAsScdType")
    if str(scd_type.value) not in ("None", "1", "2"):
        scd_type.problem("must be 1 or 2", "1 keeps the last version of a key, 2 every one.")
        return None
    kind = int(scd_type.value or 1)
    deletes, fields, flags = _flag(place, "applyAsDeletes", columns)
    truncates, more, others = _flag(place, "applyAsTruncates", columns)
    if truncates is not None and kind == 2:
        place.at("applyAsTruncates").problem("is for `storedAsScdType: 1`", "A history is not emptied.")
    ignore = place.at("ignoreNullUpdates")
    if not isinstance(ignore.value, bool | None):
        ignore.problem("must be true or false")
    if fields + more and source is not None and source.format == "csv":
        _refuse_without_header(place, source, (*fields, *more))
    tracked, untracked = (_columns(place, name, columns, primary_key, kind) for name in _TRACKED)
    if tracked is not None and untracked is not None:
        place.at(_TRACKED[1]).problem(f"stands beside `{_TRACKED[0]}`", "Use one of them.")
    return Changes(
        kind,
        deletes,
        truncates,
        place.flag("ignoreNullUpdates"),
        tracked,
        untracked,
        tuple({field.casefold(): field for field in (*fields, *more)}.values()),
        snapshot_version,
        tuple({name.casefold(): name for name in (*flags, *others)}.values()),
    )


def _snapshot_version(place: Node, sequence_by: Sequence[str], source: Source | None) -> str | None:
    """What orders the snapshots: an expression over what is known of their files."""
    if place.get("snapshotVersion") is None:
        return None
    node = place.at("snapshotVersion")
    if source is not None and source.stream is not None:
        node.problem("is for feeds of files", "A stream brings changes: say `sequenceBy`.")
    if sequence_by:
        node.problem("stands beside `sequenceBy`", "The version orders snapshots: leave `sequenceBy` out.")
    for name in _OF_CHANGES:
        if place.get(name) is not None:
            place.at(name).problem("is for feeds of changes", "A key that a snapshot lacks was deleted.")
    found = row_expression(node, None)
    if found is not None and found.names:
        node.problem(
            f"names {', '.join(found.names)}",
            "A snapshot is what has come under one version: compute it from `_metadata`, such as "
            "`to_date(substring(_metadata.file_name, 10, 10))`.",
        )
    elif found is not None and not re.search(r"\b_metadata\b", found.text):
        node.problem(
            "does not depend on the file",
            "Every snapshot would have the same version. Compute it from `_metadata`, such as "
            "`_metadata.file_modification_time`.",
        )
    return None if found is None else found.text


def _flag(
    place: Node, name: str, columns: Sequence[Column]
) -> tuple[str | None, tuple[str, ...], tuple[str, ...]]:
    """A condition over columns and source fields, the fields among its names, and all of them."""
    if place.get(name) is None:
        return None, (), ()
    found = row_condition(place.at(name), None)
    if found is None:
        return None, (), ()
    by_name = {c.name.casefold(): c for c in columns}
    by_field = {field.casefold(): c for c in columns for field in c.fields}
    for each in found.names:
        own, alias = by_name.get(each.casefold()), by_field.get(each.casefold())
        if own is not None and own.expression is not None:
            place.at(name).problem(f"`{each}` is computed", "Name the source fields that it is made of.")
        elif own is None and alias is not None:
            place.at(name).problem(f"`{each}` is where `{alias.name}` comes from", f"Write `{alias.name}`.")
        elif own is None and each.startswith("_"):
            place.at(name).problem(f"`{each}` may be one of the pipeline's own", "Rename the source field.")
    fields = tuple(each for each in found.names if each.casefold() not in by_name)
    return found.text, fields, tuple(found.names)


def _columns(
    place: Node, name: str, columns: Sequence[Column], primary_key: Sequence[str], kind: int
) -> tuple[str, ...] | None:
    if place.get(name) is None:
        return None
    node, known = place.at(name), [c.name for c in columns]
    if kind == 1:
        node.problem("is for `storedAsScdType: 2`", "Type 1 has no history.")
    entries = list(node.entries())
    if not entries:
        node.problem("must be a list of columns")
    for entry in entries:
        if entry.value in primary_key:
            entry.problem(f"`{entry.value}` is of the key, which never changes", "Leave it out.")
        if entry.value not in known:
            entry.problem(f"there is no column `{entry.value}`", suggestion(str(entry.value), known))
    return tuple(str(entry.value) for entry in entries)


def _refuse_without_header(place: Node, source: Source, fields: Sequence[str]) -> None:
    if source.options.get("header", "true") == "false":
        place.problem(
            f"names {', '.join(fields)}, and the files have no header that does",
            "Declare it as a column, in its place, or set `header: true`.",
        )


def _refuse_what_sees_rows(
    place: Node, columns: Sequence[Column], primary_key: Sequence[str], checks: Iterable[Check]
) -> None:
    """A batch of changes is not the rows that come of it."""
    hint = "Put it on a mart over this table."
    for column in columns:
        if column.unique and tuple(primary_key) != (column.name,):
            place.problem(f"does not go with `unique` ({column.name})", hint)
    for check in checks:
        if check.scope == "table":
            place.problem(f"does not go with a check of the whole table ({check.name})", hint)
