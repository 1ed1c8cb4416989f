"""ODCS `relationships` as foreign keys to other tables of the product."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from .custom import CustomProperties
from .graph import find_cycle
from .model import ForeignKey, Severity
from .names import suggestion
from .table import Draft

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .document import Node

_INTEGERS = ("TINYINT", "SMALLINT", "INT", "BIGINT")
Target = tuple[Draft, str]  # a table and one of its columns


def link_foreign_keys(drafts: Mapping[str, Draft]) -> dict[str, tuple[ForeignKey, ...]]:
    """The foreign keys by table, problems added to the documents."""
    found: dict[str, tuple[ForeignKey, ...]] = {}
    checked: dict[str, dict[str, Node]] = {key: {} for key in drafts}
    for key, draft in drafts.items():
        keys = []
        for node, foreign_key in _foreign_keys(draft, drafts):
            keys.append(foreign_key)
            if foreign_key.checked:
                checked[key][f"{draft.table.layer}.{foreign_key.to_table}"] = node
        found[key] = tuple(keys)
    cycle = find_cycle({key: tuple(targets) for key, targets in checked.items()})
    if cycle:
        node = checked[cycle[0]][cycle[1]]
        node.problem(
            f"checked foreign keys go round in a circle: {' -> '.join(cycle)}",
            "No table could be loaded first; make one of them `enforcement: informational`.",
        )
    return found


def _foreign_keys(draft: Draft, drafts: Mapping[str, Draft]) -> Iterator[tuple[Node, ForeignKey]]:
    if draft.table.kind == "view":
        return
    for node, column in draft.property_nodes:
        for relation in node.items("relationships"):
            yield from _one(relation, [(draft, column.name)], draft, drafts)
    for relation in draft.node.items("relationships"):
        sources = [_resolve(place, draft, drafts) for place in _ends(relation, "from")]
        if all(source is not None for source in sources):
            known = [source for source in sources if source is not None]
            foreign = [source for source in known if source[0] is not draft]
            if foreign:
                relation.at("from").problem(
                    f"is in `{foreign[0][0].table.name}`, not in this contract's table",
                    "Declare it in the contract of the table that points.",
                )
            elif known:
                yield from _one(relation, known, draft, drafts)


def _one(
    relation: Node, sources: list[Target], draft: Draft, drafts: Mapping[str, Draft]
) -> Iterator[tuple[Node, ForeignKey]]:
    checked, severity = _enforcement(relation)
    targets = [_resolve(place, draft, drafts) for place in _ends(relation, "to")]
    found = [target for target in targets if target is not None]
    if len(found) < len(targets) or not found:
        return
    to = relation.at("to")
    target = found[0][0]
    if any(each[0] is not target for each in found):
        to.problem("points to several tables", "A foreign key points to one.")
    elif len(found) != len(sources):
        to.problem(f"names {len(found)} columns for {len(sources)}", "List as many as point to them.")
    elif target.table.kind == "view":
        to.problem(f"`{target.table.key}` is a view, which has no keys", "Point to a table.")
    elif checked and draft.table.layer == "gold":
        relation.at("customProperties").problem(
            "a foreign key is checked in silver only",
            "Say `informational`: the mart's SQL decides what it keeps.",
        )
    elif target.table.layer != draft.table.layer:
        to.problem(f"`{target.table.key}` is of another layer", f"Point to a table of {draft.table.layer}.")
    elif _types_fit(to, sources, found) and _is_unique(to, target, [column for _, column in found]):
        columns = tuple(column for _, column in sources)
        to_columns = tuple(column for _, column in found)
        yield relation, ForeignKey(columns, target.table.name, to_columns, checked, severity)


def _enforcement(relation: Node) -> tuple[bool, Severity]:
    custom = CustomProperties(relation, "relationship")
    custom.check()
    enforcement, severity = custom.take("enforcement"), custom.take("severity")
    if enforcement is not None and enforcement.value not in ("checked", "informational"):
        enforcement.problem(f"`{enforcement.value}` is not supported", "Write `checked` or `informational`.")
    level: Severity = "error"
    if severity is not None:
        if severity.value not in ("error", "warning"):
            severity.problem(f"`{severity.value}` is not supported", "Write `error` or `warning`.")
        level = "warning" if severity.value == "warning" else "error"
    return enforcement is not None and enforcement.value == "checked", level


def _ends(relation: Node, side: str) -> list[Node]:
    place = relation.at(side)
    return list(place.entries()) if isinstance(place.value, list) else [place]


def _resolve(place: Node, draft: Draft, drafts: Mapping[str, Draft]) -> Target | None:
    """The table and column that a reference means, in either notation of ODCS."""
    text = place.value
    if not isinstance(text, str) or not text:
        return None
    if "/" in text or "#" in text:
        return _qualified(place, text, draft, drafts)
    parts = text.split(".")
    if len(parts) == 3 and parts[0] in ("silver", "gold"):
        key, column = f"{parts[0]}.{parts[1]}", parts[2]
    elif len(parts) == 2:
        key, column = f"{draft.table.layer}.{parts[0]}", parts[1]
    else:
        place.problem(
            "must be `table.column` or `layer.table.column`", "Fields within objects cannot be keys."
        )
        return None
    target = drafts.get(key)
    if target is None:
        names = [each.table.name if each.table.layer == draft.table.layer else each.table.key
                 for each in drafts.values()]  # fmt: skip
        place.problem(f"there is no table `{key}` in the product", suggestion(parts[-2], names))
        return None
    return _column(place, target, column)


def _qualified(place: Node, text: str, draft: Draft, drafts: Mapping[str, Draft]) -> Target | None:
    file, _, path = text.rpartition("#")
    steps = path.strip("/").split("/")
    if len(steps) != 4 or steps[0] != "schema" or steps[2] != "properties":
        place.problem("must be `schema/<table>/properties/<column>`", "Fields within objects cannot be keys.")
        return None
    candidates = list(drafts.values())
    if file:
        wanted = os.path.normpath(draft.document.file.parent / file)
        candidates = [each for each in candidates if os.path.normpath(each.document.file) == wanted]
        if not candidates:
            place.problem(f"`{file}` is not a contract of this product", "Give its path from this contract.")
            return None
    else:
        candidates.sort(key=lambda each: each.table.layer != draft.table.layer)  # its own layer first
    for target in candidates:
        if steps[1] in (target.node.text("id"), target.table.name):
            return _column(place, target, steps[3])
    place.problem(
        f"there is no table `{steps[1]}` in the product",
        suggestion(steps[1], [each.table.name for each in candidates]),
    )
    return None


def _column(place: Node, target: Draft, wanted: str) -> Target | None:
    for key in ("id", "name", "physicalName"):
        for node, column in target.property_nodes:
            if node.text(key) == wanted:
                return target, column.name
    place.problem(f"`{target.table.key}` has no column `{wanted}`", suggestion(wanted, target.columns))
    return None


def _types_fit(to: Node, sources: list[Target], targets: list[Target]) -> bool:
    for (draft, name), (target, to_name) in zip(sources, targets, strict=True):
        type_, to_type = draft.table.column(name).type, target.table.column(to_name).type
        both_integers = type_ in _INTEGERS and to_type in _INTEGERS
        if type_ and to_type and type_ != to_type and not both_integers:
            to.problem(
                f"`{name}` is {type_}, but `{target.table.key}.{to_name}` is {to_type}",
                "Give both the same type.",
            )
            return False
    return True


def _is_unique(to: Node, target: Draft, names: list[str]) -> bool:
    table = target.table
    if set(names) == set(table.primary_key) or (len(names) == 1 and table.column(names[0]).unique):
        return True
    key = ", ".join(table.primary_key)
    to.problem(
        f"{', '.join(names)} of `{table.key}` is not unique",
        f"Point to its primary key ({key})." if key else "Give the table a primary key.",
    )
    return False
