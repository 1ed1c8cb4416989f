"""Every job, as the Jobs API has it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any, cast

from databricks.bundles.jobs import Job

from jobs.compute import Compute
from medallion_pipelines.contracts.model import Product
from medallion_pipelines.steps import Step, plan

HOUR = 3600
LONGEST_KEY = 100  # of a task, by the Jobs API
PRODUCT = "{{job.parameters.product}}"
# a task's environment: see medallion_pipelines.cli.task
SETTINGS = (
    "MEDALLION_CATALOG={{job.parameters.catalog}}",
    "MEDALLION_BRONZE_SCHEMA=${resources.schemas.bronze.name}",
    "MEDALLION_SILVER_SCHEMA=${resources.schemas.silver.name}",
    "MEDALLION_GOLD_SCHEMA=${resources.schemas.gold.name}",
    "MEDALLION_OPS_SCHEMA=${resources.schemas.ops.name}",
    "MEDALLION_LANDING=/Volumes/{{job.parameters.catalog}}/${resources.volumes.landing.schema_name}/landing",
    "MEDALLION_CHECKPOINTS="
    "/Volumes/{{job.parameters.catalog}}/${resources.volumes.checkpoints.schema_name}/checkpoints",
    "MEDALLION_SECRET_SCOPE=${resources.secret_scopes.product.name}",
)
REPORT = "/Volumes/{{job.parameters.catalog}}/${resources.volumes.reports.schema_name}/reports/report.html"


def definitions(product: Product, place: str, compute: Compute, streams: str) -> dict[str, Job]:
    """The jobs of a product, by key; `place` is where tasks find it. Raises ValueError where none can be."""
    if streams not in ("schedule", "continuous"):
        raise ValueError(f"The variable streams is {streams!r}: it is schedule or continuous.")
    if streams == "continuous" and compute.serverless:
        raise ValueError("Continuous streams are for job clusters: set compute to job_cluster.")
    steps = plan(product)
    streaming = {f"bronze.{t.name}" for t in product.tables.values() if t.source and t.source.stream}
    bronze = [step for step in steps if step.key.startswith("bronze.")]
    layers = {
        "ingest": [step for step in bronze if step.key not in streaming],
        "ingest_streams": [step for step in bronze if step.key in streaming],
        "refine": [step for step in steps if step.key.startswith("silver.")],
        "publish": [step for step in steps if step.key.startswith("gold.")],
    }
    forever = streams == "continuous"
    begins = {"ingest": _on_arrival(), "ingest_streams": _of_streams(forever)}
    tasks = {
        key: _tables(some, compute, retried=not (forever and key == "ingest_streams"))
        for key, some in layers.items()
        if some
    }
    built = [key for key in tasks if not (forever and key == "ingest_streams")]
    tasks["quality"] = [_task("quality", ["quality", PRODUCT], compute, retries=0)]  # it fails for a reason
    tasks["report"] = [_task("report", ["report", PRODUCT, "--out", REPORT], compute)]
    tasks["maintain"] = [_task("maintain", ["maintain", PRODUCT], compute)]
    begins["maintain"] = _at("${var.maintain_cron}")
    names = {"product": product.name, "place": place}
    jobs = {
        key: _job(key, some, begins.get(key, {}), compute.of_job(), **names) for key, some in tasks.items()
    }
    jobs["pipeline"] = _job("pipeline", _chain(built), _at("${var.pipeline_cron}"), {}, **names)
    return jobs


def _job(
    key: str,
    tasks: list[dict[str, Any]],
    begins: dict[str, Any],
    compute: dict[str, Any],
    *,
    product: str,
    place: str,
) -> Job:
    told = ["${var.notify}"]
    rules = [{"metric": "RUN_DURATION_SECONDS", "op": "GREATER_THAN", "value": HOUR}]
    mails = {"on_failure": told, "on_duration_warning_threshold_exceeded": told}
    if key == "ingest_streams":
        rules.append({"metric": "STREAMING_BACKLOG_SECONDS", "op": "GREATER_THAN", "value": 2 * HOUR})
        mails["on_streaming_backlog_exceeded"] = told
    settings: dict[str, Any] = {
        "name": f"{product} {key}",
        "description": f"{key} of the data product {product}; made from its contracts.",
        "tasks": tasks,
        "max_concurrent_runs": 1,
        **({} if "continuous" in begins else {"queue": {"enabled": True}, "timeout_seconds": 6 * HOUR}),
        "parameters": [
            {"name": "catalog", "default": "${var.catalog}"},
            {"name": "product", "default": place},
        ],
        "health": {"rules": rules},
        "email_notifications": mails,
        "notification_settings": {"no_alert_for_canceled_runs": True},
        "tags": {
            "product": product,
            "job": key,
            "environment": "${bundle.target}",
            "cost_center": "${var.cost_center}",
        },
        **begins,
        **compute,
    }
    return Job.from_dict(cast("Any", settings))


def _tables(steps: Sequence[Step], compute: Compute, *, retried: bool) -> list[dict[str, Any]]:
    """A task for each step, after those of the same job that it needs."""
    mine = {step.key for step in steps}
    return [
        _task(
            _task_key(step.key),
            ["run", PRODUCT, "--only", "--table", step.key],
            compute,
            after=sorted(map(_task_key, step.after & mine)),
            retries=2 if retried else None,
        )
        for step in steps
    ]


def _task(
    key: str, words: list[str], compute: Compute, *, after: Sequence[str] = (), retries: int | None = 2
) -> dict[str, Any]:
    """A command of `medallion`. It can be killed and run again; with None, retrying is left to the job."""
    trying = {
        "max_retries": retries,
        "min_retry_interval_millis": 60_000,
        "retry_on_timeout": False,
        "timeout_seconds": 3 * HOUR,
    }
    return {
        "task_key": key,
        "depends_on": [{"task_key": other} for other in after],
        "python_wheel_task": {
            "package_name": "medallion_pipelines",
            "entry_point": "medallion-task",
            "parameters": [*SETTINGS, *words],
        },
        **(trying if retries is not None else {}),
        **compute.of_task(),
    }


def _chain(built: Sequence[str]) -> list[dict[str, Any]]:
    """Jobs one after the other, also where one fails: no more is stopped than what needs the table.

    A run ends as its leaves do. `report` runs whatever was before it, `built` only where every table was
    brought up to date: so a run with a promise broken ends as SUCCESS_WITH_FAILURES, and any other that did
    not go well as FAILED.
    """
    handed = {name: f"{{{{job.parameters.{name}}}}}" for name in ("catalog", "product")}
    jobs = [*built, "quality", "report"]
    before = [None, *jobs]
    chain: list[dict[str, Any]] = [
        {
            "task_key": key,
            "depends_on": [{"task_key": last}] if last else [],
            "run_if": "ALL_DONE",
            "run_job_task": {"job_id": f"${{resources.jobs.{key}.id}}", "job_parameters": handed},
        }
        for last, key in zip(before, jobs, strict=False)
    ]
    return [
        *chain,
        {
            "task_key": "built",
            "depends_on": [{"task_key": key} for key in built],
            "run_if": "ALL_SUCCESS",
            "condition_task": {"op": "EQUAL_TO", "left": "built", "right": "built"},  # needs no compute
        },
    ]


def _task_key(key: str) -> str:
    """The name of a table as a task's; one that is too long ends in a digest of all of it."""
    plain = re.sub(r"\W", "_", key, flags=re.ASCII)
    if len(plain) <= LONGEST_KEY:
        return plain
    digest = hashlib.sha256(key.encode()).hexdigest()[:12]
    return f"{plain[: LONGEST_KEY - 13]}_{digest}"


def _at(cron: str) -> dict[str, Any]:
    return {"schedule": {"quartz_cron_expression": cron, "timezone_id": "UTC"}}


def _of_streams(forever: bool) -> dict[str, Any]:
    return {"continuous": {"task_retry_mode": "ON_FAILURE"}} if forever else _at("${var.streams_cron}")


def _on_arrival() -> dict[str, Any]:
    """When files have come, and for a minute no more."""
    url = "/Volumes/${var.catalog}/${resources.volumes.landing.schema_name}/landing/"
    return {
        "trigger": {
            "file_arrival": {
                "url": url,
                "min_time_between_triggers_seconds": 300,
                "wait_after_last_change_seconds": 60,
            }
        }
    }
