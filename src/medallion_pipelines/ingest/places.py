"""Places in S3, clients of AWS, and what their errors mean to people."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from medallion_pipelines.errors import IngestError, SetupError


@dataclass(frozen=True)
class Place:
    """An object, or a prefix, in S3."""

    bucket: str
    key: str

    @classmethod
    def of(cls, uri: str) -> Place:
        """From `s3://bucket/key`. Raises IngestError for anything else."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket:
            raise IngestError(f"{uri} is no place in S3: write s3://bucket/key.")
        return cls(bucket, key)

    def below(self, name: str) -> Place:
        """The place of that name below this prefix."""
        prefix = self.key.strip("/")
        return Place(self.bucket, f"{prefix}/{name}" if prefix else name)

    @property
    def arn(self) -> str:
        return f"arn:aws:s3:::{self.bucket}/{self.key}" if self.key else f"arn:aws:s3:::{self.bucket}"

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def client(service: str) -> Any:
    """A client of an AWS service, set up by the environment as AWS' own tools are.

    Raises SetupError without boto3, and where the environment names no region.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise SetupError("boto3 is missing: pip install 'medallion-pipelines[aws]'.") from None
    try:
        config = Config(retries={"mode": "standard", "total_max_attempts": 5})
        region = os.environ.get("AWS_REGION")  # which boto3 does not look at
        return boto3.client(service, region_name=region, config=config)
    except BotoCoreError as error:
        raise SetupError(f"{error} See https://docs.aws.amazon.com/sdkref/ for what to set.") from None


def account() -> str:
    """The AWS account that the environment's credentials are of."""
    with told("The AWS account cannot be told"):
        return str(client("sts").get_caller_identity()["Account"])


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turns what AWS answers into an IngestError that says what was tried. It names no credentials."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

    try:
        yield
    except NoRegionError:  # some services are asked before it is missed
        raise IngestError(f"{what}: there is no region. Set AWS_REGION.") from None
    except NoCredentialsError:
        raise IngestError(
            f"{what}: there are no AWS credentials. Set AWS_PROFILE, or run where a role is given."
        ) from None
    except ClientError as error:
        answer = error.response.get("Error", {})
        # where a signature is wrong, more lines repeat the request with its token
        message = answer.get("Message", "").partition("\n")[0]
        raise IngestError(f"{what}: AWS answered {answer.get('Code', 'nothing')}: {message}") from None
    except BotoCoreError as error:
        raise IngestError(f"{what}: {error}") from None
