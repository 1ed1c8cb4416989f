"""Databricks' audit logs as a table, and the questions that are asked of it: Glue and Athena."""

from __future__ import annotations

from aws_cdk import aws_athena as athena
from aws_cdk import aws_glue as glue
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.monitoring.questions import QUESTIONS
from medallion_platform.settings import Settings

TABLE = "databricks_audit"
RESULTS = "results/"
_MOST_BYTES = 100 * 1024**3  # that one question may read
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


def database_name(settings: Settings) -> str:
    return f"{settings.prefix}_audit"


def workgroup_name(settings: Settings) -> str:
    return f"{settings.prefix}-audit"


class AuditTable(Construct):
    """The table over what is delivered to a bucket's prefix, the workgroup, and its named queries."""

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, bucket: str, prefix: str, key: kms.CfnKey
    ) -> None:
        super().__init__(scope, id_)
        table = self._table(settings, f"s3://{bucket}/{prefix}")
        self._questions(settings, f"s3://{bucket}/{RESULTS}", key, table)

    def _table(self, settings: Settings, location: str) -> glue.CfnTable:
        """Partitions are reckoned, not crawled: a day's logs are there as soon as they are delivered."""
        own = settings.account("engineering")
        database = glue.CfnDatabase(
            self,
            "database",
            catalog_id=own,
            database_input=glue.CfnDatabase.DatabaseInputProperty(
                name=database_name(settings), description="Who did what on Databricks"
            ),
        )
        table = glue.CfnTable(
            self,
            "table",
            catalog_id=own,
            database_name=database_name(settings),
            table_input=glue.CfnTable.TableInputProperty(
                name=TABLE,
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

    def _questions(self, settings: Settings, results: str, key: kms.CfnKey, table: glue.CfnTable) -> None:
        group = athena.CfnWorkGroup(
            self,
            "workgroup",
            name=workgroup_name(settings),
            description="Questions to Databricks' audit logs",
            work_group_configuration=athena.CfnWorkGroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=_MOST_BYTES,
                result_configuration=athena.CfnWorkGroup.ResultConfigurationProperty(
                    output_location=results,
                    expected_bucket_owner=settings.account("engineering"),
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
                name=f"{settings.prefix}-{name}",
                description=question.meaning,
                database=database_name(settings),
                work_group=workgroup_name(settings),
                query_string=question.sql(TABLE),
            )
            query.add_resource_dependency(group)
            query.add_resource_dependency(table)
