"""One bucket: closed, owned, versioned and kept, whatever it is for."""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

_CLOSED = s3.CfnBucket.PublicAccessBlockConfigurationProperty(
    block_public_acls=True, block_public_policy=True, ignore_public_acls=True, restrict_public_buckets=True
)
_OWNED = s3.CfnBucket.OwnershipControlsProperty(
    rules=[s3.CfnBucket.OwnershipControlsRuleProperty(object_ownership="BucketOwnerEnforced")]
)
_VERSIONED = s3.CfnBucket.VersioningConfigurationProperty(status="Enabled")


def make_bucket(scope: Construct, id_: str, name: str, **properties: Any) -> s3.CfnBucket:
    bucket = s3.CfnBucket(
        scope,
        id_,
        bucket_name=name,
        public_access_block_configuration=_CLOSED,
        ownership_controls=_OWNED,
        versioning_configuration=_VERSIONED,
        **properties,
    )
    bucket.apply_removal_policy(RemovalPolicy.RETAIN)
    return bucket


def attach_policy(
    scope: Construct, id_: str, bucket: s3.CfnBucket, policy: dict[str, Any]
) -> s3.CfnBucketPolicy:
    # by its name, as the policy's own ARNs have it: who reads the template need not look the bucket up
    made = s3.CfnBucketPolicy(scope, id_, bucket=str(bucket.bucket_name), policy_document=policy)
    made.add_resource_dependency(bucket)
    return made


def encryption(key_arn: str | None) -> s3.CfnBucket.BucketEncryptionProperty:
    default = (
        s3.CfnBucket.ServerSideEncryptionByDefaultProperty(sse_algorithm="AES256")
        if key_arn is None
        else s3.CfnBucket.ServerSideEncryptionByDefaultProperty(
            sse_algorithm="aws:kms", kms_master_key_id=key_arn
        )
    )
    rule = s3.CfnBucket.ServerSideEncryptionRuleProperty(
        server_side_encryption_by_default=default, bucket_key_enabled=key_arn is not None
    )
    return s3.CfnBucket.BucketEncryptionProperty(server_side_encryption_configuration=[rule])


def lifecycle(rules: list[s3.CfnBucket.RuleProperty]) -> s3.CfnBucket.LifecycleConfigurationProperty:
    cut_off = s3.CfnBucket.RuleProperty(
        id="uploads-cut-off",
        status="Enabled",
        abort_incomplete_multipart_upload=s3.CfnBucket.AbortIncompleteMultipartUploadProperty(
            days_after_initiation=3
        ),
    )
    return s3.CfnBucket.LifecycleConfigurationProperty(rules=[*rules, cut_off])


def expiry(id_: str, days: int, prefix: str | None = None) -> s3.CfnBucket.RuleProperty:
    return s3.CfnBucket.RuleProperty(
        id=id_,
        prefix=prefix,
        status="Enabled",
        expiration_in_days=days,
        noncurrent_version_expiration=s3.CfnBucket.NoncurrentVersionExpirationProperty(noncurrent_days=1),
    )


def logging_to(access_logs: str, prefix: str) -> s3.CfnBucket.LoggingConfigurationProperty:
    return s3.CfnBucket.LoggingConfigurationProperty(
        destination_bucket_name=access_logs, log_file_prefix=f"{prefix}/"
    )
