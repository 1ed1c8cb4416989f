"""A plan as people read it, and as one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .model import EVERYONE, parts

if TYPE_CHECKING:
    from .model import Change, Key, Plan, Value

FEW = 12  # names that are listed
Line = tuple[str, str]  # "+", "~", "-" or "!" and what is said


def sections(plan: Plan) -> list[tuple[str, list[Line]]]:
    """The plan by what it means to those who read data; only what there is."""
    groups: dict[str, list[Line]] = {
        "Somebody may see more": [],
        "Somebody may see more, or less": [],
        "Somebody may see less": [],
        "Made": [],
        "Described": [],
        "Noted, to know later what to take back": [],
    }
    for change in plan.changes:
        groups[_heading(change)].append((_sign(change), said(change)))
    groups["Granted or set by others, and left alone"] = [_foreign(*one) for one in plan.foreign]
    groups["Not there yet: made by the first run, governed by the next apply"] = [
        ("?", name) for name in plan.waiting
    ]
    return [(heading, lines) for heading, lines in groups.items() if lines]


def document(plan: Plan) -> dict[str, Any]:
    """The plan as JSON."""
    return {
        "changes": [
            {
                "action": {"+": "create", "~": "change", "-": "remove"}[_sign(change)],
                **_key(change.key),
                "before": change.before,
                "after": change.after,
                "opens": change.opens,
                "said": said(change),
            }
            for change in plan.changes
        ],
        "waiting": list(plan.waiting),
        "foreign": [{**_key(key), "value": value} for key, value in plan.foreign],
    }


def _key(key: Key) -> dict[str, Any]:
    return {"kind": key.kind, "on": key.on, "name": key.name, "item": list(key.item)}


def _heading(change: Change) -> str:
    kind = change.key.kind
    if kind in ("grant", "shared", "mask", "row filter"):
        return "Somebody may see more" if change.opens else "Somebody may see less"
    if kind == "function" and change.before is not None and change.after is not None:
        return "Somebody may see more, or less"
    if kind == "record":
        return "Noted, to know later what to take back"
    return "Made" if kind in ("object", "function") else "Described"


def _sign(change: Change) -> str:
    if change.after is None:
        return "-"
    return "+" if change.before is None else "~"


def said(change: Change) -> str:
    """One change in a line, if no text in it has several."""
    key, before, after = change.key, change.before, change.after
    place = f"{key.on.replace('_', ' ')} {key.name}"
    match key.kind:
        case "grant":
            principal, privilege = key.item
            may = "may" if after is not None else "may no longer"
            return f"{principal} {may} {privilege.replace('_', ' ')} on {place}"
        case "mask":
            return _protected(place, "is masked by", "is not masked any more", before, after)
        case "row filter":
            return _protected(place, "shows rows by", "shows all rows", before, after)
        case "shared":
            to = "to" if after is not None else "no longer to"
            return f"table {key.item[0]} is shared {to} {key.name}"
        case "function":
            was = f" (was {before[1]})" if before and after and before[1] != after[1] else ""
            return f"{place}: {after[1] if after else 'not used any more'}{was}"
        case "object":
            was = f" (was {_text(before)})" if before else ""
            return f"{place}{': ' + _text(after) if after else ''}{was}"
        case "record":
            names = parts(after)
            listed = _text(names) if len(names) <= FEW else f"{len(names)} names"
            return f"{key.item[1]} of {key.item[0]}: {listed}"
        case "tag":
            value = f" = {_text(after)}" if after else ""
            was = f" (was {_text(before)})" if before and after is not None else ""
            return f"{place}: tag {key.item[0]}{value}{was}"
        case "not null":
            return f"{place} is never NULL"
        case "foreign key":
            columns, parent, _ = parts(after or before)
            return f"{place}: {columns} points to {parent}"
    was = f" (was {_text(before)})" if before and after else ""
    return f"{place}: {key.kind} {_text(after or before)}{was}"


def _protected(place: str, by: str, off: str, before: Value | None, after: Value | None) -> str:
    if after is None:
        return f"{place} {off} (was {_text(before)})"
    return f"{place} {by} {_text(after)}{f' (was {_text(before)})' if before else ''}"


def _foreign(key: Key, value: Value) -> Line:
    place = f"{key.on.replace('_', ' ')} {key.name}"
    if key.kind == "shared":
        return "!", f"{key.item[0]} is shared to {key.name}"
    if key.kind != "grant":
        return "!", f"{place} has the {key.kind} {_text(value)}"
    principal, privilege = key.item
    everyone = ": EVERYBODY in the account" if principal.casefold() in EVERYONE else ""
    return "!" if everyone else " ", f"{principal} may {privilege.replace('_', ' ')} on {place}{everyone}"


def _text(value: Value | None) -> str:
    return ", ".join(parts(value))
