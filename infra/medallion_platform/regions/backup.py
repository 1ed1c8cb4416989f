"""AWS Backup of the database: daily, into a vault of its region, one of region B, and one of another account.

RDS copies a backup to another region or to another account, never both at once: so region B's copy is sent on
when it is there. All three vaults are locked, and all forget at the same time, counted from the backup.
"""

from __future__ import annotations

from typing import Any

from aws_cdk import RemovalPolicy
from aws_cdk import aws_backup as backup
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.machine import AGAIN, StateMachine
from medallion_platform.policies import Statement, allow, deny, document, service
from medallion_platform.regions.database import database_arn
from medallion_platform.settings import Settings

_LOCK_BEGINS = 3  # days in which a lock can be taken off; then nobody can, AWS included


def vault_name(settings: Settings) -> str:
    return f"{settings.prefix}-database"


def vault_arn(settings: Settings, account: str, region: str) -> str:
    return f"arn:aws:backup:{region}:{settings.account(account)}:backup-vault:{vault_name(settings)}"


class Backups(Construct):
    """The vault of the database's own region, and the plan."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        vault = _vault(self, settings, key.attr_arn)
        role = make_role(
            self,
            settings,
            "engineering-backup",
            trust=[service("backup", settings.account("engineering"))],
            statements=_backing_up(settings),
            description="AWS Backup, to back up the database and to copy what it has",
        )
        forgotten = backup.CfnBackupPlan.LifecycleResourceTypeProperty(
            delete_after_days=settings.retention.backups_days
        )
        plan = backup.CfnBackupPlan(
            self,
            "plan",
            backup_plan=backup.CfnBackupPlan.BackupPlanResourceTypeProperty(
                backup_plan_name=vault_name(settings),
                backup_plan_rule=[
                    backup.CfnBackupPlan.BackupRuleResourceTypeProperty(
                        rule_name="daily",
                        target_backup_vault=vault.backup_vault_name,
                        schedule_expression="cron(0 3 * * ? *)",
                        start_window_minutes=60,
                        completion_window_minutes=360,
                        lifecycle=forgotten,
                        copy_actions=[
                            backup.CfnBackupPlan.CopyActionResourceTypeProperty(
                                destination_backup_vault_arn=vault_arn(
                                    settings, "engineering", settings.replica.region
                                ),
                                lifecycle=forgotten,
                            )
                        ],
                    )
                ],
            ),
        )
        plan.add_resource_dependency(vault)
        backup.CfnBackupSelection(
            self,
            "selection",
            backup_plan_id=plan.ref,
            backup_selection=backup.CfnBackupSelection.BackupSelectionResourceTypeProperty(
                selection_name="database",
                iam_role_arn=role.attr_arn,
                resources=[database_arn(settings, settings.region)],
            ),
        )


class CopiedBackups(Construct):
    """Region B's vault, and what sends its copies on to the other account."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnReplicaKey) -> None:
        super().__init__(scope, id_)
        own, region = settings.account("engineering"), settings.replica.region
        _vault(self, settings, key.attr_arn)
        machine = StateMachine(
            self,
            "machine",
            settings,
            "backup-onward",
            key,
            definition=onward(settings),
            statements=[
                allow("Copy", ["backup:StartCopyJob"], _points(settings, region)),
                allow(
                    "GiveRole",
                    ["iam:PassRole"],
                    settings.role("engineering-backup"),
                    when={"StringEquals": {"iam:PassedToService": "backup.amazonaws.com"}},
                ),
            ],
        )
        role = make_role(
            self,
            settings,
            "engineering-start-backup-onward",
            trust=[service("events", own)],
            statements=[allow("Start", ["states:StartExecution"], onward_arn(settings))],
            description="The rule that sends copies of backups on",
        )
        rule = events.CfnRule(
            self,
            "rule",
            name=f"{settings.prefix}-backup-onward",
            description="Sends on what has been copied into this region's vault",
            event_pattern={
                "source": ["aws.backup"],
                "detail-type": ["Copy Job State Change"],
                "detail": {
                    "state": ["COMPLETED"],
                    "destinationBackupVaultArn": [vault_arn(settings, "engineering", region)],
                },
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="onward",
                    arn=onward_arn(settings),
                    role_arn=role.attr_arn,
                    retry_policy=events.CfnRule.RetryPolicyProperty(
                        maximum_retry_attempts=20, maximum_event_age_in_seconds=6 * 3600
                    ),
                )
            ],
        )
        rule.add_resource_dependency(machine.machine)


class RecoveryVault(Construct):
    """The vault in an account that has nothing else, and whose key nobody of the others manages."""

    def __init__(self, scope: Construct, id_: str, settings: Settings) -> None:
        super().__init__(scope, id_)
        own, region = settings.account("recovery"), settings.replica.region
        root = {"AWS": f"arn:aws:iam::{own}:root"}
        via = {"kms:ViaService": [f"{name}.{region}.amazonaws.com" for name in ("backup", "rds")]}
        key = kms.CfnKey(
            self,
            "key",
            description=f"{settings.prefix} recovery",
            enable_key_rotation=True,
            multi_region=True,
            pending_window_in_days=30,
            key_policy=document(
                allow("Manage", _MANAGE, "*", to=root),
                allow("Use", _USE, "*", to=root, when={"StringEquals": via}),
                allow(
                    "UseGrants",
                    ["kms:CreateGrant"],
                    "*",
                    to=root,
                    when={"Bool": {"kms:GrantIsForAWSResource": "true"}, "StringEquals": via},
                ),
            ),
        )
        key.apply_removal_policy(RemovalPolicy.RETAIN)
        sender = settings.account("engineering")
        _vault(
            self,
            settings,
            key.attr_arn,
            allow("Receive", ["backup:CopyIntoBackupVault"], "*", to={"AWS": f"arn:aws:iam::{sender}:root"}),
        )


