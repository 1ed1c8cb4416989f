"""Every runbook, walked once: the commands of its page, in the order they are in."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
import typer
from tests.aws import CREDENTIALS
from tests.runbooks.walk import ONLY_CLOUD, PAGES, commands, steps, walk

from medallion_pipelines.cli.app import app

MAIN = "from medallion_pipelines.cli import main; main()"
# pages of others are walked where what they need is at hand
HERE = {
    "credential-leak.md",
    "disaster-recovery.md",
    "erasure.md",
    "key-rotation.md",
    "replay.md",
    "restore.md",
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A folder with a product, and the commands `medallion` and `aws`."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, words in (
        ("medallion", ["-c", "import sys; sys.argv[0] = 'medallion'; " + MAIN]),
        ("aws", [str(Path(__file__).with_name("aws_command.py"))]),
    ):
        command = " ".join(
            f"'{word}'" if "'" not in word else f'"{word}"' for word in (sys.executable, *words)
        )
        (commands / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        (commands / name).chmod(0o755)
    return tmp_path


@pytest.fixture
def environment(home: Path, s3_server: str) -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("MEDALLION_", "SPARK_"))
    }
    return {
        **kept,
        **CREDENTIALS,
        "AWS_ENDPOINT_URL": s3_server,
        "PATH": f"{home}/bin:{os.environ['PATH']}",
        "MEDALLION_DRIVER_MEMORY": "1g",
    }


@pytest.fixture(scope="module")
def server() -> Iterator[dict[str, str]]:
    """A Spark Connect server for all commands of all pages: what its clients need in their environment."""
    token = {"SPARK_CONNECT_AUTHENTICATE_TOKEN": str(uuid.uuid4())}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    command = [sys.executable, "-m", "tests.crashes.server"]
    with subprocess.Popen(command, text=True, env={**os.environ, **token}, **pipes) as process:
        assert process.stdout is not None
        yield {**token, "SPARK_REMOTE": process.stdout.readline().strip()}
        process.communicate()


@pytest.fixture
def quick(environment: dict[str, str], server: Mapping[str, str], home: Path) -> dict[str, str]:
    """An environment whose commands share that server, which knows no table yet."""
    environment |= server
    for layer in ("bronze", "silver", "gold", "ops"):
        prepare(home, environment, f"medallion sql 'DROP SCHEMA IF EXISTS {layer} CASCADE'")
    return environment


@pytest.fixture
def cloud(s3_server: str) -> None:
    """What the pages name in AWS."""
    about = {
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
        "region_name": "eu-west-1",
        "endpoint_url": s3_server,
    }
    import requests

    requests.post(f"{s3_server}/moto-api/reset", timeout=30)
    s3, iam, kms = (boto3.client(name, **about) for name in ("s3", "iam", "kms"))
    s3.create_bucket(Bucket="lake-landing", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_bucket_versioning(Bucket="lake-landing", VersioningConfiguration={"Status": "Enabled"})
    for text in (b"with her", b"without her"):
        s3.put_object(Bucket="lake-landing", Key="orders/2025-01-02.json", Body=text)
    s3.put_object(Bucket="lake-landing", Key="orders/2025-01-01.json", Body=b"deleted by mistake")
    s3.delete_object(Bucket="lake-landing", Key="orders/2025-01-01.json")
    iam.create_user(UserName="delivery")
    iam.create_access_key(UserName="delivery")
    trust: Mapping[str, Any] = {"Version": "2012-10-17", "Statement": []}
    iam.create_role(RoleName="pipeline", AssumeRolePolicyDocument=json.dumps(trust))
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/lake", TargetKeyId=key)
    boto3.client("secretsmanager", **about).create_secret(Name="databricks/pipeline", SecretString="old")
    sqs = boto3.client("sqs", **about)
    dead = sqs.create_queue(QueueName="landing-function-failed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})}
    sqs.create_queue(QueueName="orders-to-land", Attributes=policy)
    sqs.send_message(QueueUrl=dead, MessageBody="{}")


def order(number: int, amount: object, day: int = 3) -> str:
    at = f"2025-01-{day:02}T10:00:00Z"
    values = {"order_id": number, "customer_id": "joan", "amount": amount, "ordered_at": at, "updated_at": at}
    return json.dumps(values) + "\n"


def prepare(home: Path, environment: Mapping[str, str], *commands: str) -> None:
    for command in commands:
        done = subprocess.run(
            ["bash", "-euc", command],
            cwd=home,
            env=dict(environment),
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def value(home: Path, environment: Mapping[str, str], query: str) -> str:
    """The first row of a query, as CSV."""
    done = subprocess.run(
        ["medallion", "sql", "--format", "csv", query],
        cwd=home,
        env=dict(environment),
        text=True,
        capture_output=True,
        check=True,
    )
    return done.stdout.splitlines()[1]


def test_what_is_not_walked_says_so_and_nothing_else_does() -> None:
    pages = sorted(PAGES.glob("*.md"))
    assert {page.name for page in pages} >= HERE | {"README.md"}
    for page in pages:
        for step in steps(page):
            assert step.cloud == step.said_before.startswith(ONLY_CLOUD), f"{page.name}: {step.text}"


def test_every_command_of_medallion_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of steps that are not walked: the names of commands and options, and what they need."""
    monkeypatch.chdir(tmp_path)
    Path("corrected.jsonl").touch()
    parsed = 0
    for page in sorted(PAGES.glob("*.md")):
        for step in steps(page):
            for words in commands(step.text, "medallion"):
                command: Any = typer.main.get_command(app)
                while hasattr(command, "commands"):
                    command = command.commands[words.pop(0)]
                command.make_context(page.name, words)  # raises what the command line would say
                parsed += 1
    assert parsed > 40


