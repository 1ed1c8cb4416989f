"""Bucket policies: who reaches a zone, and from where."""

from __future__ import annotations

from typing import Any

from medallion_platform.access import BUCKET_ACTIONS, OBJECT_ACTIONS, Grant, grants
from medallion_platform.policies import Statement, allow, deny, document
from medallion_platform.regions.residency import bucket_statements
from medallion_platform.settings import ACCOUNTS, HOMES, Settings

# What touches data. The rest is configuration, for who deploys the stack.
DATA_ACTIONS = [
    "s3:DeleteObject*",
    "s3:GetObject*",
    "s3:ListBucket",
    "s3:ListBucketVersions",
    "s3:PutObject*",
    "s3:ReplicateDelete",
    "s3:ReplicateObject",
    "s3:RestoreObject",
]


def zone_policy(settings: Settings, zone: str, bucket: str, *, replica: bool = False) -> dict[str, Any]:
    """What the policy of a zone's bucket says, or of its copy's in region B."""
    arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    table = [grant for grant in grants(settings) if grant.zone == zone and grant.replica == replica]
    copied = settings.parts.replication and not settings.stays(zone)
    replication = [settings.role(f"{HOMES[zone]}-replication")] if copied else []
    roles = sorted({settings.role(grant.role) for grant in table} | set(replication))
    direct = sorted({settings.role(grant.role) for grant in table if grant.direct} | set(replication))
    statements = [
        secure_transport(arns),
        deny(
            "OnlyKnownRoles",
            DATA_ACTIONS,
            arns,
            to="*",
            when={
                "ArnNotEquals": {"aws:PrincipalArn": roles},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
        deny("OnlyKnownNetworks", DATA_ACTIONS, arns, to="*", when=_elsewhere(settings, direct)),
        *(_across(settings, grant, arns) for grant in table if grant.crosses),
        *bucket_statements(settings, zone, arns),
    ]
    if zone == "landing":
        statements.append(
            deny(
                "NobodyUnlocks",
                ["s3:BypassGovernanceRetention", "s3:PutObjectLegalHold", "s3:PutObjectRetention"],
                arns[1],
                to="*",
            )
        )
        if settings.parts.data_exchange and not replica:
            statements.append(
                allow(
                    "DataExchange",
                    ["s3:PutObject", "s3:PutObjectAcl"],
                    f"{arns[1][:-1]}data-exchange/*",
                    to={"Service": "dataexchange.amazonaws.com"},
                    when={"StringEquals": {"aws:SourceAccount": settings.account("engineering")}},
                )
            )
    return document(*statements)


def secure_transport(arns: list[str]) -> Statement:
    return deny("OnlyTls", ["s3:*"], arns, to="*", when={"Bool": {"aws:SecureTransport": "false"}})


def _elsewhere(settings: Settings, direct: list[str]) -> dict[str, Any]:
    """A call that comes neither through a VPC endpoint of the accounts', nor from Databricks' serverless
    network, nor from a service on their behalf. All of these must hold for the denial."""
    condition: dict[str, Any] = {
        "StringNotEqualsIfExists": {
            "aws:VpceAccount": sorted({settings.account(name) for name in ACCOUNTS}),
        },
        "BoolIfExists": {"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"},
    }
    if direct:
        condition["ArnNotEquals"] = {"aws:PrincipalArn": direct}
    if settings.parts.databricks:
        condition["ForAnyValue:StringNotLikeIfExists"] = {
            "aws:VpceOrgPaths": settings.databricks.serverless_paths
        }
        if settings.databricks.control_plane_addresses:
            condition["NotIpAddressIfExists"] = {"aws:SourceIp": settings.databricks.control_plane_addresses}
    return condition


def _across(settings: Settings, grant: Grant, arns: list[str]) -> Statement:
    name = "".join(part.title() for part in grant.role.split("-"))
    return allow(
        f"Across{name}",
        [*BUCKET_ACTIONS[grant.kind], *OBJECT_ACTIONS[grant.kind]],
        [arns[0], f"{arns[1][:-1]}{grant.prefix}*"],
        # by a condition: a principal must be there already, and accounts are deployed one after the other
        to={"AWS": f"arn:aws:iam::{settings.role(grant.role).split(':')[4]}:root"},
        when={"ArnEquals": {"aws:PrincipalArn": settings.role(grant.role)}},
    )


def logs_policy(settings: Settings, account: str, bucket: str) -> dict[str, Any]:
    """Inventories come here."""
    arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    own = settings.account(account)
    return document(
        secure_transport(arns),
        allow(
            "Inventories",
            ["s3:PutObject"],
            f"{arns[1][:-1]}inventory/*",
            to={"Service": "s3.amazonaws.com"},
            when={"StringEquals": {"aws:SourceAccount": own, "s3:x-amz-acl": "bucket-owner-full-control"}},
        ),
    )


def access_logs_policy(settings: Settings, account: str, bucket: str) -> dict[str, Any]:
    """S3 writes down here who asked for what."""
    arns = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return document(
        secure_transport(arns),
        allow(
            "AccessLogs",
            ["s3:PutObject"],
            arns[1],
            to={"Service": "logging.s3.amazonaws.com"},
            when={"StringEquals": {"aws:SourceAccount": settings.account(account)}},
        ),
        *([_balancer(settings, bucket)] if settings.parts.edge and account == "serving" else []),
    )


def _balancer(settings: Settings, bucket: str) -> Statement:
    return allow(
        "BalancerLogs",
        ["s3:PutObject"],
        f"arn:aws:s3:::{bucket}/balancer/*",
        to={"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
        when={"StringEquals": {"aws:SourceAccount": settings.account("serving")}},
    )


def artifacts_policy(bucket: str) -> dict[str, Any]:
    """Code, and no data: roles of the account reach it, as their own policies say."""
    return document(secure_transport([f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]))
