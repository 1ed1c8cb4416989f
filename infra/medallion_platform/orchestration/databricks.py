"""The work on Databricks: its job is started, looked after and, where it takes too long, cancelled."""

from __future__ import annotations

from typing import Any

from aws_cdk import Fn
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from constructs import Construct

from medallion_platform.machine import StateMachine
from medallion_platform.parameters import asked
from medallion_platform.policies import allow
from medallion_platform.settings import Settings

NAME = "run-on-databricks"
_PAUSE = 30


class RunOnDatabricks(Construct):
    """A connection of EventBridge, as a service principal, and the machine that uses it."""

    def __init__(self, scope: Construct, id_: str, settings: Settings, key: kms.CfnKey) -> None:
        super().__init__(scope, id_)
        host = f"https://{settings.orchestration.workspace_host}"
        secret = asked(
            self,
            "ServicePrincipal",
            "Name of the secret with client_id and client_secret of the service principal",
            default=f"{settings.prefix}/databricks-service-principal",
        )
        connection = events.CfnConnection(
            self,
            "connection",
            name=f"{settings.prefix}-databricks",
            description="The workspace's API, as a service principal that may run the job",
            authorization_type="OAUTH_CLIENT_CREDENTIALS",
            auth_parameters=events.CfnConnection.AuthParametersProperty(
                o_auth_parameters=events.CfnConnection.OAuthParametersProperty(
                    authorization_endpoint=f"{host}/oidc/v1/token",
                    http_method="POST",
                    client_parameters=events.CfnConnection.ClientParametersProperty(
                        client_id=_secret(secret, "client_id"), client_secret=_secret(secret, "client_secret")
                    ),
                    o_auth_http_parameters=events.CfnConnection.ConnectionHttpParametersProperty(
                        body_parameters=[
                            events.CfnConnection.ParameterProperty(
                                key="grant_type", value="client_credentials"
                            ),
                            events.CfnConnection.ParameterProperty(key="scope", value="all-apis"),
                        ]
                    ),
                )
            ),
        )
        own, region = settings.account("engineering"), settings.region
        StateMachine(
            self,
            "machine",
            settings,
            NAME,
            key,
            definition=definition(settings, connection.attr_arn),
            statements=[
                allow(
                    "Workspace",
                    ["states:InvokeHTTPEndpoint"],
                    f"arn:aws:states:{region}:{own}:stateMachine:{settings.prefix}-{NAME}",
                    when={"StringLike": {"states:HTTPEndpoint": f"{host}/api/2.2/jobs/*"}},
                ),
                allow(
                    "Connection",
                    ["events:RetrieveConnectionCredentials"],
                    f"arn:aws:events:{region}:{own}:connection/{settings.prefix}-databricks/*",
                ),
                allow(  # where EventBridge keeps what it got by the connection
                    "Token",
                    ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"],
                    f"arn:aws:secretsmanager:{region}:{own}:secret:events!connection/{settings.prefix}-databricks/*",
                ),
            ],
        )


def _secret(name: str, field: str) -> str:
    """A reference that CloudFormation resolves: the secret is in no template."""
    return Fn.sub(f"{{{{resolve:secretsmanager:${{name}}:SecretString:{field}}}}}", {"name": name})


def definition(settings: Settings, connection: str) -> dict[str, Any]:
    """Of {"run"}: {"outcome"}: `passed`, `quality` (built, and a check of quality failed) or `failed`."""
    looks = settings.orchestration.longest_minutes * 60 // _PAUSE
    return {
        "StartAt": "Start",
        "States": {
            "Start": _call(
                settings, connection, "POST", "run-now", "Count",
                body={"job_id": settings.orchestration.job_id, "idempotency_token.$": "$.run"},
                select={"run_id.$": "$.ResponseBody.run_id"}, path="$.job",
            ),
            "Count": {"Type": "Pass", "Result": 0, "ResultPath": "$.looks", "Next": "Pause"},
            "Pause": {"Type": "Wait", "Seconds": _PAUSE, "Next": "Look"},
            "Look": _call(
                settings, connection, "GET", "runs/get", "Counted",
                query={"run_id.$": "States.Format('{}', $.job.run_id)"},
                select={
                    "state.$": "$.ResponseBody.status.state",
                    "status.$": "$.ResponseBody.status",
                }, path="$.found",
            ),
            "Counted": {
                "Type": "Pass",
                "Parameters": {
                    "run.$": "$.run",
                    "job.$": "$.job",
                    "found.$": "$.found",
                    "looks.$": "States.MathAdd($.looks, 1)",
                },
                "Next": "HasEnded",
            },
            "HasEnded": {
                "Type": "Choice",
                "Choices": [
                    {"Variable": "$.found.state", "StringEquals": "TERMINATED", "Next": "HowWasIt"},
                    {"Variable": "$.looks", "NumericGreaterThanEquals": looks, "Next": "Cancel"},
                ],
                "Default": "Pause",
            },
            "HowWasIt": {
                "Type": "Choice",
                "Choices": [
                    {
                        "Variable": "$.found.status.termination_details.code",
                        "StringEquals": "SUCCESS",
                        "Next": "Passed",
                    },
                    {
                        "Variable": "$.found.status.termination_details.code",
                        "StringEquals": "SUCCESS_WITH_FAILURES",
                        "Next": "Quality",
                    },
                ],
                "Default": "DidFail",
            },
            "Cancel": _call(
                settings, connection, "POST", "runs/cancel", "DidFail",
                body={"run_id.$": "$.job.run_id"}, select={}, path="$.cancelled",
            ),
            "Passed": {"Type": "Pass", "Result": {"outcome": "passed"}, "End": True},
            "Quality": {"Type": "Pass", "Result": {"outcome": "quality"}, "End": True},
            "DidFail": {"Type": "Pass", "Result": {"outcome": "failed"}, "End": True},
        },
    }  # fmt: skip


def _call(
    settings: Settings,
    connection: str,
    method: str,
    path_of_api: str,
    next_: str,
    *,
    select: dict[str, Any],
    path: str,
    body: dict[str, Any] | None = None,
    query: dict[str, Any] | None = None,
) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "ApiEndpoint": f"https://{settings.orchestration.workspace_host}/api/2.2/jobs/{path_of_api}",
        "Method": method,
        "Authentication": {"ConnectionArn": connection},
    }
    if body is not None:
        parameters["RequestBody"] = body
    if query is not None:
        parameters["QueryParameters"] = query
    passing = ["States.Http.StatusCode.429", "States.Http.StatusCode.500", "States.Http.StatusCode.502"]
    passing += ["States.Http.StatusCode.503", "States.Http.StatusCode.504", "States.Http.Socket"]
    return {
        "Type": "Task",
        "Resource": "arn:aws:states:::http:invoke",
        "Parameters": parameters,
        "ResultSelector": select,
        "ResultPath": path,
        "Retry": [
            {
                "ErrorEquals": passing,
                "IntervalSeconds": 5,
                "BackoffRate": 2,
                "MaxAttempts": 6,
                "JitterStrategy": "FULL",
            }
        ],
        "Next": next_,
    }
