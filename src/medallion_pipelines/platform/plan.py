"""What must change: objects as they are declared, compared with those that are there. Pure, of no service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Action = Literal["create", "update", "delete", "await", "postpone", "refuse"]
# free: may change. never: a new object is needed. once: may be set, not replaced. swap: may be replaced,
# not set. created: only creation takes it, and nothing tells it afterwards.
Changing = Literal["free", "never", "once", "swap", "created"]


class Key(NamedTuple):
    """Which object: its kind, its name, and what it lies in (nothing: the account)."""

    kind: str
    name: str
    within: str = ""

    def __str__(self) -> str:
        place = f" of `{self.within}`" if self.within else ""
        return f"{self.kind.replace('_', ' ')} `{self.name}`{place}"


@dataclass(frozen=True, order=True)
class Ref:
    """A value that is another object's id, known only once that is there."""

    key: Key

    def __str__(self) -> str:
        return self.key.name


Value = str | int | bool | None | Ref | tuple[str | int | Ref, ...] | dict[str, str]


@dataclass(frozen=True)
class Resource:
    """An object as it is declared; what `values` does not name is left as it is.

    `after` are others that it needs, besides those that its values refer to. `source` is file and line.
    """

    key: Key
    values: Mapping[str, Value] = field(default_factory=dict)
    after: tuple[Key, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class Found:
    """An object that is there. `raw` is what the service says of it.

    A pending one is being made. A failed one needs other values than it has. An ambiguous one is several of
    one name, or one that is spelled otherwise. `note` says more of these.
    """

    key: Key
    id: str
    values: Mapping[str, Value] = field(default_factory=dict)
    state: Literal["ready", "pending", "failed", "ambiguous"] = "ready"
    note: str = ""
    raw: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Rules:
    """How objects of a kind may change. With `whole`, those that are not declared have to go."""

    kind: str
    changing: Mapping[str, Changing] = field(default_factory=dict)
    advice: str = ""  # what to do about a change that cannot be made
    whole: bool = False


@dataclass(frozen=True)
class Difference:
    """A value that changes; `before` is None where there is none."""

    field: str
    before: Value
    after: Value


@dataclass(frozen=True)
class Change:
    """What has to be done about one object, or why nothing can be."""

    action: Action
    key: Key
    differences: tuple[Difference, ...] = ()
    reason: str = ""


def plan(
    desired: Iterable[Resource],
    found: Mapping[Key, Found],
    rules: Sequence[Rules],
    *,
    removed: Iterable[Key] = (),
    postponed: Mapping[Key, str] | None = None,
) -> list[Change]:
    """The changes that make of `found` what is desired, each after those it needs.

    `rules` has the kinds in an order in which they can be made; what has to go goes last, in the opposite
    one. `postponed` says of objects that something outside must come first, and what.
    """
    order = {rule.kind: position for position, rule in enumerate(rules)}
    by_kind = {rule.kind: rule for rule in rules}
    declared = {
        resource.key: resource
        for resource in sorted(
            desired, key=lambda each: (order[each.key.kind], each.key.within, each.key.name)
        )
    }
    waiting = dict(postponed or {})
    changes: list[Change] = []
    for key, resource in declared.items():
        needs = next((each for each in _needed(resource) if each in waiting), None)
        if needs is not None and key not in found:
            waiting.setdefault(key, f"It needs {needs}.")
        change = _compare(resource, found.get(key), by_kind[key.kind], waiting.get(key))
        if change is not None:
            changes.append(change)
    leaving = [key for key in removed if key in found]
    leaving += [key for key in found if by_kind[key.kind].whole and key not in declared]
    leaving.sort(key=lambda key: (-order[key.kind], key.within, key.name))
    return changes + [Change("delete", key) for key in leaving]


def described(change: Change) -> list[str]:
    """A change in words: what happens to what, then a line for each value or reason."""
    signs: dict[Action, str] = {
        "create": "+", "update": "~", "delete": "-", "await": ".", "postpone": ".", "refuse": "!",
    }  # fmt: skip
    lines = [f"{signs[change.action]} {change.action} {change.key}"]
    for each in change.differences:
        before = "" if change.action == "create" else f"{shown(each.before)} -> "
        lines.append(f"    {each.field}: {before}{shown(each.after)}")
    if change.reason:
        lines.append(f"    {change.reason}")
    return lines


def as_values(change: Change) -> dict[str, object]:
    """A change for programs: plain values, references by name."""
    return {
        "action": change.action,
        **change.key._asdict(),
        "differences": [
            {"field": each.field, "before": _plain(each.before), "after": _plain(each.after)}
            for each in change.differences
        ],
        "reason": change.reason,
    }


def shown(value: Value) -> str:
    """A value for people."""
    match value:
        case None:
            return "(none)"
        case bool():
            return str(value).lower()
        case tuple():
            return f"[{', '.join(sorted(str(each) for each in value))}]"
        case dict():
            return f"{{{', '.join(f'{key}: {value[key]}' for key in sorted(value))}}}"
    return str(value)


def _compare(resource: Resource, found: Found | None, rules: Rules, waits_for: str | None) -> Change | None:
    key = resource.key
    if found is not None and found.state == "ambiguous":
        return Change("refuse", key, reason=found.note)
    if found is None:
        if waits_for:
            return Change("postpone", key, reason=waits_for)
        values = sorted(resource.values.items())
        return Change("create", key, tuple(Difference(name, None, value) for name, value in values))
    differences = tuple(
        Difference(name, found.values.get(name), value)
        for name, value in sorted(resource.values.items())
        if rules.changing.get(name) != "created" and not _same(found.values.get(name), value)
    )
    reasons = [reason for each in differences if (reason := _refusal(each, rules))]
    if reasons:
        return Change("refuse", key, differences, " ".join([*reasons, rules.advice]).strip())
    if found.state == "pending":
        return Change("await", key, differences, found.note)
    if found.state == "failed" and not differences:
        return Change("refuse", key, reason=found.note)
    return Change("update", key, differences) if differences else None


def _needed(resource: Resource) -> tuple[Key, ...]:
    refs = [each for value in resource.values.values() for each in (_entries(value) or (value,))]
    return (*resource.after, *(each.key for each in refs if isinstance(each, Ref)))


def _plain(value: Value) -> object:
    if isinstance(value, tuple):
        return sorted(str(each) for each in value)
    return str(value) if isinstance(value, Ref) else value


def _same(before: Value, after: Value) -> bool:
    """Lists are sets to all that is compared here; an empty one is none."""
    if isinstance(after, tuple) or isinstance(before, tuple):
        return set(_entries(before)) == set(_entries(after))
    return before == after or (before in ("", None) and after in ("", None))


def _entries(value: Value) -> tuple[str | int | Ref, ...]:
    return value if isinstance(value, tuple) else ()


def _refusal(difference: Difference, rules: Rules) -> str:
    match rules.changing.get(difference.field, "free"):
        case "never":
            return f"{difference.field} cannot be changed."
        case "once" if difference.before is not None:
            return f"{difference.field} is set already and cannot be replaced."
        case "swap" if difference.before is None:
            return f"{difference.field} can only be set when the object is made."
    return ""
