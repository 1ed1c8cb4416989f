"""Sends the flights of 2013 as events to a stream, day after day, at a rate.

    python live/producer.py STREAM EVENTS_PER_SECOND

The endpoint is that of the environment (AWS_ENDPOINT_URL_KINESIS). A line a second says how many records were
sent; it ends with its input. One event in 500 is cut off, one in 100 is sent a second time.
"""

from __future__ import annotations

import itertools
import json
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import boto3

from medallion_pipelines.sample import published

BATCH = 500  # records that one call takes
CUT_OFF, AGAIN = 500, 100


def events() -> Iterator[dict[str, object]]:
    """Departures and arrivals, day after day, and the year again when it is over."""
    for turn in itertools.count(1):
        for day in published.days():
            for row in published.day("flights", day):
                about = {"carrier": row["carrier"], "origin": row["origin"], "dest": row["dest"],
                         "scheduled_hour": row["time_hour"]}  # fmt: skip
                name = f"{row['carrier']}{row['flight']}/{day}/{row['origin']}"
                for kind, delay in (("departed", row["dep_delay"]), ("arrived", row["arr_delay"])):
                    if delay != published.MISSING:
                        yield {"event_id": f"{name}/{kind}/{turn}", "kind": kind, **about,
                               "delay_minutes": int(delay)}  # fmt: skip


def records(rate: int) -> Iterator[list[dict[str, object]]]:
    """Batches of records for Kinesis, no more than `rate` a second."""
    source, started, sent = enumerate(events()), time.monotonic(), 0
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


def main(stream: str, rate: int) -> None:
    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    client, sent, told = boto3.client("kinesis"), 0, 0.0
    for batch in records(rate):
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
    main(sys.argv[1], int(sys.argv[2]))
