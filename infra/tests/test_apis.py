"""The APIs as they are set up: what contracts say, who may call, how much at once, what is written down."""

import json

import graphql
import pytest
from lake import Lake
from openapi_spec_validator import validate
from simulator import Policies, Request
from templates import Templates

from medallion_pipelines.apis.graphql import APPSYNC
from medallion_pipelines.apis.openapi import openapi
from medallion_pipelines.apis.published import published
from medallion_pipelines.contracts.product import load_product
from medallion_pipelines.shipped import product_folder
from medallion_platform.settings import load

SETTINGS = load(environ={})
APIS = "serving-apis"
FUNCTION = "medallion-apis"
OWN, REGION = SETTINGS.account("serving"), SETTINGS.region


@pytest.fixture(scope="module")
def shown():
    return published(load_product(product_folder(SETTINGS.apis.product)))


def schema_of(platform: Templates) -> graphql.GraphQLSchema:
    return graphql.build_schema(
        APPSYNC + platform.one("AWS::AppSync::GraphQLSchema").properties["Definition"]
    )


def test_the_schema_is_that_of_the_contracts_and_each_field_of_it_is_answered(platform: Templates, shown):
    built = graphql.build_schema(
        APPSYNC + platform.one("AWS::AppSync::GraphQLSchema").properties["Definition"]
    )
    assert graphql.validate_schema(built) == []
    answered = {
        (one.properties["TypeName"], one.properties["FieldName"])
        for one in platform.resources("AWS::AppSync::Resolver")
    }
    roots = (built.query_type, built.mutation_type, built.subscription_type)
    assert answered == {(root.name, field) for root in roots for field in root.fields}
    assert {field for root, field in answered if root == "Query"} == {
        each.table.name for each in shown.tables
    }
    for one in platform.resources("AWS::AppSync::Resolver"):
        assert not {"Code", "RequestMappingTemplate"} & set(one.properties), "the function gets the context"
        assert "DependsOn" in one.raw, "the schema comes first"


def test_the_openapi_document_is_valid(shown):
    validate(openapi(shown))


def test_each_role_that_may_read_is_a_group_of_the_user_pool(platform: Templates, shown):
    groups = {one.properties["GroupName"] for one in platform.resources("AWS::Cognito::UserPoolGroup")}
    assert groups == {role for each in shown.tables for role in each.table.roles}


def test_nobody_signs_up_and_a_second_factor_is_asked_for(platform: Templates):
    pool = platform.one("AWS::Cognito::UserPool").properties
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert (pool["MfaConfiguration"], pool["DeletionProtection"]) == ("ON", "ACTIVE")
    flows = platform.one("AWS::Cognito::UserPoolClient").properties["ExplicitAuthFlows"]
    assert set(flows) == {"ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"}


