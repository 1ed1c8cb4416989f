"""Where services write what they do."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from medallion_platform.settings import Settings


def make_log_group(
    scope: Construct, id_: str, settings: Settings, name: str, key_arn: str, *, days: int | None = None
) -> logs.CfnLogGroup:
    """A log group that is encrypted, kept for as long as the settings say, and outlives its stack."""
    group = logs.CfnLogGroup(
        scope,
        id_,
        log_group_name=name,
        retention_in_days=days or settings.retention.logs_days,
        kms_key_id=key_arn,
    )
    group.apply_removal_policy(RemovalPolicy.RETAIN)
    return group
