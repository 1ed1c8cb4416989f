"""Statements of policies, as their JSON has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Statement = dict[str, Any]


def allow(
    sid: str, actions: Iterable[str], resources: Any, *, to: Any = None, when: dict[str, Any] | None = None
) -> Statement:
    return _statement(sid, "Allow", actions, resources, to, when)


def deny(
    sid: str, actions: Iterable[str], resources: Any, *, to: Any = None, when: dict[str, Any] | None = None
) -> Statement:
    return _statement(sid, "Deny", actions, resources, to, when)


def _statement(
    sid: str, effect: str, actions: Iterable[str], resources: Any, to: Any, when: dict[str, Any] | None
) -> Statement:
    made: Statement = {"Sid": sid, "Effect": effect, "Action": sorted(set(actions)), "Resource": resources}
    if resources is None:
        del made["Resource"]  # a trust policy is about its own role
    if to is not None:
        made["Principal"] = to
    if when:
        made["Condition"] = when
    return made


def document(*statements: Statement) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def service(name: str, account: str) -> Statement:
    """That a service takes on a role, on behalf of this account alone."""
    return allow(
        "Service",
        ["sts:AssumeRole"],
        None,
        to={"Service": f"{name}.amazonaws.com"},
        when={"StringEquals": {"aws:SourceAccount": account}},
    )


def people(account: str, permission_set: str) -> list[str]:
    """The roles of those with a permission set of IAM Identity Center, as conditions have them.

    16 characters end the name, and no fewer: whoever has `flights_analyst` must not pass for another
    `flights`. Before it is the region of the Identity Center, or nothing.
    """
    reserved = f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com"
    name = f"AWSReservedSSO_{permission_set}_{'?' * 16}"
    return [f"{reserved}/{name}", f"{reserved}/*/{name}"]
