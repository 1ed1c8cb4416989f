"""What EMR Serverless runs: a product is brought up to date by the wheel, and how it went is written down.

    run_product.py PRODUCT --landing URI --checkpoints URI --most-quarantined SHARE --result URI

The result is {"outcome": "passed"}, or "quality" where more than that share of the records is in quarantine.
A run that fails has no result, and ends with 1.
"""

from __future__ import annotations

import argparse
import json
import sys

import boto3

from medallion_pipelines import Lakehouse
from medallion_pipelines.ingest.places import Place
from medallion_pipelines.results import RunResult
from medallion_pipelines.settings import Settings


def outcome(result: RunResult, most_quarantined: float) -> dict[str, object]:
    """How a run that succeeded went."""
    silver = [step for step in result.steps if step.table.startswith("silver.")]
    records = sum(step.rows_in for step in silver)
    refused = sum(step.rows_quarantined for step in silver)
    good = refused <= most_quarantined * records
    return {"outcome": "passed" if good else "quality", "records": records, "quarantined": refused}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("product")
    for name in ("landing", "checkpoints", "result"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--most-quarantined", type=float, required=True)
    given = parser.parse_args()
    settings = Settings(warehouse=None, landing=given.landing, checkpoints=given.checkpoints)
    result = Lakehouse(settings).run(given.product)
    if not result.succeeded:
        return 1
    place = Place.of(given.result)
    body = json.dumps(outcome(result, given.most_quarantined)).encode()
    boto3.client("s3").put_object(Bucket=place.bucket, Key=place.key, Body=body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
