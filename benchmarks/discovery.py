"""What files that were captured long ago cost a run: ten new ones beside them, and beside none.

    python benchmarks/discovery.py --files 100000 --new 10 --repeat 5
    python benchmarks/discovery.py --landing s3a://bucket/prefix     # needs `make s3-extras`

The old files, a record each, are there; bronze and the ledger are written as if a run had captured them.
In S3 (that of the environment: AWS_ENDPOINT_URL, AWS_PROFILE) files lie below their own prefix, and stay.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import yaml
from measure import in_turns, told

from medallion_pipelines import Lakehouse
from medallion_pipelines.bronze.listing import listing
from medallion_pipelines.contracts import load_product
from medallion_pipelines.session import get_session
from medallion_pipelines.settings import Settings

CONTRACT = {
    "apiVersion": "v3.1.0", "kind": "DataContract", "id": "things", "version": "1.0.0", "status": "active",
    "name": "things",
    "schema": [{
        "name": "things", "logicalType": "object", "physicalType": "table",
        "customProperties": [
            {"property": "layer", "value": "silver"},
            {"property": "source", "value": {"path": "things/*.json", "format": "json"}},
        ],
        "properties": [{"name": "id", "logicalType": "integer"}],
    }],
}  # fmt: skip
BRONZE = (
    "'{\"id\": 1}' AS record", "path AS _file_path", "modified_at AS _file_modification_time",
    "size AS _file_size", "'old' AS _batch_id", "current_timestamp() AS _ingested_at",
)  # fmt: skip
LEDGER = (
    "'bronze.things' AS feed", "path", "modified_at", "size", "1L AS records",
    "CAST(NULL AS STRING) AS error", "'old' AS token", "'old' AS run_id",
    "current_timestamp() AS recorded_at",
)  # fmt: skip
_numbers = itertools.count()


def in_folder(folder: Path, names: Iterable[str]) -> None:
    (folder / "things").mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / "things" / name).write_text(json.dumps({"id": int(name.split(".")[0])}) + "\n")


def in_bucket(landing: str, names: Iterable[str]) -> None:
    import boto3

    bucket, _, prefix = landing.removeprefix("s3a://").partition("/")
    s3 = boto3.client("s3")

    def put(name: str) -> None:
        s3.put_object(Bucket=bucket, Key=f"{prefix}/things/{name}", Body=f'{{"id": {name.split(".")[0]}}}\n')

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, names))


class Place:
    """A landing zone, and the lakehouse that takes it in."""

    def __init__(self, home: Path, landing: str | None, name: str) -> None:
        self.product = home / "product"
        zone = f"{landing}/{uuid.uuid4().hex}" if landing else str(home / name / "landing")
        self.land: Callable[[Iterable[str]], None]
        self.land = partial(in_bucket, zone) if landing else partial(in_folder, Path(zone))
        schemas = {layer: f"{name}_{layer}" for layer in ("bronze", "silver", "gold", "ops")}
        settings = Settings(warehouse=str(home / name / "warehouse"), landing=zone, **schemas)
        self.lakehouse = Lakehouse(settings, get_session(settings))

    def land_some(self, count: int) -> None:
        self.land(f"{next(_numbers):09}.json" for _ in range(count))

    def land_old(self, count: int) -> None:
        """Files that were captured long ago."""
        self.land_some(1)
        self.run(1)
        self.land_some(count)
        tables = self.lakehouse.tables
        (feed,) = (table.source for table in load_product(self.product).tables.values())
        files = listing(tables, feed)
        assert files is not None
        tables.append(files.selectExpr(*BRONZE), "bronze.things")
        for status in ("found", "captured"):
            tables.append(files.selectExpr(*LEDGER, f"'{status}' AS status"), "ops.files")

    def run(self, expected: int) -> None:
        result = self.lakehouse.run(self.product)
        assert result.succeeded and result.steps[0].rows_in == expected, result


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--files", type=int, default=100_000)
    options.add_argument("--new", type=int, default=10)
    options.add_argument("--repeat", type=int, default=5)
    options.add_argument("--landing", metavar="s3a://BUCKET/PREFIX", help="in place of a folder")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "product").mkdir()
        (home / "product" / "things.odcs.yaml").write_text(yaml.safe_dump(CONTRACT))
        none, many = (Place(home, given.landing, name) for name in ("none", "many"))
        none.land_some(1)
        none.run(1)
        many.land_old(given.files)
        many.lakehouse.run(many.product)  # takes the old records into silver

        def some(place: Place) -> None:
            place.land_some(given.new)
            place.run(given.new)

        base = f"{given.new} new files"
        ways: dict[str, Callable[[], None]] = {
            base: partial(some, none),
            f"{given.new} new files beside {given.files:,}": partial(some, many),
            "nothing new": partial(none.run, 0),
            f"nothing new beside {given.files:,}": partial(many.run, 0),
        }
        print(told(in_turns(ways, given.repeat), base))
        none.lakehouse.spark.stop()


if __name__ == "__main__":
    sys.exit(main())
