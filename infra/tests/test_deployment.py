"""The templates go through CloudFormation on local servers, and then do what they are for.

What a server does not know is listed here, type by type: one that it comes to know, or forgets, fails.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import moto.cloudformation.parsing as moto_parsing
import pytest
from botocore.exceptions import ClientError
from local import Deployment, in_order
from moto import mock_aws
from templates import Templates

from medallion_pipelines.apis import function as apis
from medallion_pipelines.apis.published import published
from medallion_pipelines.contracts.product import load_product
from medallion_pipelines.ingest.function import package
from medallion_pipelines.shipped import product_folder
from medallion_platform.settings import load

MINISTACK = Path(__file__).parents[2] / ".venv-infra-ministack" / "bin"
SETTINGS = load(environ={})
ENGINEERING, SERVING = SETTINGS.account("engineering"), SETTINGS.account("serving")
# Known to neither server: checked as templates only. docs/platform.md says so, system by system.
ON_NEITHER = {
    "AWS::ApiGatewayV2::VpcLink", "AWS::Athena::NamedQuery", "AWS::Backup::BackupSelection",
    "AWS::CE::AnomalyMonitor", "AWS::CE::AnomalySubscription", "AWS::CloudTrail::Trail",
    "AWS::DMS::Endpoint", "AWS::DMS::ReplicationConfig",
    "AWS::DMS::ReplicationSubnetGroup", "AWS::DataExchange::EventAction", "AWS::DataSync::LocationNFS",
    "AWS::DataSync::LocationS3", "AWS::DataSync::Task", "AWS::DirectConnect::DirectConnectGateway",
    "AWS::DirectConnect::DirectConnectGatewayAssociation", "AWS::EC2::CustomerGateway",
    "AWS::EC2::NetworkAcl", "AWS::EC2::NetworkAclEntry", "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SubnetNetworkAclAssociation", "AWS::EC2::TransitGatewayAttachment",
    "AWS::EC2::TransitGatewayPeeringAttachment",
    "AWS::EC2::TransitGatewayRoute", "AWS::EC2::TransitGatewayRouteTable",
    "AWS::EC2::TransitGatewayRouteTableAssociation", "AWS::EC2::VPNConnection",
    "AWS::EC2::VPNGatewayRoutePropagation", "AWS::EMRServerless::Application", "AWS::Events::Connection",
    "AWS::KMS::ReplicaKey", "AWS::Organizations::Account", "AWS::Organizations::Organization",
    "AWS::Organizations::OrganizationalUnit", "AWS::Organizations::Policy",
    "AWS::QuickSight::VPCConnection", "AWS::RAM::ResourceShare",
    # analytics
    "AWS::Glue::SecurityConfiguration", "AWS::Glue::Workflow",
    "AWS::LakeFormation::DataCellsFilter", "AWS::LakeFormation::DataLakeSettings",
    "AWS::LakeFormation::PrincipalPermissions", "AWS::LakeFormation::Resource", "AWS::LakeFormation::Tag",
    "AWS::LakeFormation::TagAssociation", "AWS::RedshiftServerless::Namespace",
    "AWS::RedshiftServerless::Workgroup", "AWS::Athena::DataCatalog", "AWS::DataZone::Domain",
    "AWS::DataZone::EnvironmentBlueprintConfiguration", "AWS::DataZone::Project",
    "AWS::QuickSight::Dashboard", "AWS::QuickSight::DataSet", "AWS::QuickSight::DataSource",
}  # fmt: skip
NOT_ON_MINISTACK = ON_NEITHER | {
    "AWS::EC2::EIP", "AWS::EC2::FlowLog", "AWS::EC2::NatGateway", "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::TransitGateway", "AWS::EC2::VPNGateway", "AWS::Route53::HealthCheck",
}  # fmt: skip
NOT_ON_MOTO = ON_NEITHER | {
    "AWS::ApiGateway::Account", "AWS::ApiGateway::Authorizer", "AWS::ApiGateway::GatewayResponse",
    "AWS::ApiGateway::RequestValidator", "AWS::ApiGateway::Stage", "AWS::AppSync::DataSource",
    "AWS::AppSync::GraphQLApi", "AWS::AppSync::GraphQLSchema", "AWS::AppSync::Resolver",
    "AWS::Athena::WorkGroup", "AWS::Backup::BackupPlan", "AWS::Backup::BackupVault", "AWS::CloudWatch::Alarm",
    "AWS::Cognito::UserPool", "AWS::Cognito::UserPoolClient", "AWS::Cognito::UserPoolGroup",
    "AWS::Glue::Connection", "AWS::Glue::Database", "AWS::Glue::Table", "AWS::Logs::MetricFilter",
    "AWS::SNS::Subscription",
    "AWS::KinesisFirehose::DeliveryStream", "AWS::Logs::LogStream", "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule",
    "AWS::SecretsManager::Secret", "AWS::SecretsManager::SecretTargetAttachment",
    # analytics
    "AWS::Glue::Crawler", "AWS::Glue::Trigger",
}  # fmt: skip


def types(templates: Templates) -> set[str]:
    return {resource.type for resource in templates.resources()}


# moto: every type that it knows comes up


def test_every_stack_comes_up_on_moto(platform: Templates, monkeypatch):
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("MOTO_ACCOUNT_ID", ENGINEERING),
    ):
        monkeypatch.setenv(name, value)

    def client(service: str, _account: str, region: str) -> Any:
        return boto3.client(service, region_name=region)

    with mock_aws():
        certificate = client("acm", "", "eu-west-1").request_certificate(DomainName="example.com")
        told = {"Certificate": certificate["CertificateArn"]}
        deployment = Deployment(client, lambda type_: type_ not in NOT_ON_MOTO, told)
        for stack in in_order(platform):
            deployment.deploy(stack, as_moto_reads_it)
        assert deployment.left_out == NOT_ON_MOTO & types(platform)
        assert deployment.deployed == types(platform) - NOT_ON_MOTO
        unknown = {type_ for type_ in types(platform) if moto_parsing.resource_class_from_type(type_) is None}
        assert unknown == NOT_ON_MOTO
        buckets = client("s3", "", "eu-west-1").list_buckets()["Buckets"]
        assert SETTINGS.bucket("landing") in {bucket["Name"] for bucket in buckets}


def as_moto_reads_it(template: dict[str, Any]) -> None:
    """moto reads the tags of keys in the spelling of KMS's own API, and not in CloudFormation's; a database's
    group of parameters by its name alone; and its CloudFormation has no replicas in other regions."""
    for name, resource in list(template["Resources"].items()):
        if resource["Type"] == "AWS::KMS::Key":
            del resource["Properties"]["Tags"]
        if resource["Type"] == "AWS::RDS::DBInstance":
            del resource["Properties"]["DBParameterGroupName"]
            if "SourceDBInstanceIdentifier" in resource["Properties"]:
                del template["Resources"][name]


# ministack: every type that it knows comes up, and what is up works


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ministack")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": SETTINGS.region,
        "MINISTACK_ACCOUNT_ID": SERVING,  # of calls without a signature: the APIs' own
        "S3_DATA_DIR": str(folder / "s3"),
    }
    command = [str(MINISTACK / "ministack")]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            _wait(lambda: _answers(port), "ministack")
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(20)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _wait(ready: Any, what: str, seconds: float = 60) -> Any:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = ready()
        if found:
            return found
        time.sleep(0.3)
    raise AssertionError(f"{what} did not come within {seconds} seconds")


CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: departures
name: departures
version: 1.0.0
status: active
schema:
  - name: departures
    physicalType: table
    customProperties:
      - {property: layer, value: silver}
      - property: source
        value: {path: departures/*.json, format: json, multiLine: true, events: [com.example.departed]}
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: source, logicalType: string, primaryKey: true}
"""