def onward(settings: Settings) -> dict[str, Any]:
    """Of an event of AWS Backup: a copy of the copy it is about, under a token, so that it is made once."""
    return {
        "StartAt": "Copy",
        "States": {
            "Copy": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:backup:startCopyJob",
                "Parameters": {
                    "RecoveryPointArn.$": "$.detail.destinationRecoveryPointArn",
                    "SourceBackupVaultName": vault_name(settings),
                    "DestinationBackupVaultArn": vault_arn(settings, "recovery", settings.replica.region),
                    "IamRoleArn": settings.role("engineering-backup"),
                    "IdempotencyToken.$": "$.detail.copyJobId",
                    "Lifecycle": {"DeleteAfterDays": settings.retention.backups_days},
                },
                "Retry": [AGAIN],
                "End": True,
            }
        },
    }


_MANAGE = [
    "kms:CancelKeyDeletion", "kms:DescribeKey", "kms:DisableKey", "kms:EnableKey", "kms:EnableKeyRotation",
    "kms:GetKeyPolicy", "kms:GetKeyRotationStatus", "kms:ListGrants", "kms:ListKeyPolicies",
    "kms:ListResourceTags", "kms:PutKeyPolicy", "kms:RevokeGrant", "kms:ScheduleKeyDeletion",
    "kms:TagResource", "kms:UntagResource", "kms:UpdateKeyDescription",
]  # fmt: skip
_USE = [
    "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom", "kms:ReEncryptTo",
]  # fmt: skip


def _vault(scope: Construct, settings: Settings, key_arn: str, *more: Statement) -> backup.CfnBackupVault:
    """What is in it is neither deleted before its time nor kept beyond, nor taken by any other account."""
    days = settings.retention.backups_days
    ours = sorted(settings.account(name) for name in ("engineering", "recovery"))
    vault = backup.CfnBackupVault(
        scope,
        "vault",
        backup_vault_name=vault_name(settings),
        encryption_key_arn=key_arn,
        lock_configuration=backup.CfnBackupVault.LockConfigurationTypeProperty(
            min_retention_days=days, max_retention_days=days, changeable_for_days=_LOCK_BEGINS
        ),
        access_policy=document(
            deny(
                "NobodyDeletes",
                ["backup:DeleteRecoveryPoint", "backup:UpdateRecoveryPointLifecycle"],
                "*",
                to="*",
            ),
            deny(
                "NobodyElse",
                ["backup:CopyFromBackupVault"],
                "*",
                to="*",
                when={"StringNotEquals": {"aws:PrincipalAccount": ours}},
            ),
            *more,
        ),
    )
    vault.apply_removal_policy(RemovalPolicy.RETAIN)
    return vault


def _points(settings: Settings, region: str) -> str:
    """Backups of RDS are snapshots, under names that AWS Backup gives."""
    return f"arn:aws:rds:{region}:{settings.account('engineering')}:snapshot:awsbackup:*"


def onward_arn(settings: Settings) -> str:
    """The machine that sends on what has come to region B."""
    own, region = settings.account("engineering"), settings.replica.region
    return f"arn:aws:states:{region}:{own}:stateMachine:{settings.prefix}-backup-onward"


def _backing_up(settings: Settings) -> list[Statement]:
    regions = [settings.region, settings.replica.region]
    points = [_points(settings, region) for region in regions]
    databases = [database_arn(settings, region) for region in regions]
    own = settings.account("engineering")
    return [
        allow(
            "Database",
            ["rds:CreateDBSnapshot", "rds:DescribeDBInstances", "rds:ListTagsForResource"],
            databases,
        ),
        allow(
            "Snapshots",
            [
                "rds:AddTagsToResource",
                "rds:CopyDBSnapshot",
                "rds:CreateDBSnapshot",
                "rds:DeleteDBSnapshot",
                "rds:DescribeDBSnapshots",
                "rds:ListTagsForResource",
                "rds:ModifyDBSnapshotAttribute",
            ],
            points,
        ),
        allow(
            "Vaults",
            ["backup:DescribeBackupVault"],
            [vault_arn(settings, "engineering", each) for each in regions],
        ),
        allow(
            "CopyFrom",
            ["backup:CopyFromBackupVault"],
            [vault_arn(settings, "engineering", each) for each in regions],
        ),
        allow(
            "CopyInto",
            ["backup:CopyIntoBackupVault"],
            [
                vault_arn(settings, "engineering", settings.replica.region),
                vault_arn(settings, "recovery", settings.replica.region),
            ],
        ),
        *(
            allow(
                f"Key{number}",
                ["kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"],
                f"arn:aws:kms:{region}:{own}:key/mrk-*",
                when={
                    "StringEquals": {
                        "kms:ViaService": [f"backup.{region}.amazonaws.com", f"rds.{region}.amazonaws.com"]
                    }
                },
            )
            for number, region in enumerate(regions)
        ),
    ]
