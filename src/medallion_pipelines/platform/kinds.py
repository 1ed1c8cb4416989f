"""What is known of a kind of object: where it lies, how it is read, made, changed and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from medallion_pipelines.platform.plan import Changing, Found, Key, Ref, Resource, Rules, Value

if TYPE_CHECKING:
    from medallion_pipelines.platform.clients import Clients

Body = dict[str, Any]
# What must be there before objects of a kind can be read. `unity`: a metastore, and a workspace that sees it.
Place = Literal["account", "group", "configuration", "metastore", "unity", "workspace"]


@dataclass(frozen=True)
class Postponed:
    """An object that cannot be made yet: something that others make is not there."""

    key: Key
    reason: str


@dataclass(frozen=True)
class Kind:
    """One kind of object of the account.

    `find` yields those of one place that are wanted (or, of a kind whose file is the whole truth, all). The
    values of `create` and `update` are the API's fields by their dotted path, references resolved to ids.
    `create` returns the new object's id. `later` are fields that creation does not take: the next
    look finds them missing, and an update follows.
    """

    name: str
    place: Place
    find: Callable[[Clients, str, Sequence[Resource]], Iterator[Found | Postponed]]
    create: Callable[[Clients, Key, Mapping[str, Any]], str]
    update: Callable[[Clients, Found, Mapping[str, Any]], None] | None = None
    delete: Callable[[Clients, Found], None] | None = None
    changing: Mapping[str, Changing] = field(default_factory=dict)
    fixed: tuple[str, ...] = ()  # shorthand for "never"
    later: tuple[str, ...] = ()
    advice: str = ""
    whole: bool = False

    @property
    def rules(self) -> Rules:
        changing = {**dict.fromkeys(self.fixed, "never"), **self.changing}
        return Rules(self.name, changing, self.advice, self.whole)  # type: ignore[arg-type]


def call(method: Callable[..., Any], /, *positional: Any, **given: Any) -> Any:
    """Call a method of the SDK with plain values, as the types of its parameters want them."""
    hints = get_type_hints(method)
    return method(*positional, **{name: _typed(hints[name], value) for name, value in given.items()})


def accepted(method: Callable[..., Any], values: Mapping[str, Any]) -> Body:
    """Of some values those that a method takes: what an update that replaces all has to repeat."""
    return {name: value for name, value in values.items() if name in signature(method).parameters}


def nested(values: Mapping[str, Any]) -> Body:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`."""
    body: Body = {}
    for path, value in values.items():
        *outer, last = path.split(".")
        at = body
        for step in outer:
            at = at.setdefault(step, {})
        at[last] = list(value) if isinstance(value, tuple) else value
    return body


def picked(raw: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; None where there is none."""
    value: Any = raw
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def seen(
    key: Key, id_: object, raw: Mapping[str, Any], resource: Resource, names: Mapping[str, Key]
) -> Found:
    """What the API says of an object, in the terms of its resource: ids of known objects as references."""
    values = {}
    for path, wanted in resource.values.items():
        value = picked(raw, path)
        kinds = {
            ref.key.kind
            for ref in (wanted if isinstance(wanted, tuple) else (wanted,))
            if isinstance(ref, Ref)
        }
        values[path] = _in_terms_of(value, kinds, names)
    return Found(key, str(id_), values, raw=raw)


def listed(
    read: Callable[[Clients, str], Any], name: str, id_: str
) -> Callable[[Clients, str, Sequence[Resource]], Iterator[Found | Postponed]]:
    """`find` for objects that one call lists; the paths of their name and id."""

    def find(clients: Clients, place: str, wanted: Sequence[Resource]) -> Iterator[Found]:
        by_name = {resource.key.name: resource for resource in wanted}
        for each in read(clients, place):
            raw = each.as_dict()
            resource = by_name.get(picked(raw, name) or "")
            if resource is not None:
                yield seen(resource.key, picked(raw, id_), raw, resource, clients.keys)

    return find


def canonical(text: str | None) -> str | None:
    """JSON in one spelling."""
    try:
        return json.dumps(json.loads(text), sort_keys=True) if text else text
    except ValueError:
        return text


def respelt(found: Found, path: str, value: Value) -> Found:
    """The same object with one value in another spelling."""
    return replace(found, values={**found.values, path: value})


def _typed(hint: Any, value: Any) -> Any:
    if value is None:
        return None
    of = get_args(hint)
    if type(None) in of:  # Optional
        return _typed(next(each for each in of if each is not type(None)), value)
    if get_origin(hint) is list:
        return [_typed(of[0], each) for each in value]
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(value)
    return hint.from_dict(value) if hasattr(hint, "from_dict") else value


def _in_terms_of(value: Any, kinds: set[str], names: Mapping[str, Key]) -> Value:
    if isinstance(value, list):
        return tuple(_in_terms_of(each, kinds, names) for each in value)  # type: ignore[misc]
    key = next((names[f"{kind}/{value}"] for kind in sorted(kinds) if f"{kind}/{value}" in names), None)
    return Ref(key) if key is not None else value
