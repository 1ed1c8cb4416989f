"""What a batch of changes costs by the length of the table's history, its layout, and where its keys are.

    python benchmarks/changes_cost.py --rows 1000000 10000000 --changes 10000 --repeat 3

Type 2, as `apply_changes` makes it. The table lies in files by key (as clustering leaves it), or in no
order; nine changes in ten are of keys from all over the table, or from the last hundredth. One in ten is
of a new key.
"""

from __future__ import annotations

import argparse
import itertools
from functools import partial

from measure import in_turns, told
from pyspark.sql import SparkSession

from medallion_pipelines.session import local_session
from medallion_pipelines.silver import apply_changes

FILES = 16
_turn = itertools.count(1)


def _name(rows: int, by_key: bool, near: bool) -> str:
    # each way has a table of its own: a batch of keys from all over leaves no file as it was
    return f"history_{rows}_{'by_key' if by_key else 'unordered'}_{'near' if near else 'all_over'}"


def load(spark: SparkSession, rows: int, by_key: bool, name: str) -> None:
    """A type 2 table of one version a key, in FILES files."""
    none = spark.sql("SELECT 0 AS k, '' AS v, 0 AS at WHERE false")
    apply_changes(none, name, keys="k", sequence_by="at", stored_as_scd_type=2)
    frame = spark.range(0, rows, 1, FILES)
    if not by_key:
        frame = frame.repartition(FILES, "id")
    frame.selectExpr(
        "CAST(id AS INT) AS k", "concat('0_', id) AS v", "0 AS at", "0 AS __START_AT",
        "CAST(NULL AS INT) AS __END_AT",
    ).writeTo(name).append()  # fmt: skip


def change(spark: SparkSession, name: str, rows: int, size: int, near: bool) -> None:
    """Apply one batch."""
    number = next(_turn)
    reach = rows // 100 if near else rows
    known = f"{rows - reach} + CAST(id * {reach} / {size} AS INT)"
    key = f"IF(id % 10 = 0, {rows} + {number * size} + id, {known})"
    batch = spark.range(size).selectExpr(
        f"CAST({key} AS INT) AS k", f"concat('{number}_', id) AS v", f"{number} AS at"
    )
    apply_changes(batch, name, keys="k", sequence_by="at", stored_as_scd_type=2)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 10_000_000])
    options.add_argument("--changes", type=int, default=10_000)
    options.add_argument("--repeat", type=int, default=3)
    given = options.parse_args()
    spark = local_session()
    ways = {}
    for by_key, near, rows in itertools.product((True, False), (True, False), given.rows):
        name = _name(rows, by_key, near)
        load(spark, rows, by_key, name)
        layout, keys = "by key" if by_key else "in no order", "near" if near else "all over"
        what = f"{rows:,} rows, files {layout}, keys {keys}"
        ways[what] = partial(change, spark, name, rows, given.changes, near)
    seconds = in_turns(ways, given.repeat)
    print(told(seconds, next(iter(ways))))


if __name__ == "__main__":
    main()
