"""Private links: to S3 by gateways, one per group of subnets, and to other services by interfaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from medallion_platform.access import BUCKET_ACTIONS, OBJECT_ACTIONS
from medallion_platform.network.rules import SecurityGroup
from medallion_platform.network.vpc import Vpc
from medallion_platform.policies import Statement, allow, document
from medallion_platform.settings import Settings

_DATA = sorted(
    {action for kind in BUCKET_ACTIONS for action in (*BUCKET_ACTIONS[kind], *OBJECT_ACTIONS[kind])}
)
# Actions of a service begin with this; of `kinesis-streams` with `kinesis`.
_PREFIXES = {"kinesis-streams": "kinesis", "monitoring": "cloudwatch"}


def s3_gateway(scope: Construct, settings: Settings, vpc: Vpc, group: str, buckets: Sequence[str]) -> None:
    """The group's way to S3: to these buckets, for roles of the accounts, and to Databricks' own."""
    ec2.CfnVPCEndpoint(
        scope,
        f"s3-{group}",
        vpc_id=vpc.id,
        service_name=f"com.amazonaws.{settings.region}.s3",
        vpc_endpoint_type="Gateway",
        route_table_ids=[vpc.route_tables[group].ref],
        policy_document=s3_policy(settings, buckets),
    )


def s3_interface(
    scope: Construct, settings: Settings, vpc: Vpc, group: SecurityGroup, buckets: Sequence[str]
) -> None:
    """The way to S3 for who is outside the VPC, whom gateways do not serve. It has names of its own: under
    S3's it would take the traffic of the whole VPC from the gateways, and from what their policies limit."""
    ec2.CfnVPCEndpoint(
        scope,
        "s3",
        vpc_id=vpc.id,
        service_name=f"com.amazonaws.{settings.region}.s3",
        vpc_endpoint_type="Interface",
        subnet_ids=vpc.subnet_ids("endpoints"),
        security_group_ids=[group.id],
        private_dns_enabled=False,
        policy_document=document(allow("Zones", _DATA, _both(buckets), to="*", when=_ours(settings))),
    )


def s3_policy(settings: Settings, buckets: Sequence[str]) -> dict[str, Any]:
    statements = [
        allow("Zones", _DATA, _both(buckets), to="*", when=_ours(settings)),
    ]
    if settings.parts.databricks:
        statements.append(
            allow(
                "Databricks",
                ["s3:GetObject", "s3:ListBucket", "s3:PutObject"],
                _both(settings.databricks.system_buckets),
                to="*",
            )
        )
    return document(*statements)


def interface(
    scope: Construct, settings: Settings, vpc: Vpc, group: SecurityGroup, service: str
) -> ec2.CfnVPCEndpoint:
    """A service of AWS, reached under its own name, by roles of the accounts alone.

    Databricks' own roles, which clusters have for its logs, reach Databricks' streams.
    """
    actions = [f"{_PREFIXES.get(service, service)}:*"]
    statements: list[Statement] = [allow("Ours", actions, "*", to="*", when=_ours(settings))]
    if settings.parts.databricks and service == "kinesis-streams":
        theirs = settings.databricks.aws_account
        statements.append(
            allow(
                "LogsOfDatabricks",
                ["kinesis:DescribeStream", "kinesis:PutRecord", "kinesis:PutRecords"],
                f"arn:aws:kinesis:{settings.region}:{theirs}:stream/*",
                to="*",
                when={"StringEquals": {"aws:PrincipalAccount": theirs}},
            )
        )
    return ec2.CfnVPCEndpoint(
        scope,
        service,
        vpc_id=vpc.id,
        service_name=f"com.amazonaws.{settings.region}.{service}",
        vpc_endpoint_type="Interface",
        subnet_ids=vpc.subnet_ids("endpoints"),
        security_group_ids=[group.id],
        private_dns_enabled=True,
        policy_document=document(*statements),
    )


def private_service(scope: Construct, id_: str, vpc: Vpc, group: SecurityGroup, service: str) -> None:
    """A service of somebody else, such as Databricks; it has no policy but its own."""
    ec2.CfnVPCEndpoint(
        scope,
        id_,
        vpc_id=vpc.id,
        service_name=service,
        vpc_endpoint_type="Interface",
        subnet_ids=vpc.subnet_ids("endpoints"),
        security_group_ids=[group.id],
        private_dns_enabled=True,
    )


def _both(buckets: Sequence[str]) -> list[str]:
    return [arn for bucket in buckets for arn in (f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*")]


def _ours(settings: Settings) -> dict[str, Any]:
    accounts = sorted({settings.account(name) for name in ("engineering", "serving", "consumers")})
    return {"StringEquals": {"aws:PrincipalAccount": accounts}}
