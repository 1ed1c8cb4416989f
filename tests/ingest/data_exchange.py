"""AWS Data Exchange as far as a subscriber needs it: the real protocol over HTTP, real objects in S3."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.answering import answering

_PAGE = 2  # entries: a small one, so that there are several


@dataclass
class Exchange:
    """A data set of a provider; `failing` makes its jobs end in an error."""

    s3: Any
    id: str = "data-set-1"
    revisions: dict[str, dict[str, Any]] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    failing: bool = False
    url: str = ""

    def publish(self, id_: str, created: str, files: dict[str, bytes], **more: Any) -> None:
        entry = {"Id": id_, "DataSetId": self.id, "CreatedAt": created, "Finalized": True, **more}
        self.revisions[id_] = {"entry": entry, "files": files, "type": "S3_SNAPSHOT"}

    def answer(self, method: str, path: str, token: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        if found := re.fullmatch(r"/v1/data-sets/([^/]+)/revisions(?:/([^/]+)/assets)?", path):
            if found[1] != self.id:
                return 404, {"Message": "Data set not found", "code": "ResourceNotFoundException"}
            if found[2] is None:
                entries = [each["entry"] for each in self.revisions.values()]
                return 200, _page("Revisions", entries[::-1], token)
            return 200, _page("Assets", self._assets(found[2]), token)
        if method == "POST" and path == "/v1/jobs":
            id_ = str(uuid.uuid4())
            self.jobs[id_] = {"Id": id_, "State": "WAITING", "details": body["Details"]["ExportAssetsToS3"]}
            return 201, {"Id": id_, "State": "WAITING"}
        job = self.jobs[path.rsplit("/", 1)[1]]
        if method == "PATCH":
            job["State"] = "IN_PROGRESS"
            return 202, {}
        if job["State"] == "IN_PROGRESS":
            self._export(job)
            return 200, {"Id": job["Id"], "State": "IN_PROGRESS"}
        return 200, {name: job[name] for name in ("Id", "State", "Errors") if name in job}

    def _assets(self, revision: str) -> list[dict[str, Any]]:
        found = self.revisions[revision]
        arn = f"arn:aws:dataexchange:eu-west-1::data-sets/{self.id}/revisions/{revision}/assets"
        return [
            {
                "Id": f"{revision}-{name}",
                "Name": name,
                "Arn": f"{arn}/{name}",
                "AssetType": found["type"],
                "AssetDetails": {"S3SnapshotAsset": {"Size": float(len(content))}},
            }
            for name, content in found["files"].items()
        ]

    def _export(self, job: dict[str, Any]) -> None:
        if self.failing:
            errors = [{"Code": "ACCESS_DENIED_EXCEPTION", "Message": "The bucket cannot be written."}]
            job.update(State="ERROR", Errors=errors)
            return
        details = job["details"]
        files = self.revisions[details["RevisionId"]]["files"]
        assert len(details["AssetDestinations"]) <= 100
        for goal in details["AssetDestinations"]:
            content = files[goal["AssetId"].removeprefix(f"{details['RevisionId']}-")]
            self.s3.put_object(Bucket=goal["Bucket"], Key=goal["Key"], Body=content)
        job["State"] = "COMPLETED"


@contextmanager
def served(exchange: Exchange) -> Iterator[Exchange]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            path, _, query = self.path.partition("?")
            token = (re.findall(r"nextToken=(\d+)", query) or ["0"])[0]
            status, answer = exchange.answer(self.command, path, token, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            if status >= 400:
                self.send_header("x-amzn-ErrorType", answer["code"])
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _answer  # noqa: N815

    with answering(Handler) as exchange.url:
        yield exchange


def _page(name: str, entries: list[dict[str, Any]], token: str) -> dict[str, Any]:
    start = int(token)
    more = {"NextToken": str(start + _PAGE)} if start + _PAGE < len(entries) else {}
    return {name: entries[start : start + _PAGE], **more}
