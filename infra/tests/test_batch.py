"""A job of S3 Batch Operations is made and followed as the state machine says, against the project's own
small S3 Control, which copies on a real S3 server."""

import sys
from dataclasses import replace
from pathlib import Path

import boto3
import machine
import pytest

from medallion_platform.ingestion.batch import definition
from medallion_platform.settings import load

sys.path.append(str(Path(__file__).parents[2]))

from tests.aws import aws, s3, s3_server
from tests.ingest import control as fake
from tests.ingest.conftest import control

__all__ = ["aws", "control", "s3", "s3_server"]

SETTINGS = replace(load(environ={}), accounts={**load(environ={}).accounts, "engineering": fake.ACCOUNT})


@pytest.fixture
def copying(aws, s3, control, monkeypatch):
    """The machine, on a manifest of two objects; of the job's buckets each test has its own content."""
    monkeypatch.setattr(fake, "ROLE", SETTINGS.role("engineering-batch-operations"))
    where = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    batch, landing = SETTINGS.bucket("batch-engineering"), SETTINGS.bucket("landing")
    there = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
    for bucket in {batch, landing, "archive"} - there:
        s3.create_bucket(Bucket=bucket, **where)
    for key in ("a.json", "b.json"):
        s3.put_object(Bucket="archive", Key=key, Body=key.encode())

    def run(name, *keys):
        listed = "".join(f"archive,{key}\n" for key in keys).encode()
        etag = s3.put_object(Bucket=batch, Key=f"manifests/{name}.csv", Body=listed)["ETag"].strip('"')
        given = {
            "manifest": {"arn": f"arn:aws:s3:::{batch}/manifests/{name}.csv", "etag": etag},
            "prefix": name,
        }
        return machine.run(definition(SETTINGS), given, name, boto3.client)

    def landed(name):
        found = s3.list_objects_v2(Bucket=landing, Prefix=f"{name}/").get("Contents", [])
        return [each["Key"] for each in found]

    return run, landed, control


def test_the_job_is_made_followed_to_its_end_and_its_objects_are_in_landing(copying):
    run, landed, control = copying
    known, passed = run("copy-1", "a.json", "b.json")
    assert passed[:2] == ["Create", "Pause"] and passed[-2:] == ["HasEnded", "Copied"]
    assert passed.count("Look") > 2
    assert known["found"]["Job"]["ProgressSummary"]["NumberOfTasksSucceeded"] == 2
    assert landed("copy-1") == ["copy-1/a.json", "copy-1/b.json"]
    assert len(control.jobs) == 1


def test_begun_again_under_its_name_it_follows_the_job_that_is_there(copying):
    run, landed, control = copying
    for _ in range(2):
        run("copy-2", "a.json")
    assert len(control.jobs) == 1 and landed("copy-2") == ["copy-2/a.json"]


def test_another_execution_of_the_same_manifest_is_another_job(copying):
    run, landed, control = copying
    run("copy-5", "b.json")
    run("copy-6", "b.json")
    assert len(control.jobs) == 2 and landed("copy-6") == ["copy-6/b.json"]


def test_a_job_that_leaves_an_object_out_fails(copying):
    run, landed, _ = copying
    with pytest.raises(machine.FailedError, match="SomeObjectsFailed"):
        run("copy-3", "a.json", "gone.json")
    assert landed("copy-3") == ["copy-3/a.json"]


def test_a_job_without_its_manifest_fails(copying):
    _, landed, _ = copying
    with pytest.raises(machine.FailedError, match="JobFailed"):
        machine.run(
            definition(SETTINGS),
            {
                "manifest": {"arn": f"arn:aws:s3:::{SETTINGS.bucket('batch-engineering')}/no", "etag": "x"},
                "prefix": "p",
            },
            "copy-4",
            boto3.client,
        )
    assert landed("p") == []
