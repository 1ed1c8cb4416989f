"""The templates go through CloudFormation on local servers, and then do what they are for.

What a server does not know is listed here, type by type: one that it comes to know, or forgets, fails.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import moto.cloudformation.parsing as moto_parsing
import pytest
from botocore.exceptions import ClientError
from local import Deployment, in_order
from moto import mock_aws
from templates import Templates

from medallion_pipelines.contracts.product import load_product
from medallion_pipelines.ingest.function import package
from medallion_platform.settings import load

MINISTACK = Path(__file__).parents[2] / ".venv-infra-ministack" / "bin"
SETTINGS = load(environ={})
ENGINEERING = SETTINGS.account("engineering")
# Known to neither server: checked as templates only. docs/platform.md says so, system by system.
ON_NEITHER = {
    "AWS::ApiGatewayV2::VpcLink", "AWS::DMS::Endpoint", "AWS::DMS::ReplicationConfig",
    "AWS::DMS::ReplicationSubnetGroup", "AWS::DataExchange::EventAction", "AWS::DataSync::LocationNFS",
    "AWS::DataSync::LocationS3", "AWS::DataSync::Task", "AWS::DirectConnect::DirectConnectGateway",
    "AWS::DirectConnect::DirectConnectGatewayAssociation", "AWS::EC2::CustomerGateway",
    "AWS::EC2::NetworkAcl", "AWS::EC2::NetworkAclEntry", "AWS::EC2::SecurityGroupEgress",
    "AWS::EC2::SubnetNetworkAclAssociation", "AWS::EC2::TransitGatewayAttachment",
    "AWS::EC2::TransitGatewayRoute", "AWS::EC2::TransitGatewayRouteTable",
    "AWS::EC2::TransitGatewayRouteTableAssociation", "AWS::EC2::VPNConnection",
    "AWS::EC2::VPNGatewayRoutePropagation", "AWS::EMRServerless::Application", "AWS::Events::Connection",
    "AWS::KMS::ReplicaKey", "AWS::Organizations::Account", "AWS::Organizations::Organization",
    "AWS::Organizations::OrganizationalUnit", "AWS::Organizations::Policy",
    "AWS::QuickSight::VPCConnection", "AWS::RAM::ResourceShare",
    # analytics
    "AWS::Athena::NamedQuery", "AWS::Glue::SecurityConfiguration", "AWS::Glue::Workflow",
    "AWS::LakeFormation::DataCellsFilter", "AWS::LakeFormation::DataLakeSettings",
    "AWS::LakeFormation::PrincipalPermissions", "AWS::LakeFormation::Resource", "AWS::LakeFormation::Tag",
    "AWS::LakeFormation::TagAssociation", "AWS::RedshiftServerless::Namespace",
    "AWS::RedshiftServerless::Workgroup", "AWS::Athena::DataCatalog", "AWS::DataZone::Domain",
    "AWS::DataZone::EnvironmentBlueprintConfiguration", "AWS::DataZone::Project",
    "AWS::QuickSight::Dashboard", "AWS::QuickSight::DataSet", "AWS::QuickSight::DataSource",
}  # fmt: skip
NOT_ON_MINISTACK = ON_NEITHER | {
    "AWS::EC2::EIP", "AWS::EC2::FlowLog", "AWS::EC2::NatGateway", "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::TransitGateway", "AWS::EC2::VPNGateway",
}  # fmt: skip
NOT_ON_MOTO = ON_NEITHER | {
    "AWS::Glue::Connection", "AWS::Glue::Database", "AWS::Glue::Table",
    "AWS::KinesisFirehose::DeliveryStream", "AWS::Logs::LogStream", "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy", "AWS::Scheduler::Schedule",
    # analytics
    "AWS::Athena::WorkGroup", "AWS::Glue::Crawler", "AWS::Glue::Trigger",
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
            deployment.deploy(stack, _without_tags_of_keys)
        assert deployment.left_out == NOT_ON_MOTO & types(platform)
        assert deployment.deployed == types(platform) - NOT_ON_MOTO
        unknown = {type_ for type_ in types(platform) if moto_parsing.resource_class_from_type(type_) is None}
        assert unknown == NOT_ON_MOTO
        buckets = client("s3", "", "eu-west-1").list_buckets()["Buckets"]
        assert SETTINGS.bucket("landing") in {bucket["Name"] for bucket in buckets}


def _without_tags_of_keys(template: dict[str, Any]) -> None:
    """moto reads the tags of keys in the spelling of KMS's own API, and not in CloudFormation's."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::KMS::Key":
            del resource["Properties"]["Tags"]


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
        deployment.deploy(stack, _made_quick)
    assert deployment.left_out == NOT_ON_MINISTACK & types(platform)
    assert deployment.deployed == types(platform) - NOT_ON_MINISTACK
    return client


def _made_quick(template: dict[str, Any]) -> None:
    for resource in template["Resources"].values():
        found = resource["Properties"]
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            if found["StateMachineName"] == "medallion-run-on-databricks":
                found["Definition"] = _saying("passed")
            elif found["StateMachineName"] == "medallion-pipeline":
                found["Definition"]["States"]["Settle"]["Seconds"] = 1
        if resource["Type"] == "AWS::Lambda::Function":
            # the server runs functions in processes of its own: no network of ours, the Python that is there
            del found["VpcConfig"]
            found["Runtime"] = f"python3.{sys.version_info.minor}"


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
