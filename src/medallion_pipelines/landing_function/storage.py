"""Reading what arrived in S3, and writing each thing once."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from botocore.exceptions import ClientError

from medallion_pipelines.landing_function.events import RefusedError

LARGEST_FILE = 64 * 2**20  # bytes, unpacked; bigger ones are for a feed of their own
Written = Literal["written", "there", "differs"]
_TRIES = 3


class S3(Protocol):
    """Of boto3's client what is used here."""

    def get_object(self, **request: Any) -> Any: ...

    def put_object(self, **request: Any) -> Any: ...


@dataclass(frozen=True)
class Folder:
    """A place in S3."""

    bucket: str
    prefix: str  # empty, or ends in a slash

    @classmethod
    def of(cls, uri: str) -> Folder:
        """From `s3://bucket/prefix`. Raises ValueError for anything else."""
        bucket, _, prefix = uri.removeprefix("s3://").partition("/")
        if not uri.startswith("s3://") or not bucket:
            raise ValueError(f"{uri} is no place in S3: write s3://bucket/prefix")
        return cls(bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else "")

    def below(self, path: str) -> Folder:
        """The folder of that name within it."""
        return Folder(self.bucket, f"{self.prefix}{path}/")

    def holds(self, origin: Mapping[str, str]) -> bool:
        """Whether a file came from here."""
        return origin.get("bucket") == self.bucket and origin["key"].startswith(self.prefix)


def read(s3: S3, origin: Mapping[str, str]) -> bytes:
    """A file's content, unpacked. Raises RefusedError where it has none to give."""
    version = {"VersionId": origin["versionId"]} if "versionId" in origin else {}
    try:
        found = s3.get_object(Bucket=origin["bucket"], Key=origin["key"], **version)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchKey", "NoSuchVersion", "404"):
            raise
        raise RefusedError("gone", "the file is not there any more") from None
    if found["ContentLength"] > LARGEST_FILE:
        raise RefusedError("too_large", f"the file has more than {LARGEST_FILE:,} bytes")
    content: bytes = found["Body"].read()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        content = gzip.GzipFile(fileobj=io.BytesIO(content)).read(LARGEST_FILE + 1)
    except (EOFError, OSError, zlib.error) as error:
        raise RefusedError("gzip", f"the file cannot be unpacked: {error}") from None
    if len(content) > LARGEST_FILE:
        raise RefusedError("too_large", f"the file has more than {LARGEST_FILE:,} bytes unpacked")
    return content


def write_once(s3: S3, folder: Folder, key: str, content: bytes) -> Written:
    """Write a file unless there is one; `differs` where that has other content, and stays.

    A file that is there is not written again: to who reads the folder it would seem to have changed.
    """
    place = {"Bucket": folder.bucket, "Key": folder.prefix + key}
    for tries_left in reversed(range(_TRIES)):
        try:
            s3.put_object(**place, Body=content, ContentType="application/json", IfNoneMatch="*")
            return "written"
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "PreconditionFailed":
                break
            if code != "ConditionalRequestConflict" or not tries_left:  # another writes it at this moment
                raise
    return "there" if s3.get_object(**place)["Body"].read() == content else "differs"


def refusal(
    record: bytes | None, arrived: datetime, origin: Mapping[str, str], code: str, message: str
) -> tuple[str, bytes]:
    """Key and content of the error file of a record, or of a file that gave none: the same each time.

    The fields are those that Amazon Data Firehose writes, and where the record came from.
    """
    entry = {
        "arrivalTimestamp": int(arrived.timestamp() * 1000),
        "errorCode": code,
        "errorMessage": message,
        **({} if record is None else {"rawData": base64.b64encode(record).decode()}),
        **origin,
    }
    content = json.dumps(entry).encode() + b"\n"
    return f"{code}/{arrived:%Y/%m/%d/%H}/{hashlib.sha256(content).hexdigest()}.json", content
