"""`governance.yaml` of a product: volumes and external locations, which are no part of a table's contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from medallion_pipelines.contracts.names import refuse_unknown_keys
from medallion_pipelines.contracts.problems import Problem
from medallion_pipelines.contracts.reader import read_document
from medallion_pipelines.errors import ContractError

if TYPE_CHECKING:
    from pathlib import Path

    from medallion_pipelines.contracts.document import Node

FILE = "governance.yaml"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_VOLUME = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


@dataclass(frozen=True)
class Places:
    """Volumes (`schema.name`) with the URL of an external one, and external locations with URL, storage
    credential and whether they are read-only."""

    volumes: Mapping[str, str | None] = field(default_factory=dict)
    external_locations: Mapping[str, tuple[str, str, str]] = field(default_factory=dict)


def read_places(folder: Path, environment: str) -> Places:
    """What the folder's governance.yaml says of an environment; nothing where there is none.

    Raises ContractError with all its problems.
    """
    path = folder / FILE
    if not path.exists():
        return Places()
    document = read_document(path)
    if isinstance(document, Problem):
        raise ContractError([document])
    root = document.root
    refuse_unknown_keys(root, ("targets",), FILE)
    found = {name: _target(root.at("targets").at(name)) for name in root.at("targets").keys}
    if document.problems:
        raise ContractError(list(document.problems))
    return found.get(environment, Places())


def _target(node: Node) -> Places:
    refuse_unknown_keys(node, ("volumes", "external_locations"), "a target")
    volumes: dict[str, str | None] = {}
    for each in node.items("volumes"):
        refuse_unknown_keys(each, ("name", "url"), "a volume")
        volumes[_text(each, "name", _VOLUME, "Write `schema.volume`.")] = each.text("url")
    locations: dict[str, tuple[str, str, str]] = {}
    for each in node.items("external_locations"):
        refuse_unknown_keys(each, ("name", "url", "credential", "read_only"), "an external location")
        if each.at("read_only").value not in (None, True, False):
            each.at("read_only").problem("must be true or false")
        locations[_text(each, "name", _NAME, "Use letters, digits, `-` and `_`.")] = (
            _text(each, "url", re.compile(r"[a-z0-9]+://.+"), "Such as `s3://bucket/prefix`.").rstrip("/"),
            _text(each, "credential", _NAME, "Name a storage credential of the metastore."),
            "read only" if each.flag("read_only") else "read and write",
        )
    return Places(volumes, locations)


def _text(node: Node, key: str, pattern: re.Pattern[str], hint: str) -> str:
    text = node.text(key)
    if text is None or not pattern.fullmatch(text):
        node.at(key).problem(f"`{key}` is missing" if text is None else f"`{text}` does not fit", hint)
    return text or ""
