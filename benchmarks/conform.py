"""Bronze, silver and quarantine of JSON flights, against PySpark written by hand.

    python benchmarks/conform.py --rows 2000000 --repeat 5

By hand: read typed, check, write the good and the bad to two Delta tables, and keep the raw text in a third.
Without `persist`, which serverless compute refuses. Both check the same rules and read the same files.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml
from flights_data import land_flights
from measure import in_turns, told
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from medallion_pipelines import Lakehouse
from medallion_pipelines.session import local_session
from medallion_pipelines.settings import Settings

INTEGERS = (
    "year", "month", "day", "dep_time", "sched_dep_time", "dep_delay", "arr_time", "sched_arr_time",
    "arr_delay", "flight", "air_time", "distance", "hour", "minute",
)  # fmt: skip
TEXTS = ("carrier", "tailnum", "origin", "dest", "time_hour")
REQUIRED = ("year", "month", "day", "carrier", "flight", "origin", "dest", "hour", "minute", "distance")
RANGES = {
    "month": (1, 12), "day": (1, 31), "dep_time": (1, 2400), "sched_dep_time": (1, 2400), "hour": (0, 24),
    "minute": (0, 59), "distance": (1, 10_000),
}  # fmt: skip
RULES = 24  # 10 required, 7 ranges of two ends each


def contract(rules: bool) -> dict[str, object]:
    """The contract of silver.flights, with all 24 rules or with one."""
    properties = []
    for name in (*INTEGERS, *TEXTS):
        one: dict[str, object] = {"name": name, "logicalType": "integer" if name in INTEGERS else "string"}
        if name in REQUIRED and (rules or name == "year"):
            one["required"] = True
        if name in RANGES and rules:
            one["logicalTypeOptions"] = dict(zip(("minimum", "maximum"), RANGES[name], strict=True))
        properties.append(one)
    custom = {"layer": "silver", "source": {"path": "flights/*.json", "format": "json"}}
    return {
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "flights", "version": "1.0.0",
        "status": "active", "name": "flights",
        "schema": [
            {
                "name": "flights", "logicalType": "object", "physicalType": "table",
                "customProperties": [{"property": key, "value": value} for key, value in custom.items()],
                "properties": properties,
            }
        ],
    }  # fmt: skip


def ours(spark: SparkSession, landing: Path, home: Path, rules: bool = True) -> Callable[[], object]:
    """The library: a new lakehouse each time."""
    product = home / f"product_{rules}"
    product.mkdir(parents=True)
    (product / "flights.odcs.yaml").write_text(yaml.safe_dump(contract(rules)))

    def run() -> None:
        warehouse = home / "warehouse"
        lakehouse = Lakehouse(Settings(warehouse=str(warehouse), landing=str(landing)), spark)
        result = lakehouse.run(product)
        assert result.succeeded, result
        for schema in ("bronze", "silver", "gold", "ops"):
            spark.sql(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        shutil.rmtree(warehouse)

    return run


def by_hand(spark: SparkSession, landing: Path, home: Path, keep_raw: bool) -> Callable[[], object]:
    """What one would write for this one table."""
    columns = [*(f"{name} BIGINT" for name in INTEGERS), *(f"{name} STRING" for name in TEXTS)]
    conditions = {f"{name}_required": F.col(name).isNull() for name in REQUIRED}
    for name, (least, most) in RANGES.items():
        conditions |= {f"{name}_minimum": F.col(name) < least, f"{name}_maximum": F.col(name) > most}
    conditions["malformed"] = F.col("_corrupt").isNotNull()

    def write(frame: DataFrame, name: str) -> None:
        frame.write.format("delta").save(str(home / "by_hand" / name))

    def run() -> None:
        files = str(landing / "flights")
        reader = spark.read.schema(", ".join([*columns, "_corrupt STRING"]))
        rows = reader.option("columnNameOfCorruptRecord", "_corrupt").json(files)
        reasons = F.array_compact(F.array(*(F.when(c, F.lit(name)) for name, c in conditions.items())))
        checked = rows.withColumn("reasons", reasons)
        write(checked.where("size(reasons) = 0").drop("reasons", "_corrupt"), "flights")
        write(checked.where("size(reasons) > 0"), "flights_quarantine")
        if keep_raw:
            text = spark.read.text(files)
            write(text.select("value", "_metadata.file_path", "_metadata.file_modification_time"), "raw")
        shutil.rmtree(home / "by_hand")

    return run


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rows", type=int, default=2_000_000)
    options.add_argument("--repeat", type=int, default=5)
    given = options.parse_args()
    spark = local_session(app_name="benchmark")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        land_flights(home / "all" / "flights", given.rows)
        land_flights(home / "tenth" / "flights", given.rows // 10)
        all_of, tenth = f"{given.rows:,} flights", f"{given.rows // 10:,} flights"
        hand, rules = f"{all_of} by hand, raw text kept", f"{tenth}, {RULES} rules"
        bare, one = f"{all_of} by hand, raw text thrown away", f"{tenth}, 1 rule"
        seconds = in_turns(
            {
                hand: by_hand(spark, home / "all", home, True),
                bare: by_hand(spark, home / "all", home, False),
                all_of: ours(spark, home / "all", home),
                rules: ours(spark, home / "tenth", home / "rules"),
                one: ours(spark, home / "tenth", home, rules=False),
            },
            given.repeat,
        )
        for title, ways, base in (
            ("bronze, silver and quarantine, against PySpark by hand", (hand, bare, all_of), hand),
            ("by number of rules", (one, rules), one),
            ("by number of rows", (rules, all_of), rules),
        ):
            print(f"\n{title}")
            print(told({way: seconds[way] for way in ways}, base), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
