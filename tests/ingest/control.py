"""S3 Control as far as Batch Operations goes: the real protocol over HTTP, real copies on a real S3 server.

It is a proxy, so that the host names with the account in front, as AWS wants them, need no resolving. A job
goes one step further each time it is looked at.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote_plus, urlsplit
from xml.sax.saxutils import escape

from botocore.exceptions import ClientError
from tests.answering import answering

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/batch-operations"
_NS = "{http://awss3control.amazonaws.com/doc/2018-08-20/}"


@dataclass
class Control:
    """What the service knows, and what tests may change of it."""

    s3: Any
    threshold: int = 1000  # from so many tasks on a job fails where half of them do
    refused: dict[str, int] = field(default_factory=dict)  # by key, how many more times it is throttled
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    tokens: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    url: str = ""

    def create(self, account: str, body: bytes) -> str:
        root = ET.fromstring(body)
        token = root.findtext(f"{_NS}ClientRequestToken") or ""
        known = self.tokens.get(token)
        if known is not None:
            if known[1] != body:
                raise RefusedError(400, "IdempotencyException", "The token was used for another request.")
            return known[0]
        if root.findtext(f"{_NS}RoleArn") != ROLE:
            raise RefusedError(400, "InvalidRequest", "Role cannot be assumed.")
        id_ = str(uuid.uuid5(uuid.NAMESPACE_OID, token))
        self.tokens[token] = (id_, body)
        self.jobs[id_] = {"id": id_, "account": account, "status": "New", "request": root, "tasks": []}
        return id_

    def describe(self, account: str, id_: str) -> str:
        job = self.jobs.get(id_)
        if job is None or job["account"] != account:
            raise RefusedError(404, "NoSuchJob", "The specified job does not exist.")
        self._step(job)
        done = [task for task in job["tasks"] if task[3]]
        good = sum(task[3] == "succeeded" for task in done)
        reasons = "".join(
            f"<member><FailureCode>{code}</FailureCode><FailureReason>{escape(why)}</FailureReason></member>"
            for code, why in job.get("reasons", [])
        )
        return (
            f"<Job><JobId>{id_}</JobId><Status>{job['status']}</Status><ProgressSummary>"
            f"<TotalNumberOfTasks>{len(job['tasks'])}</TotalNumberOfTasks>"
            f"<NumberOfTasksSucceeded>{good}</NumberOfTasksSucceeded>"
            f"<NumberOfTasksFailed>{len(done) - good}</NumberOfTasksFailed></ProgressSummary>"
            f"<FailureReasons>{reasons}</FailureReasons></Job>"
        )

    def _step(self, job: dict[str, Any]) -> None:
        if job["status"] == "New":
            job["status"] = "Preparing"
        elif job["status"] == "Preparing":
            try:
                job["tasks"] = [[*each, "", "", "", ""] for each in self._manifest(job["request"])]
                job["status"] = "Ready"
            except (ClientError, RefusedError) as error:
                job.update(status="Failed", reasons=[("403", str(error))])
        elif job["status"] in ("Ready", "Active"):
            waiting = [task for task in job["tasks"] if not task[3]]
            for task in waiting[: max(1, len(job["tasks"]) // 2)]:
                self._copy(job["request"], task)
            job["status"] = "Active"
            failed = sum(task[3] == "failed" for task in job["tasks"])
            if len(job["tasks"]) >= self.threshold and failed * 2 > len(job["tasks"]) // 2:
                job.update(status="Failed", reasons=[("JobFailureThreshold", "Too many tasks failed.")])
            elif all(task[3] for task in job["tasks"]):
                job["status"] = "Complete"
            if job["status"] != "Active":
                self._report(job)

    def _manifest(self, request: ET.Element) -> list[list[str]]:
        manifest = _found(request, "Manifest")
        bucket, key = _arn(manifest, "Location", "ObjectArn")
        answer = self.s3.get_object(Bucket=bucket, Key=key)
        if answer["ETag"].strip('"') != _text(manifest, "Location", "ETag"):
            raise RefusedError(400, "InvalidManifest", "The ETag of the manifest differs.")
        content = answer["Body"].read()
        if _text(manifest, "Spec", "Format").startswith("S3Inventory"):
            inventory = json.loads(content)
            fields = [name.strip() for name in inventory["fileSchema"].split(",")]
            files = [self.s3.get_object(Bucket=bucket, Key=one["key"]) for one in inventory["files"]]
            content = b"".join(gzip.decompress(one["Body"].read()) for one in files)
        else:
            fields = [str(member.text) for member in _found(manifest, "Spec", "Fields")]
        rows = [dict(zip(fields, row, strict=True)) for row in csv.reader(io.StringIO(content.decode()))]
        return [[row["Bucket"], row["Key"], row.get("VersionId", "")] for row in rows]

    def _copy(self, request: ET.Element, task: list[str]) -> None:
        operation = _found(request, "Operation", "S3PutObjectCopy")
        source = {"Bucket": task[0], "Key": unquote_plus(task[1])}
        if task[2]:
            source["VersionId"] = task[2]
        prefix = operation.findtext(f"{_NS}TargetKeyPrefix")
        more: dict[str, Any] = {}
        if (tags := operation.find(f"{_NS}NewObjectTagging")) is not None:
            pairs = [f"{_text(tag, 'Key')}={_text(tag, 'Value')}" for tag in tags]
            more = {"Tagging": "&".join(pairs), "TaggingDirective": "REPLACE"}
        if checksum := operation.findtext(f"{_NS}ChecksumAlgorithm"):
            more["ChecksumAlgorithm"] = checksum
        try:
            if self.refused.get(source["Key"], 0):
                self.refused[source["Key"]] -= 1
                raise ClientError(
                    {
                        "Error": {"Code": "SlowDown", "Message": "Reduce your rate."},
                        "ResponseMetadata": {"HTTPStatusCode": 503},  # type: ignore[typeddict-item]
                    },
                    "CopyObject",
                )
            goal = f"{prefix}/{source['Key']}" if prefix else source["Key"]
            bucket, _ = _arn(operation, "TargetResource")
            self.s3.copy_object(Bucket=bucket, Key=goal, CopySource=source, **more)
            task[3:] = ["succeeded", "", "200", "Successful"]
        except ClientError as error:
            answer = error.response
            status = str(answer["ResponseMetadata"]["HTTPStatusCode"])
            task[3:] = ["failed", answer["Error"]["Code"], status, answer["Error"]["Message"]]

    def _report(self, job: dict[str, Any]) -> None:
        report = _found(job["request"], "Report")
        bucket, _ = _arn(report, "Bucket")
        root = f"{report.findtext(f'{_NS}Prefix', '')}/job-{job['id']}".lstrip("/")
        results = []
        for status in ("succeeded", "failed"):
            rows = [task for task in job["tasks"] if task[3] == status]
            if rows:
                text = io.StringIO()
                csv.writer(text, lineterminator="\n").writerows(rows)
                content = text.getvalue().encode()
                key = f"{root}/results/{hashlib.sha1(content).hexdigest()}.csv"
                self.s3.put_object(Bucket=bucket, Key=key, Body=content)
                md5 = hashlib.md5(content).hexdigest()
                results.append(
                    {"TaskExecutionStatus": status, "Bucket": bucket, "MD5Checksum": md5, "Key": key}
                )
        columns = "Bucket, Key, VersionId, TaskStatus, ErrorCode, HTTPStatusCode, ResultMessage"
        overview = {
            "Format": _text(report, "Format"),
            "ReportCreationDate": "2026-01-01T00:00:00.000Z",
            "Results": results,
            "ReportSchema": columns,
        }
        self.s3.put_object(Bucket=bucket, Key=f"{root}/manifest.json", Body=json.dumps(overview).encode())


class RefusedError(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        self.status, self.code = status, code
        super().__init__(message)


@contextmanager
def served(control: Control) -> Iterator[Control]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self._answer("CreateJobResult", lambda account: f"<JobId>{control.create(account, body)}</JobId>")

        def do_GET(self) -> None:
            id_ = urlsplit(self.path).path.rsplit("/", 1)[1]
            self._answer("DescribeJobResult", lambda account: control.describe(account, id_))

        def _answer(self, name: str, made: Any) -> None:
            account = self.headers["x-amz-account-id"]
            try:
                url = urlsplit(self.path)
                if not url.netloc.startswith(f"{account}.") or not url.path.startswith("/v20180820/jobs"):
                    raise RefusedError(400, "InvalidURI", f"{self.path} is not known.")
                if account != ACCOUNT:
                    raise RefusedError(403, "AccessDenied", "Access Denied")
                status, xml = 200, f'<{name} xmlns="{_NS[1:-1]}">{made(account)}</{name}>'
            except RefusedError as error:
                status = error.status
                xml = (
                    f"<ErrorResponse><Error><Code>{error.code}</Code><Message>{error}</Message></Error>"
                    "<RequestId>1</RequestId></ErrorResponse>"
                )
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(xml.encode())))
            self.end_headers()
            self.wfile.write(xml.encode())

    with answering(Handler) as control.url:
        yield control


def _found(element: ET.Element, *names: str) -> ET.Element:
    found = element.find("/".join(f"{_NS}{name}" for name in names))
    assert found is not None, f"{'/'.join(names)} is missing"
    return found


def _text(element: ET.Element, *names: str) -> str:
    return _found(element, *names).text or ""


def _arn(element: ET.Element, *names: str) -> tuple[str, str]:
    bucket, _, key = _text(element, *names).removeprefix("arn:aws:s3:::").partition("/")
    return bucket, key
