"""The role by which API Gateway and AppSync write logs."""

from __future__ import annotations

from aws_cdk import aws_apigateway as gateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from medallion_platform.identity.roles import make_role
from medallion_platform.policies import allow
from medallion_platform.settings import Settings


class ApiLogs(Construct):
    """API Gateway has one such role for an account and region; this one becomes it."""

    def __init__(self, scope: Construct, id_: str, settings: Settings) -> None:
        super().__init__(scope, id_)
        services = ["apigateway.amazonaws.com", "appsync.amazonaws.com"]
        self.role: iam.CfnRole = make_role(
            self,
            settings,
            "serving-api-logs",
            trust=[allow("Services", ["sts:AssumeRole"], None, to={"Service": services})],
            statements=[
                allow(  # API Gateway takes on no role that may less, says AWS; groups get names of its own
                    "Logs",
                    [
                        "logs:CreateLogGroup",
                        "logs:CreateLogStream",
                        "logs:DescribeLogGroups",
                        "logs:DescribeLogStreams",
                        "logs:FilterLogEvents",
                        "logs:GetLogEvents",
                        "logs:PutLogEvents",
                    ],
                    "*",
                )
            ],
            description="Logs of API Gateway and AppSync",
        )
        self.account = gateway.CfnAccount(self, "account", cloud_watch_role_arn=self.role.attr_arn)
