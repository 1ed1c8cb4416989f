"""Data that stay in their region: how buckets and keys say so, and what nobody may do about it.

A key of a zone that stays is of one region, and tagged with it. What is encrypted by it is read through S3 of
that region, or not at all; so the guard is about the key, its tag, replication, and writes elsewhere.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import CfnTag

from medallion_platform.accounts.guard_rails import DEPLOYERS
from medallion_platform.policies import Statement, deny, document
from medallion_platform.settings import HOMES, Settings

TAG = "data-residency"


def tags(settings: Settings, zone: str) -> list[CfnTag]:
    """Of a zone's bucket and of its key."""
    return [CfnTag(key=TAG, value=settings.region)] if settings.stays(zone) else []


def bucket_statements(settings: Settings, zone: str, arns: list[str]) -> list[Statement]:
    """What a zone's bucket says, where its data stay: no copy by S3, no access by way of another region."""
    if not settings.stays(zone):
        return []
    return [
        deny(
            "NoCopyElsewhere",
            [
                "s3:GetObjectVersionForReplication",
                "s3:InitiateReplication",
                "s3:PutReplicationConfiguration",
                "s3:ReplicateObject",
            ],
            arns,
            to="*",
        ),
        deny(
            "OnlyFromItsRegion",
            ["s3:GetObject*", "s3:PutObject*"],
            arns[1],
            to="*",
            when={
                "StringNotEquals": {"aws:RequestedRegion": settings.region},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        ),
    ]


def guard(settings: Settings) -> dict[str, Any]:
    """A guard rail of all accounts."""
    tagged = {"Null": {f"aws:ResourceTag/{TAG}": "false"}}
    buckets = [f"arn:aws:s3:::{settings.bucket(zone)}" for zone in HOMES if settings.stays(zone)]
    but_deployers = {"ArnNotLike": {"aws:PrincipalArn": DEPLOYERS}}  # who tag what their stacks make
    replicating = sorted({settings.role(f"{account}-replication") for account in HOMES.values()})
    return document(
        deny("KeysStay", ["kms:ReplicateKey", "kms:UpdatePrimaryRegion"], "*", when=tagged),
        deny(
            "KeysWorkInTheirRegion",
            ["kms:CreateGrant", "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
            "*",
            when={
                **tagged,
                "StringNotEquals": {f"aws:ResourceTag/{TAG}": "${aws:RequestedRegion}"},
            },
        ),
        deny(
            "TagsStay",
            ["kms:TagResource", "kms:UntagResource", "s3:TagResource", "s3:UntagResource"],
            "*",
            when={
                "ForAnyValue:StringEquals": {"aws:TagKeys": [TAG]},
                **but_deployers,
            },
        ),
        deny(
            "BucketsKeepTheirTags",
            ["s3:PutBucketTagging"],
            buckets,
            when=but_deployers,
        ),
        deny("BucketsStay", ["s3:PutReplicationConfiguration"], buckets),
        deny(
            "NothingIsWrittenElsewhere",
            ["s3:PutObject", "s3:ReplicateObject"],
            "*",
            when={
                "StringNotEquals": {"aws:RequestedRegion": settings.region},
                "ArnNotEquals": {"aws:PrincipalArn": replicating},
            },
        ),
    )
