"""Reading a stream: the source `kinesis` beside a bare loop of boto3's get_records, from one local server.

    python benchmarks/kinesis.py --records 200000 --shards 8 --repeat 3

The server is the one of the tests (kinesalite, by npm): one thread of node, on this machine. The loop reads
shard after shard and drops what it gets; the source hands it to Spark's `noop` sink.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from subprocess import PIPE, Popen, run
from typing import Any

import boto3
from measure import in_turns, told
from pyspark.sql import SparkSession

from medallion_pipelines.kinesis.source import KinesisDataSource
from medallion_pipelines.session import local_session

ROOT = Path(__file__).parents[1]
REGION = "eu-west-1"


@contextmanager
def server() -> Iterator[str]:
    run([str(ROOT / "scripts" / "kinesis-server.sh")], check=True)
    command, folder = ["node", "serve.js"], ROOT / "tests" / "kinesis" / "server"
    with Popen(command, cwd=folder, stdin=PIPE, stdout=PIPE, text=True) as process:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        process.terminate()


def put(client: Any, stream: str, records: int, shards: int) -> None:
    client.create_stream(StreamName=stream, ShardCount=shards)
    for start in range(0, records, 500):
        entries = [
            {"PartitionKey": f"k{n}", "Data": json.dumps({"id": n, "note": "x" * 150}).encode()}
            for n in range(start, min(start + 500, records))
        ]
        assert client.put_records(StreamName=stream, Records=entries)["FailedRecordCount"] == 0


def bare(client: Any, stream: str, expected: int) -> None:
    count = 0
    for shard in client.list_shards(StreamName=stream)["Shards"]:
        asked = {"ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = client.get_shard_iterator(StreamName=stream, **asked)["ShardIterator"]
        while True:
            answer = client.get_records(ShardIterator=iterator, Limit=10_000)
            count += len(answer["Records"])
            iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                break
    assert count == expected, count


def by_spark(spark: SparkSession, url: str, stream: str, expected: int) -> None:
    with tempfile.TemporaryDirectory() as checkpoint:
        frame = (
            spark.readStream.format("kinesis")
            .option("streamName", stream)
            .option("endpointUrl", url)
            .option("region", REGION)
            .option("initialPosition", "trim_horizon")
            .option("metadataPath", f"{checkpoint}/shards")
            .load()
        )
        writer = frame.writeStream.format("noop").option("checkpointLocation", checkpoint)
        query = writer.trigger(availableNow=True).start()
        query.awaitTermination()
        count = sum(report.numInputRows for report in query.recentProgress)
    assert count == expected, count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--shards", type=int, default=8)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    os.environ |= {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "no-secret"}
    with server() as url:
        client = boto3.client("kinesis", region_name=REGION, endpoint_url=url)
        print(f"Putting {given.records:,} records into {given.shards} shards ...", flush=True)
        put(client, "measured", given.records, given.shards)
        spark = local_session(master="local[2]")
        spark.dataSource.register(KinesisDataSource)
        name = "the source `kinesis`, to a noop sink"
        base = "a bare loop of get_records"
        ways = {
            base: partial(bare, client, "measured", given.records),
            name: partial(by_spark, spark, url, "measured", given.records),
        }
        seconds = in_turns(ways, given.repeat)
        print(told(seconds, base))
        for way, values in seconds.items():
            print(f"{way}: {given.records / sorted(values)[len(values) // 2]:,.0f} records/s")
        spark.stop()


if __name__ == "__main__":
    sys.exit(main())
