"""Databricks' audit logs: where Databricks puts them, who reads them, and what is asked of them.

That they are delivered is said in the file of `medallion platform` (section log_delivery): this role as its
credentials, this bucket as its storage configuration, and the prefix.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.identity.roles import make_role, operators
from medallion_platform.keys import make_key, managed
from medallion_platform.monitoring.audit_table import (
    RESULTS,
    TABLE,
    AuditTable,
    database_name,
    workgroup_name,
)
from medallion_platform.monitoring.trail import nobody_deletes
from medallion_platform.policies import Statement, allow, deny, document
from medallion_platform.settings import Settings
from medallion_platform.zones.access import DATA_ACTIONS, secure_transport
from medallion_platform.zones.bucket import (
    attach_policy,
    encryption,
    expiry,
    lifecycle,
    logging_to,
    make_bucket,
)

BUCKET = "account-logs-engineering"
PREFIX = "audit"
_DELIVERED = [PREFIX, "usage"]  # what `medallion platform` may have delivered
_RESULTS_DAYS = 7


class AuditLogs(Construct):
    """The bucket, the role that Databricks takes on to fill it, the table over it, and the questions."""

    def __init__(self, scope: Construct, id_: str, settings: Settings) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self._bucket = settings.bucket(BUCKET)
        self._arn = f"arn:aws:s3:::{self._bucket}"
        key = self._key()
        self._make_bucket(key)
        delivery = make_role(
            self,
            settings,
            "engineering-log-delivery",
            trust=[
                allow(
                    "Databricks",
                    ["sts:AssumeRole"],
                    None,
                    to={"AWS": settings.databricks.log_delivery_role},
                    when={"StringEquals": {"sts:ExternalId": settings.databricks_account}},
                )
            ],
            statements=self._delivering(),
            description="Databricks, to deliver audit and usage logs",
        )
        make_role(
            self,
            settings,
            "engineering-auditor",
            trust=[operators(settings.account("engineering"))],
            statements=self._asking(),
            description="People who ask who did what on Databricks",
        )
        AuditTable(self, "asked", settings, self._bucket, PREFIX, key)
        CfnOutput(Stack.of(self), "LogsRole", value=delivery.attr_arn)
        CfnOutput(Stack.of(self), "LogsBucket", value=self._bucket)

    def _key(self) -> kms.CfnKey:
        settings, own = self._settings, self._settings.account("engineering")
        using = allow(
            "Use",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            "*",
            to={"AWS": f"arn:aws:iam::{own}:root"},
            when={
                "ArnEquals": {"aws:PrincipalArn": self._roles()},
                "StringEquals": {"kms:ViaService": f"s3.{settings.region}.amazonaws.com"},
            },
        )
        return make_key(self, "key", settings, "engineering", "audit", managed(own, using))

    def _roles(self) -> list[str]:
        return [self._settings.role("engineering-auditor"), self._settings.role("engineering-log-delivery")]

    def _make_bucket(self, key: kms.CfnKey) -> None:
        """Versions and a policy keep the logs, and no lock: S3 takes into locked buckets only what comes with
        a checksum, and whether Databricks' delivery sends one is not documented."""
        settings = self._settings
        days = settings.retention.logs_days
        bucket = make_bucket(
            self,
            "bucket",
            self._bucket,
            bucket_encryption=encryption(key.attr_arn),
            logging_configuration=logging_to(settings.bucket("access-logs-engineering"), "account-logs"),
            lifecycle_configuration=lifecycle(
                [
                    *(expiry(name, days, f"{name}/") for name in _DELIVERED),
                    expiry("results", _RESULTS_DAYS, RESULTS),
                ]
            ),
        )
        arns = [self._arn, f"{self._arn}/*"]
        attach_policy(
            self,
            "bucket-policy",
            bucket,
            document(
                secure_transport(arns),
                nobody_deletes(arns[1]),
                deny(
                    "OnlyKnownRoles",
                    DATA_ACTIONS,
                    arns,
                    to="*",
                    when={
                        "ArnNotEquals": {"aws:PrincipalArn": self._roles()},
                        "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
                    },
                ),
            ),
        )

    def _delivering(self) -> list[Statement]:
        """What Databricks' documentation asks for. A deletion is a marker here: no version goes by it."""
        objects = [f"{self._arn}/{name}/*" for name in _DELIVERED]
        return [
            allow("Bucket", ["s3:GetBucketLocation"], self._arn),
            allow(
                "List",
                ["s3:ListBucket", "s3:ListBucketMultipartUploads"],
                self._arn,
                when={
                    "StringLike": {"s3:prefix": [each for name in _DELIVERED for each in (name, f"{name}/*")]}
                },
            ),
            allow(
                "Deliver",
                [
                    "s3:AbortMultipartUpload",
                    "s3:DeleteObject",
                    "s3:GetObject",
                    "s3:ListMultipartUploadParts",
                    "s3:PutObject",
                    "s3:PutObjectAcl",
                ],
                objects,
            ),
            self._using_key(),
        ]

    def _using_key(self) -> Statement:
        settings = self._settings
        return allow(
            "Key",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            f"arn:aws:kms:{settings.region}:{settings.account('engineering')}:key/*",
            when={
                "StringEquals": {"kms:ViaService": f"s3.{settings.region}.amazonaws.com"},
                "ForAnyValue:StringEquals": {
                    "kms:ResourceAliases": f"alias/{settings.prefix}-engineering-audit"
                },
            },
        )

    def _asking(self) -> list[Statement]:
        settings, own, region = self._settings, self._settings.account("engineering"), self._settings.region
        glued = f"arn:aws:glue:{region}:{own}"
        return [
            allow(
                "Ask",
                [
                    "athena:GetNamedQuery",
                    "athena:GetQueryExecution",
                    "athena:GetQueryResults",
                    "athena:GetWorkGroup",
                    "athena:ListNamedQueries",
                    "athena:StartQueryExecution",
                    "athena:StopQueryExecution",
                ],
                f"arn:aws:athena:{region}:{own}:workgroup/{workgroup_name(settings)}",
            ),
            allow(
                "Table",
                ["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable"],
                [
                    f"{glued}:catalog",
                    f"{glued}:database/{database_name(settings)}",
                    f"{glued}:table/{database_name(settings)}/{TABLE}",
                ],
            ),
            allow("Bucket", ["s3:GetBucketLocation", "s3:ListBucket"], self._arn),
            allow("Logs", ["s3:GetObject"], f"{self._arn}/{PREFIX}/*"),
            allow(
                "Answers",
                ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
                f"{self._arn}/{RESULTS}*",
            ),
            self._using_key(),
        ]
