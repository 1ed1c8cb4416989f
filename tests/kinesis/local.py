"""A local Kinesis server for tests, streams in it, and a way to it on which things go wrong."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.answering import answering

HERE = Path(__file__).parent / "server"
REGION = "eu-west-1"
# no test ever talks to AWS; the JVM and its workers inherit it, so it is there before they start
os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "no-secret", "AWS_REGION": REGION}
os.environ.pop("AWS_PROFILE", None)


@dataclass
class Server:
    """A server that speaks Kinesis' protocol on this machine."""

    url: str
    process: subprocess.Popen[str]

    def client(self, url: str | None = None) -> Any:
        import boto3

        return boto3.client("kinesis", region_name=REGION, endpoint_url=url or self.url)

    def stream(self, shards: int = 1) -> Stream:
        made = Stream(self.client(), f"s-{uuid.uuid4().hex[:12]}", self.url)
        made.client.create_stream(StreamName=made.name, ShardCount=shards)
        made.wait()
        return made

    def a_day_passes(self) -> None:
        """The server's clock goes 25 hours forward."""
        self.process.send_signal(signal.SIGUSR2)
        time.sleep(0.05)  # of two signals at once it would hear one


@dataclass
class Stream:
    """A stream of a test's own."""

    client: Any
    name: str
    url: str
    put_numbers: list[tuple[str, str]] = field(default_factory=list)  # shard, sequence number

    def put(self, *records: bytes | str, key: str | None = None) -> list[str]:
        """Put records, each under a key of its own (`k0`, `k1`, ...) or all under one; their numbers."""
        numbers = []
        for start in range(0, len(records), 5 if any(len(r) > 100_000 for r in records) else 500):
            some = records[start : start + (5 if any(len(r) > 100_000 for r in records) else 500)]
            entries = [
                {
                    "Data": one.encode() if isinstance(one, str) else one,
                    "PartitionKey": key or f"k{start + place}",
                }
                for place, one in enumerate(some)
            ]
            answer = self.client.put_records(StreamName=self.name, Records=entries)
            assert answer["FailedRecordCount"] == 0
            numbers += [one["SequenceNumber"] for one in answer["Records"]]
            self.put_numbers += [(one["ShardId"], one["SequenceNumber"]) for one in answer["Records"]]
        return numbers

    def shards(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.list_shards(StreamName=self.name)["Shards"]
        return found

    def open_shards(self) -> list[dict[str, Any]]:
        return [one for one in self.shards() if "EndingSequenceNumber" not in one["SequenceNumberRange"]]

    def split(self, shard_id: str) -> None:
        """Split a shard in the middle of its keys."""
        keys = next(one for one in self.shards() if one["ShardId"] == shard_id)["HashKeyRange"]
        middle = (int(keys["StartingHashKey"]) + int(keys["EndingHashKey"])) // 2
        self.client.split_shard(StreamName=self.name, ShardToSplit=shard_id, NewStartingHashKey=str(middle))
        self.wait()

    def merge(self, shard_id: str, other: str) -> None:
        self.client.merge_shards(StreamName=self.name, ShardToMerge=shard_id, AdjacentShardToMerge=other)
        self.wait()

    def settle(self) -> None:
        """Wait until now is after all arrivals: to this server new shards come from a second ahead."""
        time.sleep(1.05)

    def wait(self) -> None:
        """Until what was asked for is done."""
        while True:
            summary = self.client.describe_stream_summary(StreamName=self.name)
            if summary["StreamDescriptionSummary"]["StreamStatus"] == "ACTIVE":
                return


@contextmanager
def serving() -> Iterator[Server]:
    """A server of one's own; skips the test where there is no node."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("node and npm are not on PATH: no local Kinesis server")
    script = HERE.parents[2] / "scripts" / "kinesis-server.sh"
    with (HERE / ".lock").open("w") as lock:  # workers of one run come at the same time
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run([str(script)], check=True)
    command = ["node", "serve.js"]
    process = subprocess.Popen(command, cwd=HERE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            yield Server(f"http://127.0.0.1:{int(process.stdout.readline())}", process)
        finally:
            process.terminate()


@pytest.fixture(scope="session")
def kinesis() -> Iterator[Server]:
    """The server that tests share."""
    with serving() as server:
        yield server


@dataclass
class Trouble:
    """A way to a server that answers calls itself, as told; the others go through."""

    url: str
    waiting: dict[str, deque[tuple[int, str, str]]]
    calls: Counter[str]

    def answer(self, call: str, code: str, message: str = "", times: int = 1, status: int = 400) -> None:
        """The next calls (GetRecords, ...) end with an error."""
        self.waiting.setdefault(call, deque()).extend([(status, code, message)] * times)


@pytest.fixture
def trouble(kinesis: Server) -> Iterator[Trouble]:
    made = Trouble("", {}, Counter())
    host = kinesis.url.removeprefix("http://")

    class Between(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            call = self.headers["X-Amz-Target"].split(".")[1]
            made.calls[call] += 1
            if made.waiting.get(call):
                status, code, message = made.waiting[call].popleft()
                content = json.dumps({"__type": code, "message": message}).encode()
            else:
                link = http.client.HTTPConnection(host)
                link.request("POST", "/", body, dict(self.headers))
                answer = link.getresponse()
                status, content = answer.status, answer.read()
                link.close()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with answering(Between) as made.url:
        yield made


def packed(records: Sequence[tuple[str, bytes]]) -> bytes:
    """Records in one, by AWS's own library."""
    from aws_kinesis_agg.aggregator import RecordAggregator

    aggregator = RecordAggregator()
    for key, data in records:
        assert aggregator.add_user_record(key, data) is None
    contents: bytes = aggregator.clear_and_get().get_contents()[2]
    return contents


def in_order(found: Sequence[str]) -> bool:
    """Whether sequence numbers only grow."""
    parts = [tuple(map(int, one.split(":"))) for one in found]
    return parts == sorted(parts)
