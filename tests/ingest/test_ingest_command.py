"""`medallion ingest`, as people type it. What is noted in tables is tested where tables are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from tests.answering import answering
from tests.aws import Bucket
from tests.ingest.control import ROLE, Control
from tests.support import column, rows, silver, write_product
from typer.testing import CliRunner, Result

from medallion_pipelines.cli import places, screen
from medallion_pipelines.cli.app import app
from medallion_pipelines.contracts.feeds import feed_of
from medallion_pipelines.errors import IngestError, SetupError
from medallion_pipelines.ingest import batch
from medallion_pipelines.ingest import places as aws_places
from medallion_pipelines.lakehouse import Lakehouse


class Noted:
    """Stands for the lakehouse, for which Spark would have to be started."""

    def __init__(self, landing: str | None, **_: object) -> None:
        self.landing = landing or ""

    def register(self, arrivals: Any, product: Any) -> Counter[str | None]:
        return Counter(map(feed_of(product, self.landing), (one.path for one in arrivals)))


@pytest.fixture
def product(tmp_path: Path) -> Path:
    return write_product(tmp_path / "product", silver("flights", [column("id")], path="flights/*/*.json"))


@pytest.fixture
def command(control: Control, bucket: Bucket, product: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(places, "lakehouse", lambda **options: Noted(**options))
    monkeypatch.setattr(batch, "_SHORTEST", 0.001)
    for function in (screen.out, screen.err):
        function.cache_clear()
    for number in range(3):
        bucket.put(f"2019/{number}.json", b"{}")
    bucket.put("all.csv", "".join(f"{bucket.name},2019/{n}.json\n" for n in range(3)).encode())
    return [
        "ingest", "batch", f"s3://{bucket.name}/all.csv", str(product), "--role", ROLE,
        "--to", f"s3://{bucket.name}/landing/flights", "--reports", f"s3://{bucket.name}/reports",
        "--landing", f"s3a://{bucket.name}/landing",
    ]  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_a_copy_is_followed_and_its_files_are_noted_by_feed(command: list[str], bucket: Bucket) -> None:
    done = run(*command, "--tag", "origin=archive", "--checksum", "SHA256")
    assert done.exit_code == 0, done.output
    assert done.stdout.split("\n")[1].split() == ["bronze.flights", "3"]
    assert "3 files arrived, in 1 jobs." in done.stderr
    assert list(bucket.files("landing/")) == [f"landing/flights/2019/{number}.json" for number in range(3)]


@pytest.mark.slow
def test_what_arrived_is_in_ops_arrivals_once_also_if_the_command_is_given_again(
    command: list[str], bucket: Bucket, lakehouse: Lakehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(lakehouse.settings, landing=f"s3a://{bucket.name}/landing")
    there = Lakehouse(settings, lakehouse.spark)
    monkeypatch.setattr(places, "lakehouse", lambda **options: there)
    for _ in range(2):
        assert run(*command).exit_code == 0
    assert rows(lakehouse, "ops.arrivals", "path", "origin", "feed") == [
        (
            f"s3://{bucket.name}/landing/flights/2019/{n}.json",
            f"s3://{bucket.name}/2019/{n}.json",
            "bronze.flights",
        )
        for n in range(3)
    ]


def test_the_answer_can_be_had_as_json(command: list[str], control: Control) -> None:
    control.refused["2019/1.json"] = 1
    answer = json.loads(run(*command, "--json").stdout)
    assert [(job["total"], job["failed"]) for job in answer.pop("jobs")] == [(3, 1), (1, 0)]
    assert answer == {"arrived": {"bronze.flights": 3}, "failed": 0, "failures": []}


def test_what_was_not_copied_is_named_and_the_command_fails(
    command: list[str], control: Control, bucket: Bucket
) -> None:
    control.refused["2019/1.json"] = 2
    done = run(*command, "--attempts", "2")
    assert done.exit_code == 1
    assert f"not copied: s3://{bucket.name}/2019/1.json: SlowDown Reduce your rate." in done.stderr
    assert "1 files were not copied, in 2 jobs." in done.stderr
    assert "give the command again with more --attempts" in done.stderr
    again = run(*command, "--attempts", "3")
    assert again.exit_code == 0 and "3 files arrived, in 3 jobs." in again.stderr


def test_a_job_that_fails_says_why_and_what_to_do(command: list[str], control: Control) -> None:
    control.threshold = 3
    control.refused["2019/0.json"] = 1
    done = run(*command)
    assert done.exit_code == 1
    assert "is failed (JobFailureThreshold: Too many tasks failed.), 2 files were not tried." in done.stderr


def test_files_that_no_feed_takes_are_told_of(command: list[str], bucket: Bucket) -> None:
    command[command.index("--to") + 1] = f"s3://{bucket.name}/landing/elsewhere"
    done = run(*command)
    assert done.exit_code == 0
    assert "note: 3 files are where no contract's feed of this landing zone takes them" in done.stderr


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--tag", "origin"], "origin: write KEY=VALUE."),
        (["--checksum", "CRC8"], "One of CRC32, CRC32C"),
        (["--attempts", "0"], "Invalid value for '--attempts'"),
    ],
)
def test_wrong_use_makes_no_job(command: list[str], control: Control, more: list[str], said: str) -> None:
    done = run(*command, *more)
    assert done.exit_code == 2 and said in done.stderr
    assert control.jobs == {}


def test_without_credentials_the_error_says_so(
    command: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    done = run(*command)
    assert isinstance(done.exception, IngestError)
    assert "there are no AWS credentials. Set AWS_PROFILE" in str(done.exception)


def test_what_aws_repeats_of_a_request_that_it_refuses_is_not_shown(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            token = self.headers["X-Amz-Security-Token"]
            said = f"The signature differs.\n\nThe Canonical String was 'x-amz-security-token:{token}'"
            code = "SignatureDoesNotMatch"
            content = (
                f"<ErrorResponse><Error><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>"
            )
            self.send_response(403)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content.encode())

    monkeypatch.setenv("AWS_SESSION_TOKEN", "hush-hush")
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with answering(Refusing) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", url)
        done = run(*command)
    assert isinstance(done.exception, IngestError)
    assert "AWS answered SignatureDoesNotMatch: The signature differs." in str(done.exception)
    assert "hush-hush" not in str(done.exception)


def test_the_region_is_what_aws_region_says(
    aws: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setattr("boto3.DEFAULT_SESSION", None)
    with pytest.raises(SetupError, match=r"You must specify a region\. See https://docs\.aws\.amazon\.com"):
        aws_places.client("dataexchange")
    with pytest.raises(IngestError, match=r"The AWS account .* there is no region\. Set AWS_REGION\."):
        aws_places.account()
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert aws_places.client("dataexchange").meta.region_name == "eu-central-1"


def test_the_package_does_without_boto3() -> None:
    without = "import sys; sys.modules.update(boto3=None, botocore=None)"
    code = f"{without}; import medallion_pipelines.lakehouse; from medallion_pipelines.cli.app import app"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_boto3_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(SetupError, match="pip install 'medallion-pipelines\\[aws\\]'"):
        aws_places.client("s3")


def test_a_place_that_is_not_in_s3_is_refused() -> None:
    with pytest.raises(IngestError, match="write s3://bucket/key"):
        aws_places.Place.of("/data/a.csv")


def test_the_landing_function_is_packaged(tmp_path: Path, product: Path) -> None:
    contract = product / "flights.odcs.yaml"
    source = "path: flights/*.json\n      multiLine: true\n      events: [com.example.flight]"
    contract.write_text(contract.read_text().replace("path: flights/*/*.json", source))
    done = run("ingest", "function", str(product), "--to", str(tmp_path / "dist" / "f.zip"))
    assert done.exit_code == 0, done.output
    assert "com.example.flight" in done.stdout and "silver.flights" in done.stdout
    assert (tmp_path / "dist" / "f.zip").is_file()
