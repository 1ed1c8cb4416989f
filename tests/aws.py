"""A local S3 server (moto's, in this process) that speaks the real protocol, and buckets for a test."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

_numbers = itertools.count(1)
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Bucket:
    """A bucket of one test."""

    s3: Any
    name: str

    def put(self, key: str, content: bytes) -> None:
        self.s3.put_object(Bucket=self.name, Key=key, Body=content)

    def get(self, key: str) -> bytes:
        content: bytes = self.s3.get_object(Bucket=self.name, Key=key)["Body"].read()
        return content

    def files(self, prefix: str = "") -> dict[str, bytes]:
        found = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {entry["Key"]: self.get(entry["Key"]) for page in found for entry in page.get("Contents", [])}

    def written(self) -> dict[str, Any]:
        """When each file was written."""
        return {e["Key"]: e["LastModified"] for e in self.s3.list_objects_v2(Bucket=self.name)["Contents"]}


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    """The URL of an S3 server."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def aws(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of somebody who uses that server, and no other."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", _session())


@cache
def _session() -> boto3.Session:
    """It remembers credentials, and what services can do, which takes long to read."""
    return boto3.Session()


@pytest.fixture(scope="session")
def s3(s3_server: str) -> Any:
    """A client of that server."""
    return boto3.client(
        "s3",
        endpoint_url=s3_server,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def bucket(s3: Any) -> Bucket:
    return new_bucket(s3)


def new_bucket(s3: Any) -> Bucket:
    name = f"bucket-{next(_numbers)}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return Bucket(s3, name)
