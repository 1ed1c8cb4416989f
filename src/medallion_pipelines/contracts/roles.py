"""ODCS `roles`: who may do what with the table, and what is hidden from whom."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast

from .custom import CustomProperties
from .expressions import row_condition
from .model import Role

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .document import Node
    from .expressions import Expression

_IDENTIFIER = re.compile(r"[A-Za-z]+:[A-Za-z0-9-]+:[A-Za-z0-9-]+")


def read_roles(root: Node, columns: Sequence[str], kind: str) -> tuple[Role, ...]:
    """The roles of a contract whose table has `columns`."""
    found: dict[str, Role] = {}
    for node in root.items("roles"):
        name = node.text("role")
        if name is None:
            continue
        if name in found:
            node.at("role").problem(f"the role `{name}` is here twice", "Keep one of them.")
        found[name] = _role(node, name, columns, kind)
    return tuple(found.values())


def _role(node: Node, name: str, columns: Sequence[str], kind: str) -> Role:
    access = node.text("access")
    if access not in (None, "read", "write"):
        node.at("access").problem(f"`{access}` is not supported", "Write `read` or `write`.")
        access = None
    custom = CustomProperties(node, "role")
    custom.check()
    clearance, rows, recipient = (custom.take(each) for each in ("clearance", "rows", "recipient"))
    for place in (rows, recipient):
        if place is not None and access == "write":
            place.problem("is for a role that reads", "Who writes a table has to see all of it.")
    for place in (clearance, rows):
        if place is not None and recipient is not None:
            place.problem("does not fit `recipient`", "What is shared is shared whole: share another table.")
    condition = _rows(rows, columns, kind)
    return Role(
        name,
        cast("Literal['read', 'write'] | None", access),
        node.text("description"),
        clearance=_clearance(clearance),
        rows=condition.text if condition else None,
        rows_of=condition.names if condition else (),
        recipients=_recipients(recipient),
    )


def _clearance(place: Node | None) -> tuple[str, ...]:
    if place is None:
        return ()
    values = place.value if isinstance(place.value, list) else []
    levels = tuple(value.strip() for value in values if isinstance(value, str) and value.strip())
    if not levels or len(levels) < len(values):
        place.problem("must be a list of classifications", "Such as `value: [confidential]`.")
    return levels


def _rows(place: Node | None, columns: Sequence[str], kind: str) -> Expression | None:
    if place is None:
        return None
    if kind == "view":
        place.problem("is not honoured on a view", "Put it on the tables it reads, or make it a table.")
        return None
    condition = row_condition(place, columns)
    if condition is not None and not condition.names:
        place.problem("names no column", "Say which rows the role sees, such as `region = 'north'`.")
        return None
    return condition


def _recipients(place: Node | None) -> Mapping[str, str] | None:
    if place is None:
        return None
    if not isinstance(place.value, dict) or not place.value:
        place.problem(
            "must be a mapping of environments to sharing identifiers",
            'Such as `value: {prod: "aws:eu-west-1:<id of the metastore>"}`.',
        )
        return None
    for environment, value in place.value.items():
        if not (isinstance(value, str) and _IDENTIFIER.fullmatch(value)):
            place.at(environment).problem(
                "is no sharing identifier",
                "It is `cloud:region:id`; SELECT CURRENT_METASTORE() tells it there.",
            )
    return {environment: str(value) for environment, value in place.value.items()}
