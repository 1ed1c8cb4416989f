"""Batches of changes into one large table, one batch for each line that comes in.

    python timed.py LIBRARY TYPE ROWS CHANGES BATCHES

Says `ready` once the table is loaded, `done` after each batch, and in the end the table's number of rows.
"""

from __future__ import annotations

import sys
import tempfile
from importlib import import_module

from on_spark import session
from pyspark.sql import DataFrame


def main() -> None:
    library = sys.argv[1]
    kind, rows, size, turns = map(int, sys.argv[2:])
    scenario = {
        "type": kind, "keys": {"k": "INT"}, "values": {"v": "STRING"},
        "tracked": "all", "ignore_null_updates": False,
    }  # fmt: skip
    spark, folder = session(), tempfile.mkdtemp(prefix="changes-")
    target = import_module(f"with_{library}").Target(scenario, "timed")

    def batch(number: int, count: int, key: str) -> DataFrame:
        """A batch as it lies there before it is applied: a file."""
        path = f"{folder}/{number}"
        columns = (f"CAST({key} AS INT) AS k", f"concat('{number}_', id) AS v", f"{number} AS at")
        spark.range(count).selectExpr(*columns, "false AS deleted").write.parquet(path)
        return spark.read.parquet(path)

    def changes(number: int) -> DataFrame:
        """Nine in ten are of keys from all over the table, one of a new key."""
        new = f"{rows} + {number * size} + id"
        return batch(number, size, f"IF(id % 10 = 0, {new}, id * {rows // size} + {number})")

    batches = [changes(number) for number in range(1, turns + 1)]
    target.apply_frame(batch(0, rows, "id"))
    print("ready", flush=True)
    for one, _ in zip(batches, sys.stdin, strict=False):
        target.apply_frame(one)
        print("done", flush=True)
    print("rows", target.table().count(), flush=True)


if __name__ == "__main__":
    main()
