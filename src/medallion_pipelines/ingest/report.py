"""Completion reports of S3 Batch Operations: what became of each object."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_plus

from medallion_pipelines.errors import IngestError
from medallion_pipelines.ingest.places import Place, told

FORMAT = "Report_CSV_20180820"
_COLUMNS = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"


@dataclass(frozen=True)
class Task:
    """What became of one object. `key` is URL-encoded, as in the manifest."""

    bucket: str
    key: str
    version: str
    status: str
    error: str = ""
    http_status: str = ""
    message: str = ""

    @property
    def name(self) -> str:
        """The object's key."""
        return unquote_plus(self.key)


def tasks(s3: Any, reports: Place, job: str, status: Literal["succeeded", "failed"]) -> Iterator[Task]:
    """The tasks of a job that ended so, as its report below `reports` has them.

    Raises IngestError where the report is not there, was changed, or has other columns than are known.
    """
    place = reports.below(f"job-{job}/manifest.json")
    with told(f"The completion report {place} cannot be read"):
        overview = json.loads(s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read())
    if overview["Format"] != FORMAT or overview["ReportSchema"] != _COLUMNS:
        raise _unknown(place)
    for part in overview["Results"]:
        if part["TaskExecutionStatus"] == status:
            yield from _part(s3, Place(part["Bucket"], part["Key"]), part["MD5Checksum"])


def _part(s3: Any, place: Place, checksum: str) -> Iterator[Task]:
    with told(f"The completion report {place} cannot be read"):
        content = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read()
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != checksum:
        raise IngestError(f"The completion report {place} was changed: its MD5 differs.")
    for row in csv.reader(io.StringIO(content.decode())):
        if len(row) != len(_COLUMNS.split(",")):
            raise _unknown(place)
        yield Task(*row)


def _unknown(place: Place) -> IngestError:
    return IngestError(f"The completion report {place} has columns that are not known here.")
