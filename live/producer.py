"""Sends the flights of 2013 as events to a stream, day after day, at a rate; a day's weather lands as a file.

    python live/producer.py STREAM EVENTS_PER_SECOND LANDING

The endpoints are those of the environment (AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL_S3); LANDING is a
folder, or s3a://bucket/prefix. A line a second says how many records were sent; it ends with its input. One
event in 500 is cut off, one in 100 is sent a second time.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import boto3

from medallion_pipelines.sample import published

BATCH = 500  # records that one call takes
CUT_OFF, AGAIN = 500, 100
MEASURED = ("temp", "wind_speed", "visib")


def to_folder(landing: str, name: str, content: str) -> None:
    target = Path(landing, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    half = target.with_name(f".{target.name}")  # hidden until it is whole
    half.write_text(content, encoding="utf-8")
    half.rename(target)


def to_bucket(client: Any, landing: str, name: str, content: str) -> None:
    bucket, _, prefix = landing.removeprefix("s3a://").partition("/")
    client.put_object(Bucket=bucket, Key=f"{prefix}/{name}", Body=content.encode())


def weather(day: date, turn: int) -> str:
    """A day's weather at the three airports, hour by hour, as JSON lines."""
    lines = []
    for row in published.day("weather", day):
        number = {name: None if row[name] == published.MISSING else float(row[name]) for name in MEASURED}
        about = {"origin": row["origin"], "measured_at": row["time_hour"], "round": turn, **number}
        lines.append(json.dumps(about) + "\n")
    return "".join(lines)


def events(land: Callable[[str, str], None]) -> Iterator[dict[str, object]]:
    """Departures and arrivals, day after day, and the year again when it is over."""
    for turn in itertools.count(1):
        for day in published.days():
            land(f"weather/{day}-{turn}.json", weather(day, turn))
            for row in published.day("flights", day):
                about = {"carrier": row["carrier"], "origin": row["origin"], "dest": row["dest"],
                         "scheduled_hour": row["time_hour"]}  # fmt: skip
                name = f"{row['carrier']}{row['flight']}/{day}/{row['origin']}"
                for kind, delay in (("departed", row["dep_delay"]), ("arrived", row["arr_delay"])):
                    if delay != published.MISSING:
                        yield {"event_id": f"{name}/{kind}/{turn}", "kind": kind, **about,
                               "delay_minutes": int(delay)}  # fmt: skip


def records(rate: int, land: Callable[[str, str], None]) -> Iterator[list[dict[str, object]]]:
    """Batches of records for Kinesis, no more than `rate` a second."""
    source, started, sent = enumerate(events(land)), time.monotonic(), 0
    while True:
        due = int((time.monotonic() - started) * rate) - sent
        if due <= 0:
            time.sleep(0.01)
            continue
        batch = []
        for number, event in itertools.islice(source, min(due, BATCH)):
            text = json.dumps({**event, "sent_at": datetime.now(UTC).isoformat()})
            if number % CUT_OFF == 0:
                text = text[: len(text) // 2]
            record = {"Data": text.encode(), "PartitionKey": str(event["event_id"])}
            batch += [record] * (2 if number % AGAIN == 0 else 1)
        sent += min(due, BATCH)
        yield from (batch[start : start + BATCH] for start in range(0, len(batch), BATCH))


def main(stream: str, rate: int, landing: str) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    client, sent, told = boto3.client("kinesis"), 0, 0.0
    on_s3 = landing.startswith("s3a://")
    land = partial(to_bucket, boto3.client("s3"), landing) if on_s3 else partial(to_folder, landing)
    for batch in records(rate, land):
        while batch:  # what Kinesis did not take is sent again
            answer = client.put_records(StreamName=stream, Records=batch)
            sent += len(batch) - answer["FailedRecordCount"]
            batch = [one for one, done in zip(batch, answer["Records"], strict=True) if "ErrorCode" in done]
        if time.monotonic() - told >= 1 or ended.is_set():
            print(sent, flush=True)
            told = time.monotonic()
        if ended.is_set():
            return


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
