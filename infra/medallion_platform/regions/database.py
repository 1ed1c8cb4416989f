"""PostgreSQL on RDS: the instance that takes writes, and the two secrets it is entered by."""

from __future__ import annotations

from typing import Any

from aws_cdk import Fn, RemovalPolicy
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_rds as rds
from aws_cdk import aws_secretsmanager as secrets
from constructs import Construct

from medallion_platform.log_groups import make_log_group
from medallion_platform.network.lakehouse import LakehouseNetwork
from medallion_platform.settings import Settings

_PARAMETERS = {
    "rds.force_ssl": "1",
    "rds.logical_replication": "1",  # DMS reads changes
    "password_encryption": "scram-sha-256",
    "log_connections": "1",
    "log_disconnections": "1",
    # Statements have people's data in them: they stay out of logs, which are kept longer than backups.
    "log_min_error_statement": "panic",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
}
_LOGS = ["postgresql", "upgrade"]


def identifier(settings: Settings) -> str:
    """The instance has this name in both regions, whichever of them takes writes."""
    return f"{settings.prefix}-database"


def login_name(settings: Settings) -> str:
    """The secret of the user by which DMS reads changes."""
    return f"{settings.prefix}-database-dms"


def database_arn(settings: Settings, region: str) -> str:
    return f"arn:aws:rds:{region}:{settings.account('engineering')}:db:{identifier(settings)}"


def reader_arn(settings: Settings, region: str) -> str:
    """The user as whom clusters read, by IAM. The id of the instance in it is RDS's own."""
    return f"arn:aws:rds-db:{region}:{settings.account('engineering')}:dbuser:*/medallion_reader"


class Database(Construct):
    """The instance in the platform's region, in the subnets of databases."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        network: LakehouseNetwork,
        key: kms.CfnKey,
        platform_key: kms.CfnKey,
    ) -> None:
        super().__init__(scope, id_)
        # RDS keeps no password itself ("managed") where an instance of PostgreSQL has replicas.
        master = _secret(self, "master", settings, f"{identifier(settings)}-master", "medallion", key)
        if settings.parts.failover:
            master.replica_regions = [
                secrets.CfnSecret.ReplicaRegionProperty(
                    region=settings.replica.region,
                    kms_key_id=Fn.sub(  # keys of both regions have one id
                        f"arn:aws:kms:{settings.replica.region}:{settings.account('engineering')}:key/${{key}}",
                        {"key": key.ref},
                    ),
                )
            ]
        self.instance = make_instance(
            self,
            settings,
            subnets=network.network.subnet_ids("database"),
            groups=[network.database.id],
            key_arn=key.attr_arn,
            engine="postgres",
            engine_version=settings.database.version,
            db_name=settings.database.name,
            allocated_storage=str(settings.database.storage_gb),
            storage_encrypted=True,
            master_username="medallion",
            master_user_password=f"{{{{resolve:secretsmanager:{master.name}:SecretString:password}}}}",
        )
        self.instance.add_resource_dependency(master)
        if settings.parts.failover:
            make_alarm(self, settings)
        dms = _secret(self, "dms", settings, login_name(settings), "medallion_dms", platform_key)
        for name, secret in (("master", master), ("dms", dms)):  # puts host and port beside the password
            secrets.CfnSecretTargetAttachment(
                self,
                f"{name}-attachment",
                secret_id=secret.ref,
                target_id=self.instance.ref,
                target_type="AWS::RDS::DBInstance",
            )


def make_instance(
    scope: Construct,
    settings: Settings,
    *,
    subnets: list[str],
    groups: list[str],
    key_arn: str,
    **particular: Any,
) -> rds.CfnDBInstance:
    """An instance or a replica, with all that both must have: a replica that is promoted stays what it is."""
    name = identifier(settings)
    version = settings.database.version.split(".")[0]
    parameters = rds.CfnDBParameterGroup(
        scope,
        "parameters",
        db_parameter_group_name=name,
        description="TLS alone; changes can be read; no statements in logs",
        family=f"postgres{version}",
        parameters=_PARAMETERS,
    )
    group = rds.CfnDBSubnetGroup(
        scope,
        "subnets",
        db_subnet_group_name=name,
        db_subnet_group_description="Databases",
        subnet_ids=subnets,
    )
    logs = [
        make_log_group(
            scope,
            f"{each}-log",
            settings,
            f"/aws/rds/instance/{name}/{each}",
            key_arn,
            days=_days_of_logs(settings),
        )
        for each in _LOGS
    ]
    instance = rds.CfnDBInstance(
        scope,
        "instance",
        db_instance_identifier=name,
        db_instance_class=settings.database.instance,
        db_subnet_group_name=group.ref,
        db_parameter_group_name=parameters.ref,
        vpc_security_groups=groups,
        publicly_accessible=False,
        port="5432",
        multi_az=True,
        storage_type="gp3",
        max_allocated_storage=settings.database.most_storage_gb,
        kms_key_id=key_arn,
        enable_iam_database_authentication=True,
        enable_performance_insights=True,
        performance_insights_kms_key_id=key_arn,
        performance_insights_retention_period=7,
        enable_cloudwatch_logs_exports=_LOGS,
        backup_retention_period=settings.retention.backups_days,
        preferred_backup_window="01:00-01:30",
        preferred_maintenance_window="sun:02:00-sun:03:00",
        copy_tags_to_snapshot=True,
        delete_automated_backups=True,  # else they would outlive the instance, and the erasure deadline
        deletion_protection=True,
        auto_minor_version_upgrade=True,
        allow_major_version_upgrade=False,
        ca_certificate_identifier="rds-ca-rsa2048-g1",
        **particular,
    )
    for log in logs:
        instance.add_resource_dependency(log)  # else RDS makes it: not encrypted, and for ever
    # and not SNAPSHOT, which would be kept for ever
    instance.apply_removal_policy(RemovalPolicy.RETAIN)
    return instance


def make_alarm(scope: Construct, settings: Settings) -> cloudwatch.CfnAlarm:
    """That nothing is heard of the instance in the scope's region any more."""
    return cloudwatch.CfnAlarm(
        scope,
        "silent",
        alarm_name=alarm_name(settings),
        alarm_description="RDS has told nothing of the instance for three minutes",
        namespace="AWS/RDS",
        metric_name="DatabaseConnections",
        dimensions=[
            cloudwatch.CfnAlarm.DimensionProperty(name="DBInstanceIdentifier", value=identifier(settings))
        ],
        statistic="SampleCount",
        comparison_operator="LessThanThreshold",
        threshold=1,
        period=60,
        evaluation_periods=3,
        treat_missing_data="breaching",
    )


def alarm_name(settings: Settings) -> str:
    return f"{identifier(settings)}-silent"


def _secret(
    scope: Construct, id_: str, settings: Settings, name: str, user: str, key: kms.CfnKey
) -> secrets.CfnSecret:
    made = secrets.CfnSecret(
        scope,
        id_,
        name=name,
        description=f"The user {user} of the database {settings.database.name}",
        kms_key_id=key.attr_arn,
        generate_secret_string=secrets.CfnSecret.GenerateSecretStringProperty(
            secret_string_template=f'{{"username": "{user}"}}',
            generate_string_key="password",
            password_length=40,
            exclude_punctuation=True,
        ),
    )
    made.apply_removal_policy(RemovalPolicy.RETAIN)
    return made


def _days_of_logs(settings: Settings) -> int:
    """CloudWatch keeps logs for one of these numbers of days."""
    return max(days for days in (1, 3, 5, 7, 14, 30, 60, 90) if days <= settings.retention.backups_days)
