"""AppSync: a query for each gold table, and subscriptions that tell when one has a new version."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack
from aws_cdk import aws_appsync as appsync
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from medallion_pipelines.apis.graphql import schema
from medallion_pipelines.apis.published import Published
from medallion_platform.apis.logs import ApiLogs
from medallion_platform.apis.users import Users
from medallion_platform.identity.roles import make_role
from medallion_platform.policies import allow, service
from medallion_platform.settings import Settings

_PUBLISHED = (
    "mutation Published($key: String!, $at: AWSDateTime!)"
    " { published(key: $key, at: $at) { table version at } }"
)


class GraphqlApi(Construct):
    """People of the user pool ask; by IAM one role alone calls, with which EventBridge tells of commits."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        settings: Settings,
        found: Published,
        function: lambda_.CfnFunction,
        users: Users,
        logs: ApiLogs,
    ) -> None:
        super().__init__(scope, id_)
        self._settings = settings
        self.api = appsync.CfnGraphQLApi(
            self,
            "api",
            name=f"{settings.prefix}-gold",
            authentication_type="AMAZON_COGNITO_USER_POOLS",
            user_pool_config=appsync.CfnGraphQLApi.UserPoolConfigProperty(
                user_pool_id=users.pool.ref, aws_region=settings.region, default_action="ALLOW"
            ),
            additional_authentication_providers=[
                appsync.CfnGraphQLApi.AdditionalAuthenticationProviderProperty(authentication_type="AWS_IAM")
            ],
            introspection_config="DISABLED",  # names and descriptions of tables are for their readers
            resolver_count_limit=settings.apis.tables_per_question,
            log_config=appsync.CfnGraphQLApi.LogConfigProperty(
                cloud_watch_logs_role_arn=logs.role.attr_arn,
                field_log_level="ERROR",
                exclude_verbose_content=True,
            ),
            xray_enabled=True,
        )
        self._resolvers(found, function)
        self._rule()
        CfnOutput(Stack.of(self), "GraphqlUrl", value=self.api.attr_graph_ql_url)

    def _resolvers(self, found: Published, function: lambda_.CfnFunction) -> None:
        settings = self._settings
        made = appsync.CfnGraphQLSchema(self, "schema", api_id=self.api.attr_api_id, definition=schema(found))
        role = make_role(
            self,
            settings,
            "serving-api-graphql",
            trust=[service("appsync", settings.account("serving"))],
            statements=[allow("Function", ["lambda:InvokeFunction"], function.attr_arn)],
            description="AppSync, to call the function behind the APIs",
        )
        source = appsync.CfnDataSource(
            self,
            "source",
            api_id=self.api.attr_api_id,
            name="function",
            type="AWS_LAMBDA",
            service_role_arn=role.attr_arn,
            lambda_config=appsync.CfnDataSource.LambdaConfigProperty(lambda_function_arn=function.attr_arn),
        )
        fields = [("Query", shown.table.name) for shown in found.tables]
        for kind, field in (*fields, ("Mutation", "published"), ("Subscription", "onPublished")):
            resolver = appsync.CfnResolver(  # without code: the function gets the whole of the context
                self,
                f"{kind}-{field}",
                api_id=self.api.attr_api_id,
                type_name=kind,
                field_name=field,
                kind="UNIT",
                data_source_name=source.attr_name,
            )
            resolver.add_resource_dependency(made)

    def _rule(self) -> None:
        """Each commit of a gold table is a file in the refined zone, which S3 tells of."""
        settings = self._settings
        own = settings.account("serving")
        mutation = (
            f"arn:aws:appsync:{settings.region}:{own}:apis/{self.api.attr_api_id}"
            "/types/Mutation/fields/published"
        )
        role = make_role(
            self,
            settings,
            "serving-api-events",
            trust=[service("events", own)],
            statements=[allow("Tell", ["appsync:GraphQL"], mutation)],
            description="EventBridge, to tell subscribers of new versions of gold tables",
        )
        commits = {"key": [{"wildcard": "gold/*/_delta_log/*.json"}]}
        events.CfnRule(
            self,
            "commits",
            name=f"{settings.prefix}-gold-commits",
            description="New versions of gold tables",
            event_pattern={
                "source": ["aws.s3"],
                "detail-type": ["Object Created"],
                "detail": {"bucket": {"name": [settings.bucket("refined")]}, "object": commits},
            },
            targets=[
                events.CfnRule.TargetProperty(
                    id="subscribers",
                    arn=self.api.attr_graph_ql_endpoint_arn,
                    role_arn=role.attr_arn,
                    app_sync_parameters=events.CfnRule.AppSyncParametersProperty(
                        graph_ql_operation=_PUBLISHED
                    ),
                    input_transformer=events.CfnRule.InputTransformerProperty(
                        input_paths_map={"key": "$.detail.object.key", "at": "$.time"},
                        input_template='{"key": "<key>", "at": "<at>"}',
                    ),
                )
            ],
        )
