"""The work without Databricks: the same wheel on EMR Serverless, with the Glue catalog."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_emrserverless as emr
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.databases import LAYERS, make_database
from medallion_platform.identity.roles import make_role
from medallion_platform.ingestion.streams import platform_key, reading
from medallion_platform.log_groups import make_log_group
from medallion_platform.machine import AGAIN, StateMachine
from medallion_platform.network.lakehouse import LakehouseNetwork
from medallion_platform.parameters import asked
from medallion_platform.policies import Statement, allow, service
from medallion_platform.settings import Settings

NAME = "run-on-emr"
_Application = emr.CfnApplication


class RunOnEmr(Construct):
    """An application of Spark 4, which costs nothing while nothing runs; its jobs' role; the machine."""

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, network: LakehouseNetwork, key: kms.CfnKey
    ) -> None:
        super().__init__(scope, id_)
        own = settings.account("engineering")
        wheel = asked(
            self,
            "Environment",
            "A packed virtual environment with the wheel, in the bucket of artifacts",
            default="environment.tar.gz",
        )
        log = make_log_group(self, "log", settings, f"/aws/emr-serverless/{settings.prefix}", key.attr_arn)
        role = make_role(
            self,
            settings,
            "engineering-jobs",
            trust=[service("emr-serverless", own)],
            statements=_needs(settings),
            description="Jobs of EMR Serverless, with the wheel",
        )
        application = _Application(
            self,
            "application",
            name=f"{settings.prefix}-lakehouse",
            type="SPARK",
            release_label=settings.emr.release,
            architecture="ARM64",
            auto_start_configuration=_Application.AutoStartConfigurationProperty(enabled=True),
            auto_stop_configuration=_Application.AutoStopConfigurationProperty(
                enabled=True, idle_timeout_minutes=10
            ),
            maximum_capacity=_Application.MaximumAllowedResourcesProperty(
                cpu=f"{settings.emr.vcpu} vCPU", memory=f"{settings.emr.memory_gb} GB"
            ),
            # Delta on S3 takes commits of one driver at a time: of two, some would be lost
            scheduler_configuration=_Application.SchedulerConfigurationProperty(
                max_concurrent_runs=1, queue_timeout_minutes=settings.orchestration.longest_minutes
            ),
            network_configuration=_Application.NetworkConfigurationProperty(
                subnet_ids=network.network.subnet_ids("lakehouse"), security_group_ids=[network.workspace.id]
            ),
            monitoring_configuration=_Application.MonitoringConfigurationProperty(
                cloud_watch_logging_configuration=_Application.CloudWatchLoggingConfigurationProperty(
                    enabled=True, log_group_name=log.ref, encryption_key_arn=key.attr_arn
                )
            ),
        )
        for layer in LAYERS:
            make_database(self, settings, "engineering", layer)
        jobs = f"{application.attr_arn}/jobruns/*"
        region = settings.region
        StateMachine(
            self,
            "machine",
            settings,
            NAME,
            key,
            definition=definition(settings, application.ref, role.attr_arn, wheel),
            statements=[
                allow(
                    "Start",
                    ["emr-serverless:ListJobRuns", "emr-serverless:StartJobRun"],
                    application.attr_arn,
                ),
                allow("Follow", ["emr-serverless:CancelJobRun", "emr-serverless:GetJobRun"], jobs),
                allow(
                    "Hear",
                    ["events:DescribeRule", "events:PutRule", "events:PutTargets"],
                    f"arn:aws:events:{region}:{own}:rule/StepFunctionsGetEventsForEMRServerlessJobRule",
                ),
                allow(
                    "GiveRole",
                    ["iam:PassRole"],
                    role.attr_arn,
                    when={"StringEquals": {"iam:PassedToService": "emr-serverless.amazonaws.com"}},
                ),
                allow(
                    "Results",
                    ["s3:GetObject"],
                    f"arn:aws:s3:::{settings.bucket('artifacts-engineering')}/results/*",
                ),
                platform_key(settings, own, ["kms:Decrypt"], f"s3.{region}.amazonaws.com"),
            ],
        )


