"""How roles are made: named, below the boundary, with the access to zones that the table gives them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from constructs import Construct

from medallion_platform.access import BUCKET_ACTIONS, KEY_ACTIONS, OBJECT_ACTIONS, Grant, grants
from medallion_platform.policies import Statement, allow, document, people
from medallion_platform.settings import Settings, home


def boundary_arn(settings: Settings, account: str) -> str:
    return f"arn:aws:iam::{settings.account(account)}:policy/{settings.prefix}-{account}-boundary"


def make_role(
    scope: Construct,
    settings: Settings,
    name: str,
    *,
    trust: Sequence[Statement],
    statements: Sequence[Statement] = (),
    description: str,
) -> iam.CfnRole:
    """A role named after its account (`engineering-firehose`). Its access to zones comes from the table."""
    account = name.split("-")[0]
    found = [*zone_statements(settings, name), *statements]
    policies = [iam.CfnRole.PolicyProperty(policy_name="access", policy_document=document(*found))]
    return iam.CfnRole(
        scope,
        name,
        role_name=f"{settings.prefix}-{name}",
        description=description,
        assume_role_policy_document=document(*trust),
        permissions_boundary=boundary_arn(settings, account),
        policies=policies if found else None,
    )


def zone_statements(settings: Settings, role: str) -> Iterator[Statement]:
    for grant in grants(settings):
        if grant.role == role:
            yield from _of(settings, grant)


def _of(settings: Settings, grant: Grant) -> Iterator[Statement]:
    name = "".join(part.title() for part in [grant.zone, *re.findall("[a-z]+", grant.prefix)])
    bucket = f"arn:aws:s3:::{settings.bucket(grant.zone, replica=grant.replica)}"
    region = settings.replica.region if grant.replica else settings.region
    account = settings.account(home(grant.zone))
    # Names of buckets can be told before they are there, and whoever is first has them: not for our data.
    ours: dict[str, Any] = {"StringEquals": {"aws:ResourceAccount": account}}
    below = {**ours, "StringLike": {"s3:prefix": f"{grant.prefix}*"}} if grant.prefix else ours
    listing = [action for action in BUCKET_ACTIONS[grant.kind] if action == "s3:ListBucket"]
    other = [action for action in BUCKET_ACTIONS[grant.kind] if action != "s3:ListBucket"]
    yield allow(f"{name}List", listing, bucket, when=below)
    yield allow(f"{name}Bucket", other, bucket, when=ours)
    yield allow(f"{name}Objects", OBJECT_ACTIONS[grant.kind], f"{bucket}/{grant.prefix}*", when=ours)
    via: dict[str, Any] = {"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}}
    # in another account, an alias is not looked at; there the key's own policy decides. Replicas have none.
    if not grant.crosses and not grant.replica:
        alias = f"alias/{settings.prefix}-{home(grant.zone)}-{grant.zone}"
        via["ForAnyValue:StringEquals"] = {"kms:ResourceAliases": alias}
    yield allow(f"{name}Key", KEY_ACTIONS[grant.kind], f"arn:aws:kms:{region}:{account}:key/*", when=via)


def operators(account: str) -> Statement:
    """People with the permission set `Operators` of IAM Identity Center."""
    return allow(
        "Operators",
        ["sts:AssumeRole"],
        None,
        to={"AWS": f"arn:aws:iam::{account}:root"},
        when={"ArnLike": {"aws:PrincipalArn": people(account, "Operators")}},
    )
