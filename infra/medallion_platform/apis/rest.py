"""API Gateway: `GET /gold` and `GET /gold/{table}`, for people of the user pool."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_apigateway as gateway
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from medallion_platform.apis.logs import ApiLogs
from medallion_platform.apis.users import Users
from medallion_platform.log_groups import make_log_group
from medallion_platform.settings import Settings

STAGE = "v1"
# Who asked for what, and what came of it. No query strings: these hold values of keys.
_LOGGED = {
    "request": "$context.requestId",
    "time": "$context.requestTime",
    "caller": "$context.authorizer.claims.sub",
    "address": "$context.identity.sourceIp",
    "method": "$context.httpMethod",
    "path": "$context.path",
    "status": "$context.status",
    "bytes": "$context.responseLength",
    "milliseconds": "$context.responseLatency",
    "trace": "$context.xrayTraceId",
}


class RestApi(Construct):
    """What it answers is the function's affair; `medallion api openapi` prints it."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        function: lambda_.CfnFunction,
        users: Users,
        logs: ApiLogs,
        key: kms.CfnKey,
    ) -> None:
        super().__init__(scope, id_)
        self._settings, self._function = settings, function
        self.api = gateway.CfnRestApi(
            self,
            "api",
            name=f"{settings.prefix}-gold",
            description="Gold tables, read-only",
            endpoint_configuration=gateway.CfnRestApi.EndpointConfigurationProperty(types=["REGIONAL"]),
        )
        self._authorizer = gateway.CfnAuthorizer(
            self,
            "authorizer",
            name="user-pool",
            rest_api_id=self.api.ref,
            type="COGNITO_USER_POOLS",
            identity_source="method.request.header.Authorization",
            provider_arns=[users.pool.attr_arn],
        )
        self._validator = gateway.CfnRequestValidator(
            self,
            "validator",
            rest_api_id=self.api.ref,
            validate_request_parameters=True,
            validate_request_body=True,
        )
        gold = self._resource("gold", self.api.attr_root_resource_id, "gold")
        table = self._resource("table", gold.ref, "{table}")
        methods = [self._get("list", gold), self._get("read", table, {"method.request.path.table": True})]
        answers = [self._answer(kind) for kind in ("DEFAULT_4XX", "DEFAULT_5XX")]
        self._permission()
        self._stage(methods, answers, logs, key)

    def _resource(self, id_: str, parent: str, path: str) -> gateway.CfnResource:
        return gateway.CfnResource(self, id_, rest_api_id=self.api.ref, parent_id=parent, path_part=path)

    def _get(
        self, id_: str, resource: gateway.CfnResource, parameters: dict[str, bool] | None = None
    ) -> gateway.CfnMethod:
        region = self._settings.region
        return gateway.CfnMethod(
            self,
            id_,
            rest_api_id=self.api.ref,
            resource_id=resource.ref,
            http_method="GET",
            authorization_type="COGNITO_USER_POOLS",
            authorizer_id=self._authorizer.ref,
            request_validator_id=self._validator.ref,
            request_parameters=parameters,
            integration=gateway.CfnMethod.IntegrationProperty(
                type="AWS_PROXY",
                integration_http_method="POST",
                uri=f"arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/"
                f"{self._function.attr_arn}/invocations",
            ),
        )

    def _answer(self, kind: str) -> gateway.CfnGatewayResponse:
        """What API Gateway refuses itself (no token, too many requests) has the shape of a problem, too."""
        problem = (
            '{"type": "about:blank", "title": $context.error.messageString, "request": "$context.requestId"}'
        )
        return gateway.CfnGatewayResponse(
            self,
            kind.lower().replace("_", "-"),
            rest_api_id=self.api.ref,
            response_type=kind,
            response_templates={"application/json": problem},
        )

    def _permission(self) -> None:
        settings = self._settings
        called = f"arn:aws:execute-api:{settings.region}:{settings.account('serving')}:{self.api.ref}"
        lambda_.CfnPermission(
            self,
            "permission",
            action="lambda:InvokeFunction",
            function_name=self._function.ref,
            principal="apigateway.amazonaws.com",
            source_arn=f"{called}/*/GET/gold*",
        )

    def _stage(
        self,
        methods: list[gateway.CfnMethod],
        answers: list[gateway.CfnGatewayResponse],
        logs: ApiLogs,
        key: kms.CfnKey,
    ) -> None:
        settings = self._settings
        log = make_log_group(self, "log", settings, f"/{settings.prefix}/apis/rest", key.attr_arn)
        # A deployment is of what there was when it was made: what changes this file makes another one.
        made = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
        deployment = gateway.CfnDeployment(self, f"deployment-{made}", rest_api_id=self.api.ref)
        for each in (*methods, *answers):
            deployment.add_resource_dependency(each)
        stage = gateway.CfnStage(
            self,
            "stage",
            rest_api_id=self.api.ref,
            deployment_id=deployment.ref,
            stage_name=STAGE,
            tracing_enabled=True,
            access_log_setting=gateway.CfnStage.AccessLogSettingProperty(
                destination_arn=f"arn:aws:logs:{settings.region}:{settings.account('serving')}"
                f":log-group:{log.log_group_name}",
                format=json.dumps(_LOGGED),
            ),
            method_settings=[
                gateway.CfnStage.MethodSettingProperty(
                    resource_path="/*",
                    http_method="*",
                    logging_level="ERROR",
                    data_trace_enabled=False,
                    metrics_enabled=True,
                    throttling_rate_limit=settings.apis.requests_per_second,
                    throttling_burst_limit=settings.apis.requests_at_once,
                )
            ],
        )
        stage.add_resource_dependency(log)
        stage.add_resource_dependency(logs.account)
        CfnOutput(
            Stack.of(self),
            "RestUrl",
            value=f"https://{self.api.ref}.execute-api.{settings.region}.amazonaws.com/{STAGE}/gold",
        )
