"""The roles of document 1's table that are no service's own: RDS, S3's replication, Route 53 and KMS."""

from __future__ import annotations

from collections.abc import Iterator

from constructs import Construct

from medallion_platform.identity.roles import make_role, operators
from medallion_platform.keys import copied_zones
from medallion_platform.policies import Statement, allow, service
from medallion_platform.settings import Settings


class ServiceAccess(Construct):
    """Per account: who manages keys; where there are zones, who copies them; and who runs RDS and DNS."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str) -> None:
        super().__init__(scope, id_)
        own = settings.account(account)
        make_role(
            self,
            settings,
            f"{account}-key-administrator",
            trust=[operators(own)],
            statements=list(_keys(settings, own)),
            description="Creates, rotates and ends keys; cannot use one, nor say who does",
        )
        if copied_zones(settings, account) and settings.parts.replication:
            make_role(
                self,
                settings,
                f"{account}-replication",
                trust=[service("s3", own)],
                statements=list(_replication(settings, account)),
                description="S3, to copy zones into the replica's region",
            )
        asking = {"engineering": "serving", "serving": "consumers"}.get(account)
        if settings.parts.connection == "peering" and asking:
            make_role(
                self,
                settings,
                f"{account}-peering",
                trust=[
                    allow(
                        "Neighbour",
                        ["sts:AssumeRole"],
                        None,
                        to={"AWS": f"arn:aws:iam::{settings.account(asking)}:root"},
                    )
                ],
                statements=list(_peering(settings, account, asking)),
                description="Accepts the peering that the neighbouring account asks for",
            )
        if account == "engineering":
            if settings.parts.database:
                make_role(
                    self,
                    settings,
                    f"{account}-database-operator",
                    trust=[operators(own)],
                    statements=list(_databases(settings, own)),
                    description="Runs databases and their replicas, in both regions; cannot read them",
                )
            make_role(
                self,
                settings,
                f"{account}-dns-operator",
                trust=[operators(own)],
                statements=list(_names(settings)),
                description="Sends traffic to another region, by the platform's own records",
            )


def _keys(settings: Settings, own: str) -> Iterator[Statement]:
    regions = [settings.region, settings.replica.region]
    yield allow(
        "Manage",
        [
            "kms:CancelKeyDeletion", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey",
            "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListAliases",
            "kms:ListKeyPolicies", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UpdateKeyDescription",
        ],
        [f"arn:aws:kms:{region}:{own}:key/*" for region in regions],
    )  # fmt: skip
    # A key's policy, also that of a copy, says who may read by it: both come with the stacks alone.
    # there is no resource yet; only keys that can be used in both regions are made
    yield allow("Create", ["kms:CreateKey"], "*", when={"Bool": {"kms:MultiRegion": "true"}})


def _replication(settings: Settings, account: str) -> Iterator[Statement]:
    zones, own = copied_zones(settings, account), settings.account(account)
    # Names of buckets can be told before they are there, and whoever is first has them.
    in_ours = {"StringEquals": {"aws:ResourceAccount": own}}
    here = [f"arn:aws:s3:::{settings.bucket(zone)}" for zone in zones]
    there = [f"arn:aws:s3:::{settings.bucket(zone, replica=True)}" for zone in zones]
    yield allow("Look", ["s3:GetReplicationConfiguration", "s3:ListBucket"], here, when=in_ours)
    yield allow(
        "Read",
        [
            "s3:GetObjectLegalHold",
            "s3:GetObjectRetention",
            "s3:GetObjectVersionAcl",
            "s3:GetObjectVersionForReplication",
            "s3:GetObjectVersionTagging",
        ],
        [f"{bucket}/*" for bucket in here],
    )
    yield allow(
        "Write",
        ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"],
        [f"{bucket}/*" for bucket in there],
        when=in_ours,
    )
    for sid, actions, region in (
        ("Decrypt", ["kms:Decrypt"], settings.region),
        ("Encrypt", ["kms:Encrypt", "kms:GenerateDataKey"], settings.replica.region),
    ):
        yield allow(
            sid,
            actions,
            f"arn:aws:kms:{region}:{own}:key/mrk-*",
            when={"StringEquals": {"kms:ViaService": f"s3.{region}.amazonaws.com"}},
        )


def _databases(settings: Settings, own: str) -> Iterator[Statement]:
    regions = [settings.region, *([settings.replica.region] if settings.parts.replication else [])]
    databases = [f"arn:aws:rds:{region}:{own}:db:{settings.prefix}-*" for region in regions]
    snapshots = [f"arn:aws:rds:{region}:{own}:snapshot:{settings.prefix}-*" for region in regions]
    yield allow(
        "Run",
        ["rds:ModifyDBInstance", "rds:RebootDBInstance", "rds:StartDBInstance", "rds:StopDBInstance"],
        databases,
    )
    groups = [
        f"arn:aws:rds:{region}:{own}:{kind}:{settings.prefix}-*"
        for region in regions
        for kind in ("subgrp", "pg")
    ]
    yield allow(
        "Replicate", ["rds:CreateDBInstanceReadReplica", "rds:PromoteReadReplica"], [*databases, *groups]
    )
    yield allow("Snapshots", ["rds:CreateDBSnapshot", "rds:CopyDBSnapshot"], [*databases, *snapshots])
    yield allow("Look", ["rds:DescribeDBInstances", "rds:DescribeDBSnapshots"], [*databases, *snapshots])
    if settings.parts.failover:
        defaults = [f"arn:aws:rds:{region}:{own}:og:default:postgres-*" for region in regions]
        yield allow("ReplicateAsItWas", ["rds:CreateDBInstanceReadReplica"], defaults)
        for region in regions:
            yield allow(
                f"Encrypt{region.title().replace('-', '')}",
                ["kms:CreateGrant", "kms:DescribeKey"],
                f"arn:aws:kms:{region}:{own}:key/mrk-*",
                when={"StringEquals": {"kms:ViaService": f"rds.{region}.amazonaws.com"}},
            )
        # how far a replica is behind; metrics have no resources
        yield allow("Lag", ["cloudwatch:GetMetricStatistics"], "*")


def _names(settings: Settings) -> Iterator[Statement]:
    names = [f"{settings.prefix}.*", *([f"*.{settings.failover.zone}"] if settings.parts.failover else [])]
    yield allow(
        "Records",
        ["route53:ChangeResourceRecordSets"],
        "arn:aws:route53:::hostedzone/*",
        when={
            "ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": names},
            "ForAllValues:StringEquals": {
                "route53:ChangeResourceRecordSetsRecordTypes": ["A", "AAAA", "CNAME", "TXT"],
                "route53:ChangeResourceRecordSetsActions": ["UPSERT"],
            },
        },
    )
    yield allow(
        "Checks",
        ["route53:GetHealthCheckStatus", "route53:UpdateHealthCheck"],
        "arn:aws:route53:::healthcheck/*",
    )
    yield allow("Look", ["route53:ListResourceRecordSets"], "arn:aws:route53:::hostedzone/*")
    if settings.parts.failover:
        yield allow("Find", ["route53:ListHostedZonesByName"], "*")  # AWS has no resource for it
    yield allow("Changes", ["route53:GetChange"], "arn:aws:route53:::change/*")


def _peering(settings: Settings, account: str, asking: str) -> Iterator[Statement]:
    """What a VPC of the neighbour asks the account's VPC of document 1 for; nobody else, and no other VPC."""
    here, there = (f"arn:aws:ec2:{settings.region}:{settings.account(name)}" for name in (account, asking))
    theirs = {"ArnLike": {"ec2:RequesterVpc": f"{there}:vpc/*"}}
    ours = {"StringEquals": {"ec2:ResourceTag/Name": f"{settings.prefix}-{account}"}}
    accept = ["ec2:AcceptVpcPeeringConnection"]
    yield allow("Accept", accept, f"{here}:vpc-peering-connection/*", when=theirs)
    yield allow("AcceptFor", accept, f"{here}:vpc/*", when=ours)
