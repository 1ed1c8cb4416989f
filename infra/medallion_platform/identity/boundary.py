"""What no role of the platform may ever do, whatever its own policies say."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

from medallion_platform.identity.roles import boundary_arn
from medallion_platform.policies import allow, deny, document
from medallion_platform.settings import Settings

_SERVICES = [
    "appsync", "athena", "backup", "dataexchange", "datasync", "dms", "ec2", "emr-serverless", "events",
    "firehose", "glue", "kinesis", "kms", "lambda", "logs", "rds", "rds-db", "route53", "s3",
    "secretsmanager", "sns", "sqs", "states", "xray",
]  # fmt: skip
# Of the serving account, for people without Databricks.
_ANALYTICS = ["athena", "datazone", "lakeformation", "redshift", "redshift-data", "redshift-serverless"]
# Services without a region: they answer from us-east-1.
_GLOBAL = ["iam:*", "route53:*", "sts:*"]


class Boundary(Construct):
    """The managed policy that every role has as its permissions boundary. By itself it grants nothing."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, account: str) -> None:
        super().__init__(scope, id_)
        own = settings.account(account)
        analytics = _ANALYTICS if settings.parts.catalog and account == "serving" else []
        regions = [settings.region, *([settings.replica.region] if settings.parts.replication else [])]
        self.policy = iam.CfnManagedPolicy(
            self,
            "policy",
            managed_policy_name=boundary_arn(settings, account).split("/")[1],
            description="The most that a role of the platform may do",
            policy_document=document(
                allow("Services", [f"{name}:*" for name in (*_SERVICES, *analytics)], "*"),
                allow(
                    "Roles",
                    ["iam:PassRole", "sts:AssumeRole"],
                    f"arn:aws:iam::{own}:role/{settings.prefix}-*",
                ),
                allow(
                    "Spot",
                    ["iam:CreateServiceLinkedRole"],
                    "arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot",
                ),
                allow("Metrics", ["cloudwatch:GetMetricStatistics", "cloudwatch:PutMetricData"], "*"),
                {
                    "Sid": "OnlyOurRegions",
                    "Effect": "Deny",
                    "NotAction": _GLOBAL,
                    "Resource": "*",
                    "Condition": {"StringNotEquals": {"aws:RequestedRegion": regions}},
                },
                deny(
                    "NeverUnlockNorOpen",
                    [
                        "s3:BypassGovernanceRetention",
                        "s3:DeleteBucketPolicy",
                        "s3:PutAccountPublicAccessBlock",
                        "s3:PutBucketObjectLockConfiguration",
                        "s3:PutBucketPolicy",
                        "s3:PutBucketPublicAccessBlock",
                        "s3:PutBucketVersioning",
                    ],
                    "*",
                ),
                deny(
                    "OnlyTheAdministratorEndsKeys",
                    ["kms:DisableKey", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion"],
                    "*",
                    when={
                        "ArnNotEquals": {"aws:PrincipalArn": settings.role(f"{account}-key-administrator")}
                    },
                ),
            ),
        )
