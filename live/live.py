"""Flight events through a local Kinesis, and weather files, into bronze, silver and gold, until Ctrl-C.

    python live/live.py --rate 2000 --seconds 120

Starts a Kinesis server of its own, a producer beside it, and a server of S3 for the files (moto's, in this
process), and stops them in the end. Without the jars that read s3a:// (`make s3-extras`) files land in a
folder. The lakehouse stays in .medallion/live; each start begins a new one.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).parent
HOME = Path(".medallion/live").absolute()
SERVER = HERE.parent / "tests" / "kinesis" / "server"
STREAM, SHARDS = "flight-events", 2
HEADINGS = (
    "run",
    "seconds",
    "events sent",
    "bronze",
    "silver",
    "quarantine",
    "gold",
    "event to gold",
    "weather",
)
BUCKET = "live-landing-zone"


@contextmanager
def kinesis() -> Iterator[None]:
    """A server on a free port, with the stream; the environment leads to it."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        raise SystemExit("error: node and npm are needed for the local Kinesis server.")
    subprocess.run([HERE.parent / "scripts" / "kinesis-server.sh"], check=True)
    command = ["node", "serve.js"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    # in a session of its own: Ctrl-C is for this process, which ends the others
    with subprocess.Popen(command, cwd=SERVER, text=True, start_new_session=True, **pipes) as process:
        assert process.stdout is not None
        os.environ |= {
            "AWS_ENDPOINT_URL_KINESIS": f"http://127.0.0.1:{int(process.stdout.readline())}",
            "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "no-secret", "AWS_REGION": "eu-west-1",
            "AWS_DEFAULT_REGION": "eu-west-1",
        }  # fmt: skip
        os.environ.pop("AWS_PROFILE", None)
        import boto3

        client = boto3.client("kinesis")
        client.create_stream(StreamName=STREAM, ShardCount=SHARDS)
        client.get_waiter("stream_exists").wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
        try:
            yield
        finally:
            process.terminate()


@contextmanager
def landing_zone() -> Iterator[str]:
    """Where files land: a bucket of a server on a free port, to which the environment leads, or a folder."""
    from medallion_pipelines.machine import s3_jars

    if not s3_jars():
        print("Files land in a folder. (In a bucket of a local S3 server after `make s3-extras`.)")
        (HOME / "landing" / "weather").mkdir(parents=True)
        yield str(HOME / "landing")
        return
    import boto3
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        os.environ["AWS_ENDPOINT_URL_S3"] = f"http://{host}:{port}"
        place = {"LocationConstraint": os.environ["AWS_REGION"]}
        boto3.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
        print(f"Files land in s3a://{BUCKET}/landing, of a server at {host}:{port}.")
        yield f"s3a://{BUCKET}/landing"
    finally:
        server.stop()


class Producer:
    """The producer's process, and how many records it has sent."""

    def __init__(self, rate: int, landing: str) -> None:
        command = [sys.executable, HERE / "producer.py", STREAM, str(rate), landing]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, start_new_session=True, **pipes)
        self.sent = 0
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.sent = int(line)

    def stop(self) -> None:
        if self._process.poll() is None:
            assert self._process.stdin is not None
            self._process.stdin.close()
        self._process.wait()
        self._listener.join()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rate", type=int, default=2000, help="events a second")
    options.add_argument("--seconds", type=float, default=float("inf"), help="how long; else until Ctrl-C")
    given = options.parse_args()
    shutil.rmtree(HOME, ignore_errors=True)
    logging.getLogger().addHandler(logging.NullHandler())  # py4j logs a trace of Ctrl-C
    with kinesis(), landing_zone() as landing:
        from medallion_pipelines import Lakehouse
        from medallion_pipelines.settings import Settings

        lakehouse = Lakehouse(Settings(warehouse=str(HOME / "warehouse"), landing=landing))
        print("Making the tables ...", flush=True)
        lakehouse.run(HERE / "product")  # of nothing: a JVM that has just started is slow
        producer = Producer(given.rate, landing)
        started, latencies = time.monotonic(), list[float]()
        print("  ".join(f"{name:>13}" for name in HEADINGS))
        try:
            while time.monotonic() - started < given.seconds:
                latencies += turn(lakehouse, producer)
        except KeyboardInterrupt:
            print("Stopping: what was sent is still taken in ...")
        finally:
            producer.stop()
        latencies += turn(lakehouse, producer)
        took = time.monotonic() - started
    if latencies:
        print(
            f"{producer.sent:,} records in {took:.0f} s ({producer.sent / took:,.0f} a second). Event to "
            f"gold: {median(latencies):.1f} s in the median of the runs, {max(latencies):.1f} s at most. "
            f"The lakehouse is in {HOME.relative_to(Path.cwd())}."
        )


def turn(lakehouse: Any, producer: Producer) -> list[float]:
    """One run; how old the oldest event was that it brought to gold (s), if it brought any."""
    before = newest(lakehouse)
    result = lakehouse.run(HERE / "product")
    if not result.succeeded:
        raise SystemExit("\n".join(step.error for step in result.steps if step.error))
    after = datetime.now(UTC)
    counts = lakehouse.sql(
        "SELECT (SELECT count(*) FROM bronze.flight_events) AS bronze, count(*) AS silver, "
        f"min(sent_at) FILTER (WHERE sent_at > TIMESTAMP'{before.isoformat()}') AS oldest "
        "FROM silver.flight_events"
    ).first()
    refused = sum(status.records for status in lakehouse.quarantine(HERE / "product"))
    latency = [] if counts.oldest is None else [(after - counts.oldest.astimezone(UTC)).total_seconds()]
    weather = lakehouse.table("silver.weather").count() if lakehouse.tables.exists("silver.weather") else 0
    row = (
        result.run_id[:8], f"{result.seconds:.1f}", f"{producer.sent:,}", f"{counts.bronze:,}",
        f"{counts.silver:,}", f"{refused:,}", f"{lakehouse.table('gold.delays_by_carrier').count():,}",
        f"{latency[0]:.1f} s" if latency else "", f"{weather:,}",
    )  # fmt: skip
    print("  ".join(f"{value:>13}" for value in row), flush=True)
    return latency


def newest(lakehouse: Any) -> datetime:
    """When the newest event in silver was sent."""
    if not lakehouse.tables.exists("silver.flight_events"):
        return datetime(1970, 1, 1, tzinfo=UTC)
    row = lakehouse.sql("SELECT max(sent_at) FROM silver.flight_events").first()
    return datetime(1970, 1, 1, tzinfo=UTC) if row[0] is None else row[0].astimezone(UTC)


if __name__ == "__main__":
    main()
