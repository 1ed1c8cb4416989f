"""Custom properties of a table that name its columns or bound its quarantine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bounds import OPERATORS, read_bound
from .model import Check, Column
from .names import refuse_unknown_keys, suggestion
from .spark_types import is_orderable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .document import Node


def column_list(place: Node | None, columns: Mapping[str, Column]) -> tuple[str, ...]:
    if place is None:
        return ()
    entries = list(place.entries())
    if not entries:
        place.problem("must be a list of columns", "Such as `value: [carrier, flight_date]`.")
        return ()
    by_name = {column.name: column for column in columns.values()}
    found: list[str] = []
    for entry in entries:
        if not isinstance(entry.value, str) or entry.value not in by_name:
            entry.problem(f"there is no column `{entry.value}`", suggestion(str(entry.value), by_name))
        elif by_name[entry.value].type and not is_orderable(by_name[entry.value].type):
            entry.problem(f"a {by_name[entry.value].type} cannot be put in order", "Name a scalar column.")
        elif entry.value in found:
            entry.problem(f"`{entry.value}` is here twice")
        else:
            found.append(entry.value)
    return tuple(found)


def read_cluster_by(place: Node | None, columns: Mapping[str, Column]) -> tuple[str, ...]:
    found = column_list(place, columns)
    if place is not None and len(found) > 4:
        place.problem("Delta clusters by at most 4 columns", "Name those that most queries filter by.")
    types = {column.name: column.type for column in columns.values()}
    for name in found:
        if place is not None and types[name] == "BOOLEAN":
            place.problem(f"Delta cannot cluster by `{name}`, a BOOLEAN", "Leave it out.")
    return found


def read_quarantine_limit(place: Node | None) -> Check | None:
    if place is None:
        return None
    hint = "Such as `value: {mustBeLessThan: 5, unit: percent}`."
    refuse_unknown_keys(place, (*OPERATORS, "unit"), "quarantineLimit")
    if len([key for key in place.keys if key in OPERATORS]) != 1:
        place.problem("needs exactly one operator", hint)
        return None
    unit = place.at("unit").value or "rows"
    if unit not in ("rows", "percent"):
        place.at("unit").problem(f"`{unit}` is not supported", "Write `rows` or `percent`.")
        return None
    bound = read_bound(place)
    if bound is None:
        return None
    if not bound.allows(0):
        place.problem("would stop a run that quarantines nothing", hint)
        return None
    percent = " percent" if unit == "percent" else ""
    return Check(
        "quarantine_limit",
        bound.condition,
        f"records quarantined {bound.said}{percent}",
        metric="quarantined",
        unit="percent" if percent else "rows",
    )