@pytest.fixture(scope="module")
def running(platform: Templates, server: str, tmp_path_factory):
    """All stacks on ministack. The work is a machine that says `passed`; arrivals settle in a second."""

    def client(service: str, account: str = ENGINEERING, region: str = SETTINGS.region) -> Any:
        # ministack takes the key's id for the account
        given = {"aws_access_key_id": account, "aws_secret_access_key": "x", "region_name": region}
        return boto3.client(service, endpoint_url=server, **given)

    folder = tmp_path_factory.mktemp("product")
    (folder / "departures.odcs.yaml").write_text(CONTRACT)
    package(load_product(folder), folder / "function.zip")
    deployment = Deployment(client, lambda type_: type_ not in NOT_ON_MINISTACK)
    for stack in in_order(platform):
        if stack.name.endswith("-ingestion"):
            zipped = (folder / "function.zip").read_bytes()
            artifacts = SETTINGS.bucket("artifacts-engineering")
            client("s3").put_object(Bucket=artifacts, Key="landing-function.zip", Body=zipped)
        if stack.name.endswith("-apis"):
            apis.package(published(load_product(product_folder("flights"))), folder / "apis.zip")
            zipped, artifacts = (folder / "apis.zip").read_bytes(), SETTINGS.bucket("artifacts-serving")
            client("s3", SERVING).put_object(Bucket=artifacts, Key="api-function.zip", Body=zipped)
        deployment.deploy(stack, _made_quick)
    assert deployment.left_out == NOT_ON_MINISTACK & types(platform)
    assert deployment.deployed == types(platform) - NOT_ON_MINISTACK
    return client


