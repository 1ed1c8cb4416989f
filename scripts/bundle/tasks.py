"""Jobs and their tasks: what a workspace refuses, or worse, takes and does not run."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any
from zoneinfo import available_timezones

from scripts.bundle.config import Config

from medallion_pipelines.contracts.graph import find_cycle

_KEY = re.compile(r"[\w-]{1,100}", re.ASCII)
_MOST = 1000  # tasks of a job
_MONTHS = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"]
_DAYS = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"]
_CRON = (
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day", 1, 31),
    ("month", 1, 12),
    ("weekday", 1, 7),
)


def check_jobs(config: Config) -> None:
    """Note what is wrong with jobs, their order, their schedules, and those of alerts."""
    runs: dict[str, set[str]] = {}
    for at, job in config.each("jobs"):
        _check_tasks(config, at, job)
        _check_start(config, at, job)
        runs[at.rsplit(".", 1)[1]] = {
            called
            for task in job.get("tasks", [])
            if (called := _job_of(task.get("run_job_task", {}).get("job_id")))
        }
    if cycle := find_cycle(runs):
        config.problem(f"resources.jobs.{cycle[0]}", f"runs itself: {' -> '.join(cycle)}")
    for at, alert in config.each("alerts"):
        schedule = alert.get("schedule", {})
        check_cron(
            config, f"{at}.schedule", schedule.get("quartz_cron_schedule"), schedule.get("timezone_id")
        )


def _job_of(text: object) -> str | None:
    found = re.fullmatch(r"<resources\.jobs\.([\w-]+)\.id>", str(text))
    return found[1] if found else None


def _check_tasks(config: Config, at: str, job: dict[str, Any]) -> None:
    tasks = job.get("tasks", [])
    if not 0 < len(tasks) <= _MOST:
        config.problem(f"{at}.tasks", f"has {len(tasks)} tasks; a job has 1 to {_MOST}")
    keys = [task.get("task_key", "") for task in tasks]
    for key, count in Counter(keys).items():
        if count > 1:
            config.problem(f"{at}.tasks", f"{count} tasks have the key {key}")
        if not _KEY.fullmatch(key):
            config.problem(f"{at}.tasks", f"{key!r} is no task key: up to 100 letters, digits, - and _")
    environments = _named(config, at, job, "environments", "environment_key")
    clusters = _named(config, at, job, "job_clusters", "job_cluster_key")
    after: dict[str, list[str]] = {}
    for place, task in enumerate(tasks):
        where = f"{at}.tasks[{place}]"
        after[keys[place]] = [one.get("task_key", "") for one in task.get("depends_on", [])]
        for other in after[keys[place]]:
            if other not in keys:
                config.problem(f"{where}.depends_on", f"there is no task {other}")
        kinds = [name for name in task if name.endswith("_task")]
        if len(kinds) != 1:
            config.problem(where, f"does {' and '.join(kinds) or 'nothing'}; a task does one thing")
        _check_compute(config, where, task, environments, clusters)
    if cycle := find_cycle(after):
        config.problem(f"{at}.tasks", f"wait for each other: {' -> '.join(cycle)}")


def _named(config: Config, at: str, job: dict[str, Any], what: str, key: str) -> set[str]:
    names = [one.get(key) for one in job.get(what, [])]
    for name, count in Counter(names).items():
        if count > 1:
            config.problem(f"{at}.{what}", f"{count} have the key {name}")
    return set(names)


def _check_compute(
    config: Config, where: str, task: dict[str, Any], environments: set[str], clusters: set[str]
) -> None:
    environment, cluster = task.get("environment_key"), task.get("job_cluster_key")
    if environment is not None and environment not in environments:
        config.problem(f"{where}.environment_key", f"the job has no environment {environment}")
    if cluster is not None and cluster not in clusters:
        config.problem(f"{where}.job_cluster_key", f"the job has no cluster {cluster}")
    if "python_wheel_task" in task or "spark_python_task" in task:
        places = ("environment_key", "job_cluster_key", "new_cluster", "existing_cluster_id")
        if sum(place in task for place in places) != 1:
            config.problem(where, f"needs one place to run: {', '.join(places)}")
        if environment is not None and task.get("libraries"):
            config.problem(f"{where}.libraries", "on serverless compute they belong into the environment")


def _check_start(config: Config, at: str, job: dict[str, Any]) -> None:
    starts = [name for name in ("schedule", "trigger", "continuous") if name in job]
    if len(starts) > 1:
        config.problem(at, f"has {' and '.join(starts)}; a job begins in one way")
    if schedule := job.get("schedule"):
        cron, zone = schedule.get("quartz_cron_expression"), schedule.get("timezone_id")
        check_cron(config, f"{at}.schedule", cron, zone)
    arrival = job.get("trigger", {}).get("file_arrival", {})
    if arrival and not str(arrival.get("url")).endswith("/"):
        config.problem(f"{at}.trigger.file_arrival.url", "has to end in /")
    for name in ("min_time_between_triggers_seconds", "wait_after_last_change_seconds"):
        if arrival.get(name, 60) < 60:
            config.problem(f"{at}.trigger.file_arrival.{name}", "has to be 60 or more")
    if "continuous" in job:
        for place, task in enumerate(job.get("tasks", [])):
            if "environment_key" in task:
                config.problem(f"{at}.tasks[{place}]", "serverless compute does not run continuously")
            if "max_retries" in task:
                config.problem(f"{at}.tasks[{place}].max_retries", "a continuous job tries again by itself")


def check_cron(config: Config, at: str, cron: object, zone: object) -> None:
    """Note what is wrong with a Quartz schedule."""
    if zone not in available_timezones():
        config.problem(f"{at}.timezone_id", f"there is no time zone {zone}")
    fields = str(cron).split()
    if len(fields) not in (6, 7):
        config.problem(at, f"{str(cron)!r} has {len(fields)} fields; Quartz has 6 (seconds first) or 7")
        return
    for (name, least, most), text in zip(_CRON, fields, strict=False):
        if not _fits(name, text, least, most):
            config.problem(at, f"{str(cron)!r}: {text!r} is no {name}")
    if (fields[3] == "?") == (fields[5] == "?"):
        config.problem(at, f"{str(cron)!r}: either the day or the weekday has to be ?")


def _fits(name: str, text: str, least: int, most: int) -> bool:
    if text == "?":
        return name in ("day", "weekday")
    if name in ("day", "weekday") and re.fullmatch(r"L|LW|L-\d+|\d+W|\dL|\d#[1-5]", text):
        return True
    return all(_part_fits(name, part, least, most) for part in text.split(","))


def _part_fits(name: str, part: str, least: int, most: int) -> bool:
    begin, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and 0 < int(step) <= most):
        return False
    if begin == "*":
        return True
    words = {"month": _MONTHS, "weekday": _DAYS}.get(name, [])
    ends = [words.index(end) + 1 if end in words else end for end in begin.split("-")]
    return len(ends) <= 2 and all(str(end).isdecimal() and least <= int(end) <= most for end in ends)
