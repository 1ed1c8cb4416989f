"""Every `${...}` and `{{...}}` of a bundle, resolved: what the CLI leaves to the workspace to find out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from scripts.bundle.config import TYPES, Config

_REFERENCE = re.compile(r"\$\{([A-Za-z][\w.\[\]-]*)\}")
_DYNAMIC = re.compile(r"\{\{\s*([\w.-]+)\s*\}\}")
_GIVEN = ("id", "url")  # by the workspace, once a resource is there
_ELSEWHERE = re.compile(r"bundle\.(target|name|environment|git\.\w+)|workspace\.[\w.]+")
_RUN = re.compile(
    r"job\.(id|name|run_id|repair_count|start_time\.\w+|trigger\.[\w.]+)"
    r"|task\.(name|run_id|execution_count|notebook_path)|workspace\.(id|url)|input(\.\w+)?|backfill\.iso_datetime"
)


def resolve(config: Config) -> None:
    """Put values in the place of references in all resources; note those that lead nowhere."""
    for name, value in config.variables.items():
        config.variables[name] = _resolved(config, f"variables.{name}", value, (f"var.{name}",))
    for kind in config.resources:
        for at, resource in list(config.each(kind)):
            key = at.rsplit(".", 1)[1]
            config.resources[kind][key] = _resolved(config, at, resource, ())
    for at, job in config.each("jobs"):
        _check_dynamic(config, at, job)


def leaves(at: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Every value within a value, with its path."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(f"{at}.{key}", inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(f"{at}[{place}]", inner)
    else:
        yield at, value


def _resolved(config: Config, at: str, value: Any, way: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return {key: _resolved(config, f"{at}.{key}", inner, way) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(config, f"{at}[{place}]", inner, way) for place, inner in enumerate(value)]
    if not isinstance(value, str):
        return value
    if (alone := _REFERENCE.fullmatch(value)) is not None:
        return _of(config, at, alone[1], way)
    text = _REFERENCE.sub(lambda found: str(_of(config, at, found[1], way)), value)
    if "${" in text:
        config.problem(at, f"{text!r} has a reference that cannot be read")
    return text


def _of(config: Config, at: str, path: str, way: tuple[str, ...]) -> Any:
    """What a reference stands for; a word in angle brackets for what only a workspace knows."""
    unknown = f"<{path}>"
    if path in way:
        config.problem(at, f"${{{path}}} leads back to itself")
        return unknown
    first, _, rest = path.partition(".")
    if first == "var":
        name = rest.split(".")[0].split("[")[0]
        if name not in config.variables:
            config.problem(at, f"${{{path}}}: there is no such variable")
            return unknown
        value = config.variables[name]
        return unknown if value is None else _resolved(config, at, value, (*way, path))
    if path == "bundle.target":
        return config.target
    if _ELSEWHERE.fullmatch(path):
        return unknown
    if first != "resources":
        config.problem(at, f"${{{path}}}: there is nothing of that name")
        return unknown
    kind, _, inner = rest.partition(".")
    key, _, field = inner.partition(".")
    resource = config.resources.get(kind, {}).get(key)
    if resource is None:
        config.problem(at, f"${{{path}}}: there is no {kind}.{key}")
    elif field in resource:
        return _resolved(config, at, resource[field], (*way, path))
    elif field not in _GIVEN and field not in getattr(TYPES.get(kind), "__dataclass_fields__", ()):
        config.problem(at, f"${{{path}}}: {kind} have no {field}")
    elif field not in _GIVEN:
        config.problem(at, f"${{{path}}}: {kind}.{key} does not say its {field}")
    return unknown


def _check_dynamic(config: Config, at: str, job: Any) -> None:
    parameters = {one.get("name") for one in job.get("parameters", [])}
    tasks = {one.get("task_key") for one in job.get("tasks", [])}
    for where, value in leaves(at, job):
        for found in _DYNAMIC.finditer(value) if isinstance(value, str) else ():
            path = found[1]
            if path.startswith("job.parameters."):
                if path.split(".", 2)[2] not in parameters:
                    config.problem(where, f"{found[0]}: the job has no such parameter")
            elif path.startswith("tasks."):
                if path.split(".")[1] not in tasks:
                    config.problem(where, f"{found[0]}: the job has no such task")
            elif not _RUN.fullmatch(path):
                config.problem(where, f"{found[0]}: there is no such value")
