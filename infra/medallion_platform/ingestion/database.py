"""DMS: changes of the database in raw, as files that a contract with `changes` reads."""

from __future__ import annotations

from aws_cdk import aws_dms as dms
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.ingestion.streams import platform_key
from medallion_platform.network.lakehouse import LakehouseNetwork
from medallion_platform.parameters import asked
from medallion_platform.policies import Statement, allow
from medallion_platform.regions.database import login_name
from medallion_platform.settings import Settings


class ChangesOfDatabase(Construct):
    """A serverless replication from PostgreSQL on RDS: all rows, then every change.

    DMS also needs the account's role `dms-vpc-role`, of which there is one however many platforms.
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        network: LakehouseNetwork,
        key: kms.CfnKey,
        zone_key: str,
    ) -> None:
        super().__init__(scope, id_)
        own, region = settings.account("engineering"), settings.region
        if settings.parts.rds:
            secret, database = login_name(settings), settings.database.name
            # Secrets Manager puts six characters of its own behind the name
            login = f"arn:aws:secretsmanager:{region}:{own}:secret:{secret}-??????"
        else:
            secret = login = asked(
                self,
                "DatabaseLogin",
                "ARN of the secret of RDS with host, port, username and password",
                pattern="arn:aws:secretsmanager:.*",
            )
            database = asked(
                self, "DatabaseName", "Name of the database that is copied", default="operations"
            )
        role = make_role(
            self,
            settings,
            "engineering-dms",
            trust=_trust(own, region),
            statements=[
                allow(
                    "Tags", ["s3:PutObjectTagging"], f"arn:aws:s3:::{settings.bucket('raw')}/incoming/dms/*"
                ),
                allow("Secret", ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"], login),
                platform_key(settings, own, ["kms:Decrypt"], f"secretsmanager.{region}.amazonaws.com"),
            ],
            description="DMS, from the database to raw",
        )
        source = dms.CfnEndpoint(
            self,
            "source",
            endpoint_type="source",
            engine_name="postgres",
            database_name=database,
            ssl_mode="verify-full",
            kms_key_id=key.attr_arn,
            postgre_sql_settings=dms.CfnEndpoint.PostgreSqlSettingsProperty(
                secrets_manager_access_role_arn=role.attr_arn, secrets_manager_secret_id=secret
            ),
        )
        target = dms.CfnEndpoint(
            self,
            "target",
            endpoint_type="target",
            engine_name="s3",
            kms_key_id=key.attr_arn,
            s3_settings=dms.CfnEndpoint.S3SettingsProperty(
                bucket_name=settings.bucket("raw"),
                bucket_folder="incoming/dms",
                service_access_role_arn=role.attr_arn,
                data_format="parquet",
                parquet_version="parquet-2-0",
                timestamp_column_name="committed_at",  # an order, as docs/ingestion-s3.md asks for
                include_op_for_full_load=True,
                date_partition_enabled=False,
                encryption_mode="sse-kms",
                server_side_encryption_kms_key_id=zone_key,
                expected_bucket_owner=own,
            ),
        )
        group = dms.CfnReplicationSubnetGroup(
            self,
            "subnets",
            replication_subnet_group_description="Private subnet 1: its way to S3 leads to raw",
            subnet_ids=network.network.subnet_ids("raw"),
        )
        dms.CfnReplicationConfig(
            self,
            "replication",
            replication_config_identifier=f"{settings.prefix}-database",
            replication_type="full-load-and-cdc",
            source_endpoint_arn=source.ref,
            target_endpoint_arn=target.ref,
            table_mappings=_ALL_TABLES,
            replication_settings={
                "Logging": {"EnableLogging": True},
                "FullLoadSettings": {"TargetTablePrepMode": "DO_NOTHING"},
                "ErrorBehavior": {"DataErrorPolicy": "STOP_TASK", "TableErrorPolicy": "STOP_TASK"},
            },
            compute_config=dms.CfnReplicationConfig.ComputeConfigProperty(
                max_capacity_units=4,
                min_capacity_units=1,
                multi_az=True,
                kms_key_id=key.attr_arn,
                replication_subnet_group_id=group.ref,
                vpc_security_group_ids=[network.migration.id],
            ),
        )


_ALL_TABLES = {
    "rules": [
        {
            "rule-type": "selection",
            "rule-id": "1",
            "rule-name": "all",
            "object-locator": {"schema-name": "public", "table-name": "%"},
            "rule-action": "include",
        }
    ]
}


def _trust(own: str, region: str) -> list[Statement]:
    """DMS asks in its own name, and for secrets in its region's."""
    return [
        allow(
            "Service",
            ["sts:AssumeRole"],
            None,
            to={"Service": ["dms.amazonaws.com", f"dms.{region}.amazonaws.com"]},
            when={"StringEquals": {"aws:SourceAccount": own}},
        )
    ]
