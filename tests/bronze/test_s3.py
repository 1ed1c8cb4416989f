"""A landing zone on S3: files are captured as those of a folder are."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.aws import CREDENTIALS, Bucket
from tests.support import column, counts, rows, run_only, silver, step, write_product

from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.machine import s3_jars

needs_jars = pytest.mark.skipif(not s3_jars(), reason="the jars for s3a:// are not here: make s3-extras")


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return write_product(tmp_path / "product", silver("things", [column("id", "integer")]))


@pytest.fixture
def landing(s3: Any, s3_server: str, lakehouse: Lakehouse) -> Bucket:
    """A bucket that the session's S3A finds: it was started before the server was."""
    name = f"landing-{uuid.uuid4().hex[:12]}"  # S3A remembers buckets by their names
    settings = {
        "endpoint": s3_server,
        "endpoint.region": "eu-west-1",
        "path.style.access": "true",
        "aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider",
        "access.key": "test",
        "secret.key": "test",
    }
    for key, value in settings.items():
        lakehouse.spark.conf.set(f"fs.s3a.bucket.{name}.{key}", value)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return Bucket(s3, name)


def over(lakehouse: Lakehouse, bucket: Bucket) -> Lakehouse:
    settings = replace(lakehouse.settings, landing=f"s3a://{bucket.name}/landing")
    return Lakehouse(settings, lakehouse.spark)


@needs_jars
@pytest.mark.slow
@pytest.mark.usefixtures("aws")
def test_objects_are_captured_once_and_one_that_was_replaced_is_reported(
    landing: Bucket, lakehouse: Lakehouse, product: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lakehouse = over(lakehouse, landing)
    landing.put("landing/things/a b+%20\u00fc.json", b'{"id":1}\n{"id":2}\n')
    with monkeypatch.context() as patch:  # cut off when bronze has it, and the ledger does not
        capture = importlib.import_module("medallion_pipelines.bronze.capture")
        patch.setattr(capture, "_captured", lambda *args: 1 / 0)
        assert step(run_only(lakehouse, product, "bronze.things"), "bronze.things").status == "failed"
    landing.put("landing/things/b.json", b'{"id":3}\n')
    assert counts(run_only(lakehouse, product, "bronze.things"), "bronze.things") == (3, 3, 0, 0)
    assert not run_only(lakehouse, product, "bronze.things").changed
    landing.put("landing/things/b.json", b'{"id":4}\n{"id":5}\n')
    (note,) = step(run_only(lakehouse, product, "bronze.things"), "bronze.things").notes
    assert note.startswith("things/b.json changed after it was captured")
    assert rows(lakehouse, "bronze.things", "record") == [('{"id":1}',), ('{"id":2}',), ('{"id":3}',)]
    listed = landing.s3.list_objects_v2(Bucket=landing.name)["Contents"]
    (first,) = [one["LastModified"] for one in listed if "a b" in one["Key"]]
    about = rows(lakehouse, "ops.files", "path", "modified_at", "size", "status", "records")
    path = f"s3a://{landing.name}/landing/things/a%20b+%2520\u00fc.json"
    told = {(row[2], row[3], row[4]) for row in about if row[0] == path}
    assert told == {(18, "found", None), (18, "captured", 2)}
    times = {row[1].replace(tzinfo=first.tzinfo) for row in about if row[0] == path}
    assert times == {first.replace(microsecond=0)}


@pytest.mark.skipif(bool(s3_jars()), reason="the jars for s3a:// are here")
@pytest.mark.usefixtures("aws")
def test_without_the_jars_a_run_says_how_to_get_them(
    bucket: Bucket, lakehouse: Lakehouse, product: Path
) -> None:
    bucket.put("landing/things/a.json", b'{"id":1}\n')
    one = step(run_only(over(lakehouse, bucket), product, "bronze.things"), "bronze.things")
    assert one.status == "failed" and "`make s3-extras`" in one.error


@needs_jars
@pytest.mark.slow
def test_a_run_of_the_command_line_takes_its_credentials_from_the_environment(
    s3_server: str, bucket: Bucket, product: Path, tmp_path: Path
) -> None:
    bucket.put("zone/things/a.json", b'{"id":1}\n')
    environment = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": s3_server}
    environment["AWS_SECRET_ACCESS_KEY"] = secret = uuid.uuid4().hex
    environment.pop("SPARK_REMOTE", None)
    places = ["--landing", f"s3a://{bucket.name}/zone", "--warehouse", str(tmp_path / "warehouse")]
    command = [sys.executable, "-c", "from medallion_pipelines.cli import main; main()", "run", str(product)]
    done = subprocess.run([*command, *places], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "silver.things" in done.stdout
    kept = b"".join(path.read_bytes() for path in (tmp_path / "warehouse").rglob("*") if path.is_file())
    assert b"zone/things/a.json" in kept and secret.encode() not in kept
    assert secret not in done.stdout + done.stderr
