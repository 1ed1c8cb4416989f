"""What others are told of a run: OpenLineage events through its own transports, metrics for CloudWatch."""

from __future__ import annotations

import json
import os
import socket
import uuid
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.support import column, gold, land_json, silver, write_product

from medallion_pipelines.contracts import load_product
from medallion_pipelines.contracts.model import Product
from medallion_pipelines.lakehouse import Lakehouse
from medallion_pipelines.lineage import outbox
from medallion_pipelines.lineage.events import feed
from medallion_pipelines.observed import Observed
from medallion_pipelines.operations.metrics import embedded
from medallion_pipelines.results import RunResult, StepResult
from medallion_pipelines.runlog import RunLog
from medallion_pipelines.settings import Settings

RUN = uuid.UUID(int=7).hex
SETTINGS = Settings(warehouse="/w", landing="/landing")
STEPS = (
    StepResult("bronze.a", "succeeded", rows_in=3, rows_written=3, version=1),
    StepResult(
        "silver.a", "succeeded", rows_in=3, rows_valid=2, rows_quarantined=1, rows_written=2, version=4
    ),
    StepResult("gold.mart", "failed", error="the value 'ann@example.com' is not a number"),
)


@pytest.fixture(autouse=True)
def nothing_configured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in [name for name in os.environ if name.startswith(("OPENLINEAGE_", "MEDALLION_METRICS"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def product(tmp_path: Path) -> Product:
    mart = gold(
        "mart", [column("id", "integer"), column("n", "integer")], [{"table": "silver.a"}], key=["id"]
    )
    folder = write_product(tmp_path / "p", silver("a", [column("id", "integer")], key=["id"]), mart)
    (folder / "mart.py").write_text("def transform(a): return a.selectExpr('id', '1 AS n')\n", "utf-8")
    return load_product(folder)


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that the standard configuration sends events to."""
    file = tmp_path / "events.jsonl"
    for name, value in {"TYPE": "file", "LOG_FILE_PATH": str(file), "APPEND": "true"}.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)
    return file


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def told(product: Product, settings: Settings = SETTINGS, steps: tuple[StepResult, ...] = STEPS) -> RunResult:
    """A run of these steps, as those see it who are told of it."""
    observed = Observed(product, settings, RUN, lambda key: None, lambda result: None)
    for step in steps:
        if step.status != "skipped":
            observed.start(step.table)
        observed.finish(step)
    return observed.end(RunResult(RUN, product.name, steps, 1.0))


def test_a_run_and_its_steps_start_and_then_complete_or_fail(product, events):
    told(product)

    assert [(event["eventType"], event["job"]["name"]) for event in lines(events)] == [
        ("START", "p"),
        ("START", "p.bronze.a"),
        ("COMPLETE", "p.bronze.a"),
        ("START", "p.silver.a"),
        ("COMPLETE", "p.silver.a"),
        ("START", "p.gold.mart"),
        ("FAIL", "p.gold.mart"),
        ("FAIL", "p"),
    ]
    runs = {event["run"]["runId"] for event in lines(events) if event["job"]["name"] == "p.silver.a"}
    assert len(runs) == 1 and str(uuid.UUID(RUN)) not in runs
    parents = [event["run"]["facets"]["parent"]["run"]["runId"] for event in lines(events)[1:-1]]
    assert set(parents) == {str(uuid.UUID(RUN))}


def test_a_step_that_is_skipped_is_not_told_of(product, events):
    told(product, steps=(*STEPS[:2], replace(STEPS[2], status="skipped")))

    assert [event["job"]["name"] for event in lines(events)].count("p.gold.mart") == 0


def test_a_completed_step_says_what_it_read_and_wrote_column_by_column(product, events):
    told(product)

    bronze, silver_ = (event for event in lines(events) if event["eventType"] == "COMPLETE")
    assert [(each["namespace"], each["name"]) for each in bronze["inputs"]] == [("file", "/landing/a/*")]
    assert [(each["namespace"], each["name"]) for each in silver_["inputs"]] == [("file", "/w/bronze/a")]
    (output,) = silver_["outputs"]
    assert (output["namespace"], output["name"]) == ("file", "/w/silver/a")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 2
    assert output["facets"]["version"]["datasetVersion"] == "4"
    assert [(each["name"], each["type"]) for each in output["facets"]["schema"]["fields"]] == [
        ("id", "BIGINT")
    ]
    (origin,) = output["facets"]["columnLineage"]["fields"]["id"]["inputFields"]
    assert {name: origin[name] for name in ("namespace", "name", "field")} == {
        "namespace": "file", "name": "/w/bronze/a", "field": "id",
    }  # fmt: skip
    (transformation,) = origin["transformations"]
    assert (transformation["type"], transformation["subtype"]) == ("DIRECT", "IDENTITY")


def test_what_is_undeclared_is_reported_with_the_step(product, events):
    told(product)

    start = next(event for event in lines(events) if event["job"]["name"] == "p.gold.mart")
    why = "the transform is Python: declare transformSourceObjects"
    assert start["run"]["facets"]["medallion_undeclaredLineage"]["columns"] == {"id": why, "n": why}


def test_a_failure_is_told_without_its_text_which_can_hold_values(product, events):
    told(product)

    assert "ann@example.com" not in events.read_text("utf-8")
    failed = next(event for event in lines(events) if event["eventType"] == "FAIL")
    assert failed["run"]["facets"]["errorMessage"]["message"] == (
        f"gold.mart failed. ops.table_metrics has the error, of run {RUN}."
    )


def test_tables_of_a_catalog_are_named_by_it_and_jobs_are_in_the_namespace_asked_for(
    product, events, monkeypatch
):
    monkeypatch.setenv("DATABRICKS_HOST", "https://dbc-1.cloud.databricks.com/")
    monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "prod")
    settings = Settings(catalog="flights_prod", warehouse=None, landing="s3a://landing/zone/")

    told(product, settings, STEPS[:1])

    event = lines(events)[2]
    assert event["job"]["namespace"] == "prod"
    assert [(each["namespace"], each["name"]) for each in event["inputs"]] == [("s3://landing", "zone/a/*")]
    assert [(each["namespace"], each["name"]) for each in event["outputs"]] == [
        ("databricks://dbc-1.cloud.databricks.com", "flights_prod.bronze.a")
    ]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("kinesis://flight-events", ("kinesis", "flight-events")),
        ("s3://other/flights/*.json", ("s3://other", "flights/*.json")),
        ("/archive/*.csv", ("file", "/archive/*.csv")),
        ("flights/*.csv", ("file", "/landing/flights/*.csv")),
    ],
)
def test_a_feed_is_named_by_where_it_is(path, place):
    assert feed(path, SETTINGS) == place


def test_without_a_configuration_nothing_is_sent_or_printed(product, capsys, caplog, tmp_path):
    before = set(tmp_path.rglob("*"))

    assert told(product).steps == STEPS

    assert set(tmp_path.rglob("*")) == before
    assert capsys.readouterr().out == "" and "OpenLineage" not in caplog.text


def test_disabled_is_off_whatever_else_is_configured(product, events, monkeypatch):
    monkeypatch.setenv("OPENLINEAGE_DISABLED", "true")

    assert told(product).steps == STEPS
    assert not events.exists()


def test_a_file_openlineage_yml_configures_it_too(product, tmp_path):
    file = tmp_path / "from-yaml.jsonl"
    (tmp_path / "openlineage.yml").write_text(
        f"transport: {{type: file, log_file_path: {file}, append: true}}\n", "utf-8"
    )

    told(product)

    assert len(lines(file)) == 8


@pytest.mark.parametrize(
    "configured",
    [
        {"TYPE": "http", "URL": "http://127.0.0.1:9", "RETRY": '{"total": 0}'},
        {"TYPE": "file", "LOG_FILE_PATH": "/nowhere/at/all/events", "APPEND": "true"},
        {"TYPE": "no.such.Transport"},
    ],
    ids=["nobody answers", "no such folder", "no such transport"],
)  # fmt: skip
def test_a_transport_that_fails_fails_no_run_and_is_told_once(product, monkeypatch, configured):
    for name, value in configured.items():
        monkeypatch.setenv(f"OPENLINEAGE__TRANSPORT__{name}", value)

    outcome = told(product)

    assert outcome.steps[:2] == STEPS[:2]
    (note,) = outcome.steps[2].notes
    assert note.startswith("The run's OpenLineage events were not sent, or not all: ")
    assert "127.0.0.1" not in note


@pytest.mark.parametrize("kind", ["http", "async_http"])
def test_a_transport_that_hangs_holds_up_no_step_and_the_end_of_a_run_only_briefly(
    product, monkeypatch, kind
):
    monkeypatch.setattr(outbox, "PATIENCE", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as deaf:  # takes connections, and never answers
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__TYPE", kind)
        monkeypatch.setenv("OPENLINEAGE__TRANSPORT__URL", f"http://127.0.0.1:{deaf.getsockname()[1]}")

        outcome = told(product)

    assert outcome.steps[2].notes == (
        "The run's OpenLineage events were not sent, or not all: TimeoutError.",
    )


def test_a_run_that_an_error_stops_is_told_of_as_failed(product, events, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDALLION_METRICS_FILE", str(tmp_path / "metrics"))
    monkeypatch.setattr("medallion_pipelines.lakehouse.run", stopped)
    lake = object.__new__(Lakehouse)  # without a session: the run does not come to need one
    lake.settings = SETTINGS
    log = cast("RunLog", SimpleNamespace(run_id=RUN))

    with pytest.raises(OSError, match="no log"):
        lake._run(log, product, [], lambda key: None, lambda result: None)

    assert [event["eventType"] for event in lines(events)] == ["START", "FAIL"]
    assert [line["FailedRuns"] for line in lines(tmp_path / "metrics")] == [1]


def stopped(*args: object, **how: object) -> None:
    raise OSError("no log")


def test_metrics_are_lines_that_cloudwatch_reads(product, monkeypatch, tmp_path):
    file = tmp_path / "logs" / "metrics.jsonl"
    monkeypatch.setenv("MEDALLION_METRICS_FILE", str(file))

    told(product, steps=(*STEPS[:2], replace(STEPS[2], millis_behind_latest=1500)))

    written = lines(file)
    assert [line.get("Table") for line in written] == ["bronze.a", "silver.a", "gold.mart", None]
    assert [written[1][name] for name in ("Product", "RowsIn", "RowsValid", "RowsQuarantined", "Failed")] == [
        "p", 3, 2, 1, 0,
    ]  # fmt: skip
    assert (written[2]["Failed"], written[2]["MillisBehindLatest"], written[2]["status"]) == (
        1,
        1500,
        "failed",
    )
    assert (written[3]["FailedSteps"], written[3]["FailedRuns"]) == (1, 1)
    assert "ann@example.com" not in file.read_text("utf-8")
    for line in written:
        (directive,) = line["_aws"]["CloudWatchMetrics"]
        named = [metric["Name"] for metric in directive["Metrics"]]
        assert all(isinstance(line[name], int | float) for name in named)
        assert all(isinstance(line[name], str) for name in directive["Dimensions"][0])


def test_a_record_names_its_metrics_with_units_and_dimensions():
    assert embedded({"Product": "p"}, {"Seconds": (1.5, "Seconds")}, {"run_id": "1"}, 1000) == {
        "_aws": {
            "Timestamp": 1000,
            "CloudWatchMetrics": [
                {
                    "Namespace": "Medallion",
                    "Dimensions": [["Product"]],
                    "Metrics": [{"Name": "Seconds", "Unit": "Seconds"}],
                }
            ],
        },
        "Product": "p",
        "Seconds": 1.5,
        "run_id": "1",
    }


def test_metrics_that_cannot_be_written_fail_no_run(product, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("", "utf-8")
    monkeypatch.setenv("MEDALLION_METRICS_FILE", str(tmp_path / "file" / "metrics"))

    outcome = told(product)

    assert outcome.steps[2].notes == ("The run's metrics were not sent, or not all: FileExistsError.",)


@pytest.mark.engine
@pytest.mark.slow
def test_a_run_of_the_lakehouse_is_told_of(lakehouse: Lakehouse, product, events, monkeypatch, tmp_path):
    monkeypatch.setenv("MEDALLION_METRICS_FILE", str(tmp_path / "metrics"))
    land_json(lakehouse, "a/a.json", [{"id": 1}, {"id": 2}])

    outcome = lakehouse.run(product)

    assert outcome.succeeded
    assert [(event["eventType"], event["job"]["name"]) for event in lines(events)][-3:] == [
        ("START", "p.gold.mart"),
        ("COMPLETE", "p.gold.mart"),
        ("COMPLETE", "p"),
    ]
    assert lines(events)[0]["run"]["runId"] == str(uuid.UUID(outcome.run_id))
    assert [line.get("RowsWritten") for line in lines(tmp_path / "metrics")] == [2, 2, 2, None]
