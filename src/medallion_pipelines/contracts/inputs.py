"""The custom property `inputs`: which tables a gold table is made of, and what a change there touches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .document import Node
from .expressions import row_expression
from .graph import find_cycle
from .model import Input
from .names import suggestion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .table import Draft

_KEYS = ("table", "grain", "lookup")


def link_inputs(drafts: Mapping[str, Draft]) -> dict[str, tuple[Input, ...]]:
    """The inputs by table, problems added to the documents."""
    found = {key: _inputs(draft, drafts) for key, draft in drafts.items()}
    cycle = find_cycle(
        {key: [f"{each.layer}.{each.table}" for each in inputs] for key, inputs in found.items()}
    )
    if cycle:
        first = drafts[cycle[0]]
        (first.inputs or first.node).problem(
            f"tables are made of each other: {' -> '.join(cycle)}", "One of them must come first."
        )
    return found


def _inputs(draft: Draft, drafts: Mapping[str, Draft]) -> tuple[Input, ...]:
    place, table = draft.inputs, draft.table
    if table.layer == "silver":
        if place is not None:
            place.problem("is for gold tables only", "A silver table has a `source`.")
        return ()
    if place is None:
        draft.node.problem(
            "the custom property `inputs` is missing",
            "List the tables it is made of: `value: [{table: silver.flights}]`.",
        )
        return ()
    if table.kind == "table" and not table.primary_key:
        draft.node.problem(
            "a gold table needs a primary key: its grain", "Add `primaryKey: true` to its columns."
        )
    entries = list(place.entries())
    if not entries:
        place.problem("must be a list of tables", "Such as `value: [{table: silver.flights}]`.")
    targets = [_target(entry, draft, drafts) for entry in entries]
    base = next((target for entry, target in zip(entries, targets, strict=True) if entry.get("grain")), None)
    found: list[Input] = []
    for entry, target in zip(entries, targets, strict=True):
        if target is None:
            continue
        if any((each.layer, each.table) == (target.table.layer, target.table.name) for each in found):
            entry.problem(f"`{target.table.key}` is here twice", "Name each input once.")
            continue
        if any(each.table == target.table.name for each in found):
            entry.problem(
                f"another input is called `{target.table.name}`, too",
                "The transformation knows its inputs by name, without the layer: rename one of the tables.",
            )
            continue
        found.append(
            Input(
                target.table.layer,
                target.table.name,
                _grain(entry, draft, target),
                _lookup(entry, base, target),
            )
        )
    return tuple(found)


def _target(entry: Node, draft: Draft, drafts: Mapping[str, Draft]) -> Draft | None:
    if not isinstance(entry.value, dict):
        entry.problem("must be a mapping", f"Such as `{{table: {entry.value}}}`.")
        return None
    for key in entry.keys:
        if key not in _KEYS:
            entry.at(key).problem(f"`{key}` is not a key of an input", suggestion(key, _KEYS))
        elif draft.table.kind == "view" and key != "table":
            entry.at(key).problem("has no meaning for a view", "A view always shows its inputs as they are.")
    name = entry.text("table")
    target = drafts.get(name or "")
    if target is None:
        entry.at("table").problem(
            f"there is no table `{name}` in the product" if name else "`table` is missing",
            _meant(name, drafts) if name else "Such as `table: silver.flights`.",
        )
    elif target.table.kind == "view" and draft.table.kind == "table":
        entry.at("table").problem(
            f"`{name}` is a view, which records no changes", "Read the tables under it."
        )
        return None
    return target


def _meant(name: str, drafts: Mapping[str, Draft]) -> str:
    with_layer = [key for key in drafts if key.endswith(f".{name}")]
    return f"Did you mean `{with_layer[0]}`?" if len(with_layer) == 1 else suggestion(name, drafts)


def _grain(entry: Node, draft: Draft, target: Draft) -> Mapping[str, str] | None:
    place = entry.get("grain")
    if place is None or draft.table.kind == "view":
        return None
    if entry.get("lookup") is not None:
        entry.at("lookup").problem("stands beside `grain`", "An input has one of them, or neither.")
    key = draft.table.primary_key
    grain: dict[str, str] = {}
    for column in place.keys:
        if column not in key:
            place.at(column).problem(f"`{column}` is not in the primary key", suggestion(column, key))
        else:
            expression = row_expression(place.at(column), [each.name for each in target.table.columns])
            grain[column] = expression.text if expression else ""
    missing = [column for column in key if column not in place.keys]
    if missing:
        place.problem(
            f"does not say where {', '.join(f'`{column}`' for column in missing)} comes from",
            "Map every column of the primary key, or drop `grain` for a full refresh on each change.",
        )
    return grain


def _lookup(entry: Node, base: Draft | None, target: Draft) -> Mapping[str, str] | None:
    place = entry.get("lookup")
    if place is None or entry.get("grain") is not None:
        return None
    if base is None:
        place.problem("needs another input with a `grain`", "A lookup is made from that input's rows.")
        return None
    if not isinstance(place.value, dict) or not place.value:
        place.problem("must map expressions to columns", "Such as `lookup: {carrier: carrier_code}`.")
        return None
    own = [each.name for each in target.table.columns]
    lookup: dict[str, str] = {}
    for expression, column in place.value.items():
        text = Node(place.document, expression, (*place.path, expression))
        compiled = row_expression(text, [each.name for each in base.table.columns])
        if column not in own:
            place.at(expression).problem(
                f"`{target.table.key}` has no column `{column}`", suggestion(str(column), own)
            )
        elif compiled is not None:
            lookup[compiled.text] = column
    return lookup