def test_every_method_of_rest_reads_and_wants_a_token_of_the_user_pool(platform: Templates):
    methods = list(platform.resources("AWS::ApiGateway::Method"))
    authorizer = platform.one("AWS::ApiGateway::Authorizer")
    assert len(methods) == 2
    for method in methods:
        assert method.properties["HttpMethod"] == "GET"
        assert method.properties["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert method.properties["AuthorizerId"] == authorizer.name
        assert f"function:{FUNCTION}/invocations" in method.properties["Integration"]["Uri"]
    pool = platform.one("AWS::Cognito::UserPool")
    assert authorizer.properties["ProviderARNs"] == [
        f"arn:aws:cognito-idp:{REGION}:{OWN}:userpool/{pool.logical_id}"
    ]
    permission = platform.one("AWS::Lambda::Permission").properties
    assert permission["Principal"] == "apigateway.amazonaws.com"
    assert permission["SourceArn"].startswith(f"arn:aws:execute-api:{REGION}:{OWN}:")
    assert permission["SourceArn"].endswith("/*/GET/gold*")


def test_rest_is_throttled_traced_and_logged_without_what_was_asked_for(platform: Templates):
    stage = platform.one("AWS::ApiGateway::Stage").properties
    [limits] = stage["MethodSettings"]
    assert (limits["ResourcePath"], limits["HttpMethod"]) == ("/*", "*")
    assert limits["ThrottlingRateLimit"] == SETTINGS.apis.requests_per_second
    assert limits["ThrottlingBurstLimit"] == SETTINGS.apis.requests_at_once
    assert stage["TracingEnabled"] is True and limits["DataTraceEnabled"] is False
    logged = json.loads(stage["AccessLogSetting"]["Format"])
    assert logged["caller"] == "$context.authorizer.claims.sub"
    assert not any("querystring" in each or "email" in each.lower() for each in logged.values())


def test_graphql_is_for_the_user_pool_and_iam_is_for_the_platform_alone(platform: Templates):
    api = platform.one("AWS::AppSync::GraphQLApi").properties
    assert api["AuthenticationType"] == "AMAZON_COGNITO_USER_POOLS"
    assert api["AdditionalAuthenticationProviders"] == [{"AuthenticationType": "AWS_IAM"}]
    assert api["ResolverCountLimit"] == SETTINGS.apis.tables_per_question
    assert api["XrayEnabled"] is True
    assert api["IntrospectionConfig"] == "DISABLED", "who reads no table learns of none"
    assert api["LogConfig"]["ExcludeVerboseContent"] is True, "arguments are values of keys"


def test_a_commit_of_a_gold_table_is_told_by_the_mutation_of_the_schema(platform: Templates):
    rule = platform.one("AWS::Events::Rule", Name="medallion-gold-commits").properties
    detail = rule["EventPattern"]["detail"]
    assert detail["bucket"] == {"name": [SETTINGS.bucket("refined")]}
    assert detail["object"] == {"key": [{"wildcard": "gold/*/_delta_log/*.json"}]}
    [target] = rule["Targets"]
    built = graphql.build_schema(
        APPSYNC + platform.one("AWS::AppSync::GraphQLSchema").properties["Definition"]
    )
    told = graphql.parse(target["AppSyncParameters"]["GraphQLOperation"])
    assert graphql.validate(built, told) == []
    transformed = target["InputTransformer"]["InputTemplate"]
    for name in target["InputTransformer"]["InputPathsMap"]:
        transformed = transformed.replace(f"<{name}>", name)
    [operation] = told.definitions
    assert set(json.loads(transformed)) == {
        each.variable.name.value for each in operation.variable_definitions
    }
    refined = platform.one("AWS::S3::Bucket", BucketName=SETTINGS.bucket("refined")).properties
    assert refined["NotificationConfiguration"]["EventBridgeConfiguration"]["EventBridgeEnabled"] is True


def test_queries_are_of_one_workgroup_that_bounds_them_and_keeps_results_itself(platform: Templates):
    group = platform.one("AWS::Athena::WorkGroup", Name=FUNCTION).properties["WorkGroupConfiguration"]
    assert group["EnforceWorkGroupConfiguration"] is True
    assert group["BytesScannedCutoffPerQuery"] == SETTINGS.apis.gigabytes_per_query * 10**9
    assert group["ManagedQueryResultsConfiguration"] == {"Enabled": True}
    function = platform.one("AWS::Lambda::Function", FunctionName=FUNCTION).properties
    assert function["Handler"] == "medallion_pipelines.api_function.handler.handler"
    assert function["Environment"]["Variables"] == {"WORKGROUP": FUNCTION, "DATABASE": "gold"}
    assert function["ReservedConcurrentExecutions"] == SETTINGS.apis.requests_at_once
    assert function["Code"]["S3Bucket"] == SETTINGS.bucket("artifacts-serving")
    artifacts = platform.one("AWS::S3::Bucket", BucketName=SETTINGS.bucket("artifacts-serving"))
    assert artifacts.stack.account == OWN


def test_the_function_may_read_the_tables_that_are_shown_and_no_other(
    platform: Templates, policies: Policies, shown
):
    role = SETTINGS.role(APIS)
    database = f"arn:aws:glue:{REGION}:{OWN}:table/gold"
    here = {"aws:RequestedRegion": REGION}
    for each in shown.tables:
        assert policies.allows(Request(role, "glue:GetTable", f"{database}/{each.table.name}", here))
    for other in ("gold/another", "silver/passengers", f"gold/{shown.tables[0].table.name}_raw"):
        table = f"arn:aws:glue:{REGION}:{OWN}:table/{other}"
        assert not policies.allows(Request(role, "glue:GetTable", table, here))


def test_lake_formation_lets_the_function_read_the_tables_that_are_shown_and_no_other(
    platform: Templates, shown
):
    seen = Lake.of(platform).seen
    for each in shown.tables:
        columns = [column.name for column in each.table.columns]
        assert seen(SETTINGS.role(APIS), "gold", each.table.name, columns) == dict.fromkeys(columns, True)
    for layer, table in (("gold", "public_on_time"), ("silver", "passengers")):
        assert seen(SETTINGS.role(APIS), layer, table, ["passenger_id"]) == {}


def test_eventbridge_may_tell_of_commits_and_ask_nothing(platform: Templates, policies: Policies):
    role, here = SETTINGS.role("serving-api-events"), {"aws:RequestedRegion": REGION}
    [policy] = platform.one("AWS::IAM::Role", RoleName="medallion-serving-api-events").properties["Policies"]
    [statement] = policy["PolicyDocument"]["Statement"]
    mutation = statement["Resource"]
    assert mutation.startswith(f"arn:aws:appsync:{REGION}:{OWN}:apis/")
    assert mutation.endswith("/types/Mutation/fields/published")
    assert policies.allows(Request(role, "appsync:GraphQL", mutation, here))
    for other in ("Query/fields/dim_carrier", "Mutation/fields/other"):
        asked = mutation.replace("Mutation/fields/published", other)
        assert not policies.allows(Request(role, "appsync:GraphQL", asked, here))


def test_what_the_function_may_do_is_all_there_is(platform: Templates):
    """A statement that is added is seen here."""
    role = platform.one("AWS::IAM::Role", RoleName="medallion-serving-apis").properties
    [policy] = role["Policies"]
    allowed = {action for each in policy["PolicyDocument"]["Statement"] for action in each["Action"]}
    assert allowed == {
        "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StartQueryExecution",
        "athena:StopQueryExecution", "glue:GetDatabase", "glue:GetPartitions", "glue:GetTable", "kms:Decrypt",
        "lakeformation:GetDataAccess",
        "logs:CreateLogStream", "logs:PutLogEvents", "s3:GetBucketLocation", "s3:GetObject",
        "s3:GetObjectVersion", "s3:ListBucket", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    }  # fmt: skip
