"""What Spark is told of S3: places, and no secret."""

from pathlib import Path

import pytest

from medallion_pipelines.errors import SetupError
from medallion_pipelines.s3a import configuration
from medallion_pipelines.settings import Settings

JARS = [Path("/jars/aws-bundle.jar"), Path("/jars/hadoop-aws.jar")]
SECRETS = {"AWS_ACCESS_KEY_ID": "AKIA17", "AWS_SECRET_ACCESS_KEY": "hush", "AWS_SESSION_TOKEN": "hush too"}


def test_without_its_jars_nothing_is_said() -> None:
    assert configuration([], {"AWS_ENDPOINT_URL": "http://localhost:9000"}) == {}


def test_endpoint_and_region_are_those_of_the_environment_and_secrets_stay_there() -> None:
    places = {"AWS_ENDPOINT_URL": "http://localhost:1", "AWS_DEFAULT_REGION": "eu-west-1"}
    told = configuration(JARS, {**SECRETS, **places})
    classpath = "/jars/aws-bundle.jar:/jars/hadoop-aws.jar"
    assert told == {
        "spark.driver.extraClassPath": classpath,
        "spark.executor.extraClassPath": classpath,
        "spark.hadoop.fs.s3a.aws.credentials.provider": (
            "software.amazon.awssdk.auth.credentials.DefaultCredentialsProvider"
        ),
        "spark.hadoop.fs.s3a.endpoint": "http://localhost:1",
        "spark.hadoop.fs.s3a.path.style.access": "true",
        "spark.hadoop.fs.s3a.endpoint.region": "eu-west-1",
    }


def test_what_is_said_of_s3_alone_goes_before_what_is_said_of_all_services() -> None:
    told = configuration(
        JARS,
        {
            "AWS_ENDPOINT_URL": "http://all", "AWS_ENDPOINT_URL_S3": "http://s3",
            "AWS_REGION": "eu-north-1", "AWS_DEFAULT_REGION": "eu-west-1",
        },
    )  # fmt: skip
    assert told["spark.hadoop.fs.s3a.endpoint"] == "http://s3"
    assert told["spark.hadoop.fs.s3a.endpoint.region"] == "eu-north-1"


def test_on_aws_itself_buckets_have_names_of_their_own() -> None:
    assert not [key for key in configuration(JARS, SECRETS) if "endpoint" in key or "path.style" in key]


def test_a_warehouse_on_s3_is_refused_with_the_reason() -> None:
    with pytest.raises(SetupError, match=r"s3a://bucket/tables is not a folder .* within one process only"):
        Settings(warehouse="s3a://bucket/tables")