def _made_quick(template: dict[str, Any]) -> None:
    for name, resource in list(template["Resources"].items()):
        found = resource["Properties"]
        if resource["Type"] == "AWS::CloudWatch::Alarm" and "Metrics" in found:
            del template["Resources"][name]  # the server's CloudFormation has no expressions
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            if found["StateMachineName"] == "medallion-run-on-databricks":
                found["Definition"] = _saying("passed")
            elif found["StateMachineName"] == "medallion-pipeline":
                found["Definition"]["States"]["Settle"]["Seconds"] = 1
        if resource["Type"] == "AWS::Lambda::Function":
            # the server runs functions in processes of its own: no network of ours, the Python that is there
            found.pop("VpcConfig", None)
            found["Runtime"] = f"python3.{sys.version_info.minor}"
        if resource["Type"] == "AWS::Events::Rule" and "AppSyncParameters" in found["Targets"][0]:
            found["Targets"][0]["Arn"]["Fn::GetAtt"][1] = "Arn"  # the server does not know this ARN
        if resource["Type"] == "AWS::Cognito::UserPool":
            found["MfaConfiguration"] = "OFF"  # nobody is here to read six digits


def _saying(outcome: str) -> dict[str, Any]:
    return {
        "StartAt": "Done",
        "States": {"Done": {"Type": "Pass", "Result": {"outcome": outcome}, "End": True}},
    }


def test_what_is_left_out_on_ministack_is_what_it_does_not_know(running):
    template = {
        "Resources": {re.sub("[^A-Za-z0-9]", "", type_): {"Type": type_} for type_ in NOT_ON_MINISTACK}
    }
    with pytest.raises(ClientError) as told:
        running("cloudformation").create_stack(StackName="unknown", TemplateBody=json.dumps(template))
    assert set(re.findall(r"AWS::\w+::\w+", str(told.value))) == NOT_ON_MINISTACK


def _ended(running: Any, before: set[str]) -> list[dict[str, Any]]:
    machine = f"arn:aws:states:{SETTINGS.region}:{ENGINEERING}:stateMachine:medallion-pipeline"
    found = running("stepfunctions").list_executions(stateMachineArn=machine)["executions"]
    return [each for each in found if each["executionArn"] not in before and each["status"] != "RUNNING"]


