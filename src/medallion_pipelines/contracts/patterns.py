"""Refuses regular expressions that no engine would compile."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .document import Node

# What Java refuses, too. Python's other complaints are about syntax that only Java has.
_BROKEN = (
    "missing )", "unterminated", "unbalanced", "nothing to repeat", "bad escape (end of pattern)",
    "bad character range", "min repeat greater",
)  # fmt: skip
_REPEATABLE_IN_JAVA = ("^", "$", "\\b", "\\B", "\\A", "\\Z", "\\z", "\\G")


def check_pattern(pattern: str, node: Node) -> bool:
    """Whether `pattern` may be a Java regular expression; a problem where it cannot be."""
    if "\\Q" in pattern or "&&" in pattern:  # quoting and set operations are Java's own
        return True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        message = str(error)
        before = pattern[: getattr(error, "pos", None) or 0]
        if message.startswith("nothing to repeat") and before.endswith(_REPEATABLE_IN_JAVA):
            return True
        if message.startswith(_BROKEN):
            node.problem(
                f"is not a regular expression: {message}", "Put a backslash before special characters."
            )
            return False
    return True