@pytest.mark.slow
def test_keys_are_rotated(home: Path, environment: dict[str, str], cloud: None) -> None:
    said = walk(PAGES / "key-rotation.md", home, environment)
    assert '"KeyRotationEnabled": true' in said
    assert not list(home.glob("new-*"))


@pytest.mark.slow
def test_a_leaked_credential_is_stopped_and_what_it_did_is_looked_at(
    home: Path, quick: dict[str, str], cloud: None
) -> None:
    prepare(home, quick, "medallion new sales", "medallion run sales --landing sales/landing")
    said = walk(PAGES / "credential-leak.md", home, quick)
    assert "refuse-older-sessions" in said
    prepare(
        home,
        quick,
        "test $(aws iam list-access-keys --user-name delivery --query 'length(AccessKeyMetadata)') = 0",
    )


@pytest.mark.slow
def test_a_table_goes_back_and_is_made_anew(home: Path, quick: dict[str, str], cloud: None) -> None:
    prepare(home, quick, "medallion new sales", "medallion run sales --landing sales/landing")
    (home / "sales" / "landing" / "orders" / "2025-01-03.json").write_text(order(7, 1))
    prepare(home, quick, "medallion run sales --landing sales/landing")
    said = walk(PAGES / "restore.md", home, quick)
    assert "silver.sales_orders: version 1 " in said and "is back" in said
    assert "there: `medallion rebuild silver.sales_orders` makes" in said
    assert said.rstrip().endswith("4")  # orders: all that are valid


@pytest.mark.slow
def test_records_are_taken_in_again(home: Path, quick: dict[str, str], cloud: None) -> None:
    prepare(home, quick, "medallion new sales")
    (home / "sales" / "landing" / "orders" / "2025-01-03.json").write_text(order(8, "not a number"))
    (home / "archive").mkdir()
    (home / "archive" / "2024.json").write_text(order(9, 3))
    prepare(home, quick, "medallion run sales --landing sales/landing")
    walk(PAGES / "replay.md", home, quick)
    assert value(home, quick, "SELECT count(*), max(order_id) FROM silver.sales_orders") == "6,9"
    assert value(home, quick, "SELECT count(*) FROM silver.sales_orders_quarantine") == "0"


@pytest.mark.slow
def test_a_person_is_erased_everywhere(home: Path, quick: dict[str, str], cloud: None) -> None:
    prepare(home, quick, "medallion new sales", "medallion run sales --landing sales/landing")
    said = walk(PAGES / "erasure.md", home, quick)
    assert "A search finds nothing any more." in said
    assert value(home, quick, "SELECT count(*) FROM silver.sales_orders WHERE order_id = 4") == "0"


@pytest.mark.slow
def test_a_region_is_lost_and_comes_back(home: Path, environment: dict[str, str]) -> None:
    prepare(
        home,
        environment,
        "medallion new sales",
        "mkdir region-a && cp -a sales/landing region-a/landing",
        "medallion run sales --warehouse region-a/warehouse --landing region-a/landing",
    )
    said = walk(PAGES / "disaster-recovery.md", home, environment)
    assert "region A was lost and is back; 7 checks hold" in said
    assert said.count("is whole: it can be failed over to.") == 3
    assert "has been failed over to: a copy would undo what was done there since" in said
