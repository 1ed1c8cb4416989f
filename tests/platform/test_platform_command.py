"""`medallion platform`, as people type it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.platform.account import ID, Account
from typer.testing import CliRunner, Result

from medallion_pipelines.cli import screen
from medallion_pipelines.cli.app import app
from medallion_pipelines.errors import ContractError, PlatformError, SetupError

FILE = """\
variables: {bucket: {description: The root bucket}}
groups: {engineers: {members: {groups: [loaders]}}, loaders: }
storage_configurations: {root: {bucket: "${var.bucket}"}}
"""


@pytest.fixture
def file(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in {"HOST": address, "ACCOUNT_ID": ID, "TOKEN": "token"}.items():
        monkeypatch.setenv(f"DATABRICKS_{name}", value)
    monkeypatch.setenv("DATABRICKS_CONFIG_FILE", str(tmp_path / "none"))
    for function in (screen.out, screen.err):
        function.cache_clear()
    path = tmp_path / "platform.yaml"
    path.write_text(FILE, "utf-8")
    return str(path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["platform", *arguments])


def test_a_plan_is_shown_and_nothing_is_done(file: str, account: Account) -> None:
    result = run("plan", file, "--var", "bucket=a")

    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "+ create group `engineers`",
        "+ create group `loaders`",
        "+ create group member `group:loaders` of `engineers`",
        "    value: loaders",
        "+ create storage configuration `root`",
        "    root_bucket_info.bucket_name: a",
    ]
    assert result.stderr.strip() == "4 to create."
    assert account.log == []


def test_apply_says_what_it_does_and_then_that_there_is_nothing_left(file: str, account: Account) -> None:
    first = run("apply", file, "--var", "bucket=a")
    second = run("apply", file, "--var", "bucket=a")

    assert first.exit_code == second.exit_code == 0
    assert "made       storage configuration `root`" in first.stderr
    assert f"{file}: 4 changes made." in first.stderr
    assert f"{file}: the account is as declared. Nothing to do." in second.stderr
    assert account.names() == {"Groups": ["engineers", "loaders"], "storage-configurations": ["root"]}


def test_what_people_wrote_cannot_pass_for_a_line_of_the_plan(file: str, account: Account) -> None:
    result = run("plan", file, "--var", "bucket=a\n- delete network `one`\x1b[2J")

    last = result.stdout.splitlines()[-1]
    assert last == "    root_bucket_info.bucket_name: a\\n- delete network `one`\\x1b[2J"


def test_a_dry_run_is_a_plan(file: str, account: Account) -> None:
    result = run("apply", file, "--var", "bucket=a", "--dry-run", "--json")

    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["counts"] == {"create": 4}
    assert document["changes"][-1] == {
        "action": "create", "kind": "storage_configuration", "name": "root", "within": "", "reason": "",
        "differences": [{"field": "root_bucket_info.bucket_name", "before": None, "after": "a"}],
    }  # fmt: skip
    assert account.log == []


def test_a_change_that_cannot_be_made_ends_plan_and_apply_with_code_1(file: str, account: Account) -> None:
    run("apply", file, "--var", "bucket=a")
    done = len(account.log)

    assert run("plan", file, "--var", "bucket=b").exit_code == 1
    assert isinstance(run("apply", file, "--var", "bucket=b").exception, PlatformError)
    assert len(account.log) == done


def test_a_variable_without_value_is_told_before_the_account_is_asked(file: str) -> None:
    result = run("plan", file)

    assert isinstance(result.exception, ContractError)
    assert "the variable `bucket` has no value" in str(result.exception)


def test_without_an_account_the_command_says_what_to_set(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DATABRICKS_ACCOUNT_ID")

    result = run("plan", file, "--var", "bucket=a")

    assert isinstance(result.exception, SetupError)
    assert "DATABRICKS_ACCOUNT_ID" in str(result.exception)
