"""Athena: a workgroup per persona, where its results go, and queries to begin with."""

from __future__ import annotations

from aws_cdk import aws_athena as athena
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.analytics.contracts import LakeTable, lake, roles
from medallion_platform.analytics.places import results, workgroup
from medallion_platform.settings import Settings
from medallion_platform.zones.access import artifacts_policy
from medallion_platform.zones.bucket import (
    attach_policy,
    encryption,
    expiry,
    lifecycle,
    logging_to,
    make_bucket,
)

_DAYS = 7
_Workgroup = athena.CfnWorkGroup


class Athena(Construct):
    """Who queries cannot choose where results go or how they are encrypted, nor read beyond the limit."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        self._settings, self._own = settings, settings.account("serving")
        name = results(settings)
        bucket = make_bucket(
            self,
            "results",
            name,
            bucket_encryption=encryption(key.attr_arn),
            logging_configuration=logging_to(settings.bucket("access-logs-serving"), "athena"),
            lifecycle_configuration=lifecycle([expiry("expire", _DAYS)]),
        )
        attach_policy(self, "results-policy", bucket, artifacts_policy(name))
        tables = lake(settings.analytics.product)
        asking = [*roles(tables), *(["quicksight"] if settings.parts.quicksight else [])]
        self.workgroups = {each: self._workgroup(each, name, key) for each in asking}
        for table in tables:
            if table.layer == "gold":
                self._query(table)

    def _workgroup(self, persona: str, bucket: str, key: kms.CfnKey) -> athena.CfnWorkGroup:
        encrypted = _Workgroup.EncryptionConfigurationProperty(
            encryption_option="SSE_KMS", kms_key=key.attr_arn
        )
        return _Workgroup(
            self,
            f"workgroup-{persona}",
            name=workgroup(self._settings, persona),
            description=f"Queries of {persona}",
            state="ENABLED",
            recursive_delete_option=True,
            work_group_configuration=_Workgroup.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                bytes_scanned_cutoff_per_query=self._settings.analytics.athena_gb * 1_000_000_000,
                engine_version=_Workgroup.EngineVersionProperty(
                    selected_engine_version="Athena engine version 3"  # Delta needs it
                ),
                result_configuration=_Workgroup.ResultConfigurationProperty(
                    output_location=f"s3://{bucket}/{persona}/",
                    encryption_configuration=encrypted,
                    expected_bucket_owner=self._own,
                ),
            ),
        )

    def _query(self, table: LakeTable) -> None:
        """For each persona that reads a mart, how to read it: the columns that it sees."""
        for reader in table.readers:
            columns = [field.name for field in table.fields if field.name not in reader.hidden]
            made = athena.CfnNamedQuery(
                self,
                f"{table.name}-{reader.role}",
                name=f"{table.layer}.{table.name}",
                description=table.description[:1024],
                database=table.layer,
                work_group=workgroup(self._settings, reader.role),
                query_string=select(table, columns),
            )
            made.add_resource_dependency(self.workgroups[reader.role])


def select(table: LakeTable, columns: list[str]) -> str:
    listed = ",\n  ".join(f'"{name}"' for name in columns)
    return f'SELECT\n  {listed}\nFROM "{table.layer}"."{table.name}"\nLIMIT 100'
