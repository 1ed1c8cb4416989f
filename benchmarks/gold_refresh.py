"""Refreshing a mart after 0.1 % of its input changed, against recomputing it, by size of the input.

    python benchmarks/gold_refresh.py --rows 5000000 50000000 --repeat 5

The input gains 50,000 rows a day, a file each; the mart sums them by station and day. Changes are within
the last three days, or scattered over all of them. Beside the seconds: the share of the input's bytes
that a refresh read, the mart's and the logs' included.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml
from measure import in_turns, told
from pyspark.sql import SparkSession

from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.model import Table
from medallion_pipelines.evolution import shape_of
from medallion_pipelines.gold import publish
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.session import local_session
from medallion_pipelines.settings import Settings
from medallion_pipelines.tables import Tables

ROWS_A_DAY = 50_000
CHANGED = 1_000  # one row in so many
MART = """
SELECT station, day, count(*) AS readings, sum(amount) AS amount, max(note) AS last_note
FROM {readings} GROUP BY station, day
"""


def contract(name: str, columns: dict[str, str], key: list[str], **custom: object) -> dict[str, Any]:
    properties = []
    for column, kind in columns.items():
        place = {"primaryKey": True, "primaryKeyPosition": key.index(column) + 1} if column in key else {}
        properties.append({"name": column, "logicalType": kind, **place})
    return {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": name, "version": "1.0.0", "status": "active",
        "name": name,
        "schema": [
            {
                "name": name, "logicalType": "object", "physicalType": "table", "properties": properties,
                "customProperties": [{"property": one, "value": value} for one, value in custom.items()],
            }
        ],
    }  # fmt: skip


class Bench:
    """One size: an input, its mart, and changes to the one that the other follows."""

    def __init__(self, spark: SparkSession, home: Path, rows: int) -> None:
        self.spark, self.days = spark, rows // ROWS_A_DAY
        readings = contract(
            "readings",
            {"id": "integer", "day": "date", "station": "string", "amount": "integer", "note": "string"},
            ["id"],
            layer="silver",
            source={"path": "readings/*", "format": "json"},
        )
        daily = contract(
            "daily",
            {
                "station": "string",
                "day": "date",
                "readings": "integer",
                "amount": "integer",
                "last_note": "string",
            },
            ["station", "day"],
            layer="gold",
            inputs=[{"table": "silver.readings", "grain": {"station": "station", "day": "day"}}],
        )
        product = home / "product"
        product.mkdir(parents=True)
        for one in (readings, daily):
            (product / f"{one['name']}.odcs.yaml").write_text(yaml.safe_dump(one))
        (product / "daily.sql").write_text(MART)
        names = {layer: f"{layer}_{rows}" for layer in ("bronze", "silver", "gold", "ops")}
        self.tables = Tables(spark, Settings(warehouse=str(home / "warehouse"), landing=str(home), **names))
        loaded = load_product(product).tables
        self.mart: Table = loaded["gold.daily"]
        self.tables.create("silver.readings", shape_of(loaded["silver.readings"]))
        made = spark.range(0, rows, 1, self.days).selectExpr(
            "id",
            f"date_add(DATE'2020-01-01', CAST(id DIV {ROWS_A_DAY} AS INT)) AS day",
            "concat('S', CAST(id % 50 AS STRING)) AS station",
            "hash(id) % 1000 AS amount",
            "md5(CAST(id AS STRING)) AS note",
        )
        self.tables.append(made, "silver.readings")
        self.refresh(full=True)

    def refresh(self, *, full: bool = False) -> None:
        log = RunLog(self.tables, "benchmark")
        log.begin()
        publish(log, self.mart, full_refresh=full)

    def change(self, *, last_days: int | None) -> None:
        """Update one row in `CHANGED`, all within the last days or all over the table."""
        days = self.days if last_days is None else last_days
        every = max(1, CHANGED * days // self.days)
        since = f"date_add(DATE'2020-01-01', {self.days - days})"
        self.spark.sql(
            f"UPDATE {self.tables.name('silver.readings')} SET amount = amount + 1 "
            f"WHERE day >= {since} AND id % {every} = 0"
        )

    def share_read(self) -> float:
        """Bytes that tasks read during a refresh, in bytes of the input."""
        detail = self.spark.sql(f"DESCRIBE DETAIL {self.tables.name('silver.readings')}").first()
        assert detail is not None
        before = self._read()
        self.refresh()
        return (self._read() - before) / detail.sizeInBytes

    def _read(self) -> int:
        time.sleep(2)  # Spark's own figures come a little later
        store = self.spark._jsparkSession.sparkContext().statusStore()  # type: ignore[attr-defined]
        executors = store.executorList(False)
        return sum(executors.apply(place).totalInputBytes() for place in range(executors.size()))


def compare(benches: Mapping[int, Bench], last_days: int | None, repeat: int) -> None:
    """Change, refresh, and refresh in full: every size in turn."""
    ways: dict[str, Callable[[], object]] = {}
    for rows, bench in benches.items():
        ways |= {
            f"(changing {rows:,} rows)": partial(bench.change, last_days=last_days),
            f"{rows:,} rows, refresh": bench.refresh,
            f"{rows:,} rows, full refresh": partial(bench.refresh, full=True),
        }
    print(told(in_turns(ways, repeat), f"{min(benches):,} rows, refresh"))
    for rows, bench in benches.items():
        bench.change(last_days=last_days)
        print(f"{rows:,} rows: a refresh reads {bench.share_read():.2%} of the input's bytes")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=[5_000_000, 50_000_000])
    options.add_argument("--scattered", type=int, nargs="+", default=[1_000_000, 5_000_000])
    options.add_argument("--repeat", type=int, default=5)
    given = options.parse_args()
    # without vectored reads, Spark counts the bytes that it reads of Parquet files
    spark = local_session(
        app_name="benchmark", extra_conf={"spark.hadoop.parquet.hadoop.vectored.io.enabled": "false"}
    )
    with tempfile.TemporaryDirectory() as folder:
        sizes = sorted({*given.rows, *given.scattered})
        benches = {rows: Bench(spark, Path(folder, str(rows)), rows) for rows in sizes}
        for rows, last_days, where in (
            (given.rows, 3, "within the last 3 days"),
            (given.scattered, None, "scattered over all days"),
        ):
            print(f"\n1 row in {CHANGED:,} changed, {where}")
            compare({one: benches[one] for one in rows}, last_days, given.repeat)
    spark.stop()


if __name__ == "__main__":
    main()
