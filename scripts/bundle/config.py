"""A bundle as the CLI sees it for one target: files included, target merged, Python's resources added."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Hashable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from databricks.bundles.core import Bundle, Severity
from databricks.bundles.core._resource_type import _ResourceType

TYPES: dict[str, Any] = {kind.plural_name: kind.resource_type for kind in _ResourceType.all()}


@dataclass(frozen=True)
class Problem:
    """What is wrong, in which file, at which field."""

    file: str
    at: str
    said: str

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.file, self.at, self.said)))


@dataclass
class Config:
    """A bundle for one target. `files` says where each resource (`jobs.ingest`) is defined."""

    root: Path
    target: str
    top: dict[str, Any]
    resources: dict[str, dict[str, Any]]
    files: dict[str, Path]
    variables: dict[str, Any]
    asked: list[str] = field(
        default_factory=list
    )  # variables that only a workspace, or who deploys, can tell
    problems: list[Problem] = field(default_factory=list)
    shaped: bool = True  # every resource is of the shape that its kind has

    def each(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Resources of a kind, by path."""
        for key, resource in self.resources.get(kind, {}).items():
            yield f"resources.{kind}.{key}", resource

    def problem(self, at: str, said: str) -> None:
        """Note a problem; the file is that of the resource."""
        parts = at.split(".")
        where = self.files.get(".".join(parts[1:3]).split("[")[0]) if parts[0] == "resources" else None
        file = where or self.root / "databricks.yml"
        shown = file.relative_to(self.root) if file.is_relative_to(self.root) else file
        self.problems.append(Problem(str(shown), at, said))


def load(root: Path, target: str | None = None, given: Mapping[str, str] | None = None) -> Config:
    """The bundle in a folder for a target, with variables as `--var` gives them; without one what is in
    `databricks.yml`."""
    config = Config(root, target or "", {}, {}, {}, {})
    try:
        top = _read(root / "databricks.yml")
    except (OSError, yaml.YAMLError) as error:
        config.problem("", _first(error))
        return config
    config.top = top
    if target is None:
        return config
    for number, pattern in enumerate(top.get("include", [])):
        found = sorted(root.glob(pattern))
        if not found:
            config.problem(f"include[{number}]", f"no file matches {pattern}")
        for file in found:
            try:
                _take(config, file, _read(file).get("resources", {}))
            except yaml.YAMLError as error:
                config.problems.append(Problem(str(file.relative_to(root)), "", _first(error)))
    _take(config, root / "databricks.yml", top.get("resources", {}))
    chosen = (top.get("targets") or {}).get(target)
    if chosen is None:
        config.problem(f"targets.{target}", "there is no such target")
        return config
    for kind, resources in chosen.get("resources", {}).items():
        for key, more in resources.items():
            if key not in config.resources.get(kind, {}):
                config.problem(f"targets.{target}.resources.{kind}.{key}", "is defined nowhere else")
                config.files[f"{kind}.{key}"] = root / "databricks.yml"
            config.resources.setdefault(kind, {})[key] = _merged(
                config.resources.get(kind, {}).get(key, {}), more
            )
    _assign(config, chosen, given or {})
    _add_python(config)
    for kind in config.resources:
        for at, resource in config.each(kind):
            _check_shape(config, kind, at, resource)
    return config


def _take(config: Config, file: Path, resources: Mapping[str, Mapping[str, Any]] | None) -> None:
    for kind, found in (resources or {}).items():
        for key, resource in (found or {}).items():
            name = f"{kind}.{key}"
            if name in config.files:
                there = config.files[name].relative_to(config.root)
                config.problems.append(
                    Problem(str(file.relative_to(config.root)), f"resources.{name}", f"is in {there}, too")
                )
            config.files[name] = file
            config.resources.setdefault(kind, {})[key] = _said(resource)


def _assign(config: Config, chosen: Mapping[str, Any], given: Mapping[str, str]) -> None:
    declared: Mapping[str, Any] = config.top.get("variables", {})
    own = chosen.get("variables", {})
    for name in [*own, *given]:
        if name not in declared:
            config.problem(f"targets.{config.target}.variables.{name}", "there is no such variable")
    for name, variable in declared.items():
        if not (variable or {}).get("description"):
            config.problem(f"variables.{name}", "has no description")
        value = own.get(name, variable)
        if isinstance(value, dict):
            value = None if "lookup" in value else value.get("default")
        value = given.get(name, value)
        if value is None:
            config.asked.append(name)
        config.variables[name] = value


def _add_python(config: Config) -> None:
    python = config.top.get("python", {})
    sys.path.insert(0, str(config.root))
    try:
        for number, name in enumerate(python.get("resources", [])):
            at = f"python.resources[{number}]"
            module, _, function = name.partition(":")
            try:
                load_resources = getattr(importlib.import_module(module), function)
                made = load_resources(Bundle(target=config.target, variables=config.variables))
            except Exception as error:  # whatever the project's own code raises
                config.problem(at, f"{name}: {error}")
                continue
            for one in made.diagnostics.items:
                if one.severity == Severity.ERROR:
                    config.problem(at, f"{name}: {one.summary}")
            for kind in TYPES:
                for key, resource in getattr(made, kind).items():
                    if key in config.resources.get(kind, {}):
                        config.problem(f"resources.{kind}.{key}", f"{name} makes it, too")
                    location = made._locations.get(("resources", kind, key))
                    config.files[f"{kind}.{key}"] = Path(location.file) if location else config.root
                    config.resources.setdefault(kind, {})[key] = resource.as_dict()
    finally:
        sys.path.remove(str(config.root))


def _check_shape(config: Config, kind: str, at: str, resource: Any) -> None:
    if kind not in TYPES:
        config.shaped = False
        config.problem(at, f"there is no kind of resource {kind}")
        return
    try:
        TYPES[kind].from_dict(resource)
    except Exception as error:  # what databricks-bundles raises has no class of its own
        said, cause = [str(error)], error.__cause__
        while cause is not None:
            said.append(str(cause))
            cause = cause.__cause__
        config.shaped = False
        config.problem(at, ": ".join(said))


def _merged(below: Any, above: Any) -> Any:
    if isinstance(below, dict) and isinstance(above, dict):
        return {**below, **{key: _merged(below.get(key), value) for key, value in above.items()}}
    return deepcopy(above)


def _said(value: Any) -> Any:
    """A copy without what is left empty: it says nothing."""
    if isinstance(value, dict):
        return {key: _said(inner) for key, inner in value.items() if inner is not None}
    return [_said(inner) for inner in value] if isinstance(value, list) else value


class _Strict(yaml.SafeLoader):
    """Refuses a key that is there twice: YAML's readers take the last one."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key, _ in node.value:
            if key.value in seen and key.tag != "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value} is there twice (line {key.start_mark.line + 1})"
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read(file: Path) -> dict[str, Any]:
    content = yaml.load(file.read_text(encoding="utf-8"), _Strict)  # noqa: S506 - it is a SafeLoader
    if not isinstance(content, dict | None):
        raise yaml.YAMLError("is no mapping")
    return content or {}


def _first(error: Exception) -> str:
    return " ".join(str(error).split())
