"""What has to change for Unity Catalog to be as the contracts say, in an order that never opens too early.

What closes (revokes, masks, row filters) comes before what opens (grants, shares, masks taken away), so that
a plan cut off anywhere has shown nobody more than the plan before or after it would.

What is taken away is only what the contracts once made. For principals, tag keys, tables and shares a record
tells: it is widened before anything else is done, and narrowed last.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from medallion_pipelines.errors import GovernanceError

from .model import OURS, Change, Desired, Key, Plan, State, Value, parts

if TYPE_CHECKING:
    from collections.abc import Iterator

_CREATED = ("catalog", "schema", "volume", "external_location", "share", "recipient")
_NEVER_REMOVED = ("object", "record", "comment", "owner", "not null", "primary key")
_SHARED_USE = ("USE_CATALOG", "USE_SCHEMA")


def plan(desired: Desired, actual: State) -> Plan:
    """The changes that make `actual` what is desired, as far as tables and columns are there.

    Raises GovernanceError where no change leads there.
    """
    wanted, waiting = _settled(desired, actual)
    withheld = _withheld(desired, actual)
    wanted = {key: value for key, value in wanted.items() if key not in withheld}
    scope = _Scope.of(desired, actual, wanted)
    changes = [*_records(desired, actual)]
    for key, value in wanted.items():
        if key.kind != "record" and not _is_so(key, value, actual):
            changes += _made(key, actual.get(key), value)
    gone = [
        key
        for key in actual
        if key in withheld or (key not in desired.state and scope.manages(key, actual[key]))
    ]
    changes += [Change(key, actual[key], None) for key in gone]
    changes += _keys_of_replaced(changes, actual, wanted)
    foreign = tuple((key, actual[key]) for key in sorted(actual) if scope.tells(key, actual[key]))
    return Plan(tuple(sorted(changes, key=_rank)), waiting, foreign)


@dataclass(frozen=True)
class _Scope:
    """What of Unity Catalog the contracts made, or are to make."""

    desired: Desired
    names: dict[str, set[str]]  # by field of the record: principals, tables, tags, shares
    elsewhere: set[str]  # principals of other products
    functions: set[str]  # that stay in use

    @classmethod
    def of(cls, desired: Desired, actual: State, wanted: State) -> _Scope:
        names: dict[str, set[str]] = defaultdict(set)
        elsewhere: set[str] = set()
        for state in (desired.state, actual):
            for key, value in state.items():
                if key.kind == "record" and key.name == desired.governance:
                    product, field = key.item
                    if product == desired.product:
                        names[field] |= set(value)
                    elif field == "principals":
                        elsewhere |= set(value)
        used = {
            _function(wanted.get(key, value))
            for key, value in actual.items()
            if key.kind in ("mask", "row filter") and not _opened(key, desired)
        }
        return cls(desired, dict(names), elsewhere, used)

    def manages(self, key: Key, value: Value) -> bool:
        """Whether a fact that no contract names is to go."""
        if key.kind in _NEVER_REMOVED:
            return False
        if key.kind == "grant":
            return key.item[0] in self.names["principals"] and not self._used_elsewhere(key)
        if key.kind == "tag":
            return key.item[0] in self.names["tags"] and key.table in self.names["tables"]
        if key.kind == "shared":  # products and environments may share with the same recipient
            return key.name in self.names["shares"] and key.item[0] in self.names["tables"]
        if key.kind == "foreign key":
            return key.item[0].startswith(OURS) and key.table in self.names["tables"]
        if key.kind == "function":
            return parts(value)[-1].startswith(comment(self.desired.product)) and (
                key.name not in self.functions
            )
        return _function(value).startswith(f"{self.desired.governance}.") and _opened(key, self.desired)

    def tells(self, key: Key, value: Value) -> bool:
        """Whether a fact that others made bears on who sees what."""
        if key in self.desired.state or self.manages(key, value):
            return False
        if key.kind == "grant":
            return not self._used_elsewhere(key)
        return key.kind in ("mask", "row filter", "shared")

    def _used_elsewhere(self, key: Key) -> bool:
        shared = key.on == "share" or key.item[1] in _SHARED_USE
        return key.item[0] in self.elsewhere and shared


def comment(product: str) -> str:
    """What a function says first that was made for a product."""
    return f"Made from the contracts of {product} by medallion governance."


def _function(value: Value) -> str:
    """The function of a mask, or of a row filter, which has its columns behind."""
    return parts(value)[0]


def _opened(key: Key, desired: Desired) -> bool:
    """Whether a contract says that a mask or row filter is not wanted any more. What has left the contracts
    stays closed."""
    if key in desired.state:
        return False
    return key.name in desired.columns if key.kind == "mask" else key.name in desired.tables


def _settled(desired: Desired, actual: State) -> tuple[dict[Key, Value], tuple[str, ...]]:
    """What can be done, and which tables and columns are not there yet."""
    there = {(key.on, key.name) for key in actual if key.kind == "object"}
    wanted: dict[Key, Value] = {}
    missing: dict[str, None] = {}
    for key, value in desired.state.items():
        absent = next((need for need in _needs(key, value) if need not in there), None)
        if absent is None:
            wanted[key] = value
            continue
        missing[absent[1]] = None
        function = Key("function", "function", _function(value))
        if key.kind == "row filter" and function in actual and key in actual:
            wanted.pop(function, None)  # with other columns than the table has, nobody could read it
    tables = {name for name in missing if ("table", name) not in there and name in desired.tables}
    return wanted, tuple(
        sorted(name for name in missing if name in tables or name.rpartition(".")[0] not in tables)
    )


def _withheld(desired: Desired, actual: State) -> set[Key]:
    """The grants to roles from whom a column is to be masked that the next run will bring, or whose rows it
    picks: all would be open to them until mask or filter is set."""
    return {
        Key("grant", "table", column.rpartition(".")[0], (role, "SELECT"))
        for column, roles in desired.uncleared.items()
        if Key("object", "table", column.rpartition(".")[0]) in actual
        and Key("object", "column", column) not in actual
        for role in roles
    }


def _needs(key: Key, value: Value) -> Iterator[tuple[str, str]]:
    """The tables and columns without which a fact cannot be."""
    if key.table is not None:
        yield "table", key.table
    if key.on == "column":
        yield "column", key.name
    if key.kind == "shared":
        yield "table", key.item[0]
    if key.kind == "primary key":
        yield from (("column", f"{key.name}.{column}") for column in value)
    if key.kind == "row filter":
        yield from (("column", f"{key.name}.{column}") for column in value[1:])
    if key.kind == "foreign key":
        columns, parent, parent_columns = parts(value)
        yield "table", parent
        yield from (("column", f"{key.name}.{column}") for column in columns.split(","))
        yield from (("column", f"{parent}.{column}") for column in parent_columns.split(","))


def _records(desired: Desired, actual: State) -> Iterator[Change]:
    for key, value in desired.state.items():
        if key.kind == "record":
            before = actual.get(key)
            known, names = set(parts(before)), set(parts(value))
            if key.item[1] == "tables":  # one that left the contracts is kept closed as long as it is there
                names |= {name for name in known if Key("object", "table", name) in actual}
            widened = tuple(sorted(known | names))
            if set(widened) != known:
                yield Change(key, before, widened)
            if set(widened) != names:
                yield Change(key, widened, tuple(sorted(names)))


def _is_so(key: Key, value: Value, actual: State) -> bool:
    """Catalogs, schemas and volumes are made where they are missing, and otherwise left as they are."""
    if key.kind == "object" and key.on not in ("external_location", "recipient"):
        return key in actual
    return actual.get(key) == value


def _made(key: Key, before: Value | None, after: Value) -> list[Change]:
    if key.kind in ("primary key", "foreign key") and before is not None:
        return [Change(key, before, None), Change(key, None, after)]
    if (key.kind, key.on) == ("object", "recipient") and before is not None:
        raise GovernanceError(
            f"The recipient {key.name} is there with another sharing identifier ({before}). It cannot be "
            f"changed: remove it, or say in the contracts that it is {before}."
        )
    return [Change(key, before, after)]


def _keys_of_replaced(changes: list[Change], actual: State, wanted: State) -> list[Change]:
    """Foreign keys have to be taken off and put back where the primary key that they point to is replaced."""
    replaced = {c.key.name for c in changes if c.key.kind == "primary key" and c.before is not None}
    touched = {change.key for change in changes}
    return [
        change
        for key, value in actual.items()
        if key.kind == "foreign key" and value[1] in replaced and key not in touched and key in wanted
        for change in (Change(key, value, None), Change(key, None, value))
    ]


def _rank(change: Change) -> tuple[int, int, Key]:
    key, made = change.key, change.after is not None
    within = 0
    if key.kind == "object":
        step, within = 0, _CREATED.index(key.on)
    elif key.kind == "record":
        narrows = change.before is not None and len(change.after or ()) < len(change.before)
        step = 13 if narrows else 1
    elif key.kind in ("grant", "shared"):
        step = 11 if made else 2
    elif key.kind == "function":
        step = 3 if made else 10
    elif key.kind in ("mask", "row filter"):
        step = 4 if made else 9
    elif key.kind in ("foreign key", "primary key", "not null"):
        order = {("foreign key", False): 0, ("primary key", False): 1, ("not null", True): 2,
                 ("primary key", True): 3, ("foreign key", True): 4}  # fmt: skip
        step, within = 5, order[key.kind, made]
    else:
        step = {"comment": 6, "tag": 7, "owner": 12}[key.kind]
    return step, within, key
