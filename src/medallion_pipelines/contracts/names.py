"""Names of tables, columns and keys: which are allowed, and which was meant."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from .document import Node

REFUSED_BY_DELTA = " ,;{}()\n\t="  # and a backtick by its MERGE, where the table has a change data feed
_TABLE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,127}")


def nearest(name: str, known: Iterable[str], cutoff: float = 0.7) -> str | None:
    """The known name that `name` most likely stands for."""
    by_case = {candidate.casefold().replace("_", ""): candidate for candidate in known}
    plain = name.casefold().replace("_", "")
    found = difflib.get_close_matches(plain, by_case, n=1, cutoff=cutoff)
    return by_case[found[0]] if found else None


def suggestion(name: str, known: Iterable[str]) -> str:
    """A hint: the nearest known name, else all of them."""
    known = list(known)
    near = nearest(name, known)
    if near is not None:
        return f"Did you mean `{near}`?"
    listed = ", ".join(f"`{candidate}`" for candidate in known[:12])
    return f"Known: {listed}{', ...' if len(known) > 12 else ''}." if known else ""


def refuse_unknown_keys(node: Node, known: Iterable[str], owner: str) -> None:
    """A problem for each key of a mapping that `owner` does not know."""
    known = list(known)
    for key in node.keys:
        if key not in known:
            node.at(key).problem(f"`{key}` is not a key of `{owner}`", suggestion(key, known))


def check_table_name(name: str, node: Node) -> None:
    if name.startswith("_"):
        node.problem(f"`{name}` starts with `_`", "Such names are kept for the pipeline's own tables.")
    elif not _TABLE.fullmatch(name):
        node.problem(
            f"`{name}` cannot name a table",
            "Use letters, digits and `_`, starting with a letter, at most 128.",
        )


def check_column_name(name: str, node: Node) -> None:
    if name.startswith("_"):
        node.problem(
            f"`{name}` starts with `_`",
            "Such names are kept for the pipeline's own columns; set `physicalName`.",
        )
        return
    refused = [
        character for character in name if character in REFUSED_BY_DELTA + ".`" or not character.isprintable()
    ]
    if refused:
        node.problem(
            f"`{name}` cannot name a column: it contains {refused[0]!r}",
            "Keep `name` as the field in the source and set `physicalName` for the column.",
        )
    elif len(name) > 255:
        node.problem("a column name is at most 255 characters long")
