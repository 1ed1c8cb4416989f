"""Reads a platform file: its variables filled in, its shape checked, every value with its line."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from jsonschema import Draft202012Validator

from medallion_pipelines.contracts.document import Document, Node
from medallion_pipelines.contracts.names import suggestion
from medallion_pipelines.contracts.odcs import report
from medallion_pipelines.contracts.problems import Problem
from medallion_pipelines.contracts.reader import read_document
from medallion_pipelines.errors import ContractError

if TYPE_CHECKING:
    from pathlib import Path

    from jsonschema.exceptions import ValidationError

    from medallion_pipelines.contracts.document import Step

PREFIX = "MEDALLION_VAR_"
_VARIABLE = re.compile(r"\$\{var\.([a-z][a-z0-9_]*)\}")
_FORMS = {
    "^s3://": "Write s3://bucket/prefix, without a slash at the end.",
    "^[^.`]": "Write catalog.schema.secret: a secret of Unity Catalog, never its value.",
    "^[a-z]{2}(": "Write an AWS region, such as eu-west-1.",
    "^[a-z0-9_]": "Unity Catalog keeps names in lower case: use a-z, digits, `_` and `-`.",
    "^[A-Za-z0-9][": "Use letters, digits, spaces, `.`, `_` and `-`.",
    "^/": "Write a path of the workspace, from its root: /Shared/flights.",
}


def read_platform(file: Path, given: Mapping[str, str]) -> Document:
    """The file, with `given` values of variables, those of the environment, or their defaults.

    Raises ContractError with every problem of the file.
    """
    found = read_document(file)
    if isinstance(found, Problem):
        raise ContractError([replace(found, hint="")])
    document = replace(found, value=_filled(found, given))
    if not document.problems:
        for error in _validator().iter_errors(document.value):
            _report(document, error)
    refuse(document)
    return document


def refuse(document: Document) -> None:
    """Raises ContractError if the document has problems."""
    if document.problems:
        raise ContractError([*sorted(document.problems, key=lambda problem: (problem.line, problem.field))])


def _filled(document: Document, given: Mapping[str, str]) -> dict[str, Any]:
    declared = document.root.at("variables")
    values: dict[str, str | None] = {}
    for name in declared.keys:
        default = declared.at(name).at("default").value
        value = given.get(name, os.environ.get(PREFIX + name.upper(), default))
        values[name] = None if value is None else str(value)
    for name in sorted(set(given) - set(values)):
        document.add(("variables",), f"there is no variable `{name}`", suggestion(name, values))
    told: set[str] = set()

    def fill(node: Node) -> Any:
        if isinstance(node.value, dict):
            return {key: fill(Node(document, value, (*node.path, key))) for key, value in node.value.items()}
        if isinstance(node.value, list):
            return [fill(entry) for entry in node.entries()]
        if not isinstance(node.value, str):
            return node.value
        return _VARIABLE.sub(lambda match: one(match.group(1), node), node.value)

    def one(name: str, node: Node) -> str:
        if name not in values:
            node.problem(f"there is no variable `{name}`", suggestion(name, values))
        elif values[name] is None and name not in told:
            told.add(name)
            what = declared.at(name).text("description")
            hint = f"Give --var {name}=... or set {PREFIX}{name.upper()}{f': {what}' if what else '.'}"
            node.problem(f"the variable `{name}` has no value", hint)
        return values.get(name) or ""

    rest = {key: value for key, value in document.value.items() if key != "variables"}
    filled = fill(Node(document, rest, ()))
    return {**filled, "variables": declared.value} if declared.keys else dict(filled)


@cache
def _validator() -> Any:
    text = resources.files(__package__).joinpath("platform.schema.json").read_text("utf-8")
    return Draft202012Validator(json.loads(text))


def _report(document: Document, error: ValidationError) -> None:
    path: tuple[Step, ...] = tuple(error.absolute_path)
    if "propertyNames" in error.absolute_schema_path:
        path = (*path, str(error.instance))
    if error.validator == "pattern":
        hint = next(
            (hint for start, hint in _FORMS.items() if str(error.validator_value).startswith(start)), ""
        )
        document.refuse(path, f"`{error.instance}` is not of the form wanted here", hint)
    elif error.validator == "additionalProperties":
        for key in _unknown(error):
            hint = suggestion(key, error.schema.get("properties", {}))
            document.refuse((*path, key), f"`{key}` is not a key of a platform file here", hint)
    else:
        report(document, error)


def _unknown(error: ValidationError) -> Iterator[str]:
    known = error.schema.get("properties", {})
    yield from (key for key in error.instance if key not in known)
