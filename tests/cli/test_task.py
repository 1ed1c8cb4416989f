"""The entry point of deployed tasks, in a process of its own and beside a stand-in for Databricks."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from medallion_pipelines.cli import task
from medallion_pipelines.errors import MedallionError, SetupError


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    for name in ("MEDALLION_CATALOG", "MEDALLION_ERASURE_KEY", task.SCOPE, "TZ"):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "argv", ["medallion-task", *words])
    task.main()


def test_settings_come_before_the_command(monkeypatch) -> None:
    seen = {}
    monkeypatch.setattr(
        "medallion_pipelines.cli.places.lakehouse", lambda **_: seen.update(os.environ) or stop()
    )
    with pytest.raises(ZeroDivisionError):
        run(monkeypatch, "MEDALLION_CATALOG=a=b c", "MEDALLION_OPS_SCHEMA=dev_ops", "status", "flights")
    assert (seen["MEDALLION_CATALOG"], seen["MEDALLION_OPS_SCHEMA"]) == ("a=b c", "dev_ops")
    monkeypatch.delenv("MEDALLION_OPS_SCHEMA")


def stop() -> None:
    raise ZeroDivisionError


def test_a_command_that_ends_well_returns(monkeypatch, capsys) -> None:
    run(monkeypatch, "validate", "flights")
    assert "flights" in capsys.readouterr().err
    assert sys.argv[0] == "medallion"


def test_what_stops_a_command_is_raised(monkeypatch) -> None:
    with pytest.raises(Exception, match="There is no product nowhere"):
        run(monkeypatch, "status", "nowhere")
    monkeypatch.setattr("medallion_pipelines.cli.places.lakehouse", lambda **_: Failing())
    with pytest.raises(
        MedallionError, match=r"^`medallion quality flights` ended with exit code 1; its output"
    ):
        run(monkeypatch, "quality", "flights")


class Failing:
    def quality(self, product):
        from medallion_pipelines.results import TableStatus

        return [TableStatus("silver.flights")]


def test_a_secret_is_no_parameter(monkeypatch) -> None:
    with pytest.raises(
        SetupError, match="put it into a secret scope, and name that in MEDALLION_SECRET_SCOPE"
    ):
        run(monkeypatch, "MEDALLION_ERASURE_KEY=0123", "status")


@pytest.mark.parametrize(
    ("keys", "found"), [(["erasure-key", "other"], "value of erasure-key"), (["other"], None)]
)
def test_the_secret_of_erasures_comes_from_the_scope_that_has_it(monkeypatch, keys, found) -> None:
    secrets = SimpleNamespace(
        list=lambda scope: [SimpleNamespace(key=key) for key in keys if scope == "flights"],
        get=lambda scope, key: f"value of {key}",
    )
    runtime = ModuleType("databricks.sdk.runtime")
    runtime.dbutils = SimpleNamespace(secrets=secrets)
    for name in ("databricks", "databricks.sdk"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)
    run(monkeypatch, "MEDALLION_SECRET_SCOPE=flights", "validate", "flights")
    assert os.environ.get("MEDALLION_ERASURE_KEY") == found


def test_the_process_of_a_task_ends_without_an_exit_of_its_own() -> None:
    code = "from medallion_pipelines.cli.task import main; main(); print('after')"
    done = subprocess.run(
        [sys.executable, "-c", code, "validate", "flights"], capture_output=True, text=True, check=True
    )
    assert done.stdout.endswith("after\n")
