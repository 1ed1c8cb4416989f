"""Finds a product's contracts, checks them all and links them."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ContractError
from .events import refuse_events_twice
from .inputs import link_inputs
from .model import Product
from .odcs import check_schema
from .problems import Problem
from .reader import read_document
from .references import link_foreign_keys
from .table import SUFFIX, Draft, compile_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .document import Document


def load_product(path: str | Path) -> Product:
    """The product whose contracts (`*.odcs.yaml`) lie in the folder `path` or below it.

    Raises ContractError with every problem of every file.
    """
    product, problems = check_product(path)
    errors = [problem for problem in problems if problem.severity == "error"]
    if product is None or errors:
        raise ContractError(list(errors))
    return product


def check_product(path: str | Path) -> tuple[Product | None, list[Problem]]:
    """The product if it is usable, and all problems sorted by file and line."""
    folder = Path(path)
    if not folder.is_dir():
        said = "is a file" if folder.exists() else "does not exist"
        return None, [Problem(folder, 0, "", said, f"Name the folder that holds the *{SUFFIX} files.")]
    problems: list[Problem] = []
    documents: list[Document] = []
    for file in _files(folder, problems):
        found = read_document(file)
        if isinstance(found, Problem):
            problems.append(found)
        else:
            documents.append(found)
    if not documents and not problems:
        problems.append(Problem(folder, 0, "", "holds no contracts", f"Their names end in {SUFFIX}."))
    drafts = _compile(documents)
    foreign_keys, inputs = link_foreign_keys(drafts), link_inputs(drafts)
    for document in documents:
        problems += document.problems
    problems.sort(key=lambda problem: (str(problem.file), problem.line, problem.field))
    if any(problem.severity == "error" for problem in problems):
        return None, problems
    tables = {
        key: replace(draft.table, foreign_keys=foreign_keys[key], inputs=inputs[key])
        for key, draft in drafts.items()
    }
    return Product(folder.resolve().name, folder, tables), problems


def _files(folder: Path, problems: list[Problem]) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted([*names, *(each for each in folders if each.endswith(SUFFIX))]):
            if name.endswith(SUFFIX):
                yield Path(parent, name)
            elif name.lower().endswith((".odcs.yml", ".odcs.yaml", ".odcs.json")):
                problems.append(
                    Problem(Path(parent, name), 0, "", "would be ignored", f"End its name in {SUFFIX}.")
                )


def _compile(documents: list[Document]) -> dict[str, Draft]:
    drafts: dict[str, Draft] = {}
    by_name: dict[str, Draft] = {}
    ids: dict[str, Document] = {}
    for document in documents:
        check_schema(document)
        id_ = document.root.text("id")
        if id_ is not None and ids.setdefault(id_, document) is not document:
            document.add(
                ("id",), f"`{id_}` is also the id of {ids[id_].file}", "Give each contract its own id."
            )
        draft = compile_table(document)
        if draft is None:
            continue
        first = by_name.setdefault(draft.table.key.casefold(), draft)
        if first is not draft:
            draft.node.at("name").problem(f"`{draft.table.key}` is also the table of {first.document.file}",
                                          "Rename one of them.")  # fmt: skip
        else:
            drafts[draft.table.key] = draft
    refuse_events_twice(drafts.values())
    for key, draft in by_name.items():
        owner = by_name.get(key.removesuffix("_quarantine"))
        if owner is not None and owner is not draft and draft.table.layer == "silver":
            hint = f"That is the name of the quarantine of `{owner.table.key}`; choose another."
            draft.node.at("name").problem(f"`{draft.table.key}` cannot be had", hint)
        fed = by_name.get(key.removesuffix("_parsed"))
        if fed is not None and fed is not draft and draft.table.layer == "silver":
            hint = (
                f"Its bronze table would meet the parsed view of `bronze.{fed.table.name}`; choose another."
            )
            draft.node.at("name").problem(f"`{draft.table.key}` cannot be had", hint)
    return drafts
