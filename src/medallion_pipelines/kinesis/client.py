"""A Kinesis client, and its errors in words: they name stream, shard and sequence number, never a secret."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from medallion_pipelines.errors import SetupError, SourceError
from medallion_pipelines.kinesis.options import Options

_THROTTLED = ("ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException",
              "ThrottlingException")  # fmt: skip
_REFUSED = ("AccessDeniedException", "UnrecognizedClientException", "InvalidClientTokenId",
            "InvalidSignatureException", "ExpiredTokenException", "MissingAuthenticationTokenException",
            "IncompleteSignature", "IncompleteSignatureException", "OptInRequired")  # fmt: skip


class ThrottledError(SourceError):
    """Kinesis asks for patience, after boto3's own attempts."""


class ExpiredError(SourceError):
    """A shard iterator is older than five minutes."""


def connect(options: Options, attempts: int = 3) -> Any:
    """A client for some streams. boto3 itself waits out what is throttled or broken, up to so many attempts.

    Raises SetupError where boto3 is missing, SourceError without a region.
    """
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError
    except ImportError:
        raise SetupError(
            "Kinesis is read with boto3, which is not installed here: pip install "
            "'medallion-pipelines[aws]', on every machine of the cluster."
        ) from None
    config = Config(
        retries={"mode": "standard", "total_max_attempts": attempts}, connect_timeout=10, read_timeout=60
    )
    with told(f"Kinesis ({', '.join(options.streams)})"):
        try:
            region = options.region or os.environ.get("AWS_REGION")  # which boto3 does not look at
            return boto3.client(
                "kinesis", region_name=region, endpoint_url=options.endpoint_url, config=config
            )
        except (BotoCoreError, ValueError) as error:
            hint = "Set the option `region`, or AWS_REGION." if "region" in str(error) else ""
            raise SourceError(f"No client for Kinesis can be made: {error} {hint}".strip()) from None


@contextmanager
def told(where: str) -> Iterator[None]:
    """What is done with a stream, or a shard of it (`where`), raises SourceError."""
    from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, PartialCredentialsError

    try:
        yield
    except (NoCredentialsError, PartialCredentialsError):
        raise SourceError(
            f"{where}: no AWS credentials were found. Give the machines a role, a profile or the "
            "environment variables that AWS's own tools take."
        ) from None
    except ClientError as error:
        raise _in_words(where, error.response.get("Error", {})) from None
    except BotoCoreError as error:
        raise SourceError(f"{where}: {type(error).__name__}: {error}") from None


def _in_words(where: str, error: Mapping[str, Any]) -> SourceError:
    # where a signature is wrong, more lines repeat the request with its token
    code, message = error.get("Code", ""), error.get("Message", "").partition("\n")[0]
    if code in _THROTTLED:
        return ThrottledError(f"{where}: Throttled by Kinesis ({code}).")
    if code == "ExpiredIteratorException":
        return ExpiredError(f"{where}: the shard iterator expired.")
    if code in _REFUSED:  # what AWS says then may hold names of keys
        return SourceError(
            f"{where}: AWS refused the credentials ({code}). They need kinesis:ListShards, "
            "kinesis:GetShardIterator, kinesis:GetRecords and kinesis:DescribeStreamSummary on the stream."
        )
    if code == "ResourceNotFoundException":
        return SourceError(f"{where}: there is no such stream or shard in this account and region.")
    if code == "InvalidArgumentException" and "equence" in message:
        return SourceError(
            f"{where}: Kinesis does not know the sequence number. If the stream was deleted and made anew, "
            "its records are others. Start with a new checkpoint."
        )
    return SourceError(f"{where}: {code}: {message}")
