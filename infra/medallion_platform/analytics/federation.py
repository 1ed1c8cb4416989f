"""The PostgreSQL database beside the lake: Athena's connector to it, and the catalog that queries name."""

from __future__ import annotations

from aws_cdk import aws_athena as athena
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from medallion_platform.analytics.places import FEDERATED, SPILLED, results
from medallion_platform.identity.roles import make_role
from medallion_platform.ingestion.streams import platform_key
from medallion_platform.log_groups import make_log_group
from medallion_platform.network.lakehouse import LakehouseNetwork
from medallion_platform.parameters import asked
from medallion_platform.policies import allow
from medallion_platform.settings import Settings

_HANDLER = "com.amazonaws.athena.connectors.postgresql.PostGreSqlMuxCompositeHandler"


class DatabaseCatalog(Construct):
    """The connector as AWS publishes it (an image, in the Serverless Application Repository's
    `AthenaPostgreSQLConnector`), with a role, a network and a log of ours. It runs in VPC_2, which has a way
    to the database. Queries say `SELECT ... FROM "operational"."public"."orders"`."""

    def __init__(
        self, scope: Construct, id_: str, settings: Settings, network: LakehouseNetwork, key: kms.CfnKey
    ) -> None:
        super().__init__(scope, id_)
        own, region = settings.account("serving"), settings.region
        image = asked(
            self,
            "ConnectorImage",
            "Image of Athena's PostgreSQL connector, as its published application names it",
            pattern=r"\d{12}\.dkr\.ecr\..*",
        )
        host = asked(self, "DatabaseEndpoint", "Host and port of the database, as in host:5432")
        database = asked(self, "DatabaseName", "Name of the database", default="postgres")
        login = asked(
            self,
            "DatabaseReader",
            "ARN of the secret by which the connector reads the database",
            pattern="arn:aws:secretsmanager:.*",
        )
        name = f"{settings.prefix}-database-connector"
        log = make_log_group(self, "log", settings, f"/aws/lambda/{name}", key.attr_arn)
        role = make_role(
            self,
            settings,
            "serving-database-connector",
            trust=[allow("Lambda", ["sts:AssumeRole"], None, to={"Service": "lambda.amazonaws.com"})],
            statements=[
                allow("Login", ["secretsmanager:GetSecretValue"], login),
                platform_key(settings, settings.account("engineering"), ["kms:Decrypt"],
                             f"secretsmanager.{region}.amazonaws.com"),
                allow(
                    "Spill",
                    ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"],
                    f"arn:aws:s3:::{results(settings)}/{SPILLED}/*",
                ),
                allow("SpillBucket", ["s3:GetBucketLocation"], f"arn:aws:s3:::{results(settings)}"),
                {
                    **platform_key(settings, own, ["kms:Decrypt", "kms:GenerateDataKey"],
                                   f"s3.{region}.amazonaws.com", account="serving"),
                    "Sid": "SpillKey",
                },
                allow(
                    "Logs",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    f"arn:aws:logs:{region}:{own}:log-group:/aws/lambda/{name}:*",
                ),
                allow(  # AWS has these for all resources only
                    "IntoTheNetwork",
                    [
                        "athena:GetQueryExecution",
                        "ec2:CreateNetworkInterface",
                        "ec2:DeleteNetworkInterface",
                        "ec2:DescribeNetworkInterfaces",
                    ],
                    "*",
                ),
            ],
            description="Athena's connector to the database",
        )  # fmt: skip
        function = lambda_.CfnFunction(
            self,
            "connector",
            function_name=name,
            description="Athena's connector to the database",
            package_type="Image",
            code=lambda_.CfnFunction.CodeProperty(image_uri=image),
            image_config=lambda_.CfnFunction.ImageConfigProperty(command=[_HANDLER]),
            role=role.attr_arn,
            timeout=900,
            memory_size=3008,
            reserved_concurrent_executions=20,  # no more connections to the database than it has
            kms_key_arn=key.attr_arn,
            tracing_config=lambda_.CfnFunction.TracingConfigProperty(mode="PassThrough"),
            vpc_config=lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=network.network.subnet_ids("refined"), security_group_ids=[network.workspace.id]
            ),
            environment=lambda_.CfnFunction.EnvironmentProperty(
                variables={
                    "default": f"postgres://jdbc:postgresql://{host}/{database}?sslmode=verify-full&${{{login}}}",
                    "spill_bucket": results(settings),
                    "spill_prefix": SPILLED,
                    "disable_spill_encryption": "false",
                }
            ),
        )
        function.add_resource_dependency(log)
        athena.CfnDataCatalog(
            self,
            "catalog",
            name=FEDERATED,
            type="LAMBDA",
            description="The PostgreSQL database, read in place",
            parameters={"function": function.attr_arn},
        )