def _needs(settings: Settings) -> list[Statement]:
    own, region = settings.account("engineering"), settings.region
    artifacts = f"arn:aws:s3:::{settings.bucket('artifacts-engineering')}"
    glued = f"arn:aws:glue:{region}:{own}"
    databases = [f"{glued}:database/{name}" for name in (*LAYERS, "default")]
    tables = [f"{glued}:table/{name}/*" for name in LAYERS]
    statements = [
        allow("Code", ["s3:GetObject"], f"{artifacts}/*"),
        allow("Results", ["s3:PutObject"], f"{artifacts}/results/*"),
        platform_key(settings, own, ["kms:Decrypt", "kms:GenerateDataKey"], f"s3.{region}.amazonaws.com"),
        allow(
            "Catalog",
            [
                "glue:CreateDatabase", "glue:CreateTable", "glue:DeleteTable", "glue:GetDatabase",
                "glue:GetDatabases", "glue:GetPartitions", "glue:GetTable", "glue:GetTables",
                "glue:UpdateTable",
            ],
            [f"{glued}:catalog", *databases, *tables],
        ),
        allow(
            "Logs",
            ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
            f"arn:aws:logs:{region}:{own}:log-group:/aws/emr-serverless/{settings.prefix}:*",
        ),
        allow("FindLogs", ["logs:DescribeLogGroups"], f"arn:aws:logs:{region}:{own}:log-group:*"),
    ]  # fmt: skip
    if settings.parts.streams:
        statements += [
            {**statement, "Sid": f"Events{statement['Sid']}"}
            for statement in reading(
                settings, f"arn:aws:kinesis:{region}:{own}:stream/{settings.prefix}-events"
            )
        ]
    return statements


def definition(settings: Settings, application: str, role: str, environment: str) -> dict[str, Any]:
    """Of {"run"}: {"outcome"}, as the job writes it down when it ends well.

    There is one run at a time, and at most one that waits for it: who comes meanwhile joins that one.
    """
    artifacts = f"s3://{settings.bucket('artifacts-engineering')}"
    delta = [
        "spark.sql.extensions=io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog=org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.hadoop.hive.metastore.client.factory.class="
        "com.amazonaws.glue.catalog.metastore.AWSGlueDataCatalogHiveClientFactory",
        "spark.emr-serverless.driverEnv.PYSPARK_PYTHON=./environment/bin/python",
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON=./environment/bin/python",
        "spark.executorEnv.PYSPARK_PYTHON=./environment/bin/python",
    ]
    return {
        "StartAt": "Ask",
        "States": {
            "Ask": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:emrserverless:listJobRuns",
                "Parameters": {
                    "ApplicationId": application,
                    "States": ["SUBMITTED", "QUEUED", "PENDING", "SCHEDULED"],
                    "MaxResults": 1,
                },
                "ResultSelector": {"waiting.$": "States.ArrayLength($.JobRuns)"},
                "ResultPath": "$.others",
                "Retry": [AGAIN],
                "Next": "IsOneWaiting",
            },
            "IsOneWaiting": {  # it has not begun, and will take in all there is now
                "Type": "Choice",
                "Choices": [{"Variable": "$.others.waiting", "NumericGreaterThan": 0, "Next": "Joined"}],
                "Default": "Work",
            },
            "Joined": {"Type": "Pass", "Result": {"outcome": "passed"}, "End": True},
            "Work": {
                "Type": "Task",
                "Resource": "arn:aws:states:::emr-serverless:startJobRun.sync",
                "Parameters": {
                    "ApplicationId": application,
                    "ExecutionRoleArn": role,
                    "ClientToken.$": "$.run",  # who asks again under this name is given the same run
                    "Name.$": "$.run",
                    "ExecutionTimeoutMinutes": settings.orchestration.longest_minutes,
                    "JobDriver": {
                        "SparkSubmit": {
                            "EntryPoint": f"{artifacts}/run_product.py",
                            "EntryPointArguments.$": "States.Array("
                            + ", ".join(
                                f"'{each}'"
                                for each in (
                                    settings.emr.product,
                                    "--landing", f"s3://{settings.bucket('landing')}",
                                    "--checkpoints", f"s3://{settings.bucket('raw')}/_checkpoints",
                                    "--most-quarantined", str(settings.emr.most_quarantined),
                                    "--result",
                                )
                            )
                            + f", States.Format('{artifacts}/results/{{}}.json', $.run))",
                            "SparkSubmitParameters": " ".join(f"--conf {each}" for each in delta)
                            + f" --archives {artifacts}/{environment}#environment",
                        }
                    },
                },
                "ResultPath": "$.job",
                "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "DidFail"}],
                "Next": "Read",
            },
            "Read": {
                "Type": "Task",
                "Resource": "arn:aws:states:::aws-sdk:s3:getObject",
                "Parameters": {
                    "Bucket": settings.bucket("artifacts-engineering"),
                    "Key.$": "States.Format('results/{}.json', $.run)",
                },
                "ResultSelector": {"told.$": "States.StringToJson($.Body)"},
                "OutputPath": "$.told",
                "End": True,
            },
            "DidFail": {"Type": "Pass", "Result": {"outcome": "failed"}, "End": True},
        },
    }  # fmt: skip