def test_an_object_put_in_landing_runs_the_state_machine(running):
    before = {each["executionArn"] for each in _ended(running, set())}
    running("s3").put_object(Bucket=SETTINGS.bucket("landing"), Key="flights/a.json", Body=b"{}")
    [run] = _wait(lambda: _ended(running, before), "the execution")
    assert run["status"] == "SUCCEEDED"
    told = running("stepfunctions").describe_execution(executionArn=run["executionArn"])
    assert json.loads(told["input"])["detail"]["object"]["key"] == "flights/a.json"
    minute = json.loads(told["input"])["time"][:16].replace(":", "-")
    assert json.loads(told["output"])["run"] == f"arrivals-{minute}"
    assert json.loads(told["output"])["done"] == {"outcome": "passed"}


def test_an_object_in_a_folder_of_tables_runs_nothing(running):
    before = {each["executionArn"] for each in _ended(running, set())}
    running("s3").put_object(Bucket=SETTINGS.bucket("raw"), Key="bronze/t/_delta_log/0.json", Body=b"{}")
    running("s3").put_object(Bucket=SETTINGS.bucket("raw"), Key="incoming/t/a.parquet", Body=b"x")
    [run] = _wait(lambda: _ended(running, before), "the execution")  # of the second one
    told = running("stepfunctions").describe_execution(executionArn=run["executionArn"])
    assert json.loads(told["input"])["detail"]["object"]["key"] == "incoming/t/a.parquet"


def test_a_run_that_fails_fails_and_what_arrived_is_kept(running):
    states, queues = running("stepfunctions"), running("sqs")
    work = f"arn:aws:states:{SETTINGS.region}:{ENGINEERING}:stateMachine:medallion-run-on-databricks"
    states.update_state_machine(stateMachineArn=work, definition=json.dumps(_saying("failed")))
    before = {each["executionArn"] for each in _ended(running, set())}
    try:
        running("s3").put_object(Bucket=SETTINGS.bucket("landing"), Key="flights/b.json", Body=b"{}")
        [run] = _wait(lambda: _ended(running, before), "the execution")
    finally:
        states.update_state_machine(stateMachineArn=work, definition=json.dumps(_saying("passed")))
    assert run["status"] == "FAILED"
    url = queues.get_queue_url(QueueName="medallion-pipeline-failed")["QueueUrl"]
    [kept] = queues.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert json.loads(kept["Body"])["event"]["detail"]["object"]["key"] == "flights/b.json"


EVENT = {
    "specversion": "1.0", "id": "f-17", "source": "/airports/JFK", "type": "com.example.departed",
    "dataschema": "https://example.com/departures/1.0.0", "data": {"carrier": "B6"},
}  # fmt: skip


def test_an_event_on_the_stream_reaches_landing_by_the_function_and_raw_by_firehose(running, tmp_path):
    event = json.dumps(EVENT).encode()
    running("kinesis").put_record(StreamName="medallion-events", Data=event, PartitionKey="1")
    landed = _wait(lambda: _objects(running, "landing", "departures/"), "the event in landing")
    assert list(landed.values()) == [event]
    [[key, content]] = _wait(lambda: _objects(running, "raw", ""), "the event in raw", 120).items()
    assert re.fullmatch(r"incoming/com\.example\.departed/\d{4}/\d\d/\d\d/\d\d/[^/]+\.parquet", key), content
    (tmp_path / "delivered.parquet").write_bytes(content)
    [row] = _rows(tmp_path / "delivered.parquet")
    assert "B6" in row.pop("data")  # as text; the server spells it as Python does, AWS as JSON
    assert row == {**{name: EVENT[name] for name in EVENT if name != "data"}, "time": None}


def test_what_is_no_event_goes_to_the_error_zone_with_its_reason(running):
    running("kinesis").put_record(StreamName="medallion-events", Data=b"no json", PartitionKey="1")
    [key] = _wait(lambda: _objects(running, "error", "landing-function/"), "the error")
    assert key.startswith("landing-function/not_json/")


# the APIs: tokens are the server's own, rows are of Delta tables, in an Athena of the package's own tests

CARRIERS = [
    ("9E", "Endeavor", True),
    ("B6", "JetBlue", True),
    ("UA", "United", True),
    ("UNKNOWN", "Unknown", False),
]


