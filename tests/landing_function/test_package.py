"""The zip for Lambda holds the function, the routes of the contracts, and nothing that Lambda lacks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from tests.aws import Bucket
from tests.kinesis.local import packed
from tests.landing_function.invocations import kinesis, text
from tests.support import column, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.errors import UnknownNameError
from medallion_pipelines.ingest.function import HANDLER, package

RUN = """
import importlib, json, sys
module, _, name = sys.argv[1].rpartition(".")
answer = getattr(importlib.import_module(module), name)(json.load(sys.stdin), None)
allowed = {"medallion_pipelines", "boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six",
           "certifi"}
loaded = {module.partition(".")[0] for module in sys.modules if not module.startswith("_")}
print(json.dumps({"answer": answer, "more": sorted(loaded - allowed - sys.stdlib_module_names)}))
"""


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return write_product(
        tmp_path / "product",
        events("flight_events", ["com.example.flight.departed", "com.example.flight.landed"], "1.2.0"),
        events("bags", ["com.example.bag.loaded"], "3.0"),
        silver("plain", [column("id")]),
    )


def events(name: str, types: list[str], version: str) -> dict[str, Any]:
    contract = silver(name, [column("id")], path=f"{name}/*.json", multi_line=True)
    contract["schema"][0]["customProperties"][1]["value"]["events"] = types
    return {**contract, "version": version}


def test_the_routes_are_what_the_contracts_say(product: Path, tmp_path: Path) -> None:
    package(load_product(product), tmp_path / "dist" / "function.zip")
    with zipfile.ZipFile(tmp_path / "dist" / "function.zip") as archive:
        found = json.loads(archive.read("medallion_pipelines/landing_function/routes.json"))
    flights = {"table": "silver.flight_events", "folder": "flight_events", "version": [1, 2]}
    assert found == {
        "com.example.bag.loaded": {"table": "silver.bags", "folder": "bags", "version": [3, 0]},
        "com.example.flight.departed": flights,
        "com.example.flight.landed": flights,
    }


def test_the_same_contracts_make_the_same_bytes(product: Path, tmp_path: Path) -> None:
    for name in ("a.zip", "b.zip"):
        package(load_product(product), tmp_path / name)
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_the_zip_runs_by_itself_with_boto3_and_the_standard_library(
    product: Path, tmp_path: Path, aws: None, bucket: Bucket
) -> None:
    package(load_product(product), tmp_path / "function.zip")
    assert (tmp_path / "function.zip").stat().st_size < 50_000
    environment = {
        **{name: value for name, value in os.environ.items() if name.startswith("AWS_")},
        "PYTHONPATH": os.pathsep.join([str(tmp_path / "function.zip.d"), *_site_packages()]),
        "LANDING_URI": f"s3://{bucket.name}",
        "ERRORS_URI": f"s3://{bucket.name}/errors/",
    }
    with zipfile.ZipFile(tmp_path / "function.zip") as archive:  # Lambda unpacks it
        archive.extractall(tmp_path / "function.zip.d")
    done = subprocess.run(
        [sys.executable, "-S", "-c", RUN, HANDLER],
        input=json.dumps(kinesis(packed([("a", text(1))]), b"not json")),
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"answer": {"batchItemFailures": []}, "more": []}
    assert list(bucket.files("flight_events/").values()) == [text(1)]
    assert [key.split("/")[1] for key in bucket.files("errors/")] == ["not_json"]


def test_a_product_without_events_has_no_function(tmp_path: Path) -> None:
    product = write_product(tmp_path / "product", silver("plain", [column("id")]))
    with pytest.raises(UnknownNameError, match="No contract of product takes events"):
        package(load_product(product), tmp_path / "function.zip")
    assert not (tmp_path / "function.zip").exists()


def _site_packages() -> list[str]:
    return [path for path in sys.path if path.endswith("site-packages")]
