"""Databricks' audit logs: where Databricks puts them, who reads them, and what is asked of them.

That they are delivered is said in the file of `medallion platform` (section log_delivery): this role as its
credentials, this bucket as its storage configuration, and the prefix.
"""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.identity.roles import make_role, operators
from medallion_platform.keys import make_key, managed
from medallion_platform.monitoring.questions import QUESTIONS
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
_RESULTS = "results/"
_RESULTS_DAYS = 7
_MOST_BYTES = 100 * 1024**3  # that one question may read
_TABLE = "databricks_audit"
# Of requestParams, what the questions ask for: its other keys differ from action to action.
_PARAMETERS = [
    "changes", "full_name_arg", "operation", "securable_full_name", "securable_type", "table_full_name",
    "targetgroupname", "targetusername", "user",
]  # fmt: skip
_COLUMNS = {
    "version": "string",
    "timestamp": "bigint",
    "sourceipaddress": "string",
    "useragent": "string",
    "sessionid": "string",
    "useridentity": "struct<email:string,subjectname:string>",
    "servicename": "string",
    "actionname": "string",
    "requestid": "string",
    "requestparams": "struct<" + ",".join(f"{name}:string" for name in _PARAMETERS) + ">",
    "response": "struct<statuscode:int,errormessage:string,result:string>",
    "accountid": "string",
    "auditlevel": "string",
}


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
        table = self._table()
        self._questions(key, table)
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
                    expiry("results", _RESULTS_DAYS, _RESULTS),
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
        own, region = self._settings.account("engineering"), self._settings.region
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
                f"arn:aws:athena:{region}:{own}:workgroup/{self._workgroup_name}",
            ),
            allow(
                "Table",
                ["glue:GetDatabase", "glue:GetPartitions", "glue:GetTable"],
                [
                    f"{glued}:catalog",
                    f"{glued}:database/{self._database_name}",
                    f"{glued}:table/{self._database_name}/{_TABLE}",
                ],
            ),
            allow("Bucket", ["s3:GetBucketLocation", "s3:ListBucket"], self._arn),
            allow("Logs", ["s3:GetObject"], f"{self._arn}/{PREFIX}/*"),
            allow(
                "Answers",
                ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"],
                f"{self._arn}/{_RESULTS}*",
            ),
            self._using_key(),
        ]

    @property
    def _database_name(self) -> str:
        return f"{self._settings.prefix}_audit"

    @property
    def _workgroup_name(self) -> str:
        return f"{self._settings.prefix}-audit"

    def _table(self) -> glue.CfnTable:
        """Partitions are reckoned, not crawled: a day's logs are there as soon as they are delivered."""
        settings = self._settings
        own = settings.account("engineering")
        database = glue.CfnDatabase(
            self,
            "database",
            catalog_id=own,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=self._database_name, description="Who did what on Databricks"
            ),
        )
        location = f"s3://{self._bucket}/{PREFIX}"
        table = glue.CfnTable(
            self,
            "table",
            catalog_id=own,
            database_name=self._database_name,
            table_input=glue.CfnTable.TableInputProperty(
                name=_TABLE,
                table_type="EXTERNAL_TABLE",
                partition_keys=[
                    glue.CfnTable.ColumnProperty(name=name, type="string") for name in ("workspaceid", "date")
                ],
                parameters={
                    "classification": "json",
                    "projection.enabled": "true",
                    # 0 is the account itself
                    "projection.workspaceid.type": "enum",
                    "projection.workspaceid.values": ",".join(["0", *settings.monitoring.workspaces]),
                    "projection.date.type": "date",
                    "projection.date.format": "yyyy-MM-dd",
                    "projection.date.range": f"NOW-{settings.retention.logs_days}DAYS,NOW",
                    "storage.location.template": f"{location}/workspaceId=${{workspaceid}}/date=${{date}}",
                },
                storage_descriptor=glue.CfnTable.StorageDescriptorProperty(
                    location=location,
                    columns=[
                        glue.CfnTable.ColumnProperty(name=name, type=type_)
                        for name, type_ in _COLUMNS.items()
                    ],
                    input_format="org.apache.hadoop.mapred.TextInputFormat",
                    output_format="org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                    serde_info=glue.CfnTable.SerdeInfoProperty(
                        serialization_library="org.openx.data.jsonserde.JsonSerDe",
                        parameters={"ignore.malformed.json": "false"},
                    ),
                ),
            ),
        )
        table.add_resource_dependency(database)
        return table

    def _questions(self, key: kms.CfnKey, table: glue.CfnTable) -> None:
        group = athena.CfnWorkGroup(
            self,
            "workgroup",
            name=self._workgroup_name,
            description="Questions to Databricks' audit logs",
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=_MOST_BYTES,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=f"s3://{self._bucket}/{_RESULTS}",
                    expected_bucket_owner=self._settings.account("engineering"),
                    encryption_configuration=athena.CfnWorkGroup.EncryptionConfigurationProperty(
                        encryption_option="SSE_KMS", kms_key=key.attr_arn
                    ),
                ),
            ),
        )
        for name, question in QUESTIONS.items():
            query = athena.CfnNamedQuery(
                self,
                name,
                name=f"{self._settings.prefix}-{name}",
                description=question.meaning,
                database=self._database_name,
                work_group=self._workgroup_name,
                query_string=question.sql(_TABLE),
            )
            query.add_resource_dependency(group)
            query.add_resource_dependency(table)