@pytest.fixture(scope="module")
def carriers(running, tmp_path_factory):
    """What the function reads: a gold table."""
    for package_ in ("deltalake", "duckdb", "pyarrow"):
        pytest.importorskip(package_)
    sys.path.append(str(Path(__file__).parents[2]))
    import pyarrow as pa
    from deltalake import write_deltalake
    from tests.apis.athena import LocalAthena, served

    columns = zip(*CARRIERS, strict=True)
    table = pa.table(dict(zip(("carrier_key", "carrier_name", "is_known"), map(list, columns), strict=True)))
    folder = tmp_path_factory.mktemp("gold") / "dim_carrier"
    write_deltalake(folder, table)
    athena = LocalAthena()
    athena.holds("gold", dim_carrier=folder)
    functions = running("lambda", SERVING)
    with served(athena) as url:
        known = functions.get_function_configuration(FunctionName="medallion-apis")["Environment"][
            "Variables"
        ]
        functions.update_function_configuration(
            FunctionName="medallion-apis",
            Environment={"Variables": {**known, "AWS_ENDPOINT_URL_ATHENA": url}},
        )
        yield athena


@pytest.fixture(scope="module")
def asks(running, server):
    """Asks by REST as somebody of these groups: the status and the answer."""
    if subprocess.run([str(MINISTACK / "python"), "-c", "import cryptography"], check=False).returncode:
        pytest.skip("ministack checks tokens with cryptography, which is not beside it: make infra-test")
    users, gateway = running("cognito-idp", SERVING), running("apigateway", SERVING)
    [pool] = users.list_user_pools(MaxResults=10)["UserPools"]
    [api] = gateway.get_rest_apis()["items"]
    client = users.create_user_pool_client(
        UserPoolId=pool["Id"], ClientName="test", ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
    )["UserPoolClient"]["ClientId"]

    def token(groups: tuple[str, ...]) -> str:
        name, password = f"{'-'.join(groups) or 'nobody'}@example.com", "Not-a-secret-of-anybody-1"
        with contextlib.suppress(users.exceptions.UsernameExistsException):
            users.admin_create_user(
                UserPoolId=pool["Id"], Username=name, TemporaryPassword=password, MessageAction="SUPPRESS"
            )
            users.admin_set_user_password(
                UserPoolId=pool["Id"], Username=name, Password=password, Permanent=True
            )
            for group in groups:
                users.admin_add_user_to_group(UserPoolId=pool["Id"], Username=name, GroupName=group)
        given = users.admin_initiate_auth(
            UserPoolId=pool["Id"],
            ClientId=client,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": password},
        )
        return given["AuthenticationResult"]["IdToken"]

    def ask(path: str, *groups: str, headers: dict[str, str] | None = None) -> tuple[int, Any]:
        sent = headers if headers is not None else {"Authorization": f"Bearer {token(groups)}"}
        request = urllib.request.Request(
            f"{server}/restapis/{api['id']}/v1/_user_request_/{path}", headers=sent
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            return error.code, json.loads(error.read())

    ask.token = token
    return ask


def test_rest_lets_in_who_has_a_token_of_the_user_pool_and_no_other(asks):
    assert asks("gold", headers={})[0] == 401
    assert asks("gold", headers={"Authorization": "Bearer eyJhbGciOiJub25lIn0.e30."})[0] == 401
    status, answer = asks("gold", "flights_analyst")
    assert status == 200, answer
    assert "dim_carrier" in answer["tables"]
    assert asks("gold") == (200, {"tables": []})
    assert asks("gold/dim_carrier")[0] == 403


def test_rest_pages_through_a_gold_table(asks, carriers):
    found, after = [], ""
    while after is not None and len(found) < 10:
        status, answer = asks(f"gold/dim_carrier?limit=3{after}", "flights_analyst")
        assert status == 200, answer
        found += answer["rows"]
        after = answer["next"] and f"&after={answer['next']}"
    assert [tuple(row.values()) for row in found] == CARRIERS
    assert asks("gold/dim_carrier?carrier_key=B6", "flights_analyst")[1]["rows"] == found[1:2]
    assert asks("gold/dim_carrier?carrier_name=x", "flights_analyst")[0] == 400
    assert {asked["WorkGroup"] for asked in carriers.asked} == {"medallion-apis"}


def test_graphql_gives_the_same_rows_and_nothing_to_whom_it_does_not_know(running, server, asks, carriers):
    [api] = running("appsync", SERVING).list_graphql_apis()["graphqlApis"]
    question = {"query": "{ dim_carrier(limit: 3) { rows { carrier_key is_known } next } }"}

    def told(authorization: str) -> Any:
        request = urllib.request.Request(
            f"{server}/v1/apis/{api['apiId']}/graphql",
            data=json.dumps(question).encode(),
            headers={"Content-Type": "application/json", "Authorization": authorization},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    found = told(asks.token(("flights_analyst",)))["data"]["dim_carrier"]
    assert [row["carrier_key"] for row in found["rows"]] == ["9E", "B6", "UA"]
    assert found["next"]
    for nobody in (asks.token(()), "x"):
        assert not (told(nobody).get("data") or {}).get("dim_carrier")


def test_athena_answers_a_persona_by_the_views_query_over_gold(running, platform, tmp_path):
    """The server's Athena is DuckDB and reads Parquet, no Delta: here are the files that a table's newest
    version would have."""
    serving = SETTINGS.account("serving")
    files = {
        "fact_flight": "SELECT DATE '2013-01-03' AS flight_date, "
        "TIMESTAMP '2013-01-03 10:15:00' AS scheduled_departure_at, "
        "TIMESTAMP '2013-01-03 10:00:00' AS time_hour, 'UA' AS carrier, 15 AS flight, "
        "'N14228' AS tailnum, 'EWR' AS origin, 'IAH' AS dest, 'UA' AS carrier_key, 'IAH' AS dest_key, "
        "unnest([5, 40]) AS dep_delay_minutes, unnest([3, 61]) AS arr_delay_minutes, false AS is_cancelled, "
        "false AS is_diverted, unnest([true, false]) AS is_on_time",
        "dim_carrier": "SELECT 'UA' AS carrier_key, 'United Air Lines Inc.' AS carrier_name",
        "dim_airport": "SELECT 'IAH' AS airport_key, 'George Bush Intercontinental' AS airport_name",
        "delay_weather_hourly": "SELECT 'EWR' AS origin, TIMESTAMP '2013-01-03 10:00:00' AS time_hour, "
        "11.5 AS wind_speed_mph, 0.0 AS precipitation_inches, 10.0 AS visibility_miles",
    }
    for name, query in files.items():
        (tmp_path / name).write_bytes(b"")
        code = f"import duckdb; duckdb.sql(open(0).read()).write_parquet({str(tmp_path / name)!r})"
        subprocess.run([str(MINISTACK / "python"), "-c", code], input=query.encode(), check=True)
        key = f"gold/{name}/part-0.parquet"
        running("s3", serving).put_object(
            Bucket=SETTINGS.bucket("refined"), Key=key, Body=(tmp_path / name).read_bytes()
        )
        running("glue", serving).create_table(
            DatabaseName="gold",
            TableInput={
                "Name": name,
                "Parameters": {"classification": "parquet"},
                "StorageDescriptor": {
                    "Location": f"s3://{SETTINGS.bucket('refined')}/gold/{name}/",
                    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
                },
            },
        )
    view = next(
        each.properties["TableInput"]["ViewDefinition"]["Representations"][0]["ViewOriginalText"]
        for each in platform.resources("AWS::Glue::Table", stack="-permissions")
        if each.properties["TableInput"]["Name"] == "operations"
    )
    athena = running("athena", serving)
    asked = athena.start_query_execution(
        QueryString=view, WorkGroup="medallion-flights_engineer", QueryExecutionContext={"Database": "gold"}
    )["QueryExecutionId"]

    def ended():
        told = athena.get_query_execution(QueryExecutionId=asked)["QueryExecution"]["Status"]
        return told if told["State"] in ("SUCCEEDED", "FAILED") else None

    assert _wait(ended, "the answer")["State"] == "SUCCEEDED", ended()
    [names, *rows] = athena.get_query_results(QueryExecutionId=asked)["ResultSet"]["Rows"]
    [row] = [
        dict(zip((cell["VarCharValue"] for cell in names["Data"]), each["Data"], strict=True))
        for each in rows
    ]
    told = {name: cell.get("VarCharValue") for name, cell in row.items()}
    assert (told["disruption"], told["arr_delay_minutes"], told["carrier_name"], told["dest_name"]) == (
        "late", "61", "United Air Lines Inc.", "George Bush Intercontinental",
    )  # fmt: skip
    results = running("s3", serving).list_objects_v2(Bucket=f"medallion-athena-serving-{serving}-eu-west-1")
    assert [each["Key"] for each in results["Contents"] if each["Key"].startswith("flights_engineer/")]


def _rows(file: Path) -> list[dict[str, Any]]:
    """What is in a Parquet file, by the DuckDB that is beside ministack."""
    code = (
        "import duckdb, json, sys; found = duckdb.read_parquet(sys.argv[1]); "
        "print(json.dumps([dict(zip(found.columns, row)) for row in found.fetchall()]))"
    )
    command = [str(MINISTACK / "python"), "-c", code, str(file)]
    return json.loads(subprocess.run(command, capture_output=True, check=True).stdout)


def _objects(running: Any, zone: str, prefix: str) -> dict[str, bytes]:
    s3, bucket = running("s3"), SETTINGS.bucket(zone)
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return {
        each["Key"]: s3.get_object(Bucket=bucket, Key=each["Key"])["Body"].read()
        for each in found
        if not each["Key"].startswith(("bronze/", "incoming/t/"))
    }


# what is watched


def test_people_are_called_when_a_queue_is_empty_as_it_should_be_and_when_it_holds_what_failed(running):
    watch, sns, sqs = running("cloudwatch"), running("sns"), running("sqs")
    url = sqs.create_queue(QueueName="operators")["QueueUrl"]
    topic = f"arn:aws:sns:{SETTINGS.region}:{ENGINEERING}:medallion-alarms"
    queue = f"arn:aws:sqs:{SETTINGS.region}:{ENGINEERING}:operators"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    name, heard = "medallion-pipeline-failed-holds", set()

    def state() -> str:
        [alarm] = watch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
        return alarm["StateValue"]

    def told() -> set[str]:
        """Of this alarm; the server looks at no dimensions, so those of other queues call, too."""
        found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        calls = [json.loads(json.loads(each["Body"])["Message"]) for each in found]
        heard.update(call["NewStateValue"] for call in calls if call["AlarmName"] == name)
        return heard

    of = [{"Name": "QueueName", "Value": "medallion-pipeline-failed"}]
    metric = {"MetricName": "ApproximateNumberOfMessagesVisible", "Dimensions": of}
    old = datetime.now(UTC) - timedelta(minutes=4)
    watch.put_metric_data(Namespace="AWS/SQS", MetricData=[{**metric, "Value": 0.0, "Timestamp": old}])
    _wait(lambda: state() == "OK", "all is well")
    watch.put_metric_data(Namespace="AWS/SQS", MetricData=[{**metric, "Value": 2.0}])
    _wait(lambda: state() == "ALARM", "the alarm")
    _wait(lambda: told() == {"OK", "ALARM"}, "both calls")


def _audited(minute: int, service: str, action: str, status: int = 200, **parameters: str) -> str:
    """A line of Databricks' audit log, as it delivers them."""
    happened = datetime.now(UTC).replace(hour=0, minute=minute, second=0, microsecond=0)
    event = {
        "version": "2.0", "timestamp": int(happened.timestamp() * 1000), "sourceIPAddress": "203.0.113.5",
        "userAgent": "x", "sessionId": None, "requestId": f"r-{minute}", "accountId": "a",
        "auditLevel": "ACCOUNT_LEVEL", "serviceName": service, "actionName": action,
        "userIdentity": {"email": f"person-{minute}@example.com", "subjectName": None},
        "requestParams": parameters,
        "response": {"statusCode": status, "errorMessage": None if status == 200 else "no", "result": None},
    }  # fmt: skip
    return json.dumps(event)


AUDITED = [
    _audited(
        1, "unityCatalog", "generateTemporaryTableCredential", operation="READ",
        table_full_name="c.gold.routes",
    ),
    _audited(2, "accounts", "tokenLogin", 401, user="mallory@example.com"),
    _audited(3, "accounts", "tokenLogin", user="alice@example.com"),
    _audited(
        4, "unityCatalog", "updatePermissions", securable_type="TABLE", securable_full_name="c.gold.routes",
        changes='[{"add":["SELECT"]}]',
    ),
    _audited(
        5, "accounts", "addPrincipalToGroup", targetGroupName="readers", targetUserName="bob@example.com"
    ),
    _audited(6, "accounts", "generateDbToken"),
    _audited(7, "unityCatalog", "getTable", full_name_arg="c.gold.routes"),
    _audited(8, "jobs", "changeJobAcl"),
]  # fmt: skip
ANSWERS = {
    "who-read-what": [("person-1@example.com", "c.gold.routes", "READ", "200")],
    "failed-logins": [("person-2@example.com", "tokenLogin", "mallory@example.com", "no")],
    "permission-changes": [
        ("person-8@example.com", "changeJobAcl", None, None),
        ("person-5@example.com", "addPrincipalToGroup", "readers", "bob@example.com"),
        ("person-4@example.com", "updatePermissions", "c.gold.routes", '[{"add":["SELECT"]}]'),
    ],
    "tokens-made": [("person-6@example.com", "generateDbToken", "200")],
}


@pytest.fixture(scope="module")
def asked(running, platform: Templates):
    """Databricks has delivered a day's log, and an old one; asks a named query, in the group of audits."""
    bucket = SETTINGS.bucket("account-logs-engineering")
    day = datetime.now(UTC)
    old = f"{day - timedelta(days=30):%Y-%m-%d}"
    for date, lines in ((f"{day:%Y-%m-%d}", AUDITED), (old, [_audited(9, "accounts", "generateDbToken")])):
        key = f"audit/workspaceId=0/date={date}/auditlogs_1.json"
        running("s3").put_object(Bucket=bucket, Key=key, Body="\n".join(lines).encode())
    athena = running("athena")

    def ask(name: str) -> list[list[str | None]]:
        query = platform.one("AWS::Athena::NamedQuery", Name=f"medallion-{name}").properties
        begun = athena.start_query_execution(
            QueryString=query["QueryString"],
            QueryExecutionContext={"Database": query["Database"]},
            WorkGroup=query["WorkGroup"],
        )["QueryExecutionId"]

        def ended() -> dict[str, Any] | None:
            found = athena.get_query_execution(QueryExecutionId=begun)["QueryExecution"]
            return None if found["Status"]["State"] in ("QUEUED", "RUNNING") else found

        found = _wait(ended, "the answer")
        assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
        assert found["ResultConfiguration"]["OutputLocation"].startswith(f"s3://{bucket}/results/")
        rows = athena.get_query_results(QueryExecutionId=begun)["ResultSet"]["Rows"]
        return [[cell.get("VarCharValue") for cell in row["Data"]] for row in rows]

    return ask


@pytest.mark.parametrize("name", ANSWERS)
def test_a_named_query_finds_in_databricks_audit_log_what_it_is_asked_for(asked, name):
    header, *rows = asked(name)
    assert header[:4] == ["happened", "who", "address", "workspace"]
    assert [(row[1], *row[4:]) for row in rows] == ANSWERS[name]
    for row in rows:
        assert row[0].startswith(f"{datetime.now(UTC):%Y-%m-%d} 00:0{row[1][7]}:00")
        assert row[2:4] == ["203.0.113.5", "0"]
