"""Captures a stream again and again in a process of its own, Spark included, so that a test can kill it all.

A line on its input says that the producers are done: it captures what is left, and prints what bronze has.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any

from medallion_pipelines.contracts import load_product
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.pipeline import run
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.session import local_session
from medallion_pipelines.settings import Settings
from medallion_pipelines.steps import plan
from medallion_pipelines.testing import QUICK_JVM

# records of a shard in their order: each is captured no earlier than the one before it
_TOLD = """
SELECT count(*) AS records, count(DISTINCT _stream, _shard_id, _sequence_number) AS numbers,
    count(DISTINCT record) AS contents, coalesce(sum(int(_ingested_at < before)), 0) AS disorder,
    collect_set(struct(_shard_id, first, last)) AS shards, count(DISTINCT _ingested_at) AS batches
FROM (
    SELECT *, lag(_ingested_at) OVER shard AS before,
        min(_ingested_at) OVER (PARTITION BY _shard_id) AS first,
        max(_ingested_at) OVER (PARTITION BY _shard_id) AS last
    FROM {bronze} WINDOW shard AS (PARTITION BY _shard_id ORDER BY _sequence_number)
)
"""


def main(home: str, product: str) -> None:
    spark = local_session(master="local[2]", extra_conf=QUICK_JVM)
    lakehouse = Lakehouse(Settings(warehouse=f"{home}/warehouse", landing=home), spark)
    loaded = load_product(Path(product))
    steps = [step for step in plan(loaded) if step.key == "bronze.events"]
    done = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.readline(), done.set()), daemon=True).start()
    while True:
        last = done.is_set()
        result = run(RunLog(lakehouse.tables, loaded.name), steps).steps[0]
        print(f"{result.status} {result.rows_in} {result.error or ''}", flush=True)
        if last and result.status != "succeeded":
            break
    row: Any = lakehouse.sql(_TOLD.format(bronze=lakehouse.tables.name("bronze.events"))).first()
    told = {name: row[name] for name in ("records", "numbers", "contents", "disorder", "batches")}
    told["shards"] = {one[0]: (one[1].timestamp(), one[2].timestamp()) for one in row.shards}
    print(json.dumps(told), flush=True)
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
