"""A stream that is resharded while producers write and Spark is killed: bronze has every record once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kinesis.local import Server, Stream
from tests.support import column, silver, write_product

pytest.importorskip("pyspark.sql.streaming.datasource")  # Spark 4.2
RECORDS, PRODUCERS = 200_000, 4


class Production:
    """Producers that write side by side, and someone who splits and merges the shards meanwhile."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._threads = [
            threading.Thread(target=self._produce, args=(number, number * RECORDS // PRODUCERS))
            for number in range(PRODUCERS)
        ]
        self._resharding = threading.Thread(target=self._reshard)
        self.resharded = 0
        self.hurry = threading.Event()
        for thread in (*self._threads, self._resharding):
            thread.start()

    def join(self) -> None:
        for thread in (*self._threads, self._resharding):
            thread.join()

    def _produce(self, number: int, first: int) -> None:
        for start in range(first, first + RECORDS // PRODUCERS, 500):
            self._stream.put(*(f'{{"id": {n}}}' for n in range(start, start + 500)))
            self.hurry.wait(1.5)  # so that they are at it while Spark is killed

    def _reshard(self) -> None:
        while any(thread.is_alive() for thread in self._threads):
            there = sorted(
                self._stream.open_shards(), key=lambda one: int(one["HashKeyRange"]["StartingHashKey"])
            )
            names = [one["ShardId"] for one in there]
            if len(names) < 6:
                self._stream.split(names[self.resharded % len(names)])
            else:
                self._stream.merge(*names[:2])
            self.resharded += 1
            time.sleep(5)


def started(home: Path, product: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.kinesis.victim", str(home), str(product)]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )


def killed(process: subprocess.Popen[str], when: Callable[[], object]) -> None:
    """Python, the JVM and its workers, at once."""
    until = time.monotonic() + 120
    while not when():
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.002)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_kills_and_resharding_lose_and_double_nothing(kinesis: Server, tmp_path: Path) -> None:
    stream = kinesis.stream(4)
    contract = silver("events", [column("id", "integer")])
    source = next(p for p in contract["schema"][0]["customProperties"] if p["property"] == "source")
    options = {"endpointUrl": stream.url, "maxRecordsPerBatch": 20_000}
    source["value"] = {"stream": stream.name, "format": "json", "options": options}
    product = write_product(tmp_path / "product", contract)
    warehouse = tmp_path / "warehouse"
    production = Production(stream)

    def stops() -> int:
        return len(list(warehouse.glob("_checkpoints/*/*/shards/*/*/*.json")))

    def commits() -> int:
        return len(list(warehouse.glob("bronze/events/_delta_log/*.json")))

    killed(started(tmp_path, product), lambda: stops() > 0)  # some shards of a batch were read, not all
    assert commits() <= 1
    before = commits()
    killed(started(tmp_path, product), lambda: commits() > before + 1)  # written, and nobody knows
    last = started(tmp_path, product)
    before = commits()
    while last.poll() is None and commits() == before:
        time.sleep(0.1)
    production.hurry.set()
    production.join()
    stream.settle()
    told, _ = last.communicate("done\n")
    assert last.returncode == 0
    found = json.loads(told.splitlines()[-1])
    assert (found["records"], found["numbers"], found["contents"]) == (RECORDS, RECORDS, RECORDS)
    assert found["disorder"] == 0
    assert production.resharded >= 5
    for shard in stream.shards():
        for parent in (shard.get("ParentShardId"), shard.get("AdjacentParentShardId")):
            if parent in found["shards"] and shard["ShardId"] in found["shards"]:
                assert found["shards"][parent][1] <= found["shards"][shard["ShardId"]][0]
